"""
Many things that may each take as many seconds, as the opening handshakes of a server.

Owns one timer for all of them. Must never know what lasts. Key decision: what began first is due
first, so that to begin and to be done in time costs an entry in a dict, and no timer.
"""

from __future__ import annotations

import weakref
from typing import Any, Callable, Optional

from .._transports.verdicts import Verdict

__all__ = ["Deadlines", "LoneDeadline", "LoneTime", "SharedTimes", "shared_deadlines"]


class Deadlines:
    """
    End what takes too long.

    The timer is left to go off once more when nothing waits.

    Arguments:
        loop: the event loop.
        seconds: that each may take.
        expire: a function of what takes longer.
    """

    __slots__ = ("__weakref__", "_timer", "_waiting", "expire", "loop", "seconds")

    def __init__(self, loop: Any, seconds: float, expire: Callable[[Any], None]) -> None:
        self.seconds = seconds
        self.loop = loop
        self.expire = expire
        self._timer: Any = None
        self._waiting: dict[Any, float] = {}

    def add(self, thing: Any) -> None:
        """Begin to wait for something to be done."""
        self._waiting[thing] = self.loop.time() + self.seconds
        if self._timer is None:
            self._timer = self.loop.call_later(self.seconds, self._look)

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
        now = self.loop.time()
        late = []
        for thing, due in self._waiting.items():
            if due > now:
                self._timer = self.loop.call_at(due, self._look)
                break
            late.append((thing, due))
        self._judge(late)

    def _judge(self, late: list[tuple[Any, float]]) -> None:
        """End what isn't done when what had arrived is read."""
        Verdict(self.loop, 0, self._end, late)

    def _end(self, late: list[tuple[Any, float]]) -> None:
        """End what isn't done, now that what had arrived is read."""
        for thing, due in late:
            if self._waiting.get(thing) == due:
                del self._waiting[thing]
                try:
                    self.expire(thing)
                except Exception as exc:  # The others' turn comes all the same.
                    message = "error when a time limit was reached"
                    self.loop.call_exception_handler({"message": message, "exception": exc})


class SharedDeadlines(Deadlines):
    """The same, without a timer when nothing waits."""

    __slots__ = ()

    def remove(self, thing: Any) -> None:
        """Take notice that it is done, or has expired."""
        self._waiting.pop(thing, None)
        if not self._waiting:
            self.stop()


class SharedTimes(SharedDeadlines):
    """The same for what is no verdict, and is done at once."""

    __slots__ = ()

    def _judge(self, late: list[tuple[Any, float]]) -> None:
        self._end(late)


class LoneTime:
    """The same for one thing that is no verdict, with a timer of its own."""

    __slots__ = ("_made_of", "_timer")

    def __init__(self, loop: Any, seconds: float, expire: Callable[[Any], None]) -> None:
        self._made_of = loop, seconds, expire

    def add(self, thing: Any) -> None:
        """Begin to wait for it to be done."""
        loop, seconds, expire = self._made_of
        self._timer = loop.call_later(seconds, expire, thing)

    def remove(self, thing: Any) -> None:
        """Take notice that it is done, or has expired."""
        self._timer.cancel()


class LoneDeadline(LoneTime):
    """The same for a verdict."""

    __slots__ = ()

    def add(self, thing: Any) -> None:
        """Begin to wait for it to be done."""
        self._timer = Verdict(*self._made_of, thing)


# Those of event loops, by what they were made of, and the one that was asked for last; they live as
# long as somebody needs them.
_shared: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
_latest: Optional[weakref.ref[SharedDeadlines]] = None


def shared_deadlines(
    loop: Any,
    seconds: float,
    expire: Callable[[Any], None],
    kind: type[SharedDeadlines] = SharedDeadlines,
) -> SharedDeadlines:
    """Return what ends whatever takes longer in an event loop; ``expire`` is always the same."""
    global _latest
    deadlines = None if _latest is None else _latest()
    if (
        deadlines is None
        or deadlines.loop is not loop
        or deadlines.seconds != seconds
        or deadlines.expire is not expire
    ):
        of_loop = _shared.get(loop)
        if of_loop is None:
            of_loop = _shared[loop] = weakref.WeakValueDictionary()
        deadlines = of_loop.get((seconds, expire))
        if deadlines is None:
            deadlines = of_loop[seconds, expire] = kind(loop, seconds, expire)
        _latest = weakref.ref(deadlines)
    return deadlines
