"""
WebSocket servers: ``serve()``.

Owns how a server of connections of 8.1 is started: what it may be given, and who makes its
connections. Must never know how a connection opens, which is in ``_sides/server.py``. Key decision:
what all connections have in common is checked and made once, so that each is a copy.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional, Union

from ._borrowed import borrow
from ._engine.arguments import SERVE
from ._engine.broadcasting import broadcast as broadcast
from ._engine.making import copies_of, maker
from ._registry import WebSocketServer
from ._sansio.renamed import ServerConnection as ServerConnection
from ._sansio.server import ServerProtocol
from ._sides.server import HeadersOrCallable, Origins, WebSocketServerProtocol
from ._sides.server import HTTPResponse as HTTPResponse
from ._starting import Function, Starting, closing_time, is_deflate
from ._transports.reactors import listen
from ._transports.secure import served_over_tls
from .asyncio import server as todays
from .datastructures import Headers
from .extensions.base import ServerExtensionFactory
from .extensions.permessage_deflate import enable_server_permessage_deflate
from .protocol import warn_of_loop
from .typing import Subprotocol

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._keywords import OlderServing

__all__ = [
    "Serve",
    "ServerProtocol",
    "WebSocketServer",
    "WebSocketServerProtocol",
    "broadcast",
    "serve",
    "unix_serve",
]

borrow(globals())

# Arguments of the protocol that serve() takes beyond the documented ones.
ADDED_ARGUMENTS = (
    "allowed_hosts",
    "gather_writes",
    "legacy_recv",
    "logger",
    "max_fragments",
    "open_timeout",
    "server_header",
)

# Arguments that only today's API has, and that make no sense with connections of this one.
TODAYS = {"create_connection", "handler", "process_response"}

# What programs call the first and the second argument of today's callbacks.
CONNECTIONS = {"conn", "connection", "websocket", "ws"}
REQUESTS = {"req", "request"}


class Serve(Starting):
    """
    Start a WebSocket server: ``await serve(...)`` or ``async with serve(...) as server``.

    Leaving the context closes the server.

    Arguments:
        ws_handler: coroutine function that handles a connection: it takes the
            :class:`WebSocketServerProtocol` and, unless it takes one argument only, the path of
            the request. The connection is closed when it returns. Its exceptions go to the logger
            ``websockets.server``.
        host, port: where to listen, see :meth:`asyncio.loop.create_server`.
        create_protocol: class or function that takes the arguments of
            :class:`WebSocketServerProtocol` and returns an instance of it or of a subclass.
        ping_interval, ping_timeout, close_timeout, max_size, max_queue, read_limit, write_limit:
            see :class:`WebSocketCommonProtocol`.
        loop: accepted for old programs; the running loop is used.
        compression: "deflate" to negotiate permessage-deflate (RFC 7692), None not to.
        origins, extensions, subprotocols, extra_headers, process_request, select_subprotocol:
            see :class:`WebSocketServerProtocol`.
        kwds: ``handler``, ``process_response`` and ``create_connection``, with which all of this is
            :func:`websockets.asyncio.server.serve`; ``allowed_hosts``, ``open_timeout``,
            ``server_header``, ``max_fragments``, ``gather_writes`` and ``logger``, see
            :class:`WebSocketServerProtocol`; ``reactor``, False for the event loop's own
            transports; others are passed to :meth:`asyncio.loop.create_server`, for example
            ``ssl``.

    Returns:
        a :class:`WebSocketServer`, when awaited.
    """

    _function = Function(
        "serve",
        "create_server",
        SERVE,
        "'await {0}(...)' or 'async with {0}(...)'",
    )

    # Type checkers look at __init__(): this would let any arguments pass.
    if not TYPE_CHECKING:

        def __new__(cls, *args: Any, **kwds: Any) -> Any:
            if not TODAYS.isdisjoint(kwds):
                return todays.serve(*args, **kwds)
            return super().__new__(cls)

    def __init__(
        self,
        ws_handler: Callable[..., Awaitable[Any]],
        host: Union[str, Sequence[str], None] = None,
        port: Optional[int] = None,
        *,
        create_protocol: Optional[Callable[..., WebSocketServerProtocol]] = None,
        ping_interval: Optional[float] = 20,
        ping_timeout: Optional[float] = 20,
        close_timeout: Optional[float] = 10,
        max_size: Optional[int] = 2**20,
        max_queue: Optional[int] = 2**5,
        read_limit: int = 2**16,
        write_limit: int = 2**16,
        loop: Optional[asyncio.AbstractEventLoop] = None,
        compression: Optional[str] = "deflate",
        origins: Optional[Origins] = None,
        extensions: Optional[Sequence[ServerExtensionFactory]] = None,
        subprotocols: Optional[Sequence[Subprotocol]] = None,
        extra_headers: Optional[HeadersOrCallable] = None,
        process_request: Optional[Callable[[str, Headers], Any]] = None,
        select_subprotocol: Optional[
            Callable[[Sequence[Subprotocol], Sequence[Subprotocol]], Subprotocol]
        ] = None,
        **kwds: Unpack[OlderServing],
    ) -> None:
        options: Any = kwds
        self._function.check(locals(), options)
        for name, callback, given in (
            ("process_request", process_request, "(path, headers)"),
            ("select_subprotocol", select_subprotocol, "(client_names, server_names)"),
        ):
            if callback is not None and is_todays(callback):
                raise TypeError(
                    f"{name} is given {given} here; this function seems to be meant for "
                    "websockets.asyncio.server.serve()"
                )
        klass = options.pop("klass", None)
        if ws_handler is None and create_protocol is None and klass is None:
            raise TypeError("ws_handler must be a coroutine function, not None")
        close_timeout = closing_time(close_timeout, options.pop("timeout", None))
        open_timeout = options.get("open_timeout", 10)
        if options.get("ssl") is not None and open_timeout is not None:
            # A client that dribbles its TLS handshake has no protocol yet that could cut it off.
            options.setdefault("ssl_handshake_timeout", open_timeout)
        if loop is not None:
            warn_of_loop()
        if isinstance(extra_headers, Iterator):
            extra_headers = list(extra_headers)  # for more than one connection
        if is_deflate(compression):
            extensions = enable_server_permessage_deflate(extensions)
        # Handed on only where they are given: create_protocol may know nothing of them.
        added = {name: options.pop(name) for name in ADDED_ARGUMENTS if name in kwds}
        self._create_protocol = functools.partial(
            create_protocol or klass or WebSocketServerProtocol,
            takes_path(ws_handler),
            host=host,
            port=port,
            secure=options.get("ssl") is not None,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            close_timeout=close_timeout,
            max_size=max_size,
            max_queue=max_queue,
            read_limit=read_limit,
            write_limit=write_limit,
            origins=origins,
            extensions=extensions,
            subprotocols=subprotocols,
            extra_headers=extra_headers,
            process_request=process_request,
            select_subprotocol=select_subprotocol,
            **added,
        )
        self._logger = added.get("logger") or logging.getLogger(__name__)
        self._host = host
        self._port = port
        self._kwds: dict[str, Any] = options

    def __await__(self) -> Generator[Any, None, WebSocketServer]:
        return self.__await_impl__().__await__()

    async def __aenter__(self) -> WebSocketServer:
        return await self

    async def __aexit__(
        self,
        exc_type: Optional[type[BaseException]],
        exc_value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.ws_server.__aexit__(exc_type, exc_value, traceback)

    # Subclasses that are awaited in their own way call this, by the name it has in former releases.
    async def __await_impl__(self) -> WebSocketServer:
        loop = asyncio.get_running_loop()
        self.ws_server: WebSocketServer = WebSocketServer(loop, self._logger)
        create_protocol: Any = functools.partial(
            self._create_protocol.func,
            *self._create_protocol.args,
            self.ws_server,
            **self._create_protocol.keywords,
        )
        if self._create_protocol.func is WebSocketServerProtocol:
            create_protocol = copies_of(create_protocol())
        factory: Any = maker(
            loop,
            create_protocol,
            WebSocketServerProtocol,
            self.ws_server.unregister,
            self._logger,
        )
        factory, kwds = served_over_tls(loop, factory, self._kwds, self.ws_server.handshakes)
        self.ws_server.wrap(await listen(loop, factory, {**self._where(), **kwds}))
        return self.ws_server

    def _where(self) -> dict[str, Any]:
        return {"host": self._host, "port": self._port}


serve = Serve


class _UnixServe(Serve):
    _function = Serve._function._replace(name="unix_serve", method="create_unix_server")

    def _where(self) -> dict[str, Any]:
        return {"unix": True}


def unix_serve(
    ws_handler: Callable[..., Awaitable[Any]], path: Optional[str], **kwargs: Any
) -> Serve:
    """
    Start a WebSocket server on a Unix socket; for example behind a reverse proxy.

    Arguments:
        ws_handler: see :func:`serve`.
        path: path of the socket in the file system; None if ``sock`` is given.
        kwargs: arguments of :func:`serve`, or of :meth:`asyncio.loop.create_unix_server`.
    """
    return _UnixServe(ws_handler, path=path, **kwargs)


def is_todays(callback: Callable[..., Any]) -> bool:
    """Tell whether a function seems to take what today's API gives it: a connection, first."""
    try:
        names = [name.strip("_") for name in inspect.signature(callback).parameters]
    except (TypeError, ValueError):
        return False
    return not (CONNECTIONS.isdisjoint(names[:1]) and REQUESTS.isdisjoint(names[1:2]))


def takes_path(ws_handler: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Make a handler of the connection alone into one that takes the path as well."""
    try:
        signature = inspect.signature(ws_handler)
    except (TypeError, ValueError):
        return ws_handler
    try:
        signature.bind(None, None)
    except TypeError:
        try:
            signature.bind(None)
        except TypeError:
            return ws_handler  # Calling it will tell better than we can.
        return lambda protocol, path: ws_handler(protocol)
    return ws_handler
