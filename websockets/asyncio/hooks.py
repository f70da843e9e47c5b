"""
What programs that subclass connections of today's API may override, call or look at.

Owns these names, and the question of whether one is overridden. Must never know how the engine does
what they tell of. Key decision: the engine doesn't go through them, which would take time for each
frame; what a subclass overrides is called instead of the engine's own, and only then.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from .._engine.overridable import made_once, overridable
from .._states import State
from .callbacks import Callbacks

__all__ = ["Hooks"]


class Hooks(Callbacks):
    """What is between a connection's names and its engine, where a program may come between."""

    # What waits

    @overridable
    def keepalive_task(self) -> Any:
        """What sends pings regularly, with ``cancel()`` and ``done()``; None if nothing does."""
        return self._ws_phase.keepalive

    @made_once
    def connection_lost_waiter(self) -> asyncio.Future[None]:
        """A future that is done when the transport is gone."""
        return self._ws_future("lost", False)

    def _ws_future(self, event: str, done: bool) -> asyncio.Future[None]:
        """Make a future for an event, done if that has happened or the connection is closed."""
        waiter: asyncio.Future[None] = self.loop.create_future()
        if done or self._ws_phase.state == State.CLOSED:
            waiter.set_result(None)
        else:
            # To look for it in __dict__ later would make that dict, which slows all attributes.
            self._ws_futures = [*self._ws_futures, (event, waiter)]
        return waiter

    # What happens

    @contextlib.asynccontextmanager
    async def send_context(self, *, expected_state: State = State.OPEN) -> AsyncIterator[None]:
        """
        Send what is done in the context, and wait while the write buffer is full.

        Arguments:
            expected_state: the state that the connection has to be in.

        Raises:
            ConnectionClosed: if it isn't; when it is closed, unless it is opening.
        """
        if expected_state is not State.CONNECTING:
            await self._ws_ensure_open()
        yield
        self.send_data()
        await self.drain()

    def send_data(self) -> None:
        """Write what waits to be sent."""
        if self._ws_phase.stream is None:
            self._ws_write()
        else:
            self._ws_phase.push()

    async def drain(self) -> None:
        """Wait while the write buffer is full."""
        await self._ws_phase.written()

    def acknowledge_pings(self, data: bytes) -> None:
        """Take a pong: it answers the ping with the same data, and those before."""
        self._ws_phase.acknowledge_pings(data)

    def terminate_pending_pings(self) -> None:
        """Let all who wait for pongs know that there won't be any."""
        self._ws_phase.terminate_pings()

    def start_keepalive(self) -> None:
        """Begin to send pings regularly, if ``ping_interval`` isn't None."""
        if self.ping_interval is None:
            return
        if type(self).keepalive is Hooks.keepalive:
            self._ws_phase.start_keepalive()
        else:
            self._ws_own_keepalive = self.loop.create_task(self.keepalive())
            self.keepalive_task = self._ws_own_keepalive

    async def keepalive(self) -> None:
        """
        Send pings regularly, and fail the connection if they aren't answered, until it ends.

        A subclass that overrides this has it run in a task of its own.
        """
        self._ws_phase.start_keepalive()
        await self._ws_phase.wait_closed()
