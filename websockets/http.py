"""
Heads of HTTP/1.1 requests and responses, read from a stream (RFC 9112).

A thin face over the core's head reader, for programs that bring their own stream. Must never know
what any header means.
"""

from __future__ import annotations

from typing import Any

from . import _core
from ._environment import PYTHON_VERSION
from .datastructures import Headers, HeadersLike, MultipleValuesError
from .exceptions import SecurityError
from .http11 import d as d
from .version import distribution_version

__all__ = [
    "USER_AGENT",
    "Headers",
    "HeadersLike",
    "MultipleValuesError",
    "read_headers",
    "read_request",
    "read_response",
]

USER_AGENT = f"Python/{PYTHON_VERSION} cywebsockets/{distribution_version}"


async def read_request(stream: Any) -> tuple[str, Headers]:
    """
    Read the head of a GET request; a body is left in the stream.

    Arguments:
        stream: :class:`asyncio.StreamReader`, or any object with its ``readline()`` coroutine.

    Returns:
        ``(path, headers)``, the path as it was sent. What isn't ASCII, though it should be, is
        represented with surrogate escapes.

    Raises:
        EOFError: if the stream ends inside the head.
        SecurityError: if a line exceeds 8192 bytes, the head 64 KiB or 128 header fields.
        ValueError: if it isn't a well-formed GET request of HTTP/1.1.
    """
    head = await _read_head(stream, _core.HeadReader())
    return head.path, head.headers


async def read_response(stream: Any) -> tuple[int, str, Headers]:
    """
    Read the head of a response; a body is left in the stream.

    Arguments and exceptions are those of :func:`read_request`.

    Returns:
        ``(status_code, reason, headers)``.
    """
    head = await _read_head(stream, _core.HeadReader(response=True))
    return head.status, head.reason, head.headers


async def read_headers(stream: Any) -> Headers:
    """
    Read the header fields of a head whose first line has been read.

    Arguments and exceptions are those of :func:`read_request`.
    """
    head = _core.HeadReader()
    head.feed(b"GET / HTTP/1.1\r\n")
    headers: Headers = (await _read_head(stream, head)).headers
    return headers


async def _read_head(stream: Any, head: Any) -> Any:
    complete = False
    while not complete:
        try:
            line = await stream.readline()
        except ValueError as exc:
            # StreamReader's own limit, where it is lower than ours.
            raise SecurityError(f"line is too long: {exc}") from exc
        if not line:
            raise EOFError("stream ended before the end of the HTTP head")
        complete = head.feed(line)
    return head
