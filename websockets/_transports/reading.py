"""
Where bytes from the network are read into.

Owns one buffer for each event loop, which all its connections share: what is read is taken out
before anything else can be read. Must never know what the bytes mean. Key decision: without this,
asyncio's own loop makes room for 256 KiB at every read, which takes longer than the read. The rest
of a large payload is read into its final place instead.
"""

from __future__ import annotations

import sys
import weakref
from typing import Any

__all__ = ["InPlace", "read_buffer"]

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


class InPlace:
    """
    A connection to which a transport gives no bytes while it can read them into their place.

    That is for transports that prefer ``data_received()``: they see none in here.

    Arguments:
        protocol: the connection.
        transport: its transport.
        stream: an object with the methods ``get_buffer()``, ``buffer_updated(size)`` and
            ``space()``, which tells whether more goes into the same place.
    """

    def __init__(self, protocol: Any, transport: Any, stream: Any) -> None:
        self._protocol = protocol
        self._transport = transport
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._protocol, name)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return what to read into."""
        buffer: memoryview = self._stream.get_buffer()
        return buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take bytes, and step aside if no more go into the same place."""
        self._stream.buffer_updated(nbytes)
        if self._stream.space() is None:
            self._transport.set_protocol(self._protocol)
