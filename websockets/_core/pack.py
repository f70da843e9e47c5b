"""
Frames to bytes: header, masking key and payload in one object (RFC 6455 section 5.2). The pure twin
of ext/pack.pyx.

Must never know what an opcode means or where a key comes from. Key decision: the payload is copied
once, while it is masked; the compiled twin encodes text on that way, too.
"""

from __future__ import annotations

import struct
from typing import Union

from .constants import NO_KEY
from .mask import apply_mask

__all__ = ["append_frame", "pack_frame", "pack_header", "to_bytes"]

Payload = Union[str, bytes, bytearray, memoryview]

pack_short = struct.Struct("!BB").pack
pack_16 = struct.Struct("!BBH").pack
pack_64 = struct.Struct("!BBQ").pack


def pack_header(byte0: int, length: int, key: int) -> bytes:
    """
    Build the header of a frame.

    Arguments:
        byte0: FIN, RSV1, RSV2, RSV3 and the opcode.
        length: length of the payload in bytes.
        key: a number of 32 bits to mask with, or NO_KEY not to mask.
    """
    mask_bit = 0 if key == NO_KEY else 0x80
    if length < 126:
        header = pack_short(byte0, mask_bit | length)
    elif length < 65536:
        header = pack_16(byte0, mask_bit | 126, length)
    else:
        header = pack_64(byte0, mask_bit | 127, length)
    return header + key.to_bytes(4, "big") if mask_bit else header


def pack_frame(byte0: int, payload: Payload, key: int) -> bytes:
    """
    Build a whole frame.

    Arguments:
        byte0, key: as for :func:`pack_header`.
        payload: a bytes-like object of any layout, or a ``str``, which is encoded in UTF-8.

    Raises:
        UnicodeEncodeError: if a ``str`` can't be encoded.
    """
    data = to_bytes(payload)
    header = pack_header(byte0, len(data), key)
    return header + (data if key == NO_KEY else apply_mask(data, key.to_bytes(4, "big")))


def append_frame(frames: bytearray, byte0: int, payload: Payload, key: int) -> int:
    """Build a whole frame behind others, as :func:`pack_frame` does; return its size."""
    frame = pack_frame(byte0, payload, key)
    frames += frame
    return len(frame)


def to_bytes(payload: Payload) -> bytes:
    """Return the bytes of a payload; of a ``str``, its encoding in UTF-8."""
    if type(payload) is bytes:
        return payload
    # Subclasses may have an encode() or a __bytes__() of their own: those don't count.
    if isinstance(payload, str):
        return str.encode(payload)
    return bytes(memoryview(payload))
