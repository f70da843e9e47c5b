"""
Callers that wait for the same event.

Owns their futures. Key decision: each caller has a future of its own, so that cancelling one
doesn't touch the others.
"""

from __future__ import annotations

from typing import Any, Optional

__all__ = ["Gate"]


class Gate:
    """Let any number of callers wait until the gate opens; it is shut again behind them."""

    __slots__ = ("_waiters",)

    def __init__(self) -> None:
        self._waiters: Optional[dict[Any, None]] = None  # a set that keeps their order

    async def wait(self, loop: Any) -> None:
        """Wait for the next :meth:`open`."""
        waiter = loop.create_future()
        if self._waiters is None:
            self._waiters = {}
        self._waiters[waiter] = None
        try:
            await waiter
        finally:
            del self._waiters[waiter]

    def open(self) -> None:
        """Let all who wait go on."""
        for waiter in self._waiters or ():
            if not waiter.done():
                waiter.set_result(None)
