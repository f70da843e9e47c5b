"""
Sockets that bytes may be written to beside their transport.

Owns the list of transports that do nothing to what is written but hand it to their socket. Must
never know who writes. Key decision: these very classes and no others, not even subclasses, neither
of transports nor of sockets; and a descriptor is never given away as a number, which outlives its
file, but as the object that knows when it is gone.
"""

from __future__ import annotations

import socket
from typing import Any

from .._core import Link, TLSConnection, Writer

__all__ = ["can_stay", "is_ours", "plain_socket", "writer_of"]

ASYNCIO = ("asyncio.selector_events", "_SelectorSocketTransport")
UVLOOP = {("uvloop.loop", "TCPTransport"), ("uvloop.loop", "UnixTransport")}
UVLOOP_SOCKET = ("uvloop.loop", "PseudoSocket")


def name_of(kind: type) -> tuple[str, str]:
    return kind.__module__, kind.__qualname__


def writer_of(transport: Any) -> Any:
    """Return what frames are written to a transport with."""
    if is_ours(transport):
        return transport.writer()
    return Writer(transport, plain_socket(transport))


def is_ours(transport: Any) -> bool:
    """Tell whether a transport is ours, and not something that wraps it."""
    # Its __class__ says what asyncio wants to hear.
    return issubclass(type(transport), (Link, TLSConnection))


def can_stay(transport: Any) -> bool:
    """Tell whether a transport can be written to when the peer has ended its side."""
    # The TLS of event loops ends then, whatever its protocol says.
    return is_ours(transport) or transport.can_write_eof()


def plain_socket(transport: Any) -> Any:
    """
    Return what has the file descriptor of a transport, or None.

    Its ``fileno()`` is negative as soon as the descriptor is closed, detached or otherwise not the
    transport's any more.
    """
    kind = name_of(type(transport))
    if kind == ASYNCIO:
        # The very socket, which is behind what programs are given, and which they may close.
        sock = getattr(transport.get_extra_info("socket"), "_sock", None)
        return sock if type(sock) is socket.socket else None
    if kind in UVLOOP:
        # The transport resets it when it closes its descriptor, and so does a loop that is closed.
        # A socket that the program gave can be closed no earlier, because uvloop counts as a user.
        sock = transport.get_extra_info("socket")
        return sock if name_of(type(sock)) == UVLOOP_SOCKET else None
    return None
