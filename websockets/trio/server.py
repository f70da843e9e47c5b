"""
Today's server on trio: ``serve()``, and the server's end of a connection.

Owns names, arguments and defaults, and the order in which a connection is served. Must never know
the rules of the opening handshake, which are the protocol's, nor how a server closes, which is in
_serving.py. Key decision: a connection that opens has a scope of its own, which the server cancels
when it closes, so that the client is told.
"""

from __future__ import annotations

import functools
import logging
import re
import ssl as ssl_module
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, Callable, Optional, Union

import trio

from .._borrowed import borrow
from .._engine.arguments import TODAYS_SERVE, check_arguments
from .._faces.answering import Answering
from .._faces.protocols import server_protocols
from .._handshake.credentials import BasicAuth
from .._sansio.server import ServerProtocol
from .._states import State
from ..extensions.base import ServerExtensionFactory
from ..http11 import SERVER, Request, Response
from ..typing import LoggerLike, Origin, Subprotocol
from ._serving import RunningServer
from ._streams import GONE, close_at_once
from ._verdicts import Limit
from .connection import Connection
from .connection import broadcast as broadcast

__all__ = ["Server", "ServerConnection", "basic_auth", "broadcast", "serve"]

borrow(globals())

Handler = Callable[["ServerConnection"], Awaitable[Any]]
ProcessRequest = Callable[
    ["ServerConnection", Request], Union[Awaitable[Optional[Response]], Optional[Response]]
]
ProcessResponse = Callable[
    ["ServerConnection", Request, Response],
    Union[Awaitable[Optional[Response]], Optional[Response]],
]


class ServerConnection(Answering, Connection):
    """
    The server's end of a connection, as handlers are given it.

    Arguments:
        nursery, stream: see :class:`~websockets.trio.connection.Connection`.
        protocol: a :class:`~websockets.server.ServerProtocol`.
        server: the :class:`Server`.
        ping_interval, ping_timeout, close_timeout, max_queue: see
            :class:`~websockets.trio.connection.Connection`.

    Attributes:
        server: as given.
        username: the user, once ``basic_auth()`` has let the client in.
        handler, handler_kwargs: what a router has found for the request.
    """

    response: Optional[Response]

    _ws_answerable = False  # whether there is TLS, if there has to be

    def __init__(
        self,
        nursery: trio.Nursery,
        stream: trio.abc.Stream,
        protocol: ServerProtocol,
        server: Server,
        *,
        ping_interval: Optional[float] = 20,
        ping_timeout: Optional[float] = 20,
        close_timeout: Optional[float] = 10,
        max_queue: Union[int, None, tuple[Optional[int], Optional[int]]] = 16,
    ) -> None:
        self.server = server
        self._ws_opening = trio.CancelScope()  # around the opening handshake
        super().__init__(
            nursery,
            stream,
            protocol,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            close_timeout=close_timeout,
            max_queue=max_queue,
        )

    async def handshake(
        self,
        process_request: Optional[ProcessRequest] = None,
        process_response: Optional[ProcessResponse] = None,
        server_header: Optional[str] = SERVER,
    ) -> None:
        """
        Perform the opening handshake (RFC 6455 4.2).

        Arguments:
            process_request, process_response, server_header: see :func:`serve`.

        Raises:
            Exception: if the request isn't acceptable.
        """
        protocol = self.protocol
        await self._ws_handshaken()
        if self.request is not None:
            await self._ws_decide(process_request, process_response, server_header)
            protocol.send_response(self.response)  # type: ignore[arg-type]  # It was decided.
        await self._ws_write()
        if protocol.handshake_exc is not None:
            raise protocol.handshake_exc
        if self._ws_opens():
            self._ws_begin()
            self.start_keepalive()

    # The task

    async def _ws_serve(self) -> None:
        """Serve the connection from the opening handshake to the end of TCP."""
        server = self.server
        try:
            if not await self._ws_open():
                return
            try:
                await server.handler(self)
            except Exception:
                self.logger.error("connection handler failed", exc_info=True)
                await self.aclose(1011)
            else:
                await self.aclose()
        finally:
            server.all_connections.discard(self)

    async def _ws_open(self) -> bool:
        """Perform the opening handshake; return whether the connection is open."""
        server = self.server
        if server.closing:
            self._ws_opening.cancel()
        try:
            with Limit(server.open_timeout, self.nursery, self._ws_opening):
                if isinstance(self.stream, trio.SSLStream):
                    await self.stream.do_handshake()
                self._ws_answerable = True
                await self.handshake(*server.handshake_arguments)
        except GONE as exc:
            self._ws_not_opened(exc, True)
        except Exception as exc:
            self._ws_not_opened(exc, False)
        if self.state is State.OPEN:
            return True
        if self._ws_opening.cancelled_caught and not server.closing:
            self.logger.debug("! timed out during opening handshake")
        elif self.connection_exc is None and self._ws_answerable:
            await self._ws_part()
        await self._ws_drop()
        return False

    async def _ws_part(self) -> None:
        """End TCP behind the response, so that the client can read it; refuse if there was none."""
        with trio.CancelScope() as parting:
            if self.close_timeout is not None:
                parting.deadline = trio.current_time() + self.close_timeout
            try:
                if self.response is None and self._ws_opening.cancelled_caught:
                    # The server closes, and nobody waits for the request any more.
                    self.response = self._ws_refusal()
                    self.protocol.send_response(self.response)
                    await self._ws_write()
                send_eof = getattr(self.stream, "send_eof", None)
                if send_eof is None:
                    await self.stream.aclose()
                else:
                    # With bytes still on their way here, to close it whole would reset it.
                    await send_eof()
                    while await self.stream.receive_some():
                        pass
            except GONE:
                pass


class Server(RunningServer):
    """
    A running server, as ``await nursery.start(serve, ...)`` returns it.

    ``async with server`` closes it at the end.

    Arguments:
        listeners: listeners of the connections, each a ``trio.SocketListener``.
        handler: coroutine function that serves a stream.
        logger: ``websockets.server`` by default.

    Attributes:
        listeners, logger: as given.
        handler: the handler of connections.
        all_connections: all connections, those that are opening or closing included.
        closing: whether it closes.
    """

    all_connections: set[ServerConnection]

    @property
    def connections(self) -> set[ServerConnection]:
        """The connections that are open, as a new set."""
        return {ws for ws in self.all_connections if ws.state is State.OPEN}


async def serve(
    handler: Handler,
    port: Optional[int] = None,
    *,
    host: Union[str, bytes, None] = None,
    backlog: Optional[int] = None,
    listeners: Optional[Sequence[trio.abc.Listener[Any]]] = None,
    ssl: Optional[ssl_module.SSLContext] = None,
    origins: Optional[Sequence[Union[Origin, re.Pattern[str], None]]] = None,
    extensions: Optional[Sequence[ServerExtensionFactory]] = None,
    subprotocols: Optional[Sequence[Subprotocol]] = None,
    select_subprotocol: Optional[
        Callable[[ServerConnection, Sequence[Subprotocol]], Optional[Subprotocol]]
    ] = None,
    compression: Optional[str] = "deflate",
    process_request: Optional[ProcessRequest] = None,
    process_response: Optional[ProcessResponse] = None,
    server_header: Optional[str] = SERVER,
    open_timeout: Optional[float] = 10,
    ping_interval: Optional[float] = 20,
    ping_timeout: Optional[float] = 20,
    close_timeout: Optional[float] = 10,
    max_size: Union[int, None, tuple[Optional[int], Optional[int]]] = 2**20,
    max_queue: Union[int, None, tuple[Optional[int], Optional[int]]] = 16,
    logger: Optional[LoggerLike] = None,
    create_connection: Optional[Callable[..., ServerConnection]] = None,
    task_status: Any = trio.TASK_STATUS_IGNORED,
) -> None:
    """
    Run a WebSocket server: ``server = await nursery.start(serve, handler, port)``.

    It runs until it is cancelled, which breaks off its connections, or until
    :meth:`Server.aclose` is called.

    Arguments:
        handler: coroutine function of a :class:`ServerConnection`, which is closed when it returns.
        port, host, backlog: where to listen, see ``trio.open_tcp_listeners()``.
        listeners: listeners to use instead.
        ssl: context for TLS, the handshake of which is part of the opening handshake.
        origins: acceptable values of the Origin header, also compiled regular expressions that
            match a whole value, and None for requests without; None instead of a list for all.
        extensions: factories of supported extensions, the preferred first.
        subprotocols: supported subprotocols, the preferred first; a client has to offer one.
        select_subprotocol: a function of the connection and the subprotocols that the client
            offers, which returns one of them or None, or raises
            :exc:`~websockets.exceptions.NegotiationError`.
        compression: "deflate" to negotiate permessage-deflate (RFC 7692), None not to.
        process_request: a function or coroutine function of the connection and the
            :class:`~websockets.http11.Request`; it returns None to go on, or a
            :class:`~websockets.http11.Response`, for which there is
            :meth:`ServerConnection.respond`.
        process_response: a function or coroutine function of the connection, the request and the
            response; it returns None, or another response.
        server_header: value of the Server header of responses; None for no such header.
        open_timeout: seconds that the opening handshake may take, after which TCP is ended; None
            for no limit.
        ping_interval, ping_timeout, close_timeout, max_queue: see
            :class:`~websockets.trio.connection.Connection`.
        max_size: largest incoming message in bytes, or a pair: largest message, largest of its
            frames; None for no limit.
        logger: ``websockets.server`` by default.
        create_connection: class or function that takes the arguments of :class:`ServerConnection`
            and returns an instance of it or of a subclass.
        task_status: what ``nursery.start()`` gives; it is told the :class:`Server`.
    """
    check_arguments(TODAYS_SERVE, locals())
    if listeners is None:
        if port is None:
            raise ValueError("port is required when listeners is not provided")
    else:
        for name, value in (("port", port), ("host", host), ("backlog", backlog)):
            if value is not None:
                raise ValueError(f"{name} is incompatible with listeners")
    if logger is None:
        logger = logging.getLogger("websockets.server")
    new_protocol = server_protocols(
        origins=origins,
        extensions=extensions,
        subprotocols=subprotocols,
        compression=compression,
        max_size=max_size,
        logger=logger,
    )
    create = functools.partial(
        create_connection or ServerConnection,
        ping_interval=ping_interval,
        ping_timeout=ping_timeout,
        close_timeout=close_timeout,
        max_queue=max_queue,
    )

    async def serve_stream(stream: trio.abc.Stream) -> None:
        if ssl is not None:
            stream = trio.SSLStream(stream, ssl, server_side=True, https_compatible=True)
        try:
            async with trio.open_nursery() as nursery:
                try:
                    connection = create(nursery, stream, new_protocol(), server)
                except Exception:
                    server.logger.error("error in create_connection", exc_info=True)
                    return
                server.all_connections.add(connection)
                await connection._ws_serve()
        finally:
            await close_at_once(stream)

    if listeners is None:
        assert port is not None
        listeners = await trio.open_tcp_listeners(port, host=host, backlog=backlog)
    server = Server(listeners, handler, logger)
    server._serve_stream = serve_stream
    server.open_timeout = open_timeout
    server.select_subprotocol = select_subprotocol
    server.handshake_arguments = (process_request, process_response, server_header)
    await server.serve_forever(task_status)


def basic_auth(
    realm: str = "",
    credentials: Union[tuple[str, str], Iterable[tuple[str, str]], None] = None,
    check_credentials: Optional[Callable[[str, str], Union[Awaitable[bool], bool]]] = None,
) -> Callable[[ServerConnection, Request], Awaitable[Optional[Response]]]:
    """
    Make a ``process_request`` that lets clients in by HTTP Basic authentication (RFC 7617).

    Arguments:
        realm: scope of protection, in ASCII.
        credentials: a ``(username, password)`` pair, or several.
        check_credentials: function or coroutine function that takes a username and a password, and
            returns whether they are right; it or ``credentials`` is given, not both.

    Raises:
        ValueError: if neither or both are given.
        TypeError: if the credentials aren't pairs of strings.
    """
    return BasicAuth.of(realm, credentials, check_credentials).process_request
