"""
Messages of threads on the shortest way: the pure twin of ext/calls.pyx.

Owns nothing: the compiled twin has two methods of its own, for what a program does most often.
"""

from __future__ import annotations

from .blocking import BlockingStream

__all__ = ["ThreadStream"]


class ThreadStream(BlockingStream):
    """A :class:`BlockingStream` whose ``mutex`` is a :class:`~.locks.Mutex`."""
