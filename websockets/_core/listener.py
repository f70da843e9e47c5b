"""
Accepting connections: the pure twin of ext/listener.pyx, which accepts none.

Owns nothing; see reactor.py.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Listener"]


class Listener:
    """
    Accept connections from a socket that is bound.

    Arguments:
        reactor: what watches it.
        loop: the event loop.
        sock: the socket, of which only ``fileno()`` is used; whoever gave it closes it.
        backlog: how many connections may wait to be accepted.
        factory: makes a protocol for each connection.
        context: a :class:`contextvars.Context`. Each connection has a copy, in which its protocol
            is made and called, and so the tasks have that it starts.
        dressing: as for :class:`~.link.Link`.
    """

    def __init__(
        self,
        reactor: Any,
        loop: Any,
        sock: Any,
        backlog: int,
        factory: Any,
        context: Any,
        dressing: Any,
    ) -> None:
        raise NotImplementedError("nothing listens without extensions")

    def start(self) -> None:
        """Begin to listen."""

    def close(self) -> None:
        """Accept no more."""
