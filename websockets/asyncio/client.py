"""
Today's client on asyncio: ``connect()``, and the client's end of a connection.

Owns names, arguments and defaults, the hooks that subclasses override, and the order of steps to an
open connection. Must never know the rules of the opening handshake, which are the protocol's, nor
the way to a transport, which is the engine's.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

from .. import _environment
from .._borrowed import borrow
from .._engine.arguments import TODAYS_CONNECT
from .._engine.connecting import complete, follow_redirects, within
from .._engine.making import watch_end
from .._engine.overridable import made_once
from .._engine.reaching import reach
from .._engine.reconnecting import backoff, process_exception, reconnecting
from .._faces.asking import Asking
from .._faces.destination import Destination, uri_of_unix
from .._faces.protocols import client_protocols
from .._starting import Function, Starting
from ..datastructures import HeadersLike
from ..extensions.base import ClientExtensionFactory
from ..http11 import USER_AGENT
from ..typing import LoggerLike, Origin, Subprotocol
from .connection import Connection

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._keywords import Connecting

__all__ = ["ClientConnection", "connect", "unix_connect"]

borrow(globals())

MAX_REDIRECTS = _environment.read_int("MAX_REDIRECTS", 10)  # requests, the first included


class ClientConnection(Asking, Connection):
    """
    The client's end of a connection, as ``connect()`` returns it.

    Arguments are those of :class:`~websockets.asyncio.connection.Connection`.
    """

    if not TYPE_CHECKING:
        # Before Python 3.11 inspect.signature() finds an __init__() only where it is a class's own.
        __init__ = Connection.__init__

    @made_once
    def response_rcvd(self) -> asyncio.Future[None]:
        """A future that is done when the response has come, or there won't be any."""
        return self._ws_future("handshaken", self.response is not None)

    async def handshake(
        self,
        additional_headers: Optional[HeadersLike] = None,
        user_agent_header: Optional[str] = USER_AGENT,
    ) -> None:
        """
        Perform the opening handshake (RFC 6455 4.1).

        Arguments:
            additional_headers: headers of the request beside those of the handshake.
            user_agent_header: value of the User-Agent header; None for no such header.

        Raises:
            InvalidHandshake: if the server's answer isn't acceptable.
        """
        self._ws_ask(additional_headers, user_agent_header)
        self._ws_write()
        await self._ws_handshaken()
        refused = self._ws_refused()
        if refused is None:
            self._ws_begin()
            return
        try:
            raise refused
        finally:
            del self, refused  # The exception refers to this frame, and they to the exception.


class connect(Destination, Starting):
    """
    Connect to a WebSocket server: ``await connect(...)`` or ``async with connect(...) as ws``.

    Leaving the context closes the connection.

    ``async for ws in connect(...)`` connects again and again: each time around the loop there is a
    new connection, and the one before is closed. After a failure that may pass it tries again,
    after a delay.

    Arguments:
        uri: URI of the server, with the scheme "ws" or "wss" (RFC 6455 3). A user and password in
            it are sent as Basic auth.
        origin: value of the Origin header.
        extensions: factories of extensions to offer, the preferred first.
        subprotocols: subprotocols to offer, the preferred first.
        compression: "deflate" to offer permessage-deflate (RFC 7692), None not to.
        additional_headers: headers of the request beside those of the handshake.
        user_agent_header: value of the User-Agent header, None for no such header.
        proxy: URI of a proxy (HTTP, HTTPS, or SOCKS with the package ``python-socks``); True for
            the system's, None for none.
        process_exception: for ``async for``: a function that is given the exception of an attempt
            that failed, and returns None to try again, or the exception to raise, which may be the
            same. By default network errors and statuses 500, 502, 503 and 504 may pass.
        open_timeout: seconds until an open connection; None for no limit. It is the one limit for
            names, TCP, TLS, proxies, redirects and the opening handshake.
        ping_interval, ping_timeout, close_timeout, max_queue, write_limit: see
            :class:`~websockets.asyncio.connection.Connection`.
        reconnect_delays: for ``async for``: a function that makes an iterator of the seconds
            between attempts, for each series of them.
        max_size: largest incoming message in bytes, or a pair: largest message, largest of its
            frames; None for no limit.
        logger: ``websockets.client`` by default.
        create_connection: class or function that takes the arguments of :class:`ClientConnection`
            and returns an instance of it or of a subclass.
        kwargs: arguments of :meth:`asyncio.loop.create_connection`: ``host``, ``port`` or ``sock``
            to connect to another place than the URI's, ``ssl`` for a certain
            :class:`ssl.SSLContext`. Those that begin with ``proxy_`` are for TLS with the proxy.

    Returns:
        a :class:`ClientConnection`, when awaited.

    Raises:
        InvalidURI: if the URI isn't valid.
        InvalidHandshake: if the opening handshake fails.
        InvalidProxy: if a proxy's URI isn't valid.
        OSError: if there is no connection to be had.
        TimeoutError: if it takes too long.
    """

    _function = Function(
        "connect",
        "create_connection",
        TODAYS_CONNECT,
        "'await {0}(...)', 'async with {0}(...)' or 'async for ... in {0}(...)'",
    )

    def __init__(
        self,
        uri: str,
        *,
        origin: Optional[Origin] = None,
        extensions: Optional[Sequence[ClientExtensionFactory]] = None,
        subprotocols: Optional[Sequence[Subprotocol]] = None,
        compression: Optional[str] = "deflate",
        additional_headers: Optional[HeadersLike] = None,
        user_agent_header: Optional[str] = USER_AGENT,
        proxy: Union[str, bool, None] = True,
        process_exception: Callable[[Exception], Optional[Exception]] = process_exception,
        open_timeout: Optional[float] = 10,
        ping_interval: Optional[float] = 20,
        ping_timeout: Optional[float] = 20,
        close_timeout: Optional[float] = 10,
        reconnect_delays: Callable[[], Iterator[float]] = backoff,
        max_size: Union[int, None, tuple[Optional[int], Optional[int]]] = 2**20,
        max_queue: Union[int, None, tuple[Optional[int], Optional[int]]] = 16,
        write_limit: Union[int, tuple[int, Optional[int]]] = 2**15,
        logger: Optional[LoggerLike] = None,
        create_connection: Optional[Callable[..., ClientConnection]] = None,
        **kwargs: Unpack[Connecting],
    ) -> None:
        options: Any = kwargs
        self._function.check(locals(), options)
        self._set_out(uri, additional_headers, kwargs.get("ssl"))
        if logger is None:
            logger = logging.getLogger("websockets.client")
        new_protocol = client_protocols(
            origin=origin,
            extensions=extensions,
            subprotocols=subprotocols,
            compression=compression,
            max_size=max_size,
            logger=logger,
        )
        create = functools.partial(
            create_connection or ClientConnection,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            close_timeout=close_timeout,
            max_queue=max_queue,
            write_limit=write_limit,
        )
        self.factory: Callable[..., ClientConnection] = lambda ws_uri: create(new_protocol(ws_uri))
        self.user_agent_header = user_agent_header
        self.proxy = proxy
        self.process_exception = process_exception
        self.open_timeout = open_timeout
        self.reconnect_delays = reconnect_delays
        self.logger = logger
        self.create_connection_kwargs: dict[str, Any] = options

    # What subclasses may override

    async def open_tcp_connection(self) -> ClientConnection:
        """Connect by TCP, TLS and proxies; return the connection, before the opening handshake."""
        kwargs = self.create_connection_kwargs
        if self.ws_uri.secure and "ssl" in kwargs and kwargs["ssl"] is None:
            raise ValueError("ssl=None is incompatible with a wss:// URI")
        connection = self.factory(self.ws_uri)
        watch_end(asyncio.get_running_loop(), connection, ClientConnection, self.logger)
        await reach(self.ws_uri, connection, kwargs, self.proxy, self.user_agent_header)
        return connection

    async def connect(self) -> ClientConnection:
        """Connect, perform the opening handshake, and follow redirects."""
        connection: ClientConnection = await follow_redirects(
            self._attempt, self._redirect, MAX_REDIRECTS
        )
        return connection

    # The order of steps

    def _given(self) -> list[str]:
        kwargs = self.create_connection_kwargs
        return [name for name in ("sock", "unix", "host", "port") if kwargs.get(name) is not None]

    async def _attempt(self) -> ClientConnection:
        connection = await self.open_tcp_connection()
        try:
            await complete(
                connection.transport,
                lambda: connection.handshake(  # noqa: F821 (it is deleted after the call)
                    self.additional_headers, self.user_agent_header
                ),
            )
            return connection
        finally:
            del connection  # An exception, which somebody may keep, refers to this frame.

    async def _open(self) -> ClientConnection:
        try:
            connection: ClientConnection = await within(
                self.open_timeout, self.connect, "timed out during opening handshake"
            )
        except asyncio.TimeoutError as exc:
            # Before Python 3.11 asyncio has one of its own.
            raise TimeoutError("timed out during opening handshake") from exc
        return connection

    def __await__(self) -> Generator[Any, None, ClientConnection]:
        return self._open().__await__()

    async def __aenter__(self) -> ClientConnection:
        if hasattr(self, "connection"):
            raise RuntimeError("connect() isn't reentrant")
        self.connection: ClientConnection = await self
        return self.connection

    async def __aexit__(
        self,
        exc_type: Optional[type[BaseException]],
        exc_value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        connection = self.connection
        del self.connection
        await connection.__aexit__(exc_type, exc_value, traceback)

    def __aiter__(self) -> AsyncIterator[ClientConnection]:
        return reconnecting(
            self.__aenter__,
            self.logger,
            self.process_exception,
            self.reconnect_delays,
            self._leave,
        )

    async def _leave(self, connection: ClientConnection) -> None:
        """Close a connection of the loop, and be free for another."""
        del self.connection
        await connection.close()


def unix_connect(path: Optional[str] = None, uri: Optional[str] = None, **kwargs: Any) -> connect:
    """
    Connect to a WebSocket server on a Unix socket.

    Arguments:
        path: path of the socket in the file system; it may be left out if ``sock`` is given.
        uri: URI for the handshake, ``ws://localhost/`` by default, ``wss://localhost/`` with
            ``ssl``.
        kwargs: arguments of :func:`connect`, or of :meth:`asyncio.loop.create_unix_connection`.
    """
    return connect(uri_of_unix(uri, kwargs), unix=True, path=path, **kwargs)
