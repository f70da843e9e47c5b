"""
The server's side of a connection without I/O.

Owns the order of steps in a server's opening handshake, and which of its failures are logged how.
Must never know their rules, which are functions of :mod:`websockets._handshake`, nor anything
behind the handshake.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from re import Pattern
from typing import Any, Optional, Union

from .._core import SERVERS, forget_frames
from .._handshake.admission import check_origin, check_start
from .._handshake.negotiation import (
    choose_extensions,
    choose_required_subprotocol,
    offered_subprotocols,
)
from .._handshake.refusal import explanation, rejection, status_for
from .._handshake.responses import dated, serialize_any, switching
from .._handshake.upgrade import accept_key, check_request
from .._states import CONNECTING, SERVER, State
from ..datastructures import Headers
from ..exceptions import (
    HeaderLineTooLong,
    InvalidHandshake,
    InvalidMessage,
    InvalidMethod,
    InvalidOrigin,
    InvalidProtocol,
    InvalidUpgrade,
    RequestLineTooLong,
    TooManyHeaders,
)
from ..extensions.base import Extension, ServerExtensionFactory
from ..http11 import Request, Response
from ..typing import Origin, StatusLike, Subprotocol
from .opening import Opening
from .protocol import Protocol
from .taking import RequestTaker

__all__ = ["ServerProtocol"]

MULTIPLE = "multiple values"

# What isn't in the dict of a protocol.
SETTINGS = ("logger", "max_message_size", "max_fragment_size", "available_extensions")

# What DEBUG logs call a failure, by the first class that it is of.
FAILURES: list[tuple[Any, str]] = [
    (InvalidMethod, "invalid method"),
    (InvalidProtocol, "invalid protocol"),
    (InvalidOrigin, "invalid origin"),
    (InvalidUpgrade, "invalid upgrade"),
    (RequestLineTooLong, "request line too long"),
    ((HeaderLineTooLong, TooManyHeaders), "header fields too large"),
    (InvalidMessage, "no valid HTTP request"),
    (InvalidHandshake, "invalid handshake"),
]


class ServerProtocol(Protocol):
    """
    A server's side of a connection, without its socket.

    Arguments:
        origins: acceptable values of the Origin header: ``str``, compiled regular expressions that
            must match all of it, and None, which stands for no such header; None for any.
        extensions: factories of extensions to accept, the preferred first.
        subprotocols: subprotocols to choose from, the preferred first.
        select_subprotocol: a function that is called in place of :meth:`select_subprotocol`, with
            the protocol before its arguments.
        state, max_size, logger: as for :class:`Protocol`.

    Attributes:
        origins: as given.
        available_extensions, available_subprotocols: ``extensions`` and ``subprotocols``.
        accept_called: whether :meth:`accept` was called.
    """

    side = SERVER
    origins: Optional[Sequence[Union[Origin, Pattern[str], None]]] = None
    available_extensions: Optional[Sequence[ServerExtensionFactory]]
    available_subprotocols: Optional[Sequence[Subprotocol]] = None
    _select: Optional[Callable[[ServerProtocol, Sequence[Subprotocol]], Optional[Subprotocol]]] = (
        None
    )

    def __init__(
        self,
        *,
        origins: Optional[Sequence[Union[Origin, Pattern[str], None]]] = None,
        extensions: Optional[Sequence[ServerExtensionFactory]] = None,
        subprotocols: Optional[Sequence[Subprotocol]] = None,
        select_subprotocol: Optional[
            Callable[[ServerProtocol, Sequence[Subprotocol]], Optional[Subprotocol]]
        ] = None,
        state: State = CONNECTING,
        max_size: Union[int, tuple[Optional[int], Optional[int]], None] = 2**20,
        logger: Any = None,
    ) -> None:
        super().__init__(SERVER, state=state, max_size=max_size, logger=logger)
        if origins is not None:
            self.origins = origins
        self.available_extensions = extensions
        if subprotocols is not None:
            self.available_subprotocols = subprotocols
        if select_subprotocol is not None:
            self._select = select_subprotocol

    # The handshake

    def accept(self, request: Request) -> Response:
        """
        Return the response to a request: one that opens the connection, or a refusal.

        It never raises; ``handshake_exc`` is what made the handshake fail. Nothing is sent, and the
        response may be changed before :meth:`send_response`.
        """
        self.accept_called = True
        try:
            accept, extensions, subprotocol = self.process_request(request)
        except Exception as exc:
            request._exception = exc
            return self._refusal(exc)
        return switching(dated(time.time(), accept, extensions, subprotocol))

    def reject(self, status: StatusLike, text: str) -> Response:
        """
        Return a response that refuses a request.

        Arguments:
            status: its status.
            text: its body.

        Raises:
            ValueError: if nobody knows the status.
        """
        return rejection(status, text, time.time())

    def send_response(self, response: Response) -> None:
        """Send a response: one with status 101 opens the connection, others end it."""
        self._endpoint.write(self._serialize(response))
        SERVERS.answer(response.status_code)
        if response.status_code == 101:
            if self._endpoint.phase < 0:
                self._open()
            self.logger.info("connection open")
            return
        what = "connection rejected" if self.accept_called else "HTTP response sent"
        self.logger.info(what + " (%d %s)", response.status_code, response.reason_phrase)
        if self._endpoint.phase < 0:
            self._endpoint.discard()
            self._endpoint.send_eof()
        else:
            self._endpoint.fail(1006)
        if self.debug:
            self._log_changes()

    def _serialize(self, response: Response) -> bytes:
        line = f"HTTP/1.1 {response.status_code:d} {response.reason_phrase}"
        if self.debug:
            words = (response.status_code, response.reason_phrase)
            self._log_head(">", "HTTP/1.1 %d %s", words, response)
        return serialize_any(response, line)

    def _switch(self, response: Response) -> bytes:
        """Send a response with status 101 for who takes over and writes it: return its bytes."""
        data = self._serialize(response)
        SERVERS.answer(101)
        self.logger.info("connection open")
        return data

    def process_request(self, request: Request) -> tuple[str, Optional[str], Optional[str]]:
        """
        Check a request, and take over what is agreed upon.

        Returns:
            the values of the headers Sec-WebSocket-Accept, Sec-WebSocket-Extensions and
            Sec-WebSocket-Protocol; None for no such header.

        Raises:
            InvalidHandshake: if it can't open a connection.
        """
        check_start(request.method, request.protocol)
        headers = request.headers
        key = check_request(headers, MULTIPLE)
        self.origin: Optional[Origin] = self.process_origin(headers)
        header, extensions = self.process_extensions(headers)
        if extensions or self._agreed:
            self.extensions = extensions
        self.subprotocol: Optional[Subprotocol] = self.process_subprotocol(headers)
        return accept_key(key), header, self.subprotocol

    def process_origin(self, headers: Headers) -> Optional[Origin]:
        """
        Return the value of the Origin header, None if there is none.

        Raises:
            InvalidOrigin: if it isn't acceptable.
        """
        return check_origin(headers, self.origins, MULTIPLE)

    def process_extensions(self, headers: Headers) -> tuple[Optional[str], list[Extension]]:
        """
        Choose extensions among those offered.

        Returns:
            ``(header, extensions)``: what the response says of them, or None, and the extensions.
        """
        return choose_extensions(headers, self.available_extensions)

    def process_subprotocol(self, headers: Headers) -> Optional[Subprotocol]:
        """
        Return the subprotocol to use, None for none.

        Raises:
            InvalidHandshake: if none of those offered will do.
        """
        return self.select_subprotocol(offered_subprotocols(headers))

    def select_subprotocol(self, subprotocols: Sequence[Subprotocol]) -> Optional[Subprotocol]:
        """
        Choose the subprotocol that the server prefers.

        Arguments:
            subprotocols: those that the client offers.

        Returns:
            one of them, or None if the server has none itself.

        Raises:
            NegotiationError: if there is none in common.
        """
        if self._select is not None:
            return self._select(self, subprotocols)
        if not self.available_subprotocols:
            return None
        return choose_required_subprotocol(subprotocols, self.available_subprotocols)

    # What comes

    def _reader(self) -> Any:
        return RequestTaker()

    def _copier(self) -> Callable[[], ServerProtocol]:
        """Return what makes protocols that are as this, which has just been made."""
        new: Any = ServerProtocol.__new__
        usual = new(ServerProtocol)
        settings: Any = {name: getattr(self, name) for name in SETTINGS}
        settings.update(vars(self))
        settings = {n: v for n, v in settings.items() if getattr(usual, n, n) is not v}.items()

        def copy() -> ServerProtocol:
            protocol: ServerProtocol = new(ServerProtocol)
            for name, value in settings:
                setattr(protocol, name, value)
            protocol._go_on_with(Opening(RequestTaker()))
            return protocol

        return copy

    def _taker(self) -> Any:
        reader = self._endpoint.reader if self._endpoint.phase < 0 else None
        if self.debug or type(reader) is not RequestTaker:
            return super()._taker()
        self._takes_over = True
        reader.protocol = self
        return reader

    def _attend_opening(self, opening: Opening) -> None:
        if opening.error is not None:
            exc, opening.error = opening.error, None
            if isinstance(exc, (RequestLineTooLong, HeaderLineTooLong, TooManyHeaders)):
                self.send_response(self._refusal(exc))
                return
            invalid = InvalidMessage("did not receive a valid HTTP request")
            invalid.__cause__ = exc
            self._log_failure(invalid)
            SERVERS.answer("lost" if isinstance(exc, EOFError) else "invalid")
            self._fail_opening(invalid)
            opening.send_eof()
        elif opening.complete:
            opening.complete = False
            request, rest = opening.reader.message, opening.reader.rest
            if self.debug:
                words = (request.method, request.path, request.protocol)
                self._log_head("<", "%s %s %s", words, request)
            opening.events = (request,)
            opening.reader = None
            if self._takes_over:
                self._rest = rest
                return
            opening.early = self._make_endpoint()
            if rest:
                self.receive_data(rest)

    # Refusals

    def _refusal(self, exc: Exception) -> Response:
        self._log_failure(exc)
        status, headers = status_for(exc)
        response = self.reject(status, explanation(exc))
        response.headers.update(headers)
        forget_frames(exc)
        self.handshake_exc: Optional[Exception] = exc
        return response

    def _log_failure(self, exc: Exception) -> None:
        for cls, words in FAILURES:
            if isinstance(exc, cls):
                self.logger.debug(f"! {words}", exc_info=exc)
                return
        self.logger.error("opening handshake failed", exc_info=exc)
