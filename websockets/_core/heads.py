"""
HTTP/1.1 heads: bytes to a start line and header fields (RFC 9112 sections 2 to 5).

Owns the grammar of requests and responses in the opening handshake and the limits on their size.
Must never know what any field means. Key decision: one reader for both kinds, which refuses what is
wrong or too long when it arrives, not when the head is complete. A kernel takes the fields that are
right, all that are there at once; what it leaves is the end, or an error. Which heads are right is
for two classes to say: those that can open a connection, or all that :mod:`websockets.http11` has.
"""

from __future__ import annotations

import re

from websockets._environment import MAX_LINE_LENGTH, MAX_NUM_HEADERS
from websockets._grammar import CONTENT, TOKEN
from websockets.datastructures import Headers
from websockets.exceptions import (
    HeaderLineTooLong,
    RequestLineTooLong,
    SecurityError,
    StatusLineTooLong,
    TooManyHeaders,
)
from websockets.http11 import parse_header, parse_request_line, parse_status_line

from .constants import UNLIMITED
from .fields import take_fields

__all__ = ["HeadReader", "HeadTooLarge", "MalformedHead", "MessageHeadReader"]

MAX_LINE = MAX_LINE_LENGTH  # bytes, with its CRLF
MAX_FIELDS = MAX_NUM_HEADERS
MAX_HEAD = max(65536, MAX_LINE)  # bytes

# RFC 9112 3: request-line; the target isn't interpreted.
match_request = re.compile(rf"({TOKEN}) ([^\x00-\x20\x7f]+) (HTTP/[0-9]\.[0-9])".encode()).fullmatch
# RFC 9112 4: status-line; many senders leave out the blank before an empty reason.
match_status = re.compile(
    rf"(HTTP/[0-9]\.[0-9]) ([1-9][0-9][0-9])(?: ({CONTENT}))?".encode()
).fullmatch


class MalformedHead(ValueError):
    """
    A head that breaks the grammar, or isn't HTTP/1.1.

    ``status`` is the HTTP status that a server answers with.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class HeadTooLarge(SecurityError):
    """A head that exceeds a limit; ``status`` as in :class:`MalformedHead`."""

    def __init__(self, message: str, status: int = 431) -> None:
        super().__init__(message)
        self.status = status


class HeadReader:
    """
    Read one head: a GET request or a response, of HTTP/1.1.

    Arguments:
        response: whether to expect a status line rather than a GET request line.

    Once :meth:`feed` has returned True, these describe the head: ``headers``; ``path`` of a
    request; ``status`` and ``reason`` of a response; ``rest``, the bytes that came behind the head.
    ``started`` tells whether the start line is there. What isn't ASCII is represented with
    surrogate escapes.
    """

    def __init__(self, response: bool = False) -> None:
        self.headers = Headers()
        self.method = "GET"
        self.protocol = "HTTP/1.1"
        self.path = ""
        self.status = 0
        self.reason = ""
        self.rest = b""
        self.started = False
        self._response = response
        self._latin = False  # whether fields are decoded as ISO-8859-1
        self._most = MAX_HEAD
        self._size = 0  # bytes of complete lines
        self._buffer = b""  # of a line that isn't complete

    def feed(self, data: bytes) -> bool:
        """
        Take bytes; return whether the head is complete.

        Raises:
            MalformedHead: (a ValueError) if it isn't an HTTP/1.1 head of the expected kind.
            HeadTooLarge: (a SecurityError) if a limit is exceeded.
        """
        text = self._buffer + data
        start = 0
        while True:
            end = self._end_of_line(text, start)
            if end == 0:
                self._buffer = text[start:]
                self._size += start
                return False
            if not self.started:
                self._start_line(text[start : end - 2])
                start = end
            elif end - start == 2:
                self.rest = text[end:]
                self._buffer = b""
                return True
            else:
                start = self._fields(text, start, end)

    def _end_of_line(self, text: bytes, start: int) -> int:
        """Return the position behind a line and its CRLF; 0 if the line is incomplete."""
        end = text.find(b"\n", start) + 1
        stop = end or len(text)
        if stop - start > MAX_LINE:
            raise self._line_too_long(stop - start)
        if self._size + stop > self._most:
            raise HeadTooLarge(f"head exceeds {MAX_HEAD} bytes")
        # RFC 9112 2.2 lets a recipient take a bare LF for a line's end; strict is safer.
        if end and (end - start < 2 or text[end - 2] != 0x0D):
            raise MalformedHead("line isn't terminated by CRLF")
        return end

    def _usual_start(self, line: bytes) -> bool:
        """Take what nearly all requests are like, without the pattern: in a third of the time."""
        if line[:4] == b"GET " and line[-9:] == b" HTTP/1.1" and not self._response:
            path = decode(line[4:-9])
            if path and path.isprintable() and " " not in path:
                self.path = path
                self.started = True
                return True
        return False

    def _start_line(self, line: bytes) -> None:
        if self._usual_start(line):
            return
        # RFC 9112 2.2: a server ignores empty lines before the request.
        if not line and not self._response:
            return
        match = (match_status if self._response else match_request)(line)
        if match is None:
            kind = "status" if self._response else "request"
            raise MalformedHead(f"malformed {kind} line: {abbreviate(line)}")
        if self._response:
            version, status, reason = match.groups()
            self.status = int(status)
            self.reason = decode(reason or b"")
        else:
            method, target, version = match.groups()
            # RFC 6455 4.2.1: a GET request of HTTP/1.1 or higher.
            if method != b"GET":
                raise MalformedHead(f"unsupported HTTP method: {abbreviate(method)}", 405)
            self.path = decode(target)
        if version != b"HTTP/1.1":
            raise MalformedHead(f"unsupported HTTP version: {abbreviate(version)}", 505)
        self.started = True

    def _fields(self, text: bytes, start: int, end: int) -> int:
        """Take the field in text[start:end] and those behind it; return the position they end."""
        stop = len(text)
        if self._most - self._size < stop:
            stop = self._most - self._size
        taken = take_fields(text, start, stop, MAX_LINE, MAX_FIELDS, self.headers, self._latin)
        if taken == start:
            if len(list(self.headers.raw_items())) == MAX_FIELDS:
                raise self._too_many_fields()
            raise self._malformed_field(text[start : end - 2])
        return taken

    # How it is refused

    def _line_too_long(self, size: int) -> Exception:
        if self.started:
            return HeadTooLarge(f"header field exceeds {MAX_LINE} bytes")
        return HeadTooLarge(f"start line exceeds {MAX_LINE} bytes", 414)

    def _too_many_fields(self) -> Exception:
        return HeadTooLarge(f"head has more than {MAX_FIELDS} header fields")

    def _malformed_field(self, line: bytes) -> Exception:
        # RFC 9112 5.2: a line that begins with a blank is obsolete folding, refused as well.
        return MalformedHead(f"malformed header field: {abbreviate(line)}")


class MessageHeadReader(HeadReader):
    """
    Read one head of any request of HTTP/1.1 or 1.0, or of any response, as ``websockets.http11``.

    Arguments:
        response: whether to expect a response rather than a request.
        older: whether a response may be of HTTP/1.0.

    Attributes are those of :class:`HeadReader`, and ``method`` and ``protocol`` of a request. What
    isn't ASCII is decoded as ISO-8859-1. A head may be as long as its lines allow.
    """

    def __init__(self, response: bool = False, older: bool = False) -> None:
        super().__init__(response)
        self._older = older
        self._latin = True
        self._most = UNLIMITED

    def _start_line(self, line: bytes) -> None:
        if self._usual_start(line):
            return
        if self._response:
            self.status, self.reason = parse_status_line(line, self._older)
        else:
            self.method, self.path, self.protocol = parse_request_line(line)
        self.started = True

    def _line_too_long(self, size: int) -> Exception:
        message = f"read {size} bytes, expected no more than {MAX_LINE} bytes"
        if self.started:
            return HeaderLineTooLong(message)
        return StatusLineTooLong(message) if self._response else RequestLineTooLong(message)

    def _too_many_fields(self) -> Exception:
        return TooManyHeaders(f"expected no more than {MAX_FIELDS} headers")

    def _malformed_field(self, line: bytes) -> Exception:
        try:
            parse_header(line)
        except ValueError as exc:
            return exc
        return ValueError("invalid HTTP header line")  # pragma: no cover (one of them is wrong)


def decode(data: bytes) -> str:
    return data.decode("ascii", "surrogateescape")


def abbreviate(data: bytes) -> str:
    """Quote received bytes for an error message, without letting them fill a log."""
    return repr(data if len(data) <= 80 else data[:77] + b"...")[1:]
