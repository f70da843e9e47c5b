"""
The client's side of a connection without I/O.

Owns the order of steps in a client's opening handshake. Must never know their rules, which are
functions of :mod:`websockets._handshake`, nor anything behind the handshake.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional, Union

from .._core import CLIENTS
from .._handshake.negotiation import agreed_extensions, agreed_subprotocol
from .._handshake.reading import ResponseReader
from .._handshake.requests import asking
from .._handshake.upgrade import check_response, generate_key
from .._replaced import replaced
from .._states import CLIENT, CONNECTING, State
from ..datastructures import Headers
from ..exceptions import InvalidMessage, InvalidStatus, StatusLineTooLong
from ..extensions.base import ClientExtensionFactory, Extension
from ..http11 import Request, Response
from ..typing import Origin, Subprotocol
from ..uri import WebSocketURI
from .opening import Opening
from .protocol import Protocol

__all__ = ["ClientProtocol"]


class ClientProtocol(Protocol):
    """
    A client's side of a connection, without its socket.

    Arguments:
        uri: what to connect to, as :func:`~websockets.uri.parse_uri` returns it.
        origin: value of the Origin header.
        extensions: factories of extensions to offer, the preferred first.
        subprotocols: subprotocols to offer, the preferred first.
        state, max_size, logger: as for :class:`Protocol`.

    Attributes:
        uri, origin: as given.
        available_extensions, available_subprotocols: ``extensions`` and ``subprotocols``.
        key: value of the Sec-WebSocket-Key header.
    """

    def __init__(
        self,
        uri: WebSocketURI,
        *,
        origin: Optional[Origin] = None,
        extensions: Optional[Sequence[ClientExtensionFactory]] = None,
        subprotocols: Optional[Sequence[Subprotocol]] = None,
        state: State = CONNECTING,
        max_size: Union[int, tuple[Optional[int], Optional[int]], None] = 2**20,
        logger: Any = None,
    ) -> None:
        super().__init__(CLIENT, state=state, max_size=max_size, logger=logger)
        self.uri = uri
        self.origin = origin
        self.available_extensions = extensions
        self.available_subprotocols = subprotocols
        draw = replaced("websockets.client", "generate_key", generate_key.__module__)
        self.key: str = (draw or generate_key)()

    def connect(self) -> Request:
        """Return a request to open a connection; it may be changed before it is sent."""
        headers, self.key = asking(
            self.uri,
            self.origin,
            self.available_extensions,
            self.available_subprotocols,
            self.key,
        )
        return Request(self.uri.resource_name, headers)

    def send_request(self, request: Request) -> None:
        """Send a request; its response will be an event."""
        if self.debug:
            self._log_head(">", "GET %s HTTP/1.1", (request.path,), request)
        self._endpoint.write(request.serialize())

    def process_response(self, response: Response) -> None:
        """
        Check a response, and take over what was agreed upon.

        Raises:
            InvalidHandshake: if it doesn't open a connection.
        """
        if response.status_code != 101:
            raise InvalidStatus(response)
        headers = response.headers
        check_response(headers, self.key, "multiple values")
        self.extensions = self.process_extensions(headers)
        self.subprotocol: Optional[Subprotocol] = self.process_subprotocol(headers)

    def process_extensions(self, headers: Headers) -> list[Extension]:
        """
        Make the extensions that the server accepted.

        Raises:
            InvalidHandshake: if it accepted what wasn't offered.
        """
        return agreed_extensions(headers, self.available_extensions)

    def process_subprotocol(self, headers: Headers) -> Optional[Subprotocol]:
        """
        Return the subprotocol that the server chose, None if it chose none.

        Raises:
            InvalidHandshake: if it wasn't offered.
        """
        return agreed_subprotocol(headers, self.available_subprotocols)

    def _reader(self) -> Any:
        return ResponseReader()

    def _attend_opening(self, opening: Opening) -> None:
        if opening.error is not None:
            exc, opening.error = opening.error, None
            CLIENTS.answer("lost" if isinstance(exc, EOFError) else "invalid")
            if not isinstance(exc, StatusLineTooLong):
                cause, exc = exc, InvalidMessage("did not receive a valid HTTP response")
                exc.__cause__ = cause
            self._refuse(opening, exc)
        elif opening.complete:
            opening.complete = False
            response, rest = opening.reader.message, opening.reader.rest
            if self.debug:
                words = (response.status_code, response.reason_phrase)
                self._log_head("<", "HTTP/1.1 %d %s", words, response)
            opening.events = (response,)
            try:
                self.process_response(response)
            except Exception as exc:
                response._exception = exc
                status = response.status_code
                CLIENTS.answer("invalid" if status == 101 else status)
                self._refuse(opening, exc)
            else:
                CLIENTS.answer(101)
                self._open(rest)

    def _refuse(self, opening: Opening, exc: Exception) -> None:
        self._fail_opening(exc)
        opening.send_eof()
