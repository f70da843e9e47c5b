"""
Transports of our own: the pure twin of ext/link.pyx, which has none.

Owns nothing; see reactor.py.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Link"]


class Link:
    """
    What carries the bytes of one TCP connection, or one by a Unix socket.

    It has the methods of :class:`asyncio.Transport`, which its ``__class__`` is as well.

    Arguments:
        reactor: what watches its socket.
        loop: the event loop.
        descriptor: the socket's, which nobody else has. It doesn't block, and is closed in time.
        dressing: what event loops and programs expect, an object with the functions

            - ``socket_of(descriptor)``, which returns the socket as a program gets it, and the
              object that owns the descriptor then, with ``fileno()`` and ``close()``;
            - ``transport``: the class.
    """

    def __init__(self, reactor: Any, loop: Any, descriptor: int, dressing: Any) -> None:
        raise NotImplementedError("there are no links without extensions")

    def begin(self, protocol: Any) -> None:
        """Begin: give the protocol this transport, and what comes."""

    def carry(self, stream: Any) -> None:
        """Give what comes to a stream of messages, not to the protocol, and messages to this."""

    def writer(self) -> Any:
        """Return what frames are written with."""
