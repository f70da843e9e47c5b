"""
Watching many sockets as one: the pure twin of ext/reactor.pyx, which watches none.

Owns nothing. Key decision: what makes an event cheap is that no Python runs between it and the
message; without extensions the event loop's own transports are as good, so AVAILABLE is False here
and nothing else of this is used.
"""

from __future__ import annotations

from typing import Any

__all__ = ["AVAILABLE", "Reactor"]

AVAILABLE = False


class Reactor:
    """
    Watch the sockets of one event loop.

    The event loop has to call :meth:`run` whenever :meth:`fileno` is readable.

    Arguments:
        loop: that event loop.
        task_of: a function that returns the task that runs in an event loop, or None: where none
            does, who waits for a message may go on in the middle of a read.
        holds: whether answers of several connections may wait for each other, for a moment.

    Attributes:
        full_batches: how often as many were ready as go on at once, so that more may be.
    """

    full_batches: int

    def __init__(self, loop: Any, task_of: Any, holds: bool) -> None:
        raise NotImplementedError("there is no reactor without extensions")

    def fileno(self) -> int:
        """Return the descriptor that is readable when one of the watched is ready."""
        raise NotImplementedError

    def run(self) -> None:
        """Let some of those go on that are ready."""

    def lap(self) -> int:
        """Return how many batches will have been full when all had a turn that are ready now."""
        raise NotImplementedError

    def let_all_go(self) -> None:
        """
        Send what was held back since :meth:`~.writer.Writer.hold_all`.

        In the middle of :meth:`run`, more may come for the same connections: then that is sent when
        the batch is over, or half a millisecond after the first, with the next. Elsewhere, a few
        are sent at once, and others that follow them quickly when the event loop turns.
        """

    def close(self) -> None:
        """Watch nothing any more."""
