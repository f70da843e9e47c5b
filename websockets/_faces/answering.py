"""
How a server's connection comes to its answer: whom it asks, one after the other.

Owns that order, and what a program may do wrong in it. Must never know the rules of the opening
handshake, which are the protocol's, nor how a request arrives and a response leaves. Key decision:
it is one text of coroutines; in threads, where nothing is awaited, whoever runs them needs no event
loop (:func:`at_once`).
"""

from __future__ import annotations

import inspect
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any, Optional, TypeVar

from .._core import forget_frames
from .._sansio.server import ServerProtocol
from ..datastructures import Headers
from ..http11 import SERVER, Request, Response
from ..typing import StatusLike
from .facts import Facts

__all__ = ["Answering", "Asked", "at_once"]

T = TypeVar("T")

FAILED = "Failed to open a WebSocket connection.\nSee server log for more information.\n"


class Asked:
    """
    What a server's connections look at when they come to an answer.

    Attributes:
        open_timeout: seconds that the opening handshake may take; None for no limit.
        select_subprotocol: a function of the connection and the subprotocols offered, or None.
        handshake_arguments: what ``handshake()`` is given.
    """

    open_timeout: Optional[float] = 10
    select_subprotocol: Any = None
    handshake_arguments: tuple[Any, Any, Optional[str]] = (None, None, SERVER)


class Answering(Facts):
    """What the connections of all servers of today's API have in common."""

    __slots__ = ()

    protocol: ServerProtocol
    response: Any
    server: Any
    username: str
    handler: Any
    handler_kwargs: dict[str, Any]

    _ws_is_client = False
    _ws_awaits = True  # whether a program's functions may be coroutine functions

    def respond(self, status: StatusLike, text: str) -> Response:
        """
        Make an HTTP response with a text, for ``process_request`` and ``process_response``.

        Arguments:
            status: HTTP status.
            text: body, which is sent as UTF-8.
        """
        return self.protocol.reject(status, text)

    async def _ws_decide(
        self, process_request: Any, process_response: Any, server_header: Optional[str]
    ) -> None:
        """Come to the response that the request gets, which isn't sent yet."""
        request, response = self.request, None
        if process_request is not None:
            response = await self._ws_ask("process_request", process_request, request)
        response = self._ws_complete(response, server_header)
        if process_response is not None:
            other = await self._ws_ask("process_response", process_response, request, response)
            if other is not None:
                self.response = other

    def _ws_complete(self, response: Optional[Response], server_header: Optional[str]) -> Response:
        """Come to the response unless the program has, and complete it."""
        if response is None:
            # The program may have taken its time.
            served = self._ws_is_served()
            response = self._ws_accept(self.request) if served else self._ws_refusal()
        if server_header is not None:
            headers = response.headers
            if (
                server_header is SERVER
                and type(headers) is Headers
                and "server" not in headers._values
            ):
                headers._put_new("Server", "server", SERVER)  # It needs no check.
            else:
                headers["Server"] = server_header
        self.response = response
        return response

    def _ws_is_served(self) -> bool:
        """Whether the server takes connections still."""
        return True

    async def _ws_ask(self, name: str, function: Any, *arguments: Any) -> Any:
        """Ask the program for a response; what goes wrong with it is one, too."""
        try:
            response = function(self, *arguments)
            if self._ws_awaits and inspect.isawaitable(response):
                response = await response
            if not (response is None or isinstance(response, Response)):
                raise TypeError(f"{name} must return None or a Response, not {response!r}")
        except Exception as exc:
            self.logger.error(f"{name} failed", exc_info=True)
            response = self.protocol.reject(HTTPStatus.INTERNAL_SERVER_ERROR, FAILED)
            forget_frames(exc)
            self.protocol.handshake_exc = exc
        return response

    def _ws_accept(self, request: Request) -> Response:
        select = self.server.select_subprotocol
        if select is None:
            return self.protocol.accept(request)
        self.protocol.logger = self.logger  # for what may go wrong in there
        self.protocol._select = lambda protocol, offered: select(self, offered)
        try:
            return self.protocol.accept(request)
        finally:
            # It refers to this connection, which refers to the protocol.
            self.protocol._select = None

    def _ws_refusal(self) -> Response:
        self.protocol.accept_called = True  # It is a request to accept that is rejected.
        return self.protocol.reject(HTTPStatus.SERVICE_UNAVAILABLE, "Server is shutting down.\n")

    def _ws_opens(self) -> bool:
        """Whether the response opens the connection."""
        if self.protocol.handshake_exc is not None or self.response is None:
            return False
        opens: bool = self.response.status_code == 101
        return opens

    def _ws_not_opened(self, exc: Exception, gone: bool) -> None:
        """Log why the handshake failed, unless that is done; ``gone``: the client went away."""
        if gone:
            self.logger.debug("! connection lost during opening handshake", exc_info=exc)
        elif exc is not self.protocol.handshake_exc:
            self.logger.error("opening handshake failed", exc_info=exc)
        forget_frames(exc)  # The protocol may keep it.


def at_once(steps: Coroutine[Any, Any, T]) -> T:
    """
    Take the steps of a coroutine that has nothing to wait for.

    Raises:
        RuntimeError: if it waits all the same.
    """
    try:
        steps.send(None)
    except StopIteration as done:
        outcome: T = done.value
        return outcome
    steps.close()
    raise RuntimeError("a coroutine that waits needs an event loop, which threads haven't got")
