"""
Today's server on asyncio: ``serve()``.

Owns names, arguments and defaults, and who makes the connections of a server. Must never know how
one is served, which is in _served.py, nor how a server closes, which is the registry's. Key
decision: connections are copies of one, which is made when the server begins.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import re
from collections.abc import Awaitable, Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

from .._borrowed import borrow
from .._engine.arguments import TODAYS_SERVE
from .._engine.journal import name_of
from .._engine.making import copies_of, maker
from .._faces.answering import Asked
from .._faces.protocols import server_protocols
from .._handshake.credentials import BasicAuth
from .._registry import WebSocketServer
from .._starting import Function
from .._transports.reactors import listen
from .._transports.secure import served_over_tls
from ..extensions.base import ServerExtensionFactory
from ..http11 import SERVER, Request, Response
from ..typing import LoggerLike, Origin, Subprotocol
from ._served import ProcessRequest, ProcessResponse, ServerConnection
from .connection import broadcast as broadcast

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._keywords import Serving

__all__ = ["Server", "ServerConnection", "basic_auth", "broadcast", "serve", "unix_serve"]

borrow(globals())

Handler = Callable[[ServerConnection], Awaitable[Any]]

WAYS = "'await {0}(...)' or 'async with {0}(...)'"
SERVE = Function("serve", "create_server", TODAYS_SERVE, WAYS)
UNIX_SERVE = Function("unix_serve", "create_unix_server", TODAYS_SERVE, WAYS)


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
