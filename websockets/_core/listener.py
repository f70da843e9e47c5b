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
        context: the :class:`contextvars.Context` that protocols are made and told of connections
            in, and so that of the tasks that they start.
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
