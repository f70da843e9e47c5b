"""
Requests and responses of the opening handshake, from bytes as they arrive.

Owns the step from a head to the value that programs see, with its body if it is a response. Must
never know what a valid handshake is. Key decision: both readers work as the core's reader of
heads, which does most of it: they are fed, and say when they have all.
"""

from __future__ import annotations

from typing import Any, Optional

from .._core import MessageHeadReader
from ..http11 import Response, check_no_body, request_of
from .bodies import BodyReader

__all__ = ["RequestReader", "ResponseReader"]


class RequestReader:
    """
    Read a request.

    Attributes:
        message: the request, once it is complete.
        rest: the bytes that came behind it.
    """

    message: Any = None
    rest = b""

    def __init__(self) -> None:
        self._head = MessageHeadReader()

    def feed(self, data: bytes) -> bool:
        """
        Take bytes; return whether the request is complete.

        Raises:
            SecurityError: if a limit is exceeded.
            NotImplementedError: if it has a body in a transfer coding.
            ValueError: if it isn't a well-formed request of HTTP/1.1 or 1.0, or has a body.
        """
        head = self._head
        if not head.feed(data):
            return False
        check_no_body(head.headers)
        self.message = request_of(head)
        self.rest = head.rest
        return True

    def feed_eof(self) -> bool:
        """Take notice that the stream ends; an EOFError tells that the request isn't complete."""
        raise cut_off(self._head, "request")


class ResponseReader:
    """
    Read a response and its body.

    Attributes:
        message: the response, once it is complete.
        rest: the bytes that came behind it.
    """

    def __init__(self) -> None:
        self.message: Any = None
        self.rest = b""
        self._head = MessageHeadReader(True)
        self._body: Optional[BodyReader] = None

    def feed(self, data: bytes) -> bool:
        """
        Take bytes; return whether the response is complete.

        Raises:
            SecurityError: if a limit is exceeded.
            LookupError: if it says more than once how long the body is.
            NotImplementedError: if the body comes in another coding than chunked.
            ValueError: if it isn't a well-formed response of HTTP/1.1.
        """
        if self._body is None:
            head = self._head
            if not head.feed(data):
                return False
            data = head.rest
            self._body = BodyReader(head.status, head.headers)
        if not self._body.append(data):
            return False
        self._complete(self._body)
        return True

    def feed_eof(self) -> bool:
        """
        Take notice that the stream ends; return whether that completes the response.

        Raises:
            EOFError: if it doesn't.
        """
        if self._body is None:
            raise cut_off(self._head, "status")
        self._body.end()
        self._complete(self._body)
        return True

    def _complete(self, body: BodyReader) -> None:
        head = self._head
        self.message = Response(head.status, head.reason, head.headers, bytes(body.body))
        self.rest = body.rest


def cut_off(head: Any, kind: str) -> EOFError:
    what = "HTTP headers" if head.started else f"HTTP {kind} line"
    return EOFError(f"connection closed while reading {what}")
