"""
The time that is left for several steps.

Owns one moment of a clock. Must never know what the steps are. Key decision: whoever is late may be
this process, which was busy or stopped; so what has arrived by then is still read, but only so much
that a peer which never ceases to send is given up.
"""

from __future__ import annotations

from typing import Optional

from .system import SYSTEM

__all__ = ["Deadline"]

LOOKS = 16  # at what is there behind the moment

ENDLESS = 2e6  # seconds; sockets count milliseconds, in 31 bits


class Deadline:
    """
    A moment by which something has to be done.

    Arguments:
        timeout: seconds from now, None for no limit; more than 23 days are none, either.
    """

    def __init__(self, timeout: Optional[float]) -> None:
        self._moment: Optional[float] = None
        if timeout is not None and timeout <= ENDLESS:
            self._moment = SYSTEM.clock() + timeout
        self._looks = LOOKS

    def to_read(self) -> Optional[float]:
        """
        Return for how many seconds something to read may be waited for, None for no limit.

        Raises:
            TimeoutError: if there are none, and what was there has been read.
        """
        seconds = self.timeout(raise_if_elapsed=False)
        if seconds == 0:
            self._looks -= 1
            if self._looks < 0:
                raise TimeoutError("timed out")
        return seconds

    def timeout(self, *, raise_if_elapsed: bool = True) -> Optional[float]:
        """
        Return the seconds that are left, None for no limit.

        Arguments:
            raise_if_elapsed: whether to raise TimeoutError if there are none.
        """
        if self._moment is None:
            return None
        left = self._moment - SYSTEM.clock()
        if left <= 0:
            if raise_if_elapsed:
                raise TimeoutError("timed out")
            return 0.0
        return left
