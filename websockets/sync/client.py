"""
Today's client for threads: ``connect()``, ``reconnect()``, and the client's end of a connection.

Owns names, arguments and defaults, the hooks that subclasses override, and the order of steps to an
open connection. Must never know the rules of the opening handshake, which are the protocol's, nor
the way to a socket, which is the driver's.
"""

from __future__ import annotations

import functools
import inspect
import logging
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Optional, Union, overload

from .. import _environment
from .._borrowed import borrow
from .._engine.arguments import TODAYS_CONNECT, check_arguments, unexpected
from .._engine.overridable import made_once
from .._engine.reconnecting import Series, backoff, process_exception
from .._faces.asking import Asking
from .._faces.destination import Destination, uri_of_unix
from .._faces.protocols import client_protocols
from .._threads.deadline import Deadline
from .._threads.reaching import over_tls, through_proxy, to_address, to_path, without_delay
from .._threads.sockets import end_of
from ..datastructures import HeadersLike
from ..exceptions import InvalidHandshake, SecurityError
from ..extensions.base import ClientExtensionFactory
from ..http11 import USER_AGENT
from ..typing import LoggerLike, Origin, Subprotocol
from .connection import Connection

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._keywords import Blocking, ToAddress

__all__ = ["ClientConnection", "connect", "reconnect", "unix_connect", "unix_reconnect"]

borrow(globals())

MAX_REDIRECTS = _environment.read_int("MAX_REDIRECTS", 10)  # requests, the first included


class ClientConnection(Asking, Connection):
    """
    The client's end of a connection, as ``connect()`` returns it.

    Arguments are those of :class:`~websockets.sync.connection.Connection`.
    """

    @made_once
    def response_rcvd(self) -> threading.Event:
        """An event that is set when the response has come, or there won't be any."""
        return self._ws_event()

    def handshake(
        self,
        additional_headers: Optional[HeadersLike] = None,
        user_agent_header: Optional[str] = USER_AGENT,
        timeout: Optional[float] = None,
    ) -> None:
        """
        Perform the opening handshake (RFC 6455 4.1).

        Arguments:
            additional_headers: headers of the request beside those of the handshake.
            user_agent_header: value of the User-Agent header; None for no such header.
            timeout: seconds that it may take; None for no limit.

        Raises:
            InvalidHandshake: if the server's answer isn't acceptable.
            TimeoutError: if it takes too long.
        """
        deadline = Deadline(timeout)
        self._ws_ask(additional_headers, user_agent_header)
        try:
            self._ws_write(deadline)
            self._ws_handshaken(deadline)
        except TimeoutError:
            raise TimeoutError("timed out while waiting for handshake response") from None
        refused = self._ws_refused()
        if refused is None:
            self._ws_begin()
            self.start_keepalive()
            return
        try:
            raise refused
        finally:
            del self, refused  # The exception refers to this frame, and they to the exception.


class reconnect(Destination):
    """
    Connect to a WebSocket server: ``with reconnect(...) as ws``.

    Leaving the context closes the connection.

    ``for ws in reconnect(...)`` connects again and again: each time around the loop there is a
    new connection, and the one before is closed. After a failure that may pass it tries again,
    after a delay.

    Arguments are those of :func:`connect`, and:

    Arguments:
        process_exception: for ``for``: a function that is given the exception of an attempt that
            failed, and returns None to try again, or the exception to raise, which may be the
            same. By default network errors and statuses 500, 502, 503 and 504 may pass.
        reconnect_delays: for ``for``: a function that makes an iterator of the seconds between
            attempts, for each series of them.
    """

    def __init__(
        self,
        uri: str,
        *,
        sock: Optional[socket.socket] = None,
        ssl: Any = None,
        server_hostname: Optional[str] = None,
        origin: Optional[Origin] = None,
        extensions: Optional[Sequence[ClientExtensionFactory]] = None,
        subprotocols: Optional[Sequence[Subprotocol]] = None,
        compression: Optional[str] = "deflate",
        additional_headers: Optional[HeadersLike] = None,
        user_agent_header: Optional[str] = USER_AGENT,
        proxy: Union[str, bool, None] = True,
        proxy_ssl: Any = None,
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
        **kwargs: Unpack[ToAddress],
    ) -> None:
        options: Any = kwargs
        if "ssl_context" in options:
            ssl = options.pop("ssl_context")
            warnings.warn("ssl_context was renamed to ssl", DeprecationWarning, stacklevel=3)
        self._unix = options.pop("unix", False)
        self._path = options.pop("path", None)
        check_arguments(TODAYS_CONNECT, locals())
        unknown = set(options) - CREATE_CONNECTION
        if unknown:
            unexpected("connect", min(unknown), {*TODAYS_CONNECT, *CREATE_CONNECTION})
        self._set_out(uri, additional_headers, ssl)
        if self._unix:
            if self._path is None and sock is None:
                raise ValueError("missing path argument")
            if self._path is not None and sock is not None:
                raise ValueError("path is incompatible with sock")
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
        self._factory: Callable[..., ClientConnection] = lambda sock, ws_uri: create(
            sock, new_protocol(ws_uri)
        )
        self.sock = sock
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
        self.create_connection: Callable[..., ClientConnection] = (
            create_connection or ClientConnection
        )
        self.create_connection_kwargs: dict[str, Any] = options

    # What subclasses may override

    def open_socket(self, deadline: Deadline) -> Any:
        """
        Connect by TCP and proxies; return the socket, before TLS.

        Arguments:
            deadline: its ``timeout()`` returns the seconds that are left, None for no limit.
        """
        if self.sock is not None:
            self.sock.settimeout(None)
            without_delay(self.sock)
            return self.sock
        if self._unix:
            return to_path(self._path, deadline)
        kwargs = self.create_connection_kwargs
        proxy: Any = self.proxy
        if "address" in kwargs:
            proxy = None
        if proxy is True:
            from ..proxy import get_proxy

            proxy = get_proxy(self.ws_uri)
        if proxy is None or proxy is False:
            return to_address((self.ws_uri.host, self.ws_uri.port), deadline, kwargs)
        return through_proxy(
            proxy,
            self.ws_uri,
            deadline,
            self.user_agent_header,
            kwargs,
            self.proxy_ssl,
            self.proxy_server_hostname,
        )

    def enable_tls(self, sock: Any, deadline: Deadline) -> Any:
        """Perform the TLS handshake on a socket; return one that encrypts."""
        name = self.server_hostname
        # RFC 6455 4.1: the host of the URI, wherever the connection goes.
        return over_tls(sock, self.ssl, deadline, name=self.ws_uri.host if name is None else name)

    def open_connection(self, deadline: Deadline) -> ClientConnection:
        """Connect by TCP, TLS and proxies; return the connection, before the opening handshake."""
        sock = self.open_socket(deadline)
        try:
            if self.ws_uri.secure:
                sock = self.enable_tls(sock, deadline)
            return self._factory(sock, self.ws_uri)
        except BaseException:
            end_of(sock)
            raise

    def connect(self) -> ClientConnection:
        """Connect, perform the opening handshake, and follow redirects."""
        deadline = Deadline(self.open_timeout)
        for _ in range(MAX_REDIRECTS):
            try:
                return self._attempt(deadline)
            except InvalidHandshake as exc:
                if not self._redirect(exc):
                    raise
        raise SecurityError(f"more than {MAX_REDIRECTS} redirects")

    # The order of steps

    def _given(self) -> list[str]:
        given = {
            "address": "address" in self.create_connection_kwargs,
            "sock": self.sock is not None,
            "unix": self._unix,
        }
        return [name for name in given if given[name]]

    def _attempt(self, deadline: Deadline) -> ClientConnection:
        connection = self.open_connection(deadline)
        try:
            connection.handshake(
                self.additional_headers,
                self.user_agent_header,
                deadline.timeout(raise_if_elapsed=False),
            )
            return connection
        except BaseException:
            connection.close_socket()
            raise
        finally:
            del connection  # An exception, which somebody may keep, refers to this frame.

    def __enter__(self) -> ClientConnection:
        if hasattr(self, "connection"):
            raise RuntimeError("connect() isn't reentrant")
        self.connection: ClientConnection = self.connect()
        return self.connection

    def __exit__(
        self,
        exc_type: Optional[type[BaseException]],
        exc_value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        connection = self.connection
        del self.connection
        connection.__exit__(exc_type, exc_value, traceback)

    def __iter__(self) -> Iterator[ClientConnection]:
        series = Series(self.logger, self.process_exception, self.reconnect_delays)
        while True:
            try:
                connection = self.__enter__()
            except Exception as exc:
                pause = series.failed(exc)
            else:
                pause = 0
                series.succeeded()
                try:
                    yield connection
                finally:
                    del self.connection
                    connection.close()
                del connection
            if pause:
                time.sleep(pause)


# What socket.create_connection() takes; its address is an argument like the others.
CREATE_CONNECTION = set(inspect.signature(socket.create_connection).parameters)


@overload
def connect(uri: str, *, legacy: Literal[False], **kwargs: Unpack[Blocking]) -> reconnect: ...


@overload
def connect(
    uri: str, *, legacy: Optional[Literal[True]] = None, **kwargs: Unpack[Blocking]
) -> ClientConnection: ...


def connect(
    uri: str,
    *,
    sock: Optional[socket.socket] = None,
    ssl: Any = None,
    server_hostname: Optional[str] = None,
    origin: Optional[Origin] = None,
    extensions: Optional[Sequence[ClientExtensionFactory]] = None,
    subprotocols: Optional[Sequence[Subprotocol]] = None,
    compression: Optional[str] = "deflate",
    additional_headers: Optional[HeadersLike] = None,
    user_agent_header: Optional[str] = USER_AGENT,
    proxy: Union[str, bool, None] = True,
    proxy_ssl: Any = None,
    proxy_server_hostname: Optional[str] = None,
    open_timeout: Optional[float] = 10,
    ping_interval: Optional[float] = 20,
    ping_timeout: Optional[float] = 20,
    close_timeout: Optional[float] = 10,
    max_size: Union[int, None, tuple[Optional[int], Optional[int]]] = 2**20,
    max_queue: Union[int, None, tuple[Optional[int], Optional[int]]] = 16,
    logger: Optional[LoggerLike] = None,
    create_connection: Optional[Callable[..., ClientConnection]] = None,
    legacy: Optional[bool] = None,
    **kwargs: Any,
) -> Any:
    """
    Connect to a WebSocket server: ``with connect(...) as ws``.

    Leaving the context closes the connection.

    Arguments:
        uri: URI of the server, with the scheme "ws" or "wss" (RFC 6455 3). A user and password in
            it are sent as Basic auth.
        sock: a connected socket to use; there is no proxy then.
        ssl: an :class:`ssl.SSLContext` for "wss".
        server_hostname: the name that the server's certificate has to have; the host of the URI
            by default.
        origin: value of the Origin header.
        extensions: factories of extensions to offer, the preferred first.
        subprotocols: subprotocols to offer, the preferred first.
        compression: "deflate" to offer permessage-deflate (RFC 7692), None not to.
        additional_headers: headers of the request beside those of the handshake.
        user_agent_header: value of the User-Agent header, None for no such header.
        proxy: URI of a proxy (HTTP, HTTPS, or SOCKS with the package ``python-socks``); True for
            the system's, None for none.
        proxy_ssl, proxy_server_hostname: as ``ssl`` and ``server_hostname``, for TLS with an HTTPS
            proxy.
        open_timeout: seconds until an open connection; None for no limit. It is the one limit for
            TCP, TLS, proxies, redirects and the opening handshake.
        ping_interval, ping_timeout, close_timeout, max_queue: see
            :class:`~websockets.sync.connection.Connection`.
        max_size: largest incoming message in bytes, or a pair: largest message, largest of its
            frames; None for no limit.
        logger: ``websockets.client`` by default.
        create_connection: class or function that takes the arguments of :class:`ClientConnection`
            and returns an instance of it or of a subclass.
        legacy: None to connect at once, and to be warned if the connection is used without
            ``with``; True to connect at once, without that; False to return :class:`reconnect`'s
            object instead, which connects when it is entered.
        kwargs: arguments of :func:`socket.create_connection`: ``address`` to connect to another
            place than the URI's, ``source_address``, ``timeout``.

    Returns:
        a :class:`ClientConnection`.

    Raises:
        InvalidURI: if the URI isn't valid.
        InvalidHandshake: if the opening handshake fails.
        InvalidProxy: if a proxy's URI isn't valid.
        OSError: if there is no connection to be had.
        TimeoutError: if it takes too long.
    """
    arguments = dict(locals())
    kwargs = arguments.pop("kwargs")
    del arguments["legacy"]
    connecting = reconnect(**arguments, **kwargs)
    if legacy is False:
        return connecting
    connection = connecting.connect()
    if legacy is None:
        connection._ws_warn_later()
    return connection


@overload
def unix_connect(
    path: Optional[str] = None,
    uri: Optional[str] = None,
    *,
    legacy: Literal[False],
    **kwargs: Unpack[Blocking],
) -> reconnect: ...


@overload
def unix_connect(
    path: Optional[str] = None,
    uri: Optional[str] = None,
    *,
    legacy: Optional[Literal[True]] = None,
    **kwargs: Unpack[Blocking],
) -> ClientConnection: ...


def unix_connect(
    path: Optional[str] = None,
    uri: Optional[str] = None,
    *,
    legacy: Any = None,
    **kwargs: Any,
) -> Any:
    """
    Connect to a WebSocket server on a Unix socket.

    Arguments:
        path: path of the socket in the file system; it may be left out if ``sock`` is given.
        uri: URI for the handshake, ``ws://localhost/`` by default, ``wss://localhost/`` with
            ``ssl``.
        legacy, kwargs: arguments of :func:`connect`.
    """
    function: Any = connect
    return function(uri_of_unix(uri, kwargs), unix=True, path=path, legacy=legacy, **kwargs)


def unix_reconnect(
    path: Optional[str] = None, uri: Optional[str] = None, **kwargs: Any
) -> reconnect:
    """
    Connect to a WebSocket server on a Unix socket, as :class:`reconnect` does.

    Arguments:
        path, uri: as for :func:`unix_connect`.
        kwargs: arguments of :class:`reconnect`.
    """
    options: Any = {"unix": True, "path": path, **kwargs}
    return reconnect(uri_of_unix(uri, kwargs), **options)
