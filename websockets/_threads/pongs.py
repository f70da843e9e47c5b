"""
Waiting for pongs in threads, as programs do and as keepalive does.

Owns the event that a program is given for a ping, and the limit for a sign of life. Must never know
when pongs come. Key decision: who waits for it reads the connection meanwhile, so that the pong
comes at once; and where a limit is reached, who looks for a sign of life reads.
"""

from __future__ import annotations

import threading
from typing import Any, Optional

from .._engine.deadlines import LoneTime
from .._transports.verdicts import Verdict
from .system import SYSTEM

__all__ = ["Hearing", "Pong"]


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
        deadline = None if timeout is None else SYSTEM.clock() + timeout
        if self._stream.wait(self.is_set, timeout):
            return True
        # The connection has ended, and nobody sets it any more: there is no hurry to wake up.
        left = None if deadline is None else max(deadline - SYSTEM.clock(), 0.0)
        return super().wait(left if left is None else min(left, threading.TIMEOUT_MAX))


class Hearing(LoneTime):
    """The time for a sign of life; its ``loop`` is the session, which reads if it is asked."""

    __slots__ = ()

    def add(self, thing: Any) -> None:
        """Begin to wait for it."""
        session, seconds, _ = self._made_of
        self._timer = session.call_later(seconds, self._reached, thing)

    def _reached(self, thing: Any) -> None:
        session, _, expire = self._made_of
        if session.stream.reader:
            # That thread may have read it, and not have had its turn since.
            self._timer = Verdict(session, 0, expire, thing)
        else:
            expire(thing)
