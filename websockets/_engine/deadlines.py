"""
Many things that may each take as many seconds, as the opening handshakes of a server.

Owns one timer for all of them. Must never know what lasts. Key decision: what began first is due
first, so that to begin and to be done in time costs an entry in a dict, and no timer. The timer is
left to go off once more when nothing waits.
"""

from __future__ import annotations

from typing import Any, Callable

from .._transports.verdicts import Verdict

__all__ = ["Deadlines"]


class Deadlines:
    """
    End what takes too long.

    Arguments:
        loop: the event loop.
        seconds: that each may take.
        expire: a function of what takes longer.
    """

    __slots__ = ("_expire", "_loop", "_timer", "_waiting", "seconds")

    def __init__(self, loop: Any, seconds: float, expire: Callable[[Any], None]) -> None:
        self.seconds = seconds
        self._loop = loop
        self._expire = expire
        self._timer: Any = None
        self._waiting: dict[Any, float] = {}

    def add(self, thing: Any) -> None:
        """Begin to wait for something to be done."""
        self._waiting[thing] = self._loop.time() + self.seconds
        if self._timer is None:
            self._timer = self._loop.call_later(self.seconds, self._look)

    def remove(self, thing: Any) -> None:
        """Take notice that it is done, or has expired."""
        self._waiting.pop(thing, None)

    def stop(self) -> None:
        """End nothing any more."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """Give what is due its verdict, and wait for what is due next."""
        self._timer = None
        now = self._loop.time()
        late = []
        for thing, due in self._waiting.items():
            if due > now:
                self._timer = self._loop.call_at(due, self._look)
                break
            late.append((thing, due))
        Verdict(self._loop, 0, self._end, late)

    def _end(self, late: list[tuple[Any, float]]) -> None:
        """End what isn't done, now that what had arrived is read."""
        for thing, due in late:
            if self._waiting.get(thing) == due:
                del self._waiting[thing]
                self._expire(thing)
