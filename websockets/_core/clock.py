"""
Reading a clock. The pure twin of ext/clock.pyx.

Must never know what the time is needed for. Key decision: whoever needs time is given a function,
so that tests can give another one; where it is Python's own, the compiled twin asks the system.
"""

from __future__ import annotations

from typing import Callable

__all__ = ["read_clock"]


def read_clock(clock: Callable[[], float]) -> float:
    """Return the seconds that a clock shows."""
    return clock()
