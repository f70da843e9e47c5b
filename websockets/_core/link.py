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
        context: the :class:`contextvars.Context` in which the protocol is called.
        dressing: what programs expect, an object with

            - ``socket_of(descriptor)``, which returns a duplicate of the socket as a program gets
              it, and as an object with ``close()``; a closed one for a negative descriptor;
            - ``transport``, the class.
    """

    def __init__(
        self, reactor: Any, loop: Any, descriptor: int, context: Any, dressing: Any
    ) -> None:
        raise NotImplementedError("there are no links without extensions")

    def begin(self, protocol: Any) -> None:
        """Begin: give the protocol this transport, and what comes."""

    def carry(self, stream: Any) -> None:
        """Give what comes to a stream of messages, not to the protocol, and messages to this."""

    def drop(self) -> None:
        """Close the socket; nobody is told."""

    def writer(self) -> Any:
        """Return what frames are written with."""
