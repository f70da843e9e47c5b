"""
WebSocket servers: ``serve()``, and the server's side of the opening handshake.

Owns what a server decides: which requests become connections, how the others are answered (RFC
6455 section 4.2), and which task runs a handler. Must never know frames. Key decision: a connection
has one task, its handler; every way out of the handshake is an exception that one table turns into
an HTTP response.
"""

from __future__ import annotations

import asyncio
import email.utils
import functools
import http
import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from types import TracebackType
from typing import Any, Optional, Union, cast

from ._core import forget_frames
from ._handshake.refusal import check_framing, check_host, response_to, shutting_down, too_slow
from ._registry import WebSocketServer
from ._transports.secure import served_over_tls
from .datastructures import Headers, HeadersLike, MultipleValuesError
from .exceptions import (
    AbortHandshake,
    ConnectionClosed,
    InvalidHandshake,
    InvalidHeader,
    InvalidMessage,
    InvalidOrigin,
    NegotiationError,
)
from .extensions.base import Extension, ServerExtensionFactory
from .extensions.permessage_deflate import enable_server_permessage_deflate
from .handshake import build_response, check_request
from .headers import build_extension, check_headers, parse_extension, parse_subprotocol
from .http import USER_AGENT
from .protocol import State, WebSocketCommonProtocol, set_unless_usual, warn_of_loop
from .typing import ExtensionHeader, Origin, Subprotocol

__all__ = ["Serve", "WebSocketServer", "WebSocketServerProtocol", "serve", "unix_serve"]

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

REASONS = {int(status): status.phrase for status in http.HTTPStatus}

HTTPResponse = tuple[Union[http.HTTPStatus, int], HeadersLike, bytes]
HeadersOrCallable = Union[HeadersLike, Callable[[str, Headers], HeadersLike]]


class WebSocketServerProtocol(WebSocketCommonProtocol):
    """
    A server's end of a connection.

    Arguments:
        ws_handler: coroutine function of two arguments, the connection and the path of the
            request; when it returns, the connection is closed.
        ws_server: keeps track of connections; any object with ``register(protocol)``,
            ``unregister(protocol)`` and ``is_serving()``.
        origins: acceptable values of the Origin header, None among them for requests without.
        extensions: factories of supported extensions, the preferred first.
        subprotocols: supported subprotocols, the preferred first.
        extra_headers: additional headers of the response, or a function of the request's path and
            headers that returns them.
        process_request: see :meth:`process_request`.
        select_subprotocol: see :meth:`select_subprotocol`.
        kwargs:
            ``allowed_hosts``: names that the Host header may have, without port; None, the
            default, for any. A server for this machine only should have "localhost" here,
            against DNS rebinding.
            ``open_timeout``: seconds that the client has for its request, 10 by default; None for
            no limit.
            ``server_header``: value of the Server header of responses; None for no such header.
            Others are arguments of :class:`WebSocketCommonProtocol`.
    """

    is_client = False
    side = "server"
    _ws_logger = logging.getLogger(__name__)

    origin: Optional[Origin] = None

    # As in the base class, for what has its usual value.
    origins: Optional[Sequence[Optional[Origin]]] = None
    available_extensions: Optional[Sequence[ServerExtensionFactory]] = None
    available_subprotocols: Optional[Sequence[Subprotocol]] = None
    extra_headers: Optional[HeadersOrCallable] = None
    allowed_hosts: Optional[Sequence[str]] = None
    open_timeout: Optional[float] = 10
    server_header: Optional[str] = USER_AGENT
    _process_request: Optional[Callable[[str, Headers], Any]] = None
    _select_subprotocol: Optional[
        Callable[[Sequence[Subprotocol], Sequence[Subprotocol]], Subprotocol]
    ] = None

    def __init__(
        self,
        ws_handler: Callable[[WebSocketServerProtocol, str], Awaitable[Any]],
        ws_server: Any,
        *,
        origins: Optional[Sequence[Optional[Origin]]] = None,
        extensions: Optional[Sequence[ServerExtensionFactory]] = None,
        subprotocols: Optional[Sequence[Subprotocol]] = None,
        extra_headers: Optional[HeadersOrCallable] = None,
        process_request: Optional[Callable[[str, Headers], Any]] = None,
        select_subprotocol: Optional[
            Callable[[Sequence[Subprotocol], Sequence[Subprotocol]], Subprotocol]
        ] = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(subprotocols, str):
            raise TypeError("subprotocols must be a list of str, not a str")
        self.ws_handler = ws_handler
        self.ws_server = ws_server
        set_unless_usual(
            self,
            origins=origins,
            available_extensions=extensions,
            available_subprotocols=subprotocols,
            extra_headers=extra_headers,
            allowed_hosts=kwargs.pop("allowed_hosts", None),
            open_timeout=kwargs.pop("open_timeout", 10),
            server_header=kwargs.pop("server_header", USER_AGENT),
            _process_request=process_request,
            _select_subprotocol=select_subprotocol,
        )
        super().__init__(**kwargs)

    def connection_made(self, transport: Any) -> None:
        """Take a transport, and start the task that serves it."""
        super().connection_made(transport)
        self.ws_server.register(self)
        self.handler_task = self.loop.create_task(self.handler())

    async def handler(self) -> None:
        """Serve the connection from the opening handshake to the end of TCP."""
        try:
            path = await self._open()
            if path is not None:
                await self._run_handler(path)
            await self.wait_closed()
        except asyncio.CancelledError as exc:
            # The program or the loop is stopping: there is no time for more than this.
            self.fail_connection(1001)
            self._ws_phase.hang_up()
            self.ws_server.unregister(self)
            # The task keeps this exception, and its frames would keep the connection.
            forget_frames(exc)
            del self
            raise exc
        self.ws_server.unregister(self)

    async def _open(self) -> Optional[str]:
        """Perform the opening handshake; return the path, or None if it was refused."""
        try:
            return await self.handshake(
                origins=self.origins,
                available_extensions=self.available_extensions,
                available_subprotocols=self.available_subprotocols,
                extra_headers=self.extra_headers,
            )
        except Exception as exc:
            if isinstance(exc, (OSError, EOFError)) and self._ws_phase.is_gone():
                self._ws_logger.debug("connection lost during the opening handshake: %s", exc)
            else:
                if not isinstance(exc, InvalidHandshake):
                    self._ws_logger.error("error in the opening handshake", exc_info=True)
                self.refuse(exc)
        return None

    async def _run_handler(self, path: str) -> None:
        try:
            await self.ws_handler(self, path)
        except Exception as exc:
            # That its own connection ended isn't a handler's mistake.
            if not (isinstance(exc, ConnectionClosed) and self.closed):
                self._ws_logger.error("error in a connection handler", exc_info=True)
            self.fail_connection(1011)
        await self.close()

    # Opening handshake

    async def handshake(
        self,
        origins: Optional[Sequence[Optional[Origin]]] = None,
        available_extensions: Optional[Sequence[ServerExtensionFactory]] = None,
        available_subprotocols: Optional[Sequence[Subprotocol]] = None,
        extra_headers: Optional[HeadersOrCallable] = None,
    ) -> str:
        """
        Perform the server's side of the opening handshake (RFC 6455 4.2).

        Arguments:
            origins: acceptable values of the Origin header, None among them for requests without.
            available_extensions: factories of supported extensions, the preferred first.
            available_subprotocols: supported subprotocols, the preferred first.
            extra_headers: additional headers, or a function of the path and the request's headers.

        Returns:
            the path and query of the request.

        Raises:
            InvalidHandshake: if the request isn't acceptable.
            OSError, EOFError: if the client goes away.
        """
        self._check_serving()
        path, request_headers = await self.read_http_request()
        self._check_serving()
        response: Any = self.process_request(path, request_headers)
        if inspect.isawaitable(response):
            response = await response
        if response is not None:
            raise AbortHandshake(*response)
        self._check_serving()

        check_framing(request_headers)
        check_host(request_headers, self.allowed_hosts)
        key = check_request(request_headers)
        self.origin = self.process_origin(request_headers, origins)
        extensions_header, self.extensions = self.process_extensions(
            request_headers, available_extensions
        )
        self.subprotocol = self.process_subprotocol(request_headers, available_subprotocols)

        response_headers = Headers()
        build_response(response_headers, key)
        if extensions_header is not None:
            response_headers["Sec-WebSocket-Extensions"] = extensions_header
        if self.subprotocol is not None:
            response_headers["Sec-WebSocket-Protocol"] = self.subprotocol
        if callable(extra_headers):
            extra_headers = extra_headers(path, request_headers)
        if extra_headers is not None:
            response_headers.update(extra_headers)
        self.write_http_response(http.HTTPStatus.SWITCHING_PROTOCOLS, response_headers)
        self.connection_open()
        if hasattr(self, "close_connection_task"):
            # An overridden close_connection() begins before the first message is read.
            await asyncio.sleep(0)
        return path

    async def read_http_request(self) -> tuple[str, Headers]:
        """
        Wait for the request.

        Returns:
            ``(path, headers)``, which are then attributes ``path`` and ``request_headers``, too.

        Raises:
            InvalidMessage: if it isn't a GET request of HTTP/1.1, or doesn't come in time.
            SecurityError: if it exceeds a limit.
        """
        timer = None
        opening = self._ws_phase
        if self.open_timeout is not None and opening.state == State.CONNECTING:
            timer = self.loop.call_later(self.open_timeout, opening.give_up, too_slow())
        try:
            head = await opening.head()
        except ValueError as exc:
            raise InvalidMessage(f"not a valid HTTP request: {exc}") from exc
        finally:
            if timer is not None:
                timer.cancel()
        self.path = head.path
        self.request_headers = head.headers
        return self.path, self.request_headers

    def _check_serving(self) -> None:
        if self._ws_phase.is_gone():
            raise ConnectionError("the client went away during the opening handshake")
        if not self.ws_server.is_serving():
            raise shutting_down()

    async def process_request(self, path: str, request_headers: Headers) -> Optional[HTTPResponse]:
        """
        Answer a request with an HTTP response instead of a WebSocket, if that is appropriate.

        A subclass overrides this, or ``process_request`` is given to ``serve()``; either may be a
        plain function as well.

        Arguments:
            path: path and query of the request.
            request_headers: headers of the request.

        Returns:
            None to go on with the handshake, or ``(status, headers, body)`` for a response.
        """
        if self._process_request is None:
            return None
        response = self._process_request(path, request_headers)
        if inspect.isawaitable(response):
            response = await response
        return cast(Optional[HTTPResponse], response)

    @staticmethod
    def process_origin(
        headers: Headers, origins: Optional[Sequence[Optional[Origin]]] = None
    ) -> Optional[Origin]:
        """
        Check the Origin header (RFC 6455 4.2.2 and 10.2).

        Raises:
            InvalidOrigin: if the origin isn't acceptable.
        """
        try:
            origin = cast("Optional[Origin]", headers.get("Origin"))
        except MultipleValuesError as exc:
            raise InvalidHeader("Origin", "more than one Origin header found") from exc
        if origins is not None and origin not in origins:
            raise InvalidOrigin(origin)
        return origin

    @staticmethod
    def process_extensions(
        headers: Headers, available_extensions: Optional[Sequence[ServerExtensionFactory]]
    ) -> tuple[Optional[str], list[Extension]]:
        """
        Choose extensions among the client's offers, in their order (RFC 6455 9.1).

        Returns:
            ``(header, extensions)``: the header of the response or None, and the extensions.

        Raises:
            InvalidHandshake: if the client's header is malformed.
        """
        accepted_headers: list[ExtensionHeader] = []
        accepted: list[Extension] = []
        offers = headers.get_all("Sec-WebSocket-Extensions")
        if offers and available_extensions:
            for name, params in parse_extension(", ".join(offers)):
                for factory in available_extensions:
                    if factory.name != name:
                        continue
                    try:
                        answer, extension = factory.process_request_params(params, accepted)
                    except NegotiationError:
                        continue  # The offer is declined; the next one may do.
                    accepted_headers.append((name, answer))
                    accepted.append(extension)
                    break
        return build_extension(accepted_headers) if accepted else None, accepted

    def process_subprotocol(
        self, headers: Headers, available_subprotocols: Optional[Sequence[Subprotocol]]
    ) -> Optional[Subprotocol]:
        """
        Choose a subprotocol among those that the client offers (RFC 6455 1.9).

        Raises:
            InvalidHandshake: if the client's header is malformed.
        """
        offers = headers.get_all("Sec-WebSocket-Protocol")
        if not offers or not available_subprotocols:
            return None
        return self.select_subprotocol(parse_subprotocol(", ".join(offers)), available_subprotocols)

    def select_subprotocol(
        self,
        client_subprotocols: Sequence[Subprotocol],
        server_subprotocols: Sequence[Subprotocol],
    ) -> Optional[Subprotocol]:
        """
        Pick a subprotocol.

        The one whose places in both lists add up to the least wins, by default; the server's
        preference decides between equals.

        Arguments:
            client_subprotocols: offered by the client.
            server_subprotocols: supported by the server.

        Returns:
            the subprotocol, or None to go on without.
        """
        if self._select_subprotocol is not None:
            return self._select_subprotocol(client_subprotocols, server_subprotocols)
        common = [name for name in server_subprotocols if name in client_subprotocols]
        # min() takes the first of equals, and common is in the server's order.
        return min(
            common,
            key=lambda name: client_subprotocols.index(name) + server_subprotocols.index(name),
            default=None,
        )

    # HTTP responses

    def write_http_response(
        self, status: Union[http.HTTPStatus, int], headers: Headers, body: Optional[bytes] = None
    ) -> None:
        """Write a response; ``Date`` and ``Server`` are added unless they are there."""
        headers.setdefault("Date", http_date(int(time.time())))
        if self.server_header is not None:
            headers.setdefault("Server", self.server_header)
        check_headers(headers)
        status = int(status)
        reason = REASONS.get(status, "")
        self.response_headers = headers
        head = f"HTTP/1.1 {status} {reason}\r\n{headers}".encode(errors="surrogateescape")
        self.transport.write(head if body is None else head + body)

    def refuse(self, exc: Exception) -> None:
        """Answer a handshake that failed with the HTTP response that fits, and end TCP."""
        if self.state is State.OPEN:
            self.fail_connection(1011)
        if not self._ws_phase.is_answerable():
            return
        try:
            status, headers, body = response_to(exc)
            self._write_refusal(status, headers, body)
        except Exception:
            # What a program returned can't be sent.
            self._ws_logger.error("error in the response to an opening handshake", exc_info=True)
            self._write_refusal(http.HTTPStatus.INTERNAL_SERVER_ERROR, Headers(), b"")
        self._ws_phase.half_close()

    def _write_refusal(self, status: int, headers: Headers, body: bytes) -> None:
        headers.setdefault("Connection", "close")
        headers.setdefault("Content-Length", str(len(body)))
        headers.setdefault("Content-Type", "text/plain; charset=utf-8")
        self.write_http_response(status, headers, body)

    def shut_down(self) -> None:
        """Take part in the server's shutdown: 503 during the handshake, else code 1001."""
        if self.state is not State.CONNECTING:
            self._ws_phase.close(1001, "")
        elif self._ws_phase.complete:
            # process_request() is running; it learns of this from wait_closed().
            self.refuse(shutting_down())
        else:
            self._ws_phase.give_up(shutting_down())


class Serve:
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
        kwds: ``allowed_hosts``, ``open_timeout``, ``server_header``, ``max_fragments``,
            ``gather_writes`` and ``logger``, see there; others are passed to
            :meth:`asyncio.loop.create_server`, for example ``ssl``.

    Returns:
        a :class:`WebSocketServer`, when awaited.
    """

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
        origins: Optional[Sequence[Optional[Origin]]] = None,
        extensions: Optional[Sequence[ServerExtensionFactory]] = None,
        subprotocols: Optional[Sequence[Subprotocol]] = None,
        extra_headers: Optional[HeadersOrCallable] = None,
        process_request: Optional[Callable[[str, Headers], Any]] = None,
        select_subprotocol: Optional[
            Callable[[Sequence[Subprotocol], Sequence[Subprotocol]], Subprotocol]
        ] = None,
        **kwds: Any,
    ) -> None:
        klass = kwds.pop("klass", None)
        # The older name of close_timeout counts where the newer one isn't given.
        timeout = kwds.pop("timeout", None)
        if timeout is not None and close_timeout == 10:
            close_timeout = timeout
        open_timeout = kwds.get("open_timeout", 10)
        if kwds.get("ssl") is not None and open_timeout is not None:
            # A client that dribbles its TLS handshake has no protocol yet that could cut it off.
            kwds.setdefault("ssl_handshake_timeout", open_timeout)
        if loop is not None:
            warn_of_loop()
        if isinstance(subprotocols, str):
            raise TypeError("subprotocols must be a list of str, not a str")
        if compression == "deflate":
            extensions = enable_server_permessage_deflate(extensions)
        elif compression is not None:
            raise ValueError(f"compression must be 'deflate' or None, not {compression!r}")
        # Handed on only where they are given: create_protocol may know nothing of them.
        added = {name: kwds.pop(name) for name in ADDED_ARGUMENTS if name in kwds}
        self._create_protocol = functools.partial(
            create_protocol or klass or WebSocketServerProtocol,
            takes_path(ws_handler),
            host=host,
            port=port,
            secure=kwds.get("ssl") is not None,
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
        self._host = host
        self._port = port
        self._kwds = kwds

    def __await__(self) -> Generator[Any, None, WebSocketServer]:
        return self._start().__await__()

    # Programs written before async/await say "yield from".
    __iter__ = __await__

    async def __aenter__(self) -> WebSocketServer:
        return await self

    async def __aexit__(
        self,
        exc_type: Optional[type[BaseException]],
        exc_value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.ws_server.__aexit__(exc_type, exc_value, traceback)

    async def _start(self) -> WebSocketServer:
        loop = asyncio.get_running_loop()
        self.ws_server = WebSocketServer(loop)
        factory: Any = functools.partial(
            self._create_protocol.func,
            *self._create_protocol.args,
            self.ws_server,
            **self._create_protocol.keywords,
        )
        factory, kwds = served_over_tls(loop, factory, self._kwds, self.ws_server.handshakes)
        self.ws_server.wrap(await self._listen(loop, factory, kwds))
        return self.ws_server

    async def _listen(
        self, loop: asyncio.AbstractEventLoop, factory: Any, kwds: dict[str, Any]
    ) -> Any:
        return await loop.create_server(factory, self._host, self._port, **kwds)


serve = Serve


class _UnixServe(Serve):
    async def _listen(
        self, loop: asyncio.AbstractEventLoop, factory: Any, kwds: dict[str, Any]
    ) -> Any:
        return await loop.create_unix_server(factory, **kwds)


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


@functools.lru_cache(maxsize=1)
def http_date(seconds: int) -> str:
    """Return a time as a Date header tells it (RFC 9110 6.6.1); many responses tell the same."""
    return email.utils.formatdate(seconds, usegmt=True)


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
