"""
Frames to bytes: header, masking key and payload in one object (RFC 6455 section 5.2).

Must never know what an opcode means or where a key comes from. Key decision: the payload is copied
once, while it is masked.
"""

from __future__ import annotations

import struct
from typing import Union

from .mask import apply_mask

__all__ = ["pack_frame", "pack_header"]

BytesLike = Union[bytes, bytearray, memoryview]

pack_short = struct.Struct("!BB").pack
pack_16 = struct.Struct("!BBH").pack
pack_64 = struct.Struct("!BBQ").pack


def pack_header(byte0: int, length: int, key: bytes) -> bytes:
    """
    Build the header of a frame.

    Arguments:
        byte0: FIN, RSV1, RSV2, RSV3 and the opcode.
        length: length of the payload in bytes.
        key: 4 bytes to mask with, or ``b""`` not to mask.
    """
    mask_bit = 0x80 if key else 0
    if length < 126:
        header = pack_short(byte0, mask_bit | length)
    elif length < 65536:
        header = pack_16(byte0, mask_bit | 126, length)
    else:
        header = pack_64(byte0, mask_bit | 127, length)
    return header + key


def pack_frame(byte0: int, payload: BytesLike, key: bytes) -> bytes:
    """Build a whole frame; arguments as in :func:`pack_header`."""
    header = pack_header(byte0, len(payload), key)
    return header + (apply_mask(payload, key) if key else payload)
