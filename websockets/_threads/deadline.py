"""
The time that is left for several steps.

Owns one moment of a clock. Must never know what the steps are.
"""

from __future__ import annotations

from time import monotonic
from typing import Optional

__all__ = ["Deadline"]


class Deadline:
    """
    A moment by which something has to be done.

    Arguments:
        timeout: seconds from now, None for no limit.
    """

    def __init__(self, timeout: Optional[float]) -> None:
        self._moment = None if timeout is None else monotonic() + timeout

    def timeout(self, *, raise_if_elapsed: bool = True) -> Optional[float]:
        """
        Return the seconds that are left, None for no limit.

        Arguments:
            raise_if_elapsed: whether to raise TimeoutError if there are none.
        """
        if self._moment is None:
            return None
        left = self._moment - monotonic()
        if left <= 0:
            if raise_if_elapsed:
                raise TimeoutError("timed out")
            return 0.0
        return left
