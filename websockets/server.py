"""
WebSocket servers: ``serve()``, and the server's side of the opening handshake.

Owns what a server decides: which requests become connections, how the others are answered (RFC
6455 section 4.2), and which task runs a handler. Must never know frames. Key decision: a connection
has one task, its handler; every way out of the handshake is an exception that one table turns into
an HTTP response.
"""

from __future__ import annotations

import asyncio
import functools
import http
import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from re import Pattern
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional, Union, cast

from ._core import SERVERS, forget_frames
from ._engine.arguments import SERVE, SERVER, check_arguments, set_unless_usual
from ._engine.broadcasting import broadcast as broadcast
from ._engine.deadlines import Deadlines
from ._engine.making import copies_of, maker
from ._handshake.admission import check_framing, check_host, check_origin
from ._handshake.negotiation import choose_extensions, choose_subprotocol, offered_subprotocols
from ._handshake.refusal import is_about_the_request, response_to, shutting_down, too_slow
from ._handshake.responses import accepting, add_usual_headers, serialize_response
from ._handshake.upgrade import check_request
from ._registry import WebSocketServer, is_running
from ._sansio.renamed import ServerConnection as ServerConnection
from ._sansio.server import ServerProtocol
from ._starting import Function, Starting
from ._transports.reactors import listen
from ._transports.secure import served_over_tls
from .asyncio import server as todays
from .asyncio.connection import Connection, is_ours
from .datastructures import Headers, HeadersLike
from .exceptions import AbortHandshake, ConnectionClosed, InvalidMessage
from .extensions.base import Extension, ServerExtensionFactory
from .extensions.permessage_deflate import enable_server_permessage_deflate
from .http import USER_AGENT
from .http11 import Response
from .protocol import State, WebSocketCommonProtocol, warn_of_loop
from .typing import Origin, Subprotocol

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._keywords import OlderServing

__all__ = [
    "Serve",
    "ServerProtocol",
    "WebSocketServer",
    "WebSocketServerProtocol",
    "serve",
    "unix_serve",
]

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

HTTPResponse = tuple[Union[http.HTTPStatus, int], HeadersLike, bytes]
HeadersOrCallable = Union[HeadersLike, Callable[[str, Headers], HeadersLike]]
Origins = Sequence[Union[Origin, Pattern[str], None]]


class WebSocketServerProtocol(  # type: ignore[misc]
    WebSocketCommonProtocol, todays.ServerConnection
):
    """
    A server's end of a connection.

    Arguments:
        ws_handler: coroutine function of two arguments, the connection and the path of the
            request; when it returns, the connection is closed.
        ws_server: keeps track of connections; any object with ``register(protocol)``,
            ``unregister(protocol)`` and ``is_serving()``.
        origins: acceptable values of the Origin header, also compiled regular expressions that
            match a whole value, and None for requests without; None instead of a list for all.
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
    origins: Optional[Origins] = None
    available_extensions: Optional[Sequence[ServerExtensionFactory]] = None
    available_subprotocols: Optional[Sequence[Subprotocol]] = None
    extra_headers: Optional[HeadersOrCallable] = None
    allowed_hosts: Optional[Sequence[str]] = None
    open_timeout: Optional[float] = 10
    server_header: Optional[str] = USER_AGENT
    _ws_process_request: Optional[Callable[[str, Headers], Any]] = None
    _ws_select_subprotocol: Optional[
        Callable[[Sequence[Subprotocol], Sequence[Subprotocol]], Subprotocol]
    ] = None

    def __init__(
        self,
        ws_handler: Callable[[WebSocketServerProtocol, str], Awaitable[Any]],
        ws_server: Any,
        *,
        origins: Optional[Origins] = None,
        extensions: Optional[Sequence[ServerExtensionFactory]] = None,
        subprotocols: Optional[Sequence[Subprotocol]] = None,
        extra_headers: Optional[HeadersOrCallable] = None,
        process_request: Optional[Callable[[str, Headers], Any]] = None,
        select_subprotocol: Optional[
            Callable[[Sequence[Subprotocol], Sequence[Subprotocol]], Subprotocol]
        ] = None,
        **kwargs: Any,
    ) -> None:
        if not callable(ws_handler):
            check_arguments(SERVER, {"ws_handler": ws_handler})
        self.ws_handler = ws_handler
        self.ws_server = ws_server
        set_unless_usual(
            self,
            SERVER,
            origins=origins,
            available_extensions=extensions,
            available_subprotocols=subprotocols,
            extra_headers=extra_headers,
            allowed_hosts=kwargs.pop("allowed_hosts", None),
            open_timeout=kwargs.pop("open_timeout", 10),
            server_header=kwargs.pop("server_header", USER_AGENT),
            _ws_process_request=process_request,
            _ws_select_subprotocol=select_subprotocol,
        )
        super().__init__(**kwargs)

    def connection_made(self, transport: Any) -> None:
        """Take a transport, and start the task that serves it."""
        Connection.connection_made(self, transport)
        if isinstance(self.ws_server, WebSocketServer):
            self._ws_phase.ending.server = self.ws_server
        self.ws_server.register(self)
        self.handler_task = self.loop.create_task(self.handler())

    async def handler(self) -> None:
        """Serve the connection from the opening handshake to the end of TCP."""
        try:
            path = await self._ws_open()
            if path is not None:
                await self._ws_run_handler(path)
            await self.wait_closed()
        except BaseException as exc:
            self.ws_server.unregister(self)
            break_off(self, exc)
            if isinstance(exc, Exception):
                return
            # The task keeps this exception, and its frames would keep the connection.
            forget_frames(exc)
            del self
            raise exc
        self.ws_server.unregister(self)

    async def _ws_open(self) -> Optional[str]:  # type: ignore[override]
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
                SERVERS.answer("lost")
            else:
                if not is_about_the_request(exc):
                    self._ws_log_error("error in the opening handshake")
                self.refuse(exc)
        return None

    async def _ws_run_handler(self, path: str) -> None:
        try:
            await self.ws_handler(self, path)
        except Exception as exc:
            break_off(self, exc)
        await self.close()

    # Opening handshake

    async def handshake(  # type: ignore[override]
        self,
        origins: Optional[Origins] = None,
        available_extensions: Optional[Sequence[ServerExtensionFactory]] = None,
        available_subprotocols: Optional[Sequence[Subprotocol]] = None,
        extra_headers: Optional[HeadersOrCallable] = None,
    ) -> str:
        """
        Perform the server's side of the opening handshake (RFC 6455 4.2).

        Arguments:
            origins: acceptable values of the Origin header, see :class:`WebSocketServerProtocol`.
            available_extensions: factories of supported extensions, the preferred first.
            available_subprotocols: supported subprotocols, the preferred first.
            extra_headers: additional headers, or a function of the path and the request's headers.

        Returns:
            the path and query of the request.

        Raises:
            InvalidHandshake: if the request isn't acceptable.
            OSError, EOFError: if the client goes away.
        """
        self._ws_check_serving()
        path, request_headers = await self.read_http_request()
        self._ws_check_serving()
        usual = WebSocketServerProtocol.process_request
        if self._ws_process_request is not None or not is_ours(self.process_request, usual):
            response: Any = self.process_request(path, request_headers)
            if inspect.isawaitable(response):
                response = await response
            if response is not None:
                if isinstance(response, Response):
                    response = response.status_code, response.headers, bytes(response.body)
                raise AbortHandshake(*response)
            self._ws_check_serving()

        check_framing(request_headers)
        if self.allowed_hosts is not None:
            check_host(request_headers, self.allowed_hosts)
        key = check_request(request_headers)
        self.origin = self.process_origin(request_headers, origins)
        extensions_header, self.extensions = self.process_extensions(
            request_headers, available_extensions
        )
        self.subprotocol = self.process_subprotocol(request_headers, available_subprotocols)

        response_headers = accepting(key, extensions_header, self.subprotocol)
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
        opening, seconds = self._ws_phase, self.open_timeout
        deadlines = None
        if seconds is not None and opening.state == State.CONNECTING:
            # A server that isn't ours has none.
            shared = getattr(self.ws_server, "_ws_deadlines", None)
            deadlines = (shared or functools.partial(Deadlines, self.loop))(seconds, give_up_slow)
            deadlines.add(opening)
        try:
            head = await opening.head()
        except ValueError as exc:
            raise InvalidMessage(f"not a valid HTTP request: {exc}") from exc
        finally:
            if deadlines is not None:
                deadlines.remove(opening)
                if shared is None:
                    deadlines.stop()
        self.path = head.path
        self.request_headers = head.headers
        if self._ws_journal is not None:
            self._ws_journal.head("<", f"GET {self.path} HTTP/1.1", head.headers)
        return self.path, self.request_headers

    def _ws_check_serving(self) -> None:
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
        if self._ws_process_request is None:
            return None
        response = self._ws_process_request(path, request_headers)
        if inspect.isawaitable(response):
            response = await response
        return cast(Optional[HTTPResponse], response)

    @staticmethod
    def process_origin(headers: Headers, origins: Optional[Origins] = None) -> Optional[Origin]:
        """
        Check the Origin header (RFC 6455 4.2.2 and 10.2).

        Raises:
            InvalidOrigin: if the origin isn't acceptable.
        """
        return check_origin(headers, origins)

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
        return choose_extensions(headers, available_extensions)

    def process_subprotocol(
        self, headers: Headers, available_subprotocols: Optional[Sequence[Subprotocol]]
    ) -> Optional[Subprotocol]:
        """
        Choose a subprotocol among those that the client offers (RFC 6455 1.9).

        Raises:
            InvalidHandshake: if the client's header is malformed.
        """
        if not available_subprotocols:
            return None
        offered = offered_subprotocols(headers)
        return self.select_subprotocol(offered, available_subprotocols) if offered else None

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
        if self._ws_select_subprotocol is not None:
            return self._ws_select_subprotocol(client_subprotocols, server_subprotocols)
        return choose_subprotocol(client_subprotocols, server_subprotocols)

    # HTTP responses

    def write_http_response(
        self, status: Union[http.HTTPStatus, int], headers: Headers, body: Optional[bytes] = None
    ) -> None:
        """Write a response; ``Date`` and ``Server`` are added unless they are there."""
        add_usual_headers(headers, time.time(), self.server_header)
        response = serialize_response(int(status), headers, body)
        self.response_headers = headers
        self.transport.write(response)
        SERVERS.answer(int(status))
        if self._ws_journal is not None:
            line = response.partition(b"\r\n")[0].decode("latin-1")
            self._ws_journal.head(">", line, headers, body)

    def refuse(self, exc: BaseException) -> None:
        """Answer a handshake that failed with the HTTP response that fits, and end TCP."""
        if self.state is State.OPEN:
            self.fail_connection(1011)
        if not self._ws_phase.is_answerable():
            return
        if hasattr(self, "response_headers"):
            # The client was told that the connection is open, which is the end of HTTP.
            self._ws_phase.hang_up()
            return
        try:
            try:
                self._ws_write_refusal(exc)
            except Exception as error:
                # What a program returned can't be sent.
                self._ws_log_error("error in the response to an opening handshake")
                self._ws_write_refusal(error)
        except Exception:
            # Nor can any response, if a subclass has a header of its own in each.
            self._ws_phase.hang_up()
        else:
            self._ws_phase.half_close()

    def _ws_write_refusal(self, exc: BaseException) -> None:
        status, headers, body = response_to(exc)
        headers.setdefault("Connection", "close")
        headers.setdefault("Content-Length", str(len(body)))
        headers.setdefault("Content-Type", "text/plain; charset=utf-8")
        self.write_http_response(status, headers, body)
        if self._ws_journal is not None:
            self._ws_journal.refused(status, exc)

    def shut_down(self) -> None:
        """Take part in the server's shutdown: 503 during the handshake, else code 1001."""
        self._ws_shut_down((1001, ""))

    def _ws_shut_down(self, closing: Optional[tuple[int, str]]) -> None:
        if self.state is not State.CONNECTING:
            if closing is not None:
                self._ws_phase.close(*closing)
        elif self._ws_phase.complete:
            # process_request() is running; it learns of this from wait_closed().
            self.refuse(shutting_down())
        else:
            self._ws_phase.give_up(shutting_down())


def give_up_slow(opening: Any) -> None:
    """Give up a connection whose request takes too long."""
    opening.give_up(too_slow())


def break_off(protocol: Any, exc: BaseException) -> None:
    """End a connection whose task ends with an exception, so that nobody will see to it."""
    if isinstance(exc, asyncio.CancelledError):
        # The program or the loop is stopping: there is no time for more than this.
        protocol.fail_connection(1001)
        protocol._ws_phase.hang_up()
    elif isinstance(exc, GeneratorExit) and not is_running(protocol.handler_task):
        pass  # Nobody raised it: the task is thrown away, together with its loop.
    elif protocol.state is State.CONNECTING:
        protocol._ws_log_error("error in the opening handshake")
        protocol.refuse(exc)
    else:
        # That its own connection ended isn't a handler's mistake.
        if not (isinstance(exc, ConnectionClosed) and protocol.closed):
            protocol._ws_log_error("error in a connection handler")
        protocol.fail_connection(1011)


# Arguments that only today's API has, and that make no sense with connections of this one.
TODAYS = {"create_connection", "handler", "process_response"}


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
        for name, callback in (
            ("process_request", process_request),
            ("select_subprotocol", select_subprotocol),
        ):
            if callback is not None and is_todays(callback):
                raise TypeError(
                    f"{name} is given other arguments here than by "
                    "websockets.asyncio.server.serve(), which this function seems to be meant for"
                )
        klass = options.pop("klass", None)
        if ws_handler is None and create_protocol is None and klass is None:
            raise TypeError("ws_handler must be a coroutine function, not None")
        # The older name of close_timeout counts where the newer one isn't given.
        timeout = options.pop("timeout", None)
        if timeout is not None and close_timeout == 10:
            close_timeout = timeout
        open_timeout = options.get("open_timeout", 10)
        if options.get("ssl") is not None and open_timeout is not None:
            # A client that dribbles its TLS handshake has no protocol yet that could cut it off.
            options.setdefault("ssl_handshake_timeout", open_timeout)
        if loop is not None:
            warn_of_loop()
        if isinstance(extra_headers, Iterator):
            extra_headers = list(extra_headers)  # for more than one connection
        if compression == "deflate":
            extensions = enable_server_permessage_deflate(extensions)
        elif compression is not None:
            raise ValueError(f"compression must be 'deflate' or None, not {compression!r}")
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
        self.ws_server = WebSocketServer(loop, self._logger)
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
        names = list(inspect.signature(callback).parameters)
    except (TypeError, ValueError):
        return False
    return names[1:2] == ["request"] or names[:1] == ["connection"]


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
