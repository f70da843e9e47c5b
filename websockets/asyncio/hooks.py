"""
What programs that subclass connections of today's API may override, call or look at.

Owns these names, and the question of whether one is overridden. Must never know how the engine does
what they tell of. Key decision: the engine doesn't go through them, which would take time for each
frame; what a subclass overrides is called instead of the engine's own, and only then.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator
from typing import Any, Optional

from .._engine.assembler import Assembler
from .._engine.overridable import made_once, overridable
from .._sansio.chain import WatchedChain
from .._states import State
from .callbacks import Callbacks

__all__ = ["Hooks"]


class Hooks(Callbacks):
    """What is between a connection's names and its engine, where a program may come between."""

    ping_interval: Optional[float]
    request: Any = None
    response: Any = None
    connection_exc: Optional[Exception] = None

    # What waits

    @overridable
    def recv_messages(self) -> Assembler:
        """What has arrived and waits: see its attributes high, low, paused and frames."""
        return Assembler(self.max_queue, self._ws_phase.stream)

    @overridable
    def pending_pings(self) -> dict[bytes, Any]:
        """The pings that wait for their pongs, by payload."""
        pings: dict[bytes, Any] = self._ws_phase.pending_pings
        return pings

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

    def process_event(self, event: Any) -> None:
        """
        Take notice of what the peer has sent.

        Arguments:
            event: its half of the opening handshake; and a :class:`~websockets.frames.Frame` for
                each that comes, if this is overridden. Who overrides it sees frames, but messages
                are put together elsewhere.
        """
        if hasattr(event, "method"):
            self.request = event
        elif hasattr(event, "status_code"):
            self.response = event

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

    def set_connection_exc(self, exc: Optional[Exception]) -> None:
        """Note why TCP ended, unless that is known."""
        if self.connection_exc is None:
            self.connection_exc = exc

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

    def _ws_chain(self) -> Any:
        """Have a program that overrides process_event() see each frame, before the extensions."""
        chain = super()._ws_chain()
        if type(self).process_event is not Hooks.process_event:
            chain = WatchedChain(chain, weakref.WeakMethod(self.process_event))
        return chain
