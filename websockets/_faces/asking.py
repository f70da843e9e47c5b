"""
How a client's connection asks to be opened, and what it makes of the answer.

Owns what all clients of today's API do there. Must never know the rules of the opening handshake,
which are the protocol's, nor how a request leaves and a response arrives.
"""

from __future__ import annotations

from typing import Any, Optional

from .._sansio.client import ClientProtocol
from .facts import Facts

__all__ = ["Asking"]


class Asking(Facts):
    """What the connections of all clients of today's API have in common."""

    __slots__ = ()

    protocol: ClientProtocol

    def _ws_ask(self, additional_headers: Any, user_agent_header: Optional[str]) -> None:
        """Give the protocol the request, which isn't sent yet."""
        request = self.protocol.connect()
        if additional_headers is not None:
            request.headers.update(additional_headers)
        if user_agent_header is not None:
            request.headers.setdefault("User-Agent", user_agent_header)
        self.request = request
        self.protocol.send_request(request)

    def _ws_refused(self) -> Optional[Exception]:
        """Return why the connection isn't opened, None if it is."""
        refused = self.protocol.handshake_exc
        if refused is not None and self.response is not None:
            self.response._exception = None  # The exception refers to the response.
        return refused
