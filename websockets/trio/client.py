"""
Today's client on trio: ``connect()``, and the client's end of a connection.

Owns names, arguments and defaults, the hooks that subclasses override, and the order of steps to an
open connection. Must never know the rules of the opening handshake, which are the protocol's. Key
decisions: a connection's task is in a nursery of the context's own, of which nobody else is told,
so that an exception comes out of the context as it was raised; where there is no context, because
connections come one after the other, their tasks are siblings of the task that goes over them, so
that no cancel scope is open between two of them.
"""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from ssl import SSLContext
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

import trio

from .. import _environment
from .._borrowed import borrow
from .._engine.arguments import TODAYS_CONNECT, check_arguments, unexpected
from .._engine.connecting import follow_redirects
from .._engine.reconnecting import Series, backoff, process_exception
from .._faces.asking import Asking
from .._faces.destination import Destination, uri_of_unix
from .._faces.protocols import client_protocols
from .._transports.trust import shared_context
from ..datastructures import HeadersLike
from ..extensions.base import ClientExtensionFactory
from ..http11 import USER_AGENT
from ..typing import LoggerLike, Origin, PathLike, Subprotocol
from ._streams import close_at_once
from ._tunnels import through_proxy
from ._verdicts import Limit
from .connection import Connection

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._keywords import OnTrio

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup  # pragma: no cover (trio brings it along)

__all__ = ["ClientConnection", "connect", "unix_connect"]

borrow(globals())

MAX_REDIRECTS = _environment.read_int("MAX_REDIRECTS", 10)  # requests, the first included

# What trio.open_tcp_stream() takes.
OF_STREAMS = ("host", "port", "local_address", "happy_eyeballs_delay")


class ClientConnection(Asking, Connection):
    """
    The client's end of a connection, as ``connect()`` gives it.

    Arguments are those of :class:`~websockets.trio.connection.Connection`.
    """

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
        await self._ws_write()
        await self._ws_handshaken()
        refused = self._ws_refused()
        if refused is None:
            self._ws_begin()
            self.start_keepalive()
            return
        try:
            raise refused
        finally:
            del self, refused  # The exception refers to this frame, and they to the exception.


class connect(Destination):
    """
    Connect to a WebSocket server: ``async with connect(...) as ws``.

    Leaving the context closes the connection. What the body raises comes out as it is.

    ``async for ws in connect(...)`` connects again and again: each time around the loop there is a
    new connection, and the one before is closed. After a failure that may pass it tries again,
    after a delay. Who leaves the loop leaves a connection that closes by itself, in the nursery of
    the task.

    Arguments:
        uri: URI of the server, with the scheme "ws" or "wss" (RFC 6455 3). A user and password in
            it are sent as Basic auth.
        stream: a stream to use instead of a new one.
        ssl: context for "wss"; one that trusts the system's certificates by default.
        server_hostname: name of the server for TLS; the URI's host by default.
        origin: value of the Origin header.
        extensions: factories of extensions to offer, the preferred first.
        subprotocols: subprotocols to offer, the preferred first.
        compression: "deflate" to offer permessage-deflate (RFC 7692), None not to.
        additional_headers: headers of the request beside those of the handshake.
        user_agent_header: value of the User-Agent header, None for no such header.
        proxy: URI of a proxy (HTTP, HTTPS, or SOCKS with the package ``python-socks``); True for
            the system's, None for none.
        proxy_ssl, proxy_server_hostname: the same as ``ssl`` and ``server_hostname``, for TLS with
            an HTTPS proxy.
        process_exception: for ``async for``: a function that is given the exception of an attempt
            that failed, and returns None to try again, or the exception to raise, which may be the
            same. By default network errors and statuses 500, 502, 503 and 504 may pass.
        open_timeout: seconds until an open connection; None for no limit. It is the one limit for
            names, TCP, TLS, proxies, redirects and the opening handshake.
        ping_interval, ping_timeout, close_timeout, max_queue: see
            :class:`~websockets.trio.connection.Connection`.
        reconnect_delays: for ``async for``: a function that makes an iterator of the seconds
            between attempts, for each series of them.
        max_size: largest incoming message in bytes, or a pair: largest message, largest of its
            frames; None for no limit.
        logger: ``websockets.client`` by default.
        create_connection: class or function that takes the arguments of :class:`ClientConnection`
            and returns an instance of it or of a subclass.
        kwargs: arguments of ``trio.open_tcp_stream()``: ``host`` and ``port`` to connect to
            another place than the URI's, ``local_address``, ``happy_eyeballs_delay``.

    Raises:
        InvalidURI: if the URI isn't valid.
        InvalidHandshake: if the opening handshake fails.
        InvalidProxy: if a proxy's URI isn't valid.
        OSError: if there is no connection to be had; ``trio.BrokenResourceError`` if TLS fails.
        TimeoutError: if it takes too long.
    """

    def __init__(
        self,
        uri: str,
        *,
        stream: Optional[trio.abc.Stream] = None,
        ssl: Optional[SSLContext] = None,
        server_hostname: Optional[str] = None,
        origin: Optional[Origin] = None,
        extensions: Optional[Sequence[ClientExtensionFactory]] = None,
        subprotocols: Optional[Sequence[Subprotocol]] = None,
        compression: Optional[str] = "deflate",
        additional_headers: Optional[HeadersLike] = None,
        user_agent_header: Optional[str] = USER_AGENT,
        proxy: Union[str, bool, None] = True,
        proxy_ssl: Optional[SSLContext] = None,
        proxy_server_hostname: Optional[str] = None,
        process_exception: Callable[[Exception], Optional[Exception]] = process_exception,
        open_timeout: Optional[float] = 10,
        ping_interval: Optional[float] = 20,
        ping_timeout: Optional[float] = 20,
        close_timeout: Optional[float] = 10,
        reconnect_delays: Callable[[], Iterator[float]] = backoff,
        max_size: Union[int, None, tuple[Optional[int], Optional[int]]] = 2**20,
        max_queue: Union[int, None, tuple[Optional[int], Optional[int]]] = 16,
        logger: Optional[LoggerLike] = None,
        create_connection: Optional[Callable[..., ClientConnection]] = None,
        **kwargs: Unpack[OnTrio],
    ) -> None:
        options: dict[str, Any] = dict(kwargs)
        unix = options.pop("unix", False)
        path = options.pop("path", None) if unix else None
        for name in options:
            if unix or name not in OF_STREAMS:
                unexpected("connect", name, {*TODAYS_CONNECT, *OF_STREAMS})
        check_arguments(TODAYS_CONNECT, locals())
        self._set_out(uri, additional_headers, ssl)
        if unix and (path is None) == (stream is None):
            problem = (
                "missing path argument" if path is None else "path is incompatible with stream"
            )
            raise ValueError(problem)
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
        )
        self.factory: Callable[..., ClientConnection] = lambda nursery, stream, ws_uri: create(
            nursery, stream, new_protocol(ws_uri)
        )
        self.stream = stream
        self.ssl = ssl
        self.server_hostname = server_hostname
        self.user_agent_header = user_agent_header
        self.proxy = proxy
        self.proxy_ssl = proxy_ssl
        self.proxy_server_hostname = proxy_server_hostname
        self.process_exception = process_exception
        self.open_timeout = open_timeout
        self.reconnect_delays = reconnect_delays
        self.logger = logger
        self.open_tcp_stream_kwargs = options
        self._unix = unix
        self._path = path

    # What subclasses may override

    async def open_tcp_stream(self) -> trio.abc.Stream:
        """Connect by TCP and proxies, or to a Unix socket; return the stream, without its TLS."""
        if self.stream is not None:
            return self.stream
        if self._unix:
            return await trio.open_unix_socket(self._path)  # type: ignore[arg-type]
        kwargs = dict(self.open_tcp_stream_kwargs)
        proxy = self.proxy
        if proxy is True:
            from ..proxy import get_proxy

            proxy = get_proxy(self.ws_uri)
        if proxy:
            return await through_proxy(
                str(proxy),
                self.ws_uri,
                self.user_agent_header,
                self.proxy_ssl,
                self.proxy_server_hostname,
                kwargs,
            )
        kwargs.setdefault("host", self.ws_uri.host)
        kwargs.setdefault("port", self.ws_uri.port)
        return await trio.open_tcp_stream(**kwargs)

    async def enable_tls(self, stream: trio.abc.Stream) -> trio.abc.Stream:
        """Perform the TLS handshake on a stream; return the stream over TLS."""
        context = shared_context() if self.ssl is None else self.ssl
        # RFC 6455 4.1: the host of the URI, wherever the connection goes.
        name = self.ws_uri.host if self.server_hostname is None else self.server_hostname
        secure: trio.SSLStream[Any] = trio.SSLStream(
            stream, context, server_hostname=name, https_compatible=True
        )
        await secure.do_handshake()
        return secure

    async def open_connection(self, nursery: trio.Nursery) -> ClientConnection:
        """Connect by TCP, TLS and proxies; return the connection, before the opening handshake."""
        stream = await self.open_tcp_stream()
        try:
            if self.ws_uri.secure:
                stream = await self.enable_tls(stream)
            return self.factory(nursery, stream, self.ws_uri)
        except BaseException:
            await close_at_once(stream)
            raise

    async def connect(self, nursery: trio.Nursery) -> ClientConnection:
        """
        Connect, perform the opening handshake, and follow redirects.

        Arguments:
            nursery: where the connection's task will run.
        """
        connection: ClientConnection = await follow_redirects(
            lambda: self._attempt(nursery), self._redirect, MAX_REDIRECTS
        )
        return connection

    # The order of steps

    def _given(self) -> list[str]:
        given = {
            "host": "host" in self.open_tcp_stream_kwargs,
            "port": "port" in self.open_tcp_stream_kwargs,
            "unix": self._unix,
            "stream": self.stream is not None,
        }
        return [name for name in given if given[name]]

    async def _attempt(self, nursery: trio.Nursery) -> ClientConnection:
        connection = await self.open_connection(nursery)
        try:
            await connection.handshake(self.additional_headers, self.user_agent_header)
            return connection
        except BaseException:
            # Nothing is waited for: a peer that takes its time would hide the failure.
            await connection._ws_drop()
            raise
        finally:
            del connection  # An exception, which somebody may keep, refers to this frame.

    async def _open(self, nursery: trio.Nursery) -> ClientConnection:
        with Limit(self.open_timeout, nursery):
            return await self.connect(nursery)
        raise TimeoutError("timed out during opening handshake") from trio.TooSlowError()

    async def __aenter__(self) -> ClientConnection:
        if hasattr(self, "_context"):
            raise RuntimeError("connect() isn't reentrant")
        self._context = trio.open_nursery()
        nursery = await self._context.__aenter__()
        try:
            self.connection: ClientConnection = await self._open(nursery)
        except BaseException:
            await self._leave(nursery)
            raise
        return self.connection

    async def __aexit__(
        self,
        exc_type: Optional[type[BaseException]],
        exc_value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        connection = self.connection
        del self.connection
        interrupted: Optional[BaseException] = None
        try:
            await connection.__aexit__(exc_type, exc_value, traceback)
        except BaseException as exc:
            interrupted = exc
        await self._leave(connection.nursery)
        if interrupted is None or isinstance(exc_value, trio.Cancelled):
            return
        if exc_value is None:
            raise interrupted
        # Neither of them may get lost.
        raise BaseExceptionGroup("closing after an exception", [exc_value, interrupted])

    async def _leave(self, nursery: trio.Nursery) -> None:
        """Leave the nursery, where nothing is left to be done."""
        # Whoever else is cancelled: the nursery isn't told, or it would wrap what comes out.
        nursery.cancel_scope.shield = True
        nursery.cancel_scope.cancel()
        context = self._context
        del self._context
        await context.__aexit__(None, None, None)

    def __aiter__(self) -> AsyncIterator[ClientConnection]:
        return Connections(self)


class Connections:
    """
    Connections, one after the other, each of which is closed before the next.

    It is no generator: that would keep a nursery open while the program has its turn.

    Arguments:
        connecting: what connects.
    """

    def __init__(self, connecting: connect) -> None:
        self._connecting = connecting
        self._series = Series(
            connecting.logger, connecting.process_exception, connecting.reconnect_delays
        )
        self._connection: Optional[ClientConnection] = None

    def __aiter__(self) -> Connections:
        return self

    async def __anext__(self) -> ClientConnection:
        if hasattr(self._connecting, "_context"):
            raise RuntimeError("connect() isn't reentrant")
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.aclose()
            del connection
        nursery = trio.lowlevel.current_task().parent_nursery
        assert nursery is not None, "a task of a program has a nursery"
        while True:
            try:
                self._connection = await self._connecting._open(nursery)
            except Exception as exc:
                pause = self._series.failed(exc)
            else:
                self._series.succeeded()
                return self._connection
            await trio.sleep(pause)

    def __del__(self) -> None:
        connection = self._connection
        if connection is not None and trio.lowlevel.in_trio_run():
            # The loop was left in its middle: the connection closes by itself.
            connection._ws_phase.start_closing(1000, "")


def unix_connect(
    path: Optional[PathLike] = None, uri: Optional[str] = None, **kwargs: Any
) -> connect:
    """
    Connect to a WebSocket server on a Unix socket.

    Arguments:
        path: path of the socket in the file system; it may be left out if ``stream`` is given.
        uri: URI for the handshake, ``ws://localhost/`` by default, ``wss://localhost/`` with
            ``ssl``.
        kwargs: arguments of :func:`connect`.
    """
    return connect(uri_of_unix(uri, kwargs), unix=True, path=path, **kwargs)
