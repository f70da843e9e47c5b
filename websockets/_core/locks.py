"""
Locks: the pure twin of ext/locks.pyx.

Owns nothing. Key decision: the compiled twin's is a lock like this one, which compiled code takes
without a call from Python.
"""

from __future__ import annotations

from _thread import allocate_lock as Mutex

__all__ = ["Mutex"]
