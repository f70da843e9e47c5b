"""
Waiting for pongs in threads.

Owns the event that a program is given for a ping. Must never know when pongs come. Key decision:
who waits for it reads the connection meanwhile, so that the pong comes at once.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import Any, Callable, Optional

__all__ = ["Awaited", "Pong"]


class Pong(threading.Event):
    """
    An event that is set by a pong.

    Arguments:
        stream: the messages of the connection, whose reader sets it.
    """

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream = stream

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Wait until it is set; return whether it is. ``timeout`` is in seconds."""
        if self.is_set():
            return True
        deadline = None if timeout is None else monotonic() + timeout
        if self._stream.wait(self.is_set, timeout):
            return True
        return super().wait(None if deadline is None else max(deadline - monotonic(), 0.0))


class Awaited:
    """
    What is kept for a ping, with the methods of a future.

    Arguments:
        answered: called when the pong has come.
        lost: called when none will come, or None.
    """

    __slots__ = ("_answered", "_callback", "_lost")

    def __init__(
        self, answered: Callable[[], Any], lost: Optional[Callable[[], Any]] = None
    ) -> None:
        self._answered = answered
        self._lost = lost
        self._callback: Any = None

    def done(self) -> bool:
        """Return False: whoever is answered is forgotten."""
        return False

    def set_result(self, latency: float) -> None:
        """The pong has come."""
        self._answered()
        if self._callback is not None:
            self._callback(self)

    def set_exception(self, exc: BaseException) -> None:
        """No pong will come."""
        if self._lost is not None:
            self._lost()

    def exception(self) -> None:
        """Do nothing: there is nobody who looks."""

    def add_done_callback(self, callback: Callable[[Any], Any]) -> None:
        """Call a function when the pong has come."""
        self._callback = callback
