"""
DEFLATE streams for messages (RFC 1951, RFC 7692 7.2): the pure twin of ext/deflate.pyx.

Owns the two streams of a connection, and what ends a message in them. Must never know frames,
opcodes or what was negotiated.

Key decision: a stream is made when data first needs it. It is kept from one message to the next
only with context takeover; without, a message gets a window and tables that fit its size, unless
it was said how large they are. Another library is a module with zlib's interface: this text uses it
as it uses zlib, and the compiled twin calls its functions in C where it finds them.
"""

from __future__ import annotations

import sys
import zlib
from typing import Any, Optional, Union

from websockets.exceptions import PayloadTooBig

__all__ = ["Deflater", "Inflater", "find_functions"]

# RFC 7692 7.2.1: an empty block without compression ends each message, and its last four bytes
# aren't sent.
TAIL = b"\x00\x00\xff\xff"

# Each compressed piece ends with that block, on the boundary of a byte, where another one fits.
EMPTY = b"\x00"

# Ending a stream is a way to flush, so a few in a piece are plausible; one every other byte is an
# attack.
MAX_STREAMS = 16

# zlib can refer back by the size of its window less this.
LOOKAHEAD = 262


def find_functions(module: Any) -> Any:
    """
    Return what streams of this twin take as their ``library``, to use another one than zlib.

    Arguments:
        module: a module with the interface of :mod:`zlib`.

    Returns:
        None if this twin can't use it: the pure one takes all modules as they are.
    """
    return module


class Deflater:
    """
    Compress messages.

    Arguments:
        bits: base-2 logarithm of the largest window in bytes, 9 to 15.
        takeover: whether a message may refer to those before it.
        level, mem_level, strategy: as :func:`zlib.compressobj` takes them; a ``mem_level`` of 0
            stands for tables that suit the window, or the message.
        library: what :func:`find_functions` returned; None for zlib.

    Attributes:
        messages: how many messages were compressed.
        size: how many bytes they had before.
        compressed_size: how many bytes they had afterwards.
    """

    def __init__(
        self,
        bits: int,
        takeover: bool,
        level: int = -1,
        mem_level: int = 0,
        strategy: int = 0,
        library: Any = None,
    ) -> None:
        self.messages = self.size = self.compressed_size = 0
        self._bits = bits
        self._takeover = takeover
        self._level = level
        self._mem_level = mem_level
        self._strategy = strategy
        self._library = zlib if library is None else library
        self._stream: Any = None

    def compress(self, data: Union[bytes, bytearray, memoryview], final: bool = True) -> bytes:
        """Compress a message, or the next piece of one; ``final`` tells that it is the last."""
        size = len(data)
        if size:
            if self._stream is None:
                self._stream = self._open(size if final else 1 << 15)
            output = self._stream.compress(data) + self._stream.flush(self._library.Z_SYNC_FLUSH)
            if final:
                output = output[: -len(TAIL)]
        else:
            output = EMPTY if final else EMPTY + TAIL
        if final:
            self.messages += 1
            if not self._takeover:
                self._stream = None
        self.size += size
        self.compressed_size += len(output)
        return output  # type: ignore[no-any-return]

    def _open(self, size: int) -> Any:
        bits, mem_level = self._bits, self._mem_level
        if mem_level == 0 and self._takeover:
            # As many chains of matches as the window has positions.
            mem_level = max(bits - 7, 3)
        elif mem_level == 0:
            # A window beyond the message is never filled. Smaller tables than these cost matches,
            # and larger ones the time to clear them.
            enough = max((size + LOOKAHEAD).bit_length(), 9)
            bits, mem_level = min(enough, bits), min(enough - 5, 8)
        return self._library.compressobj(
            self._level, zlib.DEFLATED, -bits, mem_level, self._strategy
        )


class Inflater:
    """
    Decompress messages.

    Arguments:
        bits: base-2 logarithm of the peer's window in bytes, 8 to 15.
        takeover: whether a message may refer to those before it.
        library: what :func:`find_functions` returned; None for zlib.

    Attributes:
        messages: how many messages were decompressed.
        size: how many bytes they had afterwards.
        compressed_size: how many bytes they had before.
    """

    def __init__(self, bits: int, takeover: bool, library: Any = None) -> None:
        self.messages = self.size = self.compressed_size = 0
        # zlib inflates what was made for a window of 8 bits with one of 9 bits.
        self._bits = max(bits, 9)
        self._takeover = takeover
        self._library = zlib if library is None else library
        self._stream: Any = None
        self._inside = False  # whether the stream has had something of this message

    def decompress(self, data: bytes, max_size: Optional[int] = None, final: bool = True) -> bytes:
        """
        Decompress a message, or the next piece of one.

        Arguments:
            data: the compressed piece, of any size.
            max_size: most bytes that may come out of it; None for no limit.
            final: whether it is the last piece of the message.

        Raises:
            PayloadTooBig: if more would come out of it.
            zlib.error: if it isn't DEFLATE.
        """
        if max_size is not None:
            max_size = min(max(max_size, 0), sys.maxsize - 1)
        output, rest, streams = b"", data, 0
        try:
            # RFC 7692 7.2.3.5: a peer may end its DEFLATE stream; then another one follows.
            while rest:
                if streams == MAX_STREAMS:
                    raise zlib.error(f"more than {MAX_STREAMS} DEFLATE streams in a frame")
                output, rest = self._feed(rest, output, max_size)
                streams += 1
            # After a stream's end, the tail of the message belongs to none.
            if final and self._inside:
                output, _ = self._feed(TAIL, output, max_size)
                self._inside = False
        except BaseException as exc:
            self._stream = None
            self._inside = False
            if isinstance(exc, self._library.error) and self._library is not zlib:
                raise zlib.error(str(exc)) from exc
            raise
        if final:
            self.messages += 1
            if not self._takeover:
                self._stream = None
        self.size += len(output)
        self.compressed_size += len(data)
        return output

    def _feed(self, data: bytes, output: bytes, max_size: Optional[int]) -> tuple[bytes, bytes]:
        """Return the longer output, and the data that follows the stream's end."""
        if self._stream is None:
            self._stream = self._library.decompressobj(-self._bits)
        stream = self._stream
        self._inside = True
        # A limit of 0 would mean no limit to zlib, so one byte more than wanted is asked.
        limit = 0 if max_size is None else max_size - len(output) + 1
        output += stream.decompress(data, limit)
        if max_size is not None and len(output) > max_size:
            raise PayloadTooBig(None, max_size)
        if stream.eof:
            self._stream = None
            self._inside = False
        return output, stream.unused_data
