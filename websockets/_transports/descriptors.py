"""
Sockets that bytes may be written to beside their transport.

Owns the list of transports that do nothing to what is written but hand it to their socket. Must
never know who writes. Key decision: these very classes and no others, not even subclasses.
"""

from __future__ import annotations

from typing import Any

__all__ = ["plain_descriptor"]

PLAIN = {
    ("asyncio.selector_events", "_SelectorSocketTransport"),
    ("uvloop.loop", "TCPTransport"),
    ("uvloop.loop", "UnixTransport"),
}


def plain_descriptor(transport: Any) -> int:
    """Return the file descriptor of a transport's socket, or -1."""
    kind = type(transport)
    if (kind.__module__, kind.__qualname__) not in PLAIN:
        return -1
    descriptor: int = transport.get_extra_info("socket").fileno()
    return descriptor
