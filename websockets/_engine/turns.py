"""
Callers that wait for their turn: first in, first out, one at a time.

Owns their order. Must never know what they wait for. Key decision: a turn is given to one caller,
who gives it to the next; so whatever many of them do together takes time in proportion to their
number, and a caller that is cancelled leaves the others as they were.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Callable

__all__ = ["Turns"]


class _Caller:
    __slots__ = ("waiter",)

    def __init__(self) -> None:
        self.waiter: Any = None


class Turns:
    """
    A queue of callers.

    Arguments:
        loop: the event loop.
    """

    __slots__ = ("_callers", "_loop")

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        # An ordered set; a dict would look for its first one behind all that have gone.
        self._callers: OrderedDict[_Caller, None] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._callers)

    async def wait(self, is_blocked: Callable[[], bool]) -> None:
        """
        Wait for a turn; who has had it calls :meth:`give`.

        Arguments:
            is_blocked: tells whether nobody may have a turn at this moment.
        """
        caller = _Caller()
        self._callers[caller] = None
        try:
            while True:
                # Who is let go on finds it blocked again, now and then, but keeps its place.
                caller.waiter = self._loop.create_future()
                await caller.waiter
                if not is_blocked():
                    break
        except BaseException:
            del self._callers[caller]
            if not is_blocked():
                self.give()
            raise
        del self._callers[caller]

    def give(self) -> None:
        """Give a turn to who has waited longest, unless it was given already."""
        if self._callers:
            waiter = next(iter(self._callers)).waiter
            if not waiter.done():
                waiter.set_result(None)
