"""
HTTP/1.1 requests and responses of the opening handshake, as values and as bytes (RFC 9112).

Owns the two classes and a reader of their bytes that leaves waiting to others. Must never know what
a header means, except those that tell how long a body is. Key decision: readers are generators
over the methods of :class:`~websockets.streams.StreamReader`; connections read their heads with
the core's own reader, which has the same grammar and the same limits and takes a head at once.
"""

from __future__ import annotations

import dataclasses
import re
import warnings
from collections.abc import Callable, Generator
from typing import Any, Optional, Union

from . import _environment
from ._environment import PYTHON_VERSION as PYTHON_VERSION
from ._environment import SERVER, USER_AGENT
from ._errors import (
    HeaderLineTooLong,
    RequestLineTooLong,
    SecurityError,
    StatusLineTooLong,
    TooManyHeaders,
    show,
)
from ._grammar import CONTENT, TOKEN
from .datastructures import Headers

__all__ = ["SERVER", "USER_AGENT", "Request", "Response"]

MAX_NUM_HEADERS = _environment.MAX_NUM_HEADERS
MAX_LINE_LENGTH = _environment.MAX_LINE_LENGTH  # bytes, with the CRLF
MAX_BODY_SIZE = _environment.MAX_BODY_SIZE  # bytes

Bytes = Union[bytes, bytearray]
ReadLine = Callable[[int, type[Exception]], Generator[None, None, Bytes]]
ReadExact = Callable[[int], Generator[None, None, Bytes]]
ReadToEOF = Callable[[int, type[Exception]], Generator[None, None, Bytes]]

_is_token = re.compile(TOKEN.encode()).fullmatch
_is_content = re.compile(CONTENT.encode()).fullmatch
# RFC 9112 3.2: no whitespace, and nothing that ends a line.
_is_target = re.compile(rb"[^\x00-\x20\x7f]+").fullmatch
# Few digits make a number that can be compared with a limit.
_is_length = re.compile(rb"[0-9]{1,18}").fullmatch
_is_chunk_size = re.compile(rb"[0-9A-Fa-f]{1,15}").fullmatch

_new: Any = object.__new__

# RFC 9112 6: what tells that there is a body.
BODIES = frozenset({"content-length", "transfer-encoding"})


def d(value: Bytes) -> str:
    """Decode bytes for a message; what isn't UTF-8 is shown as escapes."""
    return value.decode(errors="backslashreplace")


def _quote(value: Bytes) -> str:
    """Return received bytes as they can stand in a message: harmless, and with an end."""
    return show(d(value))


@dataclasses.dataclass
class Request:
    """
    A request of the opening handshake.

    Arguments:
        path: target as it stands in the request line, with its query.
        headers: headers.
        method: method.
        protocol: version of HTTP.
    """

    path: str
    headers: Headers
    method: str = "GET"
    protocol: str = "HTTP/1.1"
    _exception: Optional[Exception] = None

    @property
    def exception(self) -> Optional[Exception]:
        """Deprecated: what made the opening handshake fail."""
        return _deprecated_exception("Request", "ServerProtocol", self._exception)

    @classmethod
    def parse(cls, read_line: ReadLine) -> Generator[None, None, Request]:
        """
        Read a request; one with a body is refused.

        Arguments:
            read_line: as :meth:`StreamReader.read_line() <websockets.streams.StreamReader>`.

        Raises:
            EOFError: if the stream ends before the request.
            SecurityError: if it exceeds a limit.
            NotImplementedError: if it has a body in a transfer coding.
            ValueError: if it isn't a well-formed request of HTTP/1.1 or 1.0.
        """
        try:
            line = yield from parse_line(read_line, RequestLineTooLong)
        except EOFError as exc:
            raise EOFError("connection closed while reading HTTP request line") from exc
        method, target, protocol = parse_request_line(line)
        headers = yield from parse_headers(read_line)
        check_no_body(headers)
        return cls(target, headers, method, protocol)

    def serialize(self) -> bytes:
        """Return the request as bytes."""
        # RFC 9110 4.1: what a target consists of is ASCII.
        line = f"{self.method} {self.path} {self.protocol}\r\n".encode("ascii")
        return line + self.headers.serialize()


@dataclasses.dataclass
class Response:
    """
    A response of the opening handshake.

    Arguments:
        status_code: status.
        reason_phrase: words behind it.
        headers: headers.
        body: body.
    """

    status_code: int
    reason_phrase: str
    headers: Headers
    body: Bytes = b""
    _exception: Optional[Exception] = None

    @property
    def exception(self) -> Optional[Exception]:
        """Deprecated: what made the opening handshake fail."""
        return _deprecated_exception("Response", "ClientProtocol", self._exception)

    @classmethod
    def parse(
        cls,
        read_line: ReadLine,
        read_exact: ReadExact,
        read_to_eof: ReadToEOF,
        proxy: bool = False,
    ) -> Generator[None, None, Response]:
        """
        Read a response with its body.

        Arguments:
            read_line, read_exact, read_to_eof: as the methods of
                :class:`~websockets.streams.StreamReader`.
            proxy: whether it answers CONNECT: then it may be of HTTP/1.0, and the body is left in
                the stream.

        Raises:
            EOFError: if the stream ends before the response.
            SecurityError: if it exceeds a limit.
            LookupError: if it says more than once how long the body is.
            NotImplementedError: if the body comes in another coding than chunked.
            ValueError: if it isn't a well-formed response.
        """
        try:
            line = yield from parse_line(read_line, StatusLineTooLong)
        except EOFError as exc:
            raise EOFError("connection closed while reading HTTP status line") from exc
        status_code, reason = parse_status_line(line, proxy)
        headers = yield from parse_headers(read_line)
        body: Bytes = b""
        if not proxy:
            body = yield from read_body(status_code, headers, read_line, read_exact, read_to_eof)
        return cls(status_code, reason, headers, body)

    def serialize(self) -> bytes:
        """Return the response as bytes."""
        line = f"HTTP/1.1 {int(self.status_code)} {self.reason_phrase}\r\n".encode("latin-1")
        return line + self.headers.serialize() + self.body


def _deprecated_exception(
    name: str, protocol: str, exception: Optional[Exception]
) -> Optional[Exception]:
    warnings.warn(
        f"{name}.exception is deprecated; use {protocol}.handshake_exc instead",
        DeprecationWarning,
        stacklevel=3,
    )
    return exception


def _protocol(version: Bytes, line: Bytes, older: bool) -> str:
    """Check the version of HTTP in a first line; ``older`` tells whether 1.0 will do."""
    if version == b"HTTP/1.1":
        return "HTTP/1.1"
    if version == b"HTTP/1.0" and older:
        return "HTTP/1.0"
    expected = "HTTP/1.1 or HTTP/1.0" if older else "HTTP/1.1"
    raise ValueError(f"unsupported protocol; expected {expected}: {_quote(line)}")


def parse_request_line(line: Bytes) -> tuple[str, str, str]:
    """
    Return method, target and version of HTTP of a request, whose first line this is.

    Raises:
        ValueError: if it isn't well-formed, or of another version than 1.1 and 1.0.
    """
    # RFC 9112 3: method SP request-target SP HTTP-version.
    parts = line.split(b" ", 2)
    if len(parts) < 3:
        raise ValueError(f"invalid HTTP request line: {_quote(line)}")
    method, target, version = parts
    protocol = _protocol(version, line, True)
    if not _is_token(method) or not _is_target(target):
        raise ValueError(f"invalid HTTP request line: {_quote(line)}")
    return method.decode("ascii"), target.decode("ascii"), protocol


def parse_status_line(line: Bytes, older: bool = False) -> tuple[int, str]:
    """
    Return status code and reason phrase of a response, whose first line this is.

    Arguments:
        older: whether HTTP/1.0 will do beside 1.1.

    Raises:
        ValueError: if it isn't well-formed, or of another version.
    """
    # RFC 9112 4: HTTP-version SP status-code SP [reason-phrase].
    parts = line.split(b" ", 2)
    if len(parts) < 3:
        raise ValueError(f"invalid HTTP status line: {_quote(line)}")
    version, status, reason = parts
    _protocol(version, line, older)
    if not status.isdigit():
        raise ValueError(f"invalid status code; expected integer; got {_quote(status)}")
    # RFC 9110 15: three digits.
    if len(status) != 3 or not b"100" <= status <= b"599":
        raise ValueError(f"invalid status code; expected 100–599; got {_quote(status)}")
    if not _is_content(reason):
        raise ValueError(f"invalid HTTP reason phrase: {_quote(reason)}")
    return int(status), reason.decode("latin-1")


def parse_header(line: Bytes) -> tuple[str, str]:
    """
    Return name and value of a header (RFC 9112 5).

    Raises:
        ValueError: if it isn't well-formed.
    """
    # RFC 9112 5.2: a line that begins with a blank is obsolete folding, refused as well.
    name, colon, value = line.partition(b":")
    if not colon:
        raise ValueError(f"invalid HTTP header line: {_quote(line)}")
    if not _is_token(name):
        raise ValueError(f"invalid HTTP header name: {_quote(name)}")
    value = value.strip(b" \t")
    if not _is_content(value):
        raise ValueError(f"invalid HTTP header value: {_quote(value)}")
    return name.decode("ascii"), value.decode("latin-1")


def request_of(head: Any) -> Request:
    """Make the request of a head, an object with the same attributes."""
    request: Request = _new(Request)
    request.path = head.path
    request.headers = head.headers
    request.method = head.method
    request.protocol = head.protocol
    return request


def check_no_body(headers: Headers) -> None:
    """
    Refuse a request that has a body, which would be taken for frames.

    Raises:
        NotImplementedError: if it comes in a transfer coding.
        ValueError: if it has a length.
    """
    if BODIES.isdisjoint(headers._values):
        return
    if "Transfer-Encoding" in headers:
        raise NotImplementedError("transfer codings aren't supported")
    if any(length != "0" for length in headers.get_all("Content-Length")):
        raise ValueError("unsupported request body")


def parse_line(
    read_line: ReadLine, too_long_exc_type: type[Exception] = SecurityError
) -> Generator[None, None, Bytes]:
    """
    Read a line, and return it without its CRLF.

    Raises:
        EOFError: if the stream, or the line, ends without one.
    """
    line = yield from read_line(MAX_LINE_LENGTH, too_long_exc_type)
    # RFC 9112 2.2 lets a recipient take a bare LF for a line's end; strict is safer.
    if not line.endswith(b"\r\n"):
        raise EOFError("line without CRLF")
    return line[:-2]


def parse_headers(read_line: ReadLine) -> Generator[None, None, Headers]:
    """
    Read headers and the empty line behind them (RFC 9112 5).

    Raises:
        EOFError: if the stream ends before that.
        SecurityError: if a line is too long, or if there are too many.
        ValueError: if one isn't well-formed.
    """
    headers = Headers()
    for _ in range(MAX_NUM_HEADERS + 1):
        try:
            line = yield from parse_line(read_line, HeaderLineTooLong)
        except EOFError as exc:
            raise EOFError("connection closed while reading HTTP headers") from exc
        if not line:
            return headers
        headers.set_insecure(*parse_header(line))
    raise TooManyHeaders(f"expected no more than {MAX_NUM_HEADERS} headers")


def read_body(
    status_code: int,
    headers: Headers,
    read_line: ReadLine,
    read_exact: ReadExact,
    read_to_eof: ReadToEOF,
) -> Generator[None, None, Bytes]:
    """
    Read the body of a response, whose length the headers tell, or the end of the stream.

    Raises:
        EOFError, SecurityError, LookupError, NotImplementedError, ValueError: as
            :meth:`Response.parse`.
    """
    chunked, length = body_length(status_code, headers)
    if chunked:
        return (yield from _read_chunks(read_line, read_exact))
    if length is None:
        return (yield from read_to_eof(MAX_BODY_SIZE, SecurityError))
    return (yield from read_exact(length)) if length else b""


def body_length(status_code: int, headers: Headers) -> tuple[bool, Optional[int]]:
    """
    Tell how long the body of a response is.

    Returns:
        ``(chunked, length)``: whether it comes in chunks, and its number of bytes, or None if it
        ends with the stream.

    Raises:
        SecurityError, LookupError, NotImplementedError: as :meth:`Response.parse`.
    """
    # RFC 9112 6.3: the ways to tell, in their order.
    if 100 <= status_code < 200 or status_code in (204, 304):
        return False, 0
    coding = headers.get("Transfer-Encoding")
    if coding is not None:
        # RFC 9112 7: names of codings are case-insensitive.
        if coding.lower() != "chunked":
            raise NotImplementedError(f"transfer coding {show(coding)} isn't supported")
        return True, None
    length = headers.get("Content-Length")
    if length is None:
        return False, None
    if not _is_length(length.encode()):
        raise SecurityError(f"invalid content length: {show(length)}")
    if int(length) > MAX_BODY_SIZE:
        raise SecurityError(f"body too large: {int(length)} bytes")
    return False, int(length)


def chunk_size(line: Bytes, came: int) -> int:
    """
    Return the size of a chunk, whose first line this is; 0 is the last one.

    Arguments:
        came: how many bytes of the body came before it.

    Raises:
        SecurityError: if it is nonsense, or the body is too large.
    """
    # RFC 9112 7.1.1: a recipient ignores extensions that it doesn't know.
    size_in_hex, _, _ = line.partition(b";")
    if not _is_chunk_size(size_in_hex):
        raise SecurityError(f"invalid chunk size: {_quote(size_in_hex)}")
    size = int(size_in_hex, 16)
    if size > MAX_BODY_SIZE - came:
        raise SecurityError(f"chunk too large: {size} bytes after {came} bytes")
    return size


def _read_chunks(read_line: ReadLine, read_exact: ReadExact) -> Generator[None, None, bytes]:
    """Read a body in the chunked coding (RFC 9112 7.1), and drop its trailers."""
    body = bytearray()
    while True:
        line = yield from parse_line(read_line)
        size = chunk_size(line, len(body))
        if size == 0:
            yield from parse_headers(read_line)
            return bytes(body)
        body += yield from read_exact(size)
        if (yield from read_exact(2)) != b"\r\n":
            raise ValueError("chunk without CRLF")
