"""
Reading the peer's half of the opening handshake for who has the socket, and takes over once the
connection is open.

Owns the step from bytes to a request or response that is in nobody's events. Must never know what a
valid handshake is, nor what is answered to an invalid one: that is the protocol's. Key decision:
both are readers as the engine's first phase wants them, which raise nothing.
"""

from __future__ import annotations

from typing import Any

from .._handshake.reading import RequestReader
from ..http11 import check_no_body, request_of

__all__ = ["HandshakeReader", "RequestTaker"]


class HandshakeReader:
    """
    Read the peer's half of the opening handshake, as a protocol without I/O reads it.

    Arguments:
        protocol: the protocol.

    Attributes:
        message: the request or the response, None if it is neither.
        rest: the bytes that came behind it.
    """

    def __init__(self, protocol: Any) -> None:
        self.message: Any = None
        self._protocol = protocol
        protocol._takes_over = True

    @property
    def rest(self) -> bytes:
        """The bytes that came behind it."""
        rest: bytes = self._protocol._rest
        return rest

    def feed(self, data: bytes) -> bool:
        """Take bytes; return whether nothing more is to be read."""
        self.message = self._protocol._read(data)
        return self.message is not None or self._protocol.handshake_exc is not None

    def feed_eof(self) -> bool:
        """Take notice that the stream ends; return whether nothing more is to be read."""
        self._protocol.receive_eof()
        for event in self._protocol.events_received():
            self.message = event
        return self.message is not None or self._protocol.handshake_exc is not None


class RequestTaker(RequestReader):
    """
    Read a request, for a server's protocol or, with an attribute ``protocol``, in its place.

    Then it does the same as a :class:`HandshakeReader`, on a short way. The protocol refers to it
    as long as there is something to read, and no longer.
    """

    protocol: Any = None

    def feed(self, data: bytes) -> bool:
        """Take bytes; return whether nothing more is to be read."""
        protocol = self.protocol
        if protocol is None:
            return super().feed(data)
        opening, head = protocol._endpoint, self._head
        if opening.reader is not self:
            return False  # The request was answered before it came.
        try:
            if not head.feed(data):
                return False
            check_no_body(head.headers)
        except Exception as exc:
            opening.error = exc
            protocol._attend()
            return True
        opening.reader = None
        self.message = request_of(head)
        if head.rest:
            self.rest = head.rest
        return True

    def feed_eof(self) -> bool:
        """Take notice that the stream ends; return whether nothing more is to be read."""
        protocol, self.protocol = self.protocol, None
        if protocol is None:
            return super().feed_eof()
        protocol.receive_eof()  # which asks this again
        return protocol.handshake_exc is not None
