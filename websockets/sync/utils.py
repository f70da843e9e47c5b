"""
Deadlines, under the name that programs of today look for them by.

Owns a deadline that tells how late it is. Must never know a socket; those of the library's own are
in :mod:`websockets._threads.deadline`.
"""

from __future__ import annotations

from time import monotonic
from typing import Optional

__all__ = ["Deadline"]


class Deadline:
    """
    A moment by which several steps have to be done.

    Arguments:
        timeout: seconds from now, None for no limit.
    """

    def __init__(self, timeout: Optional[float]) -> None:
        self.deadline: Optional[float] = None if timeout is None else monotonic() + timeout

    def timeout(self, *, raise_if_elapsed: bool = True) -> Optional[float]:
        """
        Return the seconds that are left for the next step, None for no limit.

        Arguments:
            raise_if_elapsed: False to return a negative number where there are none.

        Raises:
            TimeoutError: if there are none.
        """
        if self.deadline is None:
            return None
        left = self.deadline - monotonic()
        if raise_if_elapsed and left <= 0:
            raise TimeoutError("timed out")
        return left
