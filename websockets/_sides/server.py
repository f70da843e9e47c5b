"""
A server's side of 8.1's connections: the opening handshake, and the task that runs a handler.

Owns what a server decides: which requests become connections, and how the others are answered (RFC
6455 section 4.2). Must never know frames, nor who listens. Key decision: a connection has one task,
its handler; every way out of the handshake is an exception that one table turns into an HTTP
response.
"""

from __future__ import annotations

import asyncio
import functools
import http
import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from re import Pattern
from typing import Any, Optional, Union, cast

from .._core import SERVERS, forget_frames, steps_of
from .._engine.arguments import SERVER, check_arguments, set_unless_usual
from .._engine.deadlines import Deadlines
from .._handshake.admission import check_framing, check_host, check_origin
from .._handshake.negotiation import choose_extensions, choose_subprotocol, offered_subprotocols
from .._handshake.refusal import is_about_the_request, response_to, shutting_down, too_slow
from .._handshake.responses import accepting, add_usual_headers, serialize_response
from .._handshake.upgrade import check_request
from .._registry import WebSocketServer, is_running
from ..asyncio._served import ServerConnection
from ..asyncio.connection import Connection, is_ours
from ..datastructures import Headers, HeadersLike
from ..exceptions import AbortHandshake, ConnectionClosed, InvalidMessage
from ..extensions.base import Extension, ServerExtensionFactory
from ..http import USER_AGENT
from ..http11 import Response
from ..protocol import State, WebSocketCommonProtocol
from ..typing import Origin, Subprotocol

__all__ = ["HTTPResponse", "HeadersOrCallable", "Origins", "WebSocketServerProtocol"]

HTTPResponse = tuple[Union[http.HTTPStatus, int], HeadersLike, bytes]
HeadersOrCallable = Union[HeadersLike, Callable[[str, Headers], HeadersLike]]
Origins = Sequence[Union[Origin, Pattern[str], None]]


class WebSocketServerProtocol(  # type: ignore[misc]
    WebSocketCommonProtocol, ServerConnection
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

    path: str
    request_headers: Headers
    subprotocol: Optional[Subprotocol] = None
    extensions: list[Extension]

    _ws_logger = logging.getLogger("websockets.server")

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
        self.handler_task: asyncio.Task[None] = self.loop.create_task(steps_of(self.handler()))

    async def handler(self) -> None:
        """Serve the connection from the opening handshake to the end of TCP."""
        try:
            path = await self._ws_open()
            if path is not None:
                try:
                    await self.ws_handler(self, path)
                except Exception as exc:
                    break_off(self, exc)
                await self.close()
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


# Programs find it there, in tracebacks and pickles as well.
WebSocketServerProtocol.__module__ = "websockets.server"


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
