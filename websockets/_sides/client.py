"""
A client's side of 8.1's connections: the opening handshake.

Owns what a client asks, and whether the server's answer is acceptable (RFC 6455 section 4.1). Must
never know frames, nor how it came to the server. Key decision: whatever isn't a connection is an
exception, redirects included.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Optional

from .._core import CLIENTS
from .._engine.arguments import CLIENT, set_unless_usual
from .._handshake.negotiation import agreed_extensions, agreed_subprotocol
from .._handshake.redirects import redirect_location
from .._handshake.requests import asking, replace_headers, serialize_request
from .._handshake.upgrade import check_response
from ..asyncio.client import ClientConnection
from ..datastructures import Headers, HeadersLike
from ..exceptions import InvalidMessage, InvalidStatusCode, RedirectHandshake
from ..extensions.base import ClientExtensionFactory, Extension
from ..http import USER_AGENT
from ..protocol import WebSocketCommonProtocol
from ..typing import Origin, Subprotocol
from ..uri import WebSocketURI

__all__ = ["WebSocketClientProtocol"]


class WebSocketClientProtocol(  # type: ignore[misc]
    WebSocketCommonProtocol, ClientConnection
):
    """
    A client's end of a connection.

    Arguments:
        origin: value of the Origin header.
        extensions: factories of supported extensions, the preferred first.
        subprotocols: supported subprotocols, the preferred first.
        extra_headers: additional headers of the request.
        kwargs: ``user_agent_header``, value of the User-Agent header, None for no such header;
            others are arguments of :class:`WebSocketCommonProtocol`.
    """

    is_client = True
    side = "client"

    response_headers: Headers
    subprotocol: Optional[Subprotocol] = None
    extensions: list[Extension]

    _ws_logger = logging.getLogger("websockets.client")
    _ws_level = logging.DEBUG  # a client's program knows what it does

    # As in the base class, for what has its usual value.
    origin: Optional[Origin] = None
    available_extensions: Optional[Sequence[ClientExtensionFactory]] = None
    available_subprotocols: Optional[Sequence[Subprotocol]] = None
    extra_headers: Optional[HeadersLike] = None
    user_agent_header: Optional[str] = USER_AGENT

    def __init__(
        self,
        *,
        origin: Optional[Origin] = None,
        extensions: Optional[Sequence[ClientExtensionFactory]] = None,
        subprotocols: Optional[Sequence[Subprotocol]] = None,
        extra_headers: Optional[HeadersLike] = None,
        **kwargs: Any,
    ) -> None:
        set_unless_usual(
            self,
            CLIENT,
            origin=origin,
            available_extensions=extensions,
            available_subprotocols=subprotocols,
            extra_headers=extra_headers,
            user_agent_header=kwargs.pop("user_agent_header", USER_AGENT),
        )
        super().__init__(**kwargs)

    async def handshake(  # type: ignore[override]
        self,
        wsuri: WebSocketURI,
        origin: Optional[Origin] = None,
        available_extensions: Optional[Sequence[ClientExtensionFactory]] = None,
        available_subprotocols: Optional[Sequence[Subprotocol]] = None,
        extra_headers: Optional[HeadersLike] = None,
    ) -> None:
        """
        Perform the client's side of the opening handshake (RFC 6455 4.1).

        Arguments:
            wsuri: the URI.
            origin: value of the Origin header.
            available_extensions: factories of supported extensions, the preferred first.
            available_subprotocols: supported subprotocols, the preferred first.
            extra_headers: additional headers of the request; they replace ours of the same name.

        Raises:
            InvalidHandshake: if the server's answer isn't acceptable.
            OSError: if the server goes away.
        """
        headers, key = asking(wsuri, origin, available_extensions, available_subprotocols)
        if extra_headers is not None:
            replace_headers(headers, extra_headers)
        if self.user_agent_header is not None:
            headers.setdefault("User-Agent", self.user_agent_header)
        self.write_http_request(wsuri.resource_name, headers)

        status, headers = await self.read_http_response()
        if status != 101:
            CLIENTS.answer(status)
        location = redirect_location(status, headers)
        if location is not None:
            raise RedirectHandshake(location)
        if status != 101:
            raise InvalidStatusCode(status, headers)
        try:
            check_response(headers, key)
            self.extensions = self.process_extensions(headers, available_extensions)
            self.subprotocol = self.process_subprotocol(headers, available_subprotocols)
        except Exception:
            CLIENTS.answer("invalid")
            raise
        CLIENTS.answer(101)
        self.connection_open()
        if hasattr(self, "close_connection_task"):
            # An overridden close_connection() begins before the first message is read.
            await asyncio.sleep(0)

    def write_http_request(self, path: str, headers: Headers) -> None:
        """Write the request."""
        request = serialize_request(path, headers)
        self.path = path
        self.request_headers = headers
        self.transport.write(request)
        if self._ws_journal is not None:
            self._ws_journal.head(">", f"GET {path} HTTP/1.1", headers)

    async def read_http_response(self) -> tuple[int, Headers]:
        """
        Wait for the response.

        Returns:
            ``(status_code, headers)``; the headers are attribute ``response_headers``, too.

        Raises:
            InvalidMessage: if it isn't a response of HTTP/1.1.
            SecurityError: if it exceeds a limit.
        """
        try:
            head = await self._ws_phase.head()
        except (ValueError, EOFError) as exc:
            CLIENTS.answer("lost" if isinstance(exc, EOFError) else "invalid")
            raise InvalidMessage(f"not a valid HTTP response: {exc}") from exc
        self.response_headers = head.headers
        if self._ws_journal is not None:
            self._ws_journal.head("<", f"HTTP/1.1 {head.status} {head.reason}", head.headers)
        return head.status, head.headers

    @staticmethod
    def process_extensions(
        headers: Headers, available_extensions: Optional[Sequence[ClientExtensionFactory]]
    ) -> list[Extension]:
        """
        Make the extensions that the server accepted, in its order (RFC 6455 9.1).

        Raises:
            NegotiationError: if it accepted what wasn't offered.
        """
        return agreed_extensions(headers, available_extensions)

    @staticmethod
    def process_subprotocol(
        headers: Headers, available_subprotocols: Optional[Sequence[Subprotocol]]
    ) -> Optional[Subprotocol]:
        """
        Check the subprotocol that the server chose (RFC 6455 4.1).

        Raises:
            NegotiationError: if it wasn't offered.
            InvalidHeader: if there is more than one.
        """
        return agreed_subprotocol(headers, available_subprotocols)


# Programs find it there, in tracebacks and pickles as well.
WebSocketClientProtocol.__module__ = "websockets.client"
