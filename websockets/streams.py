"""
A stream of bytes that is fed on one side and read on the other, without waiting.

Owns the bytes that have come and haven't been read. Must never know where they come from, nor what
they mean. Key decision: reading is a generator, which yields None while more bytes are needed and
returns what it has read; whoever has bytes feeds them and asks the generator to go on.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Union

__all__ = ["StreamReader"]


class StreamReader:
    """
    Bytes that arrive, to be read by generators.

    Attributes:
        buffer: bytes that haven't been read.
        eof: whether the stream has ended.
    """

    def __init__(self) -> None:
        self.buffer: bytearray = bytearray()
        self.eof: bool = False

    def read_line(
        self, m: int, too_long_exc_type: type[Exception] = RuntimeError
    ) -> Generator[None, None, bytearray]:
        """
        Read a line, with the LF at its end.

        Arguments:
            m: most bytes in the line.
            too_long_exc_type: what to raise when there are more.

        Raises:
            EOFError: if the stream ends before the line.
        """
        searched = 0
        while True:
            end = self.buffer.find(b"\n", searched) + 1
            searched = len(self.buffer)
            size = end or searched
            if size > m:
                raise too_long_exc_type(_too_long(size, m))
            if end:
                return self._take(end)
            if self.eof:
                raise EOFError(f"stream ends after {searched} bytes, before end of line")
            yield

    def read_exact(self, n: int) -> Generator[None, None, bytearray]:
        """
        Read ``n`` bytes.

        Raises:
            EOFError: if the stream ends before that.
        """
        if n < 0:
            raise AssertionError("a number of bytes isn't negative")
        while len(self.buffer) < n:
            if self.eof:
                came = len(self.buffer)
                raise EOFError(f"stream ends after {came} bytes, expected {n} bytes")
            yield
        return self._take(n)

    def read_to_eof(
        self, m: int, too_long_exc_type: type[Exception] = RuntimeError
    ) -> Generator[None, None, bytearray]:
        """
        Read all bytes until the stream ends.

        Arguments:
            m: most bytes that there may be.
            too_long_exc_type: what to raise when there are more.
        """
        while True:
            if len(self.buffer) > m:
                raise too_long_exc_type(_too_long(len(self.buffer), m))
            if self.eof:
                return self._take(len(self.buffer))
            yield

    def at_eof(self) -> Generator[None, None, bool]:
        """Tell whether the stream ends here; wait for the next byte or the end."""
        while not self.buffer and not self.eof:
            yield
        return not self.buffer

    def feed_data(self, data: Union[bytes, bytearray]) -> None:
        """
        Add bytes.

        Raises:
            EOFError: if the stream has ended.
        """
        if self.eof:
            raise EOFError("stream ended")
        self.buffer += data

    def feed_eof(self) -> None:
        """
        End the stream.

        Raises:
            EOFError: if it has ended before.
        """
        if self.eof:
            raise EOFError("stream ended")
        self.eof = True

    def discard(self) -> None:
        """Drop the bytes that haven't been read."""
        self.buffer.clear()

    def _take(self, size: int) -> bytearray:
        taken = self.buffer[:size]
        # It moves the beginning of the buffer, not the bytes behind it.
        del self.buffer[:size]
        return taken


def _too_long(size: int, most: int) -> str:
    return f"read {size} bytes, expected no more than {most} bytes"
