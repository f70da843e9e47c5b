"""
Today's server for threads: ``serve()``, and the server's end of a connection.

Owns names, arguments and defaults, and the order of steps to an open connection. Must never know
the rules of the opening handshake, which are the protocol's, how connections are accepted, nor how
one reads and writes. Key decision: who serves a connection is a thread of it, see _serving.py, so
each step of its opening may block.
"""

from __future__ import annotations

import functools
import logging
import re
import socket
import threading
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

from .._borrowed import borrow
from .._engine.arguments import TODAYS_SERVE, check_arguments, unexpected
from .._engine.overridable import made_once
from .._engine.phases import UNCONNECTED
from .._faces.answering import Answering, at_once
from .._faces.protocols import server_protocols
from .._handshake.credentials import BasicAuth
from .._sansio.server import ServerProtocol
from .._states import State
from .._threads.deadline import Deadline
from .._threads.sockets import half_close, wait_for_eof
from ..extensions.base import ServerExtensionFactory
from ..http11 import SERVER, Request, Response
from ..typing import LoggerLike, Origin, Subprotocol
from ._serving import RunningServer
from .connection import Connection
from .connection import broadcast as broadcast

__all__ = ["Server", "ServerConnection", "basic_auth", "broadcast", "serve", "unix_serve"]

_borrowed = borrow(globals())

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._keywords import BlockingServer

Handler = Callable[["ServerConnection"], Any]
ProcessRequest = Callable[["ServerConnection", Request], Optional[Response]]
ProcessResponse = Callable[["ServerConnection", Request, Response], Optional[Response]]


class ServerConnection(Answering, Connection):
    """
    The server's end of a connection, as handlers are given it.

    Arguments:
        sock: the socket.
        protocol: a :class:`~websockets.server.ServerProtocol`.
        server: the :class:`Server`.
        ping_interval, ping_timeout, close_timeout, max_queue: see
            :class:`~websockets.sync.connection.Connection`.

    Attributes:
        server: as given.
        username: the user, once ``basic_auth()`` has let the client in.
        handler, handler_kwargs: what a router has found for the request.
    """

    response: Optional[Response]

    _ws_awaits = False

    def __init__(
        self,
        sock: Any,
        protocol: ServerProtocol,
        server: Server,
        *,
        ping_interval: Optional[float] = 20,
        ping_timeout: Optional[float] = 20,
        close_timeout: Optional[float] = 10,
        max_queue: Union[int, None, tuple[Optional[int], Optional[int]]] = 16,
    ) -> None:
        self.server = server
        super().__init__(
            sock,
            protocol,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            close_timeout=close_timeout,
            max_queue=max_queue,
        )

    @made_once
    def request_rcvd(self) -> threading.Event:
        """An event that is set when the request has come, or there won't be any."""
        return self._ws_event()

    def handshake(
        self,
        process_request: Optional[ProcessRequest] = None,
        process_response: Optional[ProcessResponse] = None,
        server_header: Optional[str] = SERVER,
        timeout: Optional[float] = None,
    ) -> None:
        """
        Perform the opening handshake (RFC 6455 4.2).

        Arguments:
            process_request, process_response, server_header: see :func:`serve`.
            timeout: seconds that it may take; None for no limit.

        Raises:
            Exception: if the request isn't acceptable.
            TimeoutError: if it takes too long.
        """
        deadline = Deadline(timeout)
        protocol = self.protocol
        try:
            self._ws_handshaken(deadline)
            if self.request is not None:
                at_once(self._ws_decide(process_request, process_response, server_header))
            elif self.server._closing:
                self.response = self._ws_refusal()
            if self.response is not None:
                protocol.send_response(self.response)
            if self._ws_opens():
                # It is open before the client can know.
                self._ws_begin()
                self.start_keepalive()
                return
            self._ws_write(deadline)
        except TimeoutError:
            raise TimeoutError("timed out while waiting for handshake request") from None
        if protocol.handshake_exc is not None:
            raise protocol.handshake_exc

    def _ws_is_served(self) -> bool:
        return not self.server._closing

    def _ws_open(self, deadline: Deadline) -> bool:
        """Perform the opening handshake; return whether the connection is open."""
        server = self.server
        try:
            process_request, process_response, server_header = server.handshake_arguments
            # Who is late here may be this process; what has arrived meanwhile is still looked at.
            left = deadline.timeout(raise_if_elapsed=False)
            self.handshake(process_request, process_response, server_header, left)
        except TimeoutError as exc:
            self.logger.debug("! %s", exc)
            self.close_socket()
            return False
        except Exception as exc:
            self._ws_not_opened(exc, isinstance(exc, OSError))
        if self._ws_phase is not UNCONNECTED:
            return True
        # To close it whole, with bytes still on their way here, could destroy the response.
        half_close(self.socket)
        wait_for_eof(self.socket, deadline)
        self.close_socket()
        return False


class Server(RunningServer):
    """
    A running server: ``with serve(...) as server: server.serve_forever()``.

    Leaving the context shuts it down.

    Arguments:
        sock: a socket that listens.
        handler: see :func:`serve`.
        logger: ``websockets.server`` by default.

    Attributes:
        socket, handler, logger: as given.
    """

    def __init__(
        self, sock: socket.socket, handler: Handler, logger: Optional[LoggerLike] = None
    ) -> None:
        super().__init__(sock, handler, logger, make_connection)

    @property
    def connections(self) -> set[ServerConnection]:
        """The connections that are open, as a new set."""
        with self._lock:
            return {connection for connection in self._all if connection.state is State.OPEN}


def make_connection(sock: Any, server: Server) -> ServerConnection:
    """Make a connection with the usual settings."""
    return ServerConnection(sock, ServerProtocol(logger=server.logger), server)


def serve(
    handler: Handler,
    host: Optional[str] = None,
    port: Optional[int] = None,
    *,
    sock: Optional[socket.socket] = None,
    ssl: Any = None,
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
    **kwargs: Unpack[BlockingServer],
) -> Server:
    """
    Make a WebSocket server that listens: ``with serve(...) as server: server.serve_forever()``.

    Arguments:
        handler: function of a :class:`ServerConnection`, which is closed when it returns; each
            connection has a thread for it.
        host, port: where to listen.
        sock: a socket to listen on, instead.
        ssl: an :class:`ssl.SSLContext`, for TLS.
        origins: acceptable values of the Origin header, also compiled regular expressions that
            match a whole value, and None for requests without; None instead of a list for all.
        extensions: factories of supported extensions, the preferred first.
        subprotocols: supported subprotocols, the preferred first; a client has to offer one.
        select_subprotocol: a function of the connection and the subprotocols that the client
            offers, which returns one of them or None, or raises
            :exc:`~websockets.exceptions.NegotiationError`.
        compression: "deflate" to negotiate permessage-deflate (RFC 7692), None not to.
        process_request: a function of the connection and the
            :class:`~websockets.http11.Request`; it returns None to go on, or a
            :class:`~websockets.http11.Response`, for which there is
            :meth:`ServerConnection.respond`.
        process_response: a function of the connection, the request and the response; it returns
            None, or another response.
        server_header: value of the Server header of responses; None for no such header.
        open_timeout: seconds that the TLS handshake and the opening handshake may take together,
            after which TCP is ended; None for no limit.
        ping_interval, ping_timeout, close_timeout, max_queue: see
            :class:`~websockets.sync.connection.Connection`.
        max_size: largest incoming message in bytes, or a pair: largest message, largest of its
            frames; None for no limit.
        logger: ``websockets.server`` by default.
        create_connection: class or function that takes the arguments of :class:`ServerConnection`
            and returns an instance of it or of a subclass.
        kwargs: arguments of :func:`socket.create_server`.
    """
    options: Any = kwargs
    if "ssl_context" in options:
        ssl = options.pop("ssl_context")
        warnings.warn("ssl_context was renamed to ssl", DeprecationWarning, stacklevel=2)
    unix, path = options.pop("unix", False), options.pop("path", None)
    check_arguments(TODAYS_SERVE, locals())
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
    listener = listening(host, port, sock, unix, path, options)
    server = Server(listener, handler, logger)
    server.open_timeout = open_timeout
    server.select_subprotocol = select_subprotocol
    server.handshake_arguments = (process_request, process_response, server_header)
    server._make = lambda sock, server: create(sock, new_protocol(), server)
    server._ssl = ssl
    return server


def listening(
    host: Optional[str],
    port: Optional[int],
    sock: Optional[socket.socket],
    unix: bool,
    path: Any,
    kwargs: dict[str, Any],
) -> socket.socket:
    """Return a socket that listens."""
    if sock is not None:
        for name, value in (("host", host), ("port", port), ("path", path)):
            if value is not None:
                raise ValueError(f"{name} is incompatible with sock")
        if kwargs:
            unexpected("serve", min(kwargs), TODAYS_SERVE)
        return sock
    if not unix:
        return socket.create_server(("" if host is None else host, port or 0), **kwargs)
    if path is None:
        raise ValueError("missing path argument")
    kwargs.setdefault("family", socket.AF_UNIX)
    return socket.create_server(path, **kwargs)


def unix_serve(handler: Handler, path: Optional[str] = None, **kwargs: Any) -> Server:
    """
    Make a WebSocket server that listens on a Unix socket; for example behind a reverse proxy.

    Arguments:
        handler: see :func:`serve`.
        path: path of the socket in the file system; it may be left out if ``sock`` is given.
        kwargs: arguments of :func:`serve`.
    """
    return serve(handler, unix=True, path=path, **kwargs)


def basic_auth(
    realm: str = "",
    credentials: Union[tuple[str, str], Iterable[tuple[str, str]], None] = None,
    check_credentials: Optional[Callable[[str, str], bool]] = None,
) -> Callable[[ServerConnection, Request], Optional[Response]]:
    """
    Make a ``process_request`` that lets clients in by HTTP Basic authentication (RFC 7617).

    Arguments:
        realm: scope of protection, in ASCII.
        credentials: a ``(username, password)`` pair, or several.
        check_credentials: function that takes a username and a password, and returns whether they
            are right; it or ``credentials`` is given, not both.

    Raises:
        ValueError: if neither or both are given.
        TypeError: if the credentials aren't pairs of strings.
    """
    auth = BasicAuth.of(realm, credentials, check_credentials)

    def process_request(connection: ServerConnection, request: Request) -> Optional[Response]:
        response: Optional[Response] = at_once(auth.process_request(connection, request))
        return response

    return process_request


def __getattr__(name: str) -> Any:
    if name == "WebSocketServer":
        warnings.warn("WebSocketServer was renamed to Server", DeprecationWarning, stacklevel=2)
        return Server
    return _borrowed(name)
