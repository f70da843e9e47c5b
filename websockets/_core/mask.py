"""
XOR with a masking key (RFC 6455 5.3): the pure twin of ext/mask.pyx.

Owns the arithmetic on bytes. Must never know what is masked, when, or where keys come from.

Key decision: the payload and the repeated key are XORed as two whole numbers, which leaves the loop
over the bytes to the interpreter's own C code.
"""

from __future__ import annotations

from typing import Any

__all__ = ["apply_mask", "mask_in_place"]

LARGE = 256  # bytes


def apply_mask(data: Any, key: Any, offset: int = 0) -> bytes:
    """
    Return the bytes of ``data``, XORed with the 4 bytes of ``key``, as a new object.

    ``data`` is any C-contiguous bytes-like object. ``offset`` is the number of bytes of the same
    payload that came before it: the key starts at its byte ``offset % 4``. Masking twice gives the
    original back.

    TypeError is raised for what isn't bytes-like, BufferError for a buffer with gaps, ValueError
    for a key that isn't 4 bytes long.
    """
    # Only what isn't bytes is checked: checking always would double the time of small payloads.
    size = len(data) if type(data) is bytes else _contiguous(data).nbytes
    if type(key) is not bytes:
        key = bytes(_contiguous(key))
    if len(key) != 4:
        raise ValueError(f"a masking key has 4 bytes, not {len(key)}")
    phase = offset % 4
    pattern = (key * (size // 4 + 2))[phase : phase + size]
    if size >= LARGE and data[-8:] == pattern[-8:]:
        # From Python 3.14 on, the memory of a number that turns out to be small is kept for other
        # small ones, however large it is: this one is made large by a byte more.
        masked = int.from_bytes(bytes(data) + b"\1", "little") ^ int.from_bytes(pattern, "little")
        return masked.to_bytes(size + 1, "little")[:-1]
    masked = int.from_bytes(data, "little") ^ int.from_bytes(pattern, "little")
    return masked.to_bytes(size, "little")


def mask_in_place(buffer: Any, key: Any, offset: int = 0) -> None:
    """
    Like apply_mask, but overwrite ``buffer``; BufferError is raised when it isn't writable.
    """
    view = _contiguous(buffer)
    if view.readonly:
        raise BufferError("a writable buffer is required")
    masked = apply_mask(view, key, offset)
    if masked:  # an empty view may have a shape that can't be cast
        view.cast("B")[:] = masked


def _contiguous(data: Any) -> memoryview:
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError(f"a bytes-like object is required, not {type(data).__name__!r}") from None
    if not view.c_contiguous:
        raise BufferError("a C-contiguous buffer is required")
    return view
