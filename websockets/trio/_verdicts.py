"""
Time limits on trio, with the rule of :mod:`websockets._transports.verdicts`.

Owns the turns between the moment at which a limit is reached and the cancellation. Must never know
what is cancelled. Key decision: a task instead of the deadline of a cancel scope, because trio
cancels who waits for a socket as soon as a deadline is over, whether or not it has looked at it.
"""

from __future__ import annotations

from typing import Any, Optional

import trio

__all__ = ["Limit", "cancel_at", "look"]

TURNS = 3  # one in which trio looks at its sockets, and two for the tasks that go on then


async def look() -> None:
    """Return when what had arrived has been read, by tasks that wait for it."""
    for _ in range(TURNS):
        await trio.lowlevel.checkpoint()


async def cancel_at(moment: float, scope: trio.CancelScope) -> None:
    """Cancel a scope at a moment, and behind what had arrived by then."""
    await trio.sleep_until(moment)
    await look()
    scope.cancel()


class Limit:
    """
    A time limit around the body of ``with``, which is cancelled then.

    Arguments:
        seconds: the limit, None for none.
        nursery: where a task can be started, which ends with the body.
        scope: what is cancelled, a scope of its own by default.

    Attributes:
        scope: as given.
    """

    def __init__(
        self,
        seconds: Optional[float],
        nursery: trio.Nursery,
        scope: Optional[trio.CancelScope] = None,
    ) -> None:
        self.scope = trio.CancelScope() if scope is None else scope
        self._waiting = trio.CancelScope()
        self._seconds = seconds
        self._nursery = nursery

    def __enter__(self) -> None:
        if self._seconds is not None:
            self._nursery.start_soon(self._wait, trio.current_time() + self._seconds)
        self.scope.__enter__()

    def __exit__(self, *exc_info: Any) -> Optional[bool]:
        self._waiting.cancel()
        return self.scope.__exit__(*exc_info)

    async def _wait(self, moment: float) -> None:
        with self._waiting:
            await cancel_at(moment, self.scope)
