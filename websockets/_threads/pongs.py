"""
Waiting for pongs in threads.

Owns the event that a program is given for a ping. Must never know when pongs come. Key decision:
who waits for it reads the connection meanwhile, so that the pong comes at once.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import Any, Optional

__all__ = ["Pong"]


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
