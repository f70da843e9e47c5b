"""
Today's server on asyncio: ``serve()``, and the server's end of a connection.

Owns names, arguments and defaults, and the order in which a connection is served. Must never know
the rules of the opening handshake, which are the protocol's, nor how a server closes, which is the
registry's.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import re
from collections.abc import Awaitable, Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

from .._borrowed import borrow
from .._core import forget_frames, steps_of
from .._engine.arguments import TODAYS_SERVE
from .._engine.journal import name_of
from .._engine.making import copies_of, maker
from .._engine.overridable import made_once
from .._faces.answering import Answering, Asked
from .._faces.protocols import server_protocols
from .._handshake.credentials import BasicAuth
from .._registry import WebSocketServer, is_running
from .._sansio.server import ServerProtocol
from .._starting import Function
from .._states import CONNECTING, State
from .._transports.reactors import listen
from .._transports.secure import served_over_tls
from ..extensions.base import ServerExtensionFactory
from ..http11 import SERVER, Request, Response
from ..typing import LoggerLike, Origin, Subprotocol
from .connection import Connection
from .connection import broadcast as broadcast

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._keywords import Serving

__all__ = ["Server", "ServerConnection", "basic_auth", "broadcast", "serve", "unix_serve"]

borrow(globals())

Handler = Callable[["ServerConnection"], Awaitable[Any]]
ProcessRequest = Callable[
    ["ServerConnection", Request], Union[Awaitable[Optional[Response]], Optional[Response]]
]
ProcessResponse = Callable[
    ["ServerConnection", Request, Response],
    Union[Awaitable[Optional[Response]], Optional[Response]],
]


WAYS = "'await {0}(...)' or 'async with {0}(...)'"
SERVE = Function("serve", "create_server", TODAYS_SERVE, WAYS)
UNIX_SERVE = Function("unix_serve", "create_unix_server", TODAYS_SERVE, WAYS)

TOO_SLOW = "timed out during opening handshake"


class ServerConnection(Answering, Connection):
    """
    The server's end of a connection, as handlers are given it.

    Arguments:
        protocol: a :class:`~websockets.server.ServerProtocol`.
        server: the :class:`Server`.
        ping_interval, ping_timeout, close_timeout, max_queue, write_limit: see
            :class:`~websockets.asyncio.connection.Connection`.

    Attributes:
        server: as given.
        username: the user, once ``basic_auth()`` has let the client in.
        handler, handler_kwargs: what a router has found for the request.
    """

    response: Optional[Response]

    _ws_deadlines: Any = None  # which wait for the opening handshake
    _ws_expired = False  # whether the opening handshake has taken too long
    _ws_served = False  # whether the task has begun

    def __init__(
        self,
        protocol: ServerProtocol,
        server: Server,
        *,
        ping_interval: Optional[float] = 20,
        ping_timeout: Optional[float] = 20,
        close_timeout: Optional[float] = 10,
        max_queue: Union[int, None, tuple[Optional[int], Optional[int]]] = 16,
        write_limit: Union[int, tuple[int, Optional[int]]] = 2**15,
    ) -> None:
        self.server = server
        super().__init__(
            protocol,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            close_timeout=close_timeout,
            max_queue=max_queue,
            write_limit=write_limit,
        )

    @made_once
    def request_rcvd(self) -> asyncio.Future[None]:
        """A future that is done when the request has come, or there won't be any."""
        return self._ws_future("handshaken", self.request is not None)

    @made_once
    def handler_task(self) -> asyncio.Task[None]:
        """The task that serves the connection; it is made when there is something to do."""
        if self._ws_phase.start is None:
            if self._ws_served:
                # An eager task begins before whoever makes it has it.
                return asyncio.current_task()  # type: ignore[return-value]
            raise AttributeError("there is no transport yet")
        self._ws_phase.start = None
        task = self.loop.create_task(steps_of(self._ws_serve()))
        task.add_done_callback(self._ws_ended)
        return task

    def connection_made(self, transport: Any) -> None:
        """Take a transport, and have the connection served as soon as there is a request."""
        super().connection_made(transport)
        server = self.server
        self._ws_phase.ending.server = server
        server.register(self)
        if self._ws_is_open:
            return  # Whoever has opened it in his own way serves it as well.
        seconds = server.open_timeout
        if seconds is not None:
            self._ws_deadlines = server._ws_deadlines(seconds, expire)
            self._ws_deadlines.add(self)
        if type(self).handshake is ServerConnection.handshake:
            self._ws_phase.start = self._ws_start
        else:
            self._ws_start()

    def _ws_start(self) -> None:
        self.handler_task = self.loop.create_task(steps_of(self._ws_serve()))

    def _ws_ended(self, task: Any) -> None:
        """See to what a task would have seen to that was cancelled before it began."""
        if self._ws_served:
            return
        if self._ws_deadlines is not None:
            self._ws_deadlines.remove(self)
        self.server.unregister(self)
        try:
            task.result()
        except asyncio.CancelledError as exc:
            forget_frames(exc)
            break_off(self, exc)

    # The opening handshake

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
        phase = self._ws_phase
        self._ws_hear(phase.reader if phase.complete else await phase.head())
        if self.request is not None:
            if process_request is None and process_response is None:
                self._ws_complete(None, server_header)
            else:
                await self._ws_decide(process_request, process_response, server_header)
            if not self._ws_phase.is_answerable():
                raise ConnectionError("the client went away during the opening handshake")
            self._ws_answer()
        if self.protocol.handshake_exc is not None:
            raise self.protocol.handshake_exc
        if self._ws_opens():
            self._ws_begin()

    def _ws_is_served(self) -> bool:
        serving: bool = self.server.is_serving()
        return serving

    def _ws_answer(self) -> None:
        protocol, response = self.protocol, self.response
        assert response is not None  # It was decided.
        if response.status_code == 101 and type(protocol) is ServerProtocol:
            self.transport.write(protocol._switch(response))
        else:
            protocol.send_response(response)
            self._ws_write()

    # The task

    async def _ws_serve(self) -> None:
        """Serve the connection from the opening handshake to the end of TCP."""
        server = self.server
        try:
            if await self._ws_open():
                try:
                    await server.handler(self)
                except Exception:
                    self.logger.error("connection handler failed", exc_info=True)
                    await self.close(1011)
                else:
                    await self.close()
            await self._ws_phase.wait_closed()
        except BaseException as exc:
            server.unregister(self)
            break_off(self, exc)
            if isinstance(exc, Exception):
                return
            # The task keeps this exception, and its frames would keep the connection.
            forget_frames(exc)
            del self
            raise exc
        server.unregister(self)

    async def _ws_open(self) -> bool:
        """Perform the opening handshake; return whether the connection is open."""
        self._ws_served = True
        try:
            try:
                if self._ws_expired:
                    raise asyncio.TimeoutError(TOO_SLOW)
                await self.handshake(*self.server.handshake_arguments)
            except asyncio.CancelledError:
                # Since Python 3.11 a task counts its cancellations, of which only one here is ours.
                if self._ws_expired and getattr(self.handler_task, "cancelling", int)() <= 1:
                    raise asyncio.TimeoutError(TOO_SLOW) from None
                raise
            finally:
                if self._ws_deadlines is not None:
                    self._ws_deadlines.remove(self)
                if self._ws_expired and hasattr(self.handler_task, "uncancel"):
                    self.handler_task.uncancel()
        except asyncio.TimeoutError as exc:
            self.logger.debug("! %s", exc)
            self.transport.abort()
            return False
        except Exception as exc:
            gone = self._ws_phase.is_gone()
            self._ws_not_opened(exc, gone)
            if not gone:
                self._ws_phase.half_close()
            return False
        if self._ws_phase.state == CONNECTING:
            self._ws_phase.half_close()
            return False
        return True

    def _ws_shut_down(self, closing: Optional[tuple[int, str]]) -> None:
        """Take part in the server's shutdown."""
        if self.state is State.CONNECTING:
            if self._ws_phase.is_answerable():
                # Nobody waits for the request any more.
                self.response = self._ws_refusal()
                self._ws_answer()
                self._ws_phase.half_close()
        elif closing is not None:
            if type(self).close is ServerConnection.close:
                self._ws_phase.close(*closing)
            else:
                self._ws_closing = self.loop.create_task(self.close(*closing))


def expire(connection: ServerConnection) -> None:
    """End an opening handshake that takes too long."""
    connection._ws_expired = True
    if connection._ws_served:
        connection.handler_task.cancel()
    else:
        # A task that is cancelled before it begins would do nothing.
        connection._ws_phase.give_up(asyncio.TimeoutError(TOO_SLOW))
        if connection.handler_task.done():
            connection._ws_ended(connection.handler_task)


def factory_of(create: Any, new_protocol: Callable[[], Any], server: Server) -> Any:
    """Return what makes the connections of a server, each with a protocol of its own."""
    if create.func is not ServerConnection:
        return lambda: create(new_protocol(), server)
    copy = copies_of(create(None, server))

    def make() -> Any:
        connection = copy()
        connection.protocol = new_protocol()
        return connection

    return make


def break_off(connection: ServerConnection, exc: BaseException) -> None:
    """End a connection whose task ends with an exception, so that nobody will see to it."""
    phase = connection._ws_phase
    if isinstance(exc, asyncio.CancelledError):
        # The program or the loop is stopping: there is no time for more than this.
        phase.fail(1001)
        phase.hang_up()
    elif isinstance(exc, GeneratorExit) and not is_running(connection.handler_task):
        pass  # Nobody raised it: the task is thrown away, together with its loop.
    elif connection.state is State.CONNECTING:
        connection.logger.error("opening handshake failed", exc_info=True)
        phase.hang_up()
    else:
        connection.logger.error("connection handler failed", exc_info=True)
        phase.fail(1011)


class Server(Asked, WebSocketServer):
    """
    A running server: ``await serve(...)``, or ``async with serve(...) as server``.

    Leaving the context closes it.

    Arguments:
        create_server: coroutine function of a factory of protocols, which begins to listen and
            returns an :class:`asyncio.Server`.
        handler: see :func:`serve`.
        logger: ``websockets.server`` by default.

    Attributes:
        server: the :class:`asyncio.Server`, once it has started.
    """

    def __init__(
        self,
        create_server: Callable[[Server], Awaitable[Any]],
        handler: Handler,
        logger: Optional[LoggerLike] = None,
    ) -> None:
        super().__init__(asyncio.get_running_loop(), logger)
        self.create_server = create_server
        self.handler = handler

    def wrap(self, server: Any) -> None:
        """Take the server that listens."""
        super().wrap(server)
        for sock in server.sockets:
            self.logger.info("server listening on %s", name_of(sock.getsockname()))

    @property
    def sockets(self) -> tuple[Any, ...]:  # type: ignore[override]
        """Sockets that the server listens on, none once it is closed."""
        return tuple(super().sockets or ())

    async def _close(self, closing: Optional[tuple[int, str]]) -> None:
        self.logger.info("server closing")
        await super()._close(closing)
        self.logger.info("server closed")

    @property
    def all_connections(self) -> set[ServerConnection]:
        """All connections, those that are opening or closing included."""
        return self.websockets

    @property
    def handler_tasks(self) -> set[asyncio.Task[None]]:
        """The tasks that serve connections, as a new set."""
        return {connection.handler_task for connection in self.websockets}

    def __await__(self) -> Generator[Any, None, Server]:
        return self._start().__await__()

    async def _start(self) -> Server:
        self.wrap(await self.create_server(self))
        return self

    async def __aenter__(self) -> Server:
        return await self


def serve(
    handler: Handler,
    host: Union[str, Sequence[str], None] = None,
    port: Optional[int] = None,
    *,
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
    write_limit: Union[int, tuple[int, Optional[int]]] = 2**15,
    logger: Optional[LoggerLike] = None,
    create_connection: Optional[Callable[..., ServerConnection]] = None,
    **kwargs: Unpack[Serving],
) -> Server:
    """
    Start a WebSocket server: ``await serve(...)`` or ``async with serve(...) as server``.

    Arguments:
        handler: coroutine function of a :class:`ServerConnection`, which is closed when it returns.
        host, port: where to listen, see :meth:`asyncio.loop.create_server`.
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
        ping_interval, ping_timeout, close_timeout, max_queue, write_limit: see
            :class:`~websockets.asyncio.connection.Connection`.
        max_size: largest incoming message in bytes, or a pair: largest message, largest of its
            frames; None for no limit.
        logger: ``websockets.server`` by default.
        create_connection: class or function that takes the arguments of :class:`ServerConnection`
            and returns an instance of it or of a subclass.
        kwargs: arguments of :meth:`asyncio.loop.create_server`, for example ``ssl``; and
            ``reactor``, False for the event loop's own transports.
    """
    options: Any = kwargs
    unix = options.pop("unix", False)
    (UNIX_SERVE if unix else SERVE).check(locals(), options)
    if logger is None:
        logger = logging.getLogger("websockets.server")
    if kwargs.get("ssl") is not None:
        # A client that dribbles its TLS handshake has no connection yet that could cut it off.
        kwargs.setdefault("ssl_handshake_timeout", open_timeout)
        kwargs.setdefault("ssl_shutdown_timeout", close_timeout)
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
        write_limit=write_limit,
    )

    async def create_server(server: Server) -> Any:
        loop = server.loop
        factory: Any = maker(
            loop,
            factory_of(create, new_protocol, server),
            ServerConnection,
            server.unregister,
            server.logger,
            "create_connection",
        )
        factory, kwds = served_over_tls(loop, factory, options, server.handshakes)
        where = {"unix": True} if unix else {"host": host, "port": port}
        return await listen(loop, factory, {**where, **kwds})

    server = Server(create_server, handler, logger)
    server.open_timeout = open_timeout
    server.select_subprotocol = select_subprotocol
    server.handshake_arguments = (process_request, process_response, server_header)
    return server


def unix_serve(handler: Handler, path: Optional[str] = None, **kwargs: Any) -> Server:
    """
    Start a WebSocket server on a Unix socket; for example behind a reverse proxy.

    Arguments:
        handler: see :func:`serve`.
        path: path of the socket in the file system; it may be left out if ``sock`` is given.
        kwargs: arguments of :func:`serve`, or of :meth:`asyncio.loop.create_unix_server`.
    """
    return serve(handler, unix=True, path=path, **kwargs)


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
