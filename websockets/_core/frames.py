"""
Bytes to frames: the base framing of RFC 6455 section 5.2.

Owns the bytes that have arrived and aren't parsed yet, and every rule that can be decided from a
frame's header alone. Must never know messages, extensions, close codes or the network.

Key decision: a reader is asked for the next frame, it doesn't push, so that whoever asks can stop
asking while the rest stays bytes. A data frame comes in pieces as its payload arrives; a control
frame, at most 125 bytes, comes whole. Bytes wait in the chunks they came in and are joined only
where a header or a control frame straddles two of them: all work is linear in the bytes received.
"""

from __future__ import annotations

from collections import deque
from typing import Optional

from websockets.exceptions import ProtocolError

from .constants import NO_KEY, OP_BINARY, OP_CLOSE, OP_PONG
from .payloads import unpack

__all__ = [
    "FrameReader",
    "check_control",
    "check_length",
    "check_opcode",
    "check_rsv",
    "check_start",
]


def check_rsv(rsv: int) -> None:
    """Refuse reserved bits (0x70 of a frame's first byte) that no extension has accounted for."""
    # RFC 6455 5.2: a nonzero bit that no negotiated extension defines fails the connection.
    if rsv:
        raise ProtocolError("reserved bits must be 0")


def check_opcode(opcode: int) -> None:
    """Refuse the opcodes that RFC 6455 5.2 reserves: 3-7 and 11-15."""
    if opcode > OP_PONG or OP_BINARY < opcode < OP_CLOSE:
        raise ProtocolError("invalid opcode")


def check_control(fin: bool, length: int) -> None:
    """Refuse a control frame that is fragmented or longer than 125 bytes."""
    # RFC 6455 5.5
    if length > 125:
        raise ProtocolError("control frame too long")
    if not fin:
        raise ProtocolError("fragmented control frame")


def check_start(byte0: int, byte1: int, masked: bool, any_rsv: bool) -> None:
    """
    Check the two bytes that each frame begins with.

    Arguments:
        byte0, byte1: the two bytes.
        masked: whether the frame comes from a client.
        any_rsv: whether to let reserved bits pass, because extensions will look at them.
    """
    opcode = byte0 & 0x0F
    check_opcode(opcode)
    # RFC 6455 5.1: all frames from a client are masked, none from a server.
    if (byte1 & 0x80 != 0) != masked:
        raise ProtocolError("incorrect masking")
    if byte0 & 0x70 and not any_rsv:
        check_rsv(byte0 & 0x70)
    # What has more than 7 bits of length is checked when these are there.
    if opcode >= OP_CLOSE and byte1 & 0x7F < 126:
        check_control(byte0 & 0x80 != 0, byte1 & 0x7F)


def check_length(length: int, form: int) -> None:
    """Refuse a payload length that isn't in its shortest form (126: 16 bits, 127: 64 bits)."""
    # RFC 6455 5.2: "the minimal number of bytes MUST be used", and the top bit of 64 must be 0.
    if form == 126:
        if length < 126:
            raise ProtocolError(f"payload length {length} isn't in its shortest form")
    elif length >> 63:
        raise ProtocolError("payload length with its most significant bit set")
    elif length < 65536:
        raise ProtocolError(f"payload length {length} isn't in its shortest form")


class FrameReader:
    """
    Turn received bytes into frames, piece by piece.

    Arguments:
        masked: whether the peer must mask its frames, that is whether the peer is the client.
        any_rsv: whether extensions will look at the reserved bits; otherwise they must be 0.

    After each :meth:`next` that returned True, these describe what was read:

    - ``fin``, ``rsv`` (bits 0x70 of the first byte), ``opcode``, ``length`` (of the whole payload);
    - ``first`` and ``last``: whether this piece holds the payload's beginning and its end;
      ``missing``: how many bytes of the payload are still to come;
    - ``chunk``, ``start``, ``stop``, ``key``, ``offset``: where the piece stands in the bytes
      received and how it is masked, as :func:`~.payloads.unpack` takes them.
    """

    def __init__(self, masked: bool, any_rsv: bool = False) -> None:
        self.fin = False
        self.rsv = 0
        self.opcode = 0
        self.length = 0
        self.first = False
        self.last = True
        self.chunk = b""
        self.start = 0
        self.stop = 0  # what comes behind isn't parsed yet
        self.key = NO_KEY
        self.offset = 0
        self.missing = 0
        self._masked = masked
        self._any_rsv = any_rsv
        self._chunks: Optional[deque[bytes]] = None  # what came behind chunk
        self._queued = 0  # bytes in _chunks

    @property
    def buffered(self) -> int:
        """How many bytes wait to be parsed."""
        return len(self.chunk) - self.stop + self._queued

    def payload(self) -> bytes:
        """Return the piece itself, unmasked."""
        return unpack(self.chunk, self.start, self.stop, self.key, self.offset)

    def lacking(self) -> tuple[int, int]:
        """
        Tell how many bytes have come of a part of a frame that is incomplete, and how many it has.

        Parts are the first two bytes, a longer length, the key and the payload. ``(0, 0)`` stands
        for none: the last frame is complete.
        """
        if not self.last:
            return self.length - self.missing, self.length
        came = len(self.chunk) - self.stop
        sizes = [2]
        if came >= 2:
            form = self.chunk[self.stop + 1] & 0x7F
            # Of a frame whose header is complete, only a control frame's payload is awaited here.
            sizes += [2 if form == 126 else 8 if form == 127 else 0, 4 * self._masked, form]
        for size in sizes if came else ():
            if came < size:
                return came, size
            came -= size
        return 0, 0

    def copy(self) -> FrameReader:
        """Return another reader of the same bytes, from the same place on."""
        other = FrameReader(self._masked, self._any_rsv)
        other.fin = self.fin
        other.rsv = self.rsv
        other.opcode = self.opcode
        other.length = self.length
        other.last = self.last
        other.chunk = self.chunk
        other.start = other.stop = self.stop
        other.key = self.key
        other.missing = self.missing
        other._chunks = None if self._chunks is None else deque(self._chunks)
        other._queued = self._queued
        return other

    def append(self, data: bytes) -> None:
        """Take bytes from the peer. Costs no parsing."""
        if self.stop == len(self.chunk) and not self._queued:
            self.chunk = data
            self.stop = 0
        elif data:
            if self._chunks is None:
                self._chunks = deque()
            self._chunks.append(data)
            self._queued += len(data)

    def skip(self, size: int) -> None:
        """Read the next piece of a payload without its bytes: they went where they belong."""
        self.first = False
        self.offset = self.length - self.missing
        self.missing -= size
        self.last = self.missing == 0

    def clear(self) -> None:
        """Forget all bytes that aren't parsed yet, and the piece read last."""
        self.chunk = b""
        self.start = 0
        self.stop = 0
        self._chunks = None
        self._queued = 0

    def release(self) -> None:
        """Keep nothing of what was read; it is known to be used up."""
        if self.stop == len(self.chunk):
            self.chunk = b""
            self.stop = 0
        self.start = self.stop

    def next(self) -> bool:
        """
        Read the next frame, or the next piece of a data frame.

        Returns:
            False if more bytes are needed.

        Raises:
            ProtocolError: if the header breaks RFC 6455 5.2 or 5.5; the reader is then unusable.
        """
        self.first = self.last
        if self.stop == len(self.chunk) and not self._queued:
            # Nothing is left, as after most reads.
            self.chunk = b""
            self.start = self.stop = 0
            return False
        if not (self._read_header() if self.first else self._require(1)):
            self.start = self.stop
            return False
        self.start = self.stop
        size = len(self.chunk) - self.start
        if size > self.missing:
            size = self.missing
        self.stop = self.start + size
        self.offset = self.length - self.missing
        self.missing -= size
        self.last = self.missing == 0
        return True

    def _require(self, count: int) -> bool:
        """Join chunks until ``count`` unread bytes lie in one; False if they aren't there."""
        while len(self.chunk) - self.stop < count:
            # A few bytes that wait for more don't keep the chunk that they came with.
            self.chunk = unpack(self.chunk, self.stop, len(self.chunk), NO_KEY, 0)
            self.stop = 0
            if not self._chunks:
                self._chunks = None
                return False
            chunk = self._chunks.popleft()
            self._queued -= len(chunk)
            self.chunk += chunk
        return True

    def _read_header(self) -> bool:
        """Read a header and check it, as soon as each part of it is there; False if incomplete."""
        if len(self.chunk) - self.stop < 2 and not self._require(2):
            return False
        chunk, start = self.chunk, self.stop
        byte0, byte1 = chunk[start], chunk[start + 1]
        check_start(byte0, byte1, self._masked, self._any_rsv)
        opcode = byte0 & 0x0F
        form = byte1 & 0x7F
        extended = 2 if form == 126 else 8 if form == 127 else 0
        size = 2 + extended + (4 if self._masked else 0)
        length = form
        if extended:
            if not self._require(2 + extended):
                return False
            chunk, start = self.chunk, self.stop
            # The top bit is looked at before the number is stored: see check_length.
            if extended == 8 and chunk[start + 2] & 0x80:
                check_length(1 << 63, form)
            length = 0
            for i in range(start + 2, start + 2 + extended):
                length = length << 8 | chunk[i]
            if opcode >= OP_CLOSE:
                check_control(byte0 & 0x80 != 0, length)
            check_length(length, form)
        needed = size + length if opcode >= OP_CLOSE else size
        if len(self.chunk) - self.stop < needed and not self._require(needed):
            return False
        self.stop += size
        if self._masked:
            chunk, key = self.chunk, 0
            for i in range(self.stop - 4, self.stop):
                key = key << 8 | chunk[i]
            self.key = key
        self.fin = byte0 & 0x80 != 0
        self.rsv = byte0 & 0x70
        self.opcode = opcode
        self.length = length
        self.missing = length
        return True
