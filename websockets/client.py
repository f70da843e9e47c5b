"""
WebSocket clients: ``connect()``.

Owns how a client of 8.1's API comes to a connection: where to connect, which redirects to follow
and with which secrets, and when to try again. Must never know what is asked and answered on the
way, which is in ``_sides/client.py``. Key decision: each attempt is one coroutine that leaves no
socket behind, however it ends.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from ._borrowed import borrow
from ._engine.arguments import CONNECT
from ._engine.connecting import complete, follow_redirects, within
from ._engine.making import watch_end
from ._engine.reaching import reach
from ._engine.reconnecting import (
    BACKOFF_FACTOR,
    BACKOFF_INITIAL_DELAY,
    BACKOFF_MAX_DELAY,
    BACKOFF_MIN_DELAY,
    backoff,
    process_exception,
    reconnecting,
)
from ._handshake.redirects import follow, for_another_server
from ._handshake.upgrade import generate_key as generate_key
from ._sansio.client import ClientProtocol
from ._sansio.renamed import ClientConnection as ClientConnection
from ._sides.client import WebSocketClientProtocol
from ._starting import Function, Starting, closing_time, is_deflate
from .asyncio import client as todays
from .datastructures import HeadersLike
from .exceptions import RedirectHandshake
from .extensions.base import ClientExtensionFactory
from .extensions.permessage_deflate import enable_client_permessage_deflate
from .http import USER_AGENT
from .protocol import warn_of_loop
from .typing import Origin, Subprotocol
from .uri import WebSocketURI, parse_uri

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._keywords import OlderConnecting

__all__ = [
    "BACKOFF_FACTOR",
    "BACKOFF_INITIAL_DELAY",
    "BACKOFF_MAX_DELAY",
    "BACKOFF_MIN_DELAY",
    "ClientProtocol",
    "Connect",
    "WebSocketClientProtocol",
    "backoff",
    "connect",
    "process_exception",
    "unix_connect",
]

borrow(globals())

logger: logging.Logger = logging.getLogger(__name__)


# Arguments of the protocol that connect() takes beyond the documented ones.
ADDED_ARGUMENTS = (
    "gather_writes",
    "legacy_recv",
    "logger",
    "max_fragments",
    "user_agent_header",
)

# Arguments that say where the connection goes, as the rules of redirects call them.
GIVEN = {"sock": "sock", "unix": "path", "host": "host", "port": "port"}


class _Target(NamedTuple):
    """Where an attempt to connect goes."""

    uri: str
    wsuri: WebSocketURI
    kwds: dict[str, Any]  # arguments of create_connection
    extra_headers: Optional[HeadersLike]

    def redirected(self, location: str) -> _Target:
        """Return where a Location header says to go."""
        given = [name for name, key in GIVEN.items() if self.kwds.get(key) is not None]
        uri, wsuri, same_origin = follow(self.uri, location, given, as_http=True)
        if same_origin:
            return self._replace(uri=uri, wsuri=wsuri)
        # The name for the certificate is one server's, too.
        kwds = {name: value for name, value in self.kwds.items() if name != "server_hostname"}
        return _Target(uri, wsuri, kwds, for_another_server(self.extra_headers))


class Connect(Starting):
    """
    Connect to a WebSocket server: ``await connect(...)`` or ``async with connect(...) as ws``.

    Leaving the context closes the connection.

    ``async for ws in connect(...)`` connects again and again: each time around the loop there is a
    new connection, and the one before is closed. After a failure that may pass (no network, no
    answer, a status of 500, 502, 503 or 504) it tries again, after a delay that grows up to 90
    seconds. Let :exc:`ConnectionClosed` lead to the next turn with ``try`` and ``continue``.

    Arguments:
        uri: URI of the server, with the scheme "ws" or "wss" (RFC 6455 3). A user and password in
            it are sent as Basic auth.
        create_protocol: class or function that takes the arguments of
            :class:`WebSocketClientProtocol` and returns an instance of it or of a subclass.
        ping_interval, ping_timeout, close_timeout, max_size, max_queue, read_limit, write_limit:
            see :class:`WebSocketCommonProtocol`.
        loop: accepted for old programs; the running loop is used.
        compression: "deflate" to offer permessage-deflate (RFC 7692), None not to.
        origin, extensions, subprotocols, extra_headers: see :class:`WebSocketClientProtocol`.
        kwds: ``additional_headers``, today's name of ``extra_headers``;
            ``proxy``, the URI of a proxy, True for the system's, None, the default, for none;
            ``create_connection``, with which all of this is
            :func:`websockets.asyncio.client.connect`;
            ``open_timeout``, seconds until an open connection, 10 by default, None for no limit:
            the one limit for names, TCP, TLS, redirects and the opening handshake;
            ``user_agent_header``, ``max_fragments``, ``gather_writes`` and ``logger``, see there;
            ``reactor``, False for the event loop's own transport;
            ``process_exception``, for ``async for``: a function that is given the exception of an
            attempt that failed, and returns None to try again, or the exception to raise, which may
            be the same;
            ``reconnect_delays``, for ``async for``: a function that makes an iterator of the
            seconds between attempts, for each series of them;
            others are passed to :meth:`asyncio.loop.create_connection`: ``host``, ``port`` or
            ``sock`` to connect to another place than the URI's, ``ssl`` for a certain
            :class:`ssl.SSLContext`. By default all connections share one, which is made by
            :func:`ssl.create_default_context`; who asks a connection for its context
            (``transport.get_extra_info("sslcontext")``) is given a new one, so that nobody can
            change what others trust.

    Returns:
        a :class:`WebSocketClientProtocol`, when awaited.

    Raises:
        InvalidURI: if the URI isn't valid.
        InvalidHandshake: if the opening handshake fails.
        OSError: if there is no connection to be had.
        asyncio.TimeoutError: if it takes too long.

    Subclasses may set ``BACKOFF_INITIAL``, ``BACKOFF_MIN``, ``BACKOFF_MAX`` (seconds) and
    ``BACKOFF_FACTOR``, the arguments of ``backoff()``, and ``MAX_REDIRECTS_ALLOWED``, the number
    of requests that one attempt may take.
    """

    BACKOFF_INITIAL = BACKOFF_INITIAL_DELAY
    BACKOFF_MIN = BACKOFF_MIN_DELAY
    BACKOFF_MAX = BACKOFF_MAX_DELAY
    BACKOFF_FACTOR = BACKOFF_FACTOR
    MAX_REDIRECTS_ALLOWED = 10

    _function = Function(
        "connect",
        "create_connection",
        CONNECT,
        "'await {0}(...)', 'async with {0}(...)' or 'async for ... in {0}(...)'",
    )

    # Type checkers look at __init__(): this would let any arguments pass.
    if not TYPE_CHECKING:

        def __new__(cls, *args: Any, **kwds: Any) -> Any:
            if "create_connection" in kwds:
                # It makes connections of today's API.
                return todays.connect(*args, **kwds)
            return super().__new__(cls)

    def __init__(
        self,
        uri: str,
        *,
        create_protocol: Optional[Callable[..., WebSocketClientProtocol]] = None,
        ping_interval: Optional[float] = 20,
        ping_timeout: Optional[float] = 20,
        close_timeout: Optional[float] = 10,
        max_size: Optional[int] = 2**20,
        max_queue: Optional[int] = 2**5,
        read_limit: int = 2**16,
        write_limit: int = 2**16,
        loop: Optional[asyncio.AbstractEventLoop] = None,
        compression: Optional[str] = "deflate",
        origin: Optional[Origin] = None,
        extensions: Optional[Sequence[ClientExtensionFactory]] = None,
        subprotocols: Optional[Sequence[Subprotocol]] = None,
        extra_headers: Optional[HeadersLike] = None,
        **kwds: Unpack[OlderConnecting],
    ) -> None:
        options: Any = kwds
        self._function.check(locals(), options)
        klass = options.pop("klass", None)
        close_timeout = closing_time(close_timeout, options.pop("timeout", None))
        self.open_timeout: Optional[float] = options.pop("open_timeout", 10)
        self.process_exception: Callable[[Exception], Optional[Exception]] = (
            options.pop("process_exception", None) or process_exception
        )
        self.reconnect_delays: Callable[[], Iterator[float]] = options.pop(
            "reconnect_delays", None
        ) or functools.partial(
            backoff,
            self.BACKOFF_INITIAL,
            self.BACKOFF_MIN,
            self.BACKOFF_MAX,
            self.BACKOFF_FACTOR,
        )
        additional_headers = options.pop("additional_headers", None)
        if extra_headers is None:
            extra_headers = additional_headers
        elif additional_headers is not None:
            raise TypeError("give either extra_headers or additional_headers")
        self.proxy: Any = options.pop("proxy", None)
        wsuri = parse_uri(uri)
        if loop is not None:
            warn_of_loop()
        if isinstance(extra_headers, Iterator):
            extra_headers = list(extra_headers)  # for more than one attempt
        if is_deflate(compression):
            extensions = enable_client_permessage_deflate(extensions)
        if options.get("ssl") and not wsuri.secure:
            raise ValueError("ssl was given for a ws:// URI; use a wss:// URI to have TLS")
        if "ssl" in options and not options["ssl"] and wsuri.secure:
            raise ValueError("ssl was switched off for a wss:// URI; use a ws:// URI for no TLS")
        # Handed on only where they are given: create_protocol may know nothing of them.
        added = {name: options.pop(name) for name in ADDED_ARGUMENTS if name in kwds}
        self._create_protocol = functools.partial(
            create_protocol or klass or WebSocketClientProtocol,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            close_timeout=close_timeout,
            max_size=max_size,
            max_queue=max_queue,
            read_limit=read_limit,
            write_limit=write_limit,
            origin=origin,
            extensions=extensions,
            subprotocols=subprotocols,
            **added,
        )
        self._logger = added.get("logger") or logger
        self._target = _Target(uri, wsuri, options, extra_headers)

    def __await__(self) -> Generator[Any, None, WebSocketClientProtocol]:
        return self.__await_impl__().__await__()

    async def __aenter__(self) -> WebSocketClientProtocol:
        self.protocol: WebSocketClientProtocol = await self
        return self.protocol

    async def __aexit__(
        self,
        exc_type: Optional[type[BaseException]],
        exc_value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.protocol.close()

    def __aiter__(self) -> AsyncIterator[WebSocketClientProtocol]:
        return reconnecting(
            lambda: self, self._logger, self.process_exception, self.reconnect_delays
        )

    # Subclasses that are awaited in their own way call this, by the name it has in former releases.
    async def __await_impl__(self) -> WebSocketClientProtocol:
        target = self._target

        def redirect(exc: Exception) -> bool:
            nonlocal target
            if isinstance(exc, RedirectHandshake):
                target = target.redirected(exc.uri)
                return True
            return False

        most = self.MAX_REDIRECTS_ALLOWED

        async def connect() -> Any:
            return await follow_redirects(lambda: self._attempt(target), redirect, most)

        complaint = f"no connection to {target.wsuri.host} in {self.open_timeout} seconds"
        protocol: WebSocketClientProtocol = await within(self.open_timeout, connect, complaint)
        return protocol

    async def _attempt(self, target: _Target) -> WebSocketClientProtocol:
        """Connect, and perform the opening handshake."""
        wsuri, kwds = target.wsuri, target.kwds
        anywhere = kwds.get("sock") is None
        protocol: WebSocketClientProtocol = self._create_protocol(
            host=kwds.get("host", wsuri.host if anywhere else None),
            port=kwds.get("port", wsuri.port if anywhere else None),
            secure=wsuri.secure,
            extra_headers=target.extra_headers,
        )
        watch_end(asyncio.get_running_loop(), protocol, WebSocketClientProtocol, self._logger)
        transport = await reach(wsuri, protocol, kwds, self.proxy, USER_AGENT)
        await complete(
            transport,
            lambda: protocol.handshake(
                wsuri,
                origin=protocol.origin,
                available_extensions=protocol.available_extensions,
                available_subprotocols=protocol.available_subprotocols,
                extra_headers=protocol.extra_headers,
            ),
        )
        return protocol


connect = Connect


class _UnixConnect(Connect):
    _function = Connect._function._replace(name="unix_connect", method="create_unix_connection")


def unix_connect(path: Optional[str], uri: str = "ws://localhost/", **kwargs: Any) -> Connect:
    """
    Connect to a WebSocket server on a Unix socket.

    Arguments:
        path: path of the socket in the file system; None if ``sock`` is given.
        uri: URI for the handshake.
        kwargs: arguments of :func:`connect`, or of :meth:`asyncio.loop.create_unix_connection`.
    """
    return _UnixConnect(uri, unix=True, path=path, **kwargs)
