"""
Time limits that end connections: no verdict is given before what had arrived has been read.

Owns what happens from the moment at which a limit is reached to the verdict. Must never know what
the verdict is. Key decision: whoever was late may have been this process, which was busy or stopped
while answers arrived; so a limit that is reached waits for a few turns of the event loop, in which
that is read, and a crowd for as many as it takes to come to each of its sockets once. It counts
turns and sockets, not bytes, so that no peer can make it last.
"""

from __future__ import annotations

import weakref
from typing import Any, Callable

__all__ = ["Verdict", "read_by"]

# One in which the loop looks at its sockets, one in which they are read, and one for the tasks that
# go on then. Timers may go off before the loop has looked: uvloop's did, and so do asyncio's if a
# signal has interrupted it, as when a process is stopped and goes on.
TURNS = 3

# What reads the sockets of event loops beside them, by loop; as weak references.
_reactors: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


def read_by(loop: Any) -> Any:
    """Return the reactor of an event loop, None if it has none."""
    reference = _reactors.get(loop)
    return None if reference is None else reference()


def set_read_by(loop: Any, reactor: Any) -> None:
    """Let a reactor be that of an event loop, as long as it lives."""
    _reactors[loop] = weakref.ref(reactor)


class Verdict:
    """
    What is done when a time limit is reached, unless it is cancelled.

    Arguments:
        loop: the event loop, or what has its methods ``call_later()`` and ``call_soon()``.
        seconds: the limit.
        function, args: what to call.
    """

    __slots__ = ("_args", "_full", "_function", "_handle", "_last", "_loop", "_reactor", "_turns")

    def __init__(
        self, loop: Any, seconds: float, function: Callable[..., object], *args: Any
    ) -> None:
        self._loop = loop
        self._function: Any = function
        self._args: Any = args
        self._handle: Any = loop.call_later(seconds, self._reached)

    def cancel(self) -> None:
        """Let it not be called, and let go of everything."""
        if self._handle is not None:
            self._handle.cancel()
        self._loop = self._handle = self._function = self._args = self._reactor = None

    def _reached(self) -> None:
        """Begin to wait for what has arrived."""
        self._turns = TURNS
        self._reactor = reactor = read_by(self._loop)
        if reactor is not None:
            self._full, self._last = reactor.full_batches, reactor.lap()
        self._handle = self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Let the loop turn once more, or call the function."""
        self._turns -= 1
        reactor = self._reactor
        if reactor is not None and reactor.full_batches != self._full <= self._last:
            # More may be ready than were read.
            self._full = reactor.full_batches
            self._turns = TURNS - 1
        if self._turns:
            self._handle = self._loop.call_soon(self._turn)
            return
        function, args = self._function, self._args
        self._loop = self._handle = self._function = self._args = self._reactor = None
        function(*args)
