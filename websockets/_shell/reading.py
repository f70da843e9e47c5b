"""
Where bytes from the network are read into.

Owns one buffer for each event loop, which all its connections share: what is read is taken out
before anything else can be read. Must never know what the bytes mean. Key decision: without this,
asyncio's own loop makes room for 256 KiB at every read, which takes longer than the read.
"""

from __future__ import annotations

import sys
import weakref
from typing import Any

__all__ = ["read_buffer"]

SIZE = 262144  # bytes; as much as asyncio reads at once

_buffers: weakref.WeakKeyDictionary[Any, memoryview] = weakref.WeakKeyDictionary()


def read_buffer(loop: Any) -> memoryview:
    """Return the buffer to read into for a connection of an event loop."""
    if sys.platform == "win32":  # pragma: no cover
        # There a read goes on while others begin, so that each connection needs a buffer.
        return memoryview(bytearray(SIZE // 4))
    buffer = _buffers.get(loop)
    if buffer is None:
        buffer = _buffers[loop] = memoryview(bytearray(SIZE))
    return buffer
