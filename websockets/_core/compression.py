"""
Which frames are compressed, and what RSV1 says of that (RFC 7692 section 6).

Owns the message that is being received and the one that is being sent, as far as compression sees
them. Must never know how their data is compressed, or what was negotiated.

Key decision: it has the form in which a connection asks its extensions, so that a connection can do
without frames as objects where there is no other extension.
"""

from __future__ import annotations

import zlib
from typing import Any, Optional, Union

from websockets.exceptions import ProtocolError

from .constants import OP_BINARY, OP_CONT, RSV1
from .frames import check_rsv

__all__ = ["Compression"]


class Compression:
    """
    Compress and decompress the messages of one connection, frame by frame.

    Arguments:
        deflater, inflater: the two streams, see :mod:`~.deflate`.
        min_size: size in bytes below which messages aren't compressed, unless they are fragmented.

    Attributes:
        sharing_key, thread_size: what an endpoint asks its extensions for.
    """

    def __init__(self, deflater: Any, inflater: Any, min_size: int = 0) -> None:
        self.sharing_key: Any = None
        self.thread_size: Optional[int] = None
        self._deflater = deflater
        self._inflater = inflater
        self._min_size = min_size
        # Whether the message being sent, and the one being received, are compressed.
        self._deflating = True
        self._inflating = False

    def passes(self, opcode: int, rsv: int) -> bool:
        """Tell whether a received frame isn't compressed."""
        if rsv:
            return False
        if opcode > OP_BINARY:
            return True
        if opcode != OP_CONT:
            self._inflating = False
        return not self._inflating

    def decode(
        self, fin: bool, rsv: int, opcode: int, payload: bytes, max_size: Optional[int]
    ) -> tuple[bool, int, bytes]:
        """
        Decompress a received frame.

        Raises:
            PayloadTooBig: if the payload exceeds ``max_size``.
            ProtocolError: if it can't be decompressed, or a reserved bit has no meaning.
        """
        if opcode <= OP_BINARY:
            if opcode != OP_CONT:
                self._inflating = rsv & RSV1 != 0
            elif rsv & RSV1:
                # RFC 7692 6.1: RSV1 is set on the first frame only.
                raise ProtocolError("RSV1 bit set in continuation frame")
            rsv &= ~RSV1
            if self._inflating:
                try:
                    payload = self._inflater.decompress(payload, max_size, fin)
                except zlib.error as exc:
                    raise ProtocolError("decompression failed") from exc
        if rsv:
            check_rsv(rsv)
        return fin, opcode, payload

    def encode(
        self,
        fin: bool,
        opcode: int,
        payload: Union[bytes, bytearray, memoryview],
        compress: Optional[bool] = None,
    ) -> tuple[int, int, Union[bytes, bytearray, memoryview]]:
        """
        Compress a frame that will be sent.

        ``compress`` tells whether to compress the message that starts with this frame; None leaves
        it to ``min_size``.
        """
        if opcode > OP_BINARY:
            return 0, opcode, payload
        if opcode != OP_CONT:
            if compress is None:
                compress = not fin or len(payload) >= self._min_size
            self._deflating = compress
        if not self._deflating:
            return 0, opcode, payload
        return RSV1 if opcode != OP_CONT else 0, opcode, self._deflater.compress(payload, fin)
