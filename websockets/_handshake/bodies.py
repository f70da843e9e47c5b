"""
The body of a response, from bytes as they arrive (RFC 9112 sections 6.3 and 7.1).

Owns the three ways in which a body ends: its length, a last chunk, the end of the stream. Must
never know what a body is for, nor the head beyond the headers that tell the way. Key decision: a
reader takes bytes as they come, so that no connection needs a stream for it.
"""

from __future__ import annotations

from typing import Optional

from ..datastructures import Headers
from ..exceptions import SecurityError
from ..http11 import MAX_BODY_SIZE, MAX_LINE_LENGTH, MAX_NUM_HEADERS, body_length, chunk_size

__all__ = ["BodyReader"]

# A line that is part of the chunked coding, and the CRLF behind a chunk.
SIZE, END, TRAILER = range(3)


class BodyReader:
    """
    Read one body.

    Arguments:
        status_code, headers: of the response.

    Attributes:
        body: what has come of it.
        rest: once it is complete, the bytes that came behind it.

    Raises:
        SecurityError: if it is too large, or its length is nonsense.
        LookupError: if the headers say more than once how long it is.
        NotImplementedError: if it comes in another coding than chunked.
    """

    def __init__(self, status_code: int, headers: Headers) -> None:
        self.body = bytearray()
        self.rest = b""
        self._buffer = bytearray()
        self._chunked, self._length = body_length(status_code, headers)
        self._line = SIZE
        self._missing = 0  # bytes of the current chunk
        self._trailers = 0

    def append(self, data: bytes) -> bool:
        """
        Take bytes; return whether the body is complete.

        Raises:
            SecurityError: if it is too large.
            ValueError: if it isn't well-formed.
        """
        self._buffer += data
        if self._chunked:
            return self._parse_chunks()
        if self._length is not None:
            return self._take(self._length - len(self.body)) and self._complete()
        size = len(self.body) + len(self._buffer)
        if size > MAX_BODY_SIZE:
            raise SecurityError(f"read {size} bytes, expected no more than {MAX_BODY_SIZE} bytes")
        self._take(len(self._buffer))
        return False

    def end(self) -> None:
        """
        Take notice that the stream ends.

        Raises:
            EOFError: if the body isn't complete.
        """
        if self._chunked:
            raise EOFError("connection closed while reading HTTP body")
        if self._length is not None:
            came, length = len(self.body), self._length
            raise EOFError(f"stream ends after {came} bytes, expected {length} bytes")

    def _parse_chunks(self) -> bool:
        while True:
            if self._missing:
                came = len(self.body)
                complete = self._take(self._missing)
                self._missing -= len(self.body) - came
                if not complete:
                    return False
                self._line = END
            line = self._next_line()
            if line is None:
                return False
            if self._line == SIZE:
                self._missing = chunk_size(line, len(self.body))
                if not self._missing:
                    self._line = TRAILER
            elif self._line == END:
                self._line = SIZE
            elif not line:
                return self._complete()
            else:
                self._trailers += 1
                if self._trailers > MAX_NUM_HEADERS:
                    raise SecurityError(f"expected no more than {MAX_NUM_HEADERS} headers")

    def _next_line(self) -> Optional[bytes]:
        """Take a line without its CRLF, if it is there."""
        end = self._buffer.find(b"\n") + 1
        # RFC 9112 7.1: nothing stands between a chunk's data and the CRLF behind it.
        if self._line == END and not b"\r\n".startswith(self._buffer[:2]):
            raise ValueError("chunk without CRLF")
        size = end or len(self._buffer)
        if size > MAX_LINE_LENGTH:
            raise SecurityError(f"read {size} bytes, expected no more than {MAX_LINE_LENGTH} bytes")
        if not end:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[:end]
        if not line.endswith(b"\r\n"):
            raise ValueError("line without CRLF")
        return line[:-2]

    def _take(self, size: int) -> bool:
        """Move as many bytes into the body; return whether they were there."""
        part = self._buffer[:size]
        del self._buffer[:size]
        self.body += part
        return len(part) == size

    def _complete(self) -> bool:
        self.rest = bytes(self._buffer)
        self._buffer.clear()
        return True
