"""
Bytes from the peer before a connection is open: the head of its request or response.

Owns the head until the handshake has read it, and what came behind it. Must never know what a
valid handshake is. Key decision: bytes may come before anybody waits for them, so the outcome, a
head or an exception, is kept until :meth:`Opening.head` asks.
"""

from __future__ import annotations

from typing import Any, Optional

from .._core import HeadReader, forget_frames
from ..exceptions import WebSocketException

__all__ = ["Opening"]

EARLY_LIMIT = 65536  # bytes


class Opening:
    """
    Receive a head.

    Arguments:
        loop: the event loop.
        response: whether to expect a response rather than a request.

    Attributes:
        complete: whether the head is there.
        early: bytes behind the head, from a peer that doesn't wait for the handshake to end.
    """

    __slots__ = ("_error", "_head", "_loop", "_waiter", "complete", "early")

    def __init__(self, loop: Any, response: bool) -> None:
        self.complete = False
        self.early = bytearray()
        self._head: Any = HeadReader(response)
        self._error: Optional[Exception] = None
        self._loop = loop
        self._waiter: Any = None

    @property
    def stalled(self) -> bool:
        """Whether so much came early that no more should be read."""
        return len(self.early) > EARLY_LIMIT

    def feed(self, data: bytes) -> None:
        """Take bytes from the peer."""
        if self.complete:
            self.early += data
        elif self._error is None:
            try:
                self.complete = self._head.feed(data)
            except (ValueError, WebSocketException) as exc:
                self.fail(exc)
                return
            if self.complete:
                self.early += self._head.rest
                self._wake()

    def fail(self, exc: Exception) -> None:
        """Make :meth:`head` raise an exception, unless the head is there."""
        if not self.complete and self._error is None:
            forget_frames(exc)
            self._error = exc
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def head(self) -> Any:
        """
        Wait for the head; it is an object as :class:`HeadReader` describes it.

        Raises:
            ValueError: if it is malformed.
            SecurityError: if it exceeds a limit.
            Exception: whatever :meth:`fail` was given.
        """
        while not self.complete:
            if self._error is not None:
                raise self._take_error()
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._head

    def _take_error(self) -> Exception:
        # An exception that is raised refers to this object by its traceback.
        error, self._error = self._error, EOFError("the opening handshake has failed")
        assert error is not None
        return error
