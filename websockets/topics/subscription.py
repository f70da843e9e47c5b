"""
One connection in one topic: what it is sent, at its own pace.

Owns what waits for a connection that is behind, the limits of that, and what happens beyond them.
Must never know a log. Key decisions: a connection that nothing hinders is written to at once; only
one that is behind has a queue and a task, and has them no longer when it has caught up. What waits
is what all subscribers share, so that a queue costs references. And a connection is referred to
weakly, so that one which is gone leaves its topics though nobody says so.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Callable, NamedTuple, Optional

from .._core import FULL, OP_TEXT, OPEN, UNUSUAL
from .counts import COUNTS
from .events import gap_in_json
from .feed import FAILED, PLAIN, Delivery, Item, logger

__all__ = ["CLOSE", "DROP_OLDEST", "LATEST_ONLY", "Pace", "Subscription"]

# What happens to a subscriber that is too slow
CLOSE = "close"
DROP_OLDEST = "drop_oldest"
LATEST_ONLY = "latest_only"

TRY_AGAIN_LATER = 1013
INTERNAL_ERROR = 1011


class Pace(NamedTuple):
    """
    How a subscriber is served.

    Attributes:
        transform: a function that makes of a :class:`Message` what is sent, None to send nothing.
        gap: the same for a :class:`Gap`.
        max_messages, max_bytes: how much may wait.
        when_slow: what happens if more would: CLOSE, DROP_OLDEST or LATEST_ONLY.
        send: a coroutine function that sends something, instead of the connection itself.
        close: one that closes the connection, given a code.
    """

    transform: Optional[Callable[[Any], Any]] = None
    gap: Callable[[Any], Any] = gap_in_json
    max_messages: int = 1000
    max_bytes: int = 2**20
    when_slow: str = CLOSE
    send: Optional[Callable[[Any], Any]] = None
    close: Optional[Callable[[int], Any]] = None


class Subscription:
    """
    A connection that subscribes to a topic.

    Arguments:
        name: the topic's name.
        member: the connection as its topics see it: ``connection()`` returns it, None if it is
            gone, ``leave(name)`` and ``leave_all()`` end this subscription and all of them,
            ``begin(coroutine)`` has a task run it.
        pace: how it is served.

    Attributes:
        connection: a function that returns the connection, None if it is gone.
        way: what its feed knows those by who have the same, None if it isn't to send to this one
            itself.
    """

    __slots__ = (
        "_bytes",
        "_catching_up",
        "_member",
        "_name",
        "_pace",
        "_queue",
        "_transform",
        "connection",
        "way",
    )

    def __init__(self, name: str, member: Any, pace: Pace) -> None:
        self._name = name
        self._member = member
        self._pace = pace
        self._transform = pace.transform
        self.connection: Any = member.connection
        self.way: Any = None
        self._queue: Optional[deque[Item]] = None
        self._bytes = 0
        self._catching_up: Optional[asyncio.Task[None]] = None
        self._keeps_up()

    def _keeps_up(self) -> None:
        """Have the feed send to this connection, as nothing waits for it."""
        if self._pace.send is None:
            self.way = PLAIN if self._transform is None else self._transform

    # Without waiting

    def take(self, delivery: Delivery) -> None:
        """Send a message, at once or when the connection has caught up."""
        make = self._transform
        item = delivery.plain if make is None else delivery.item(make)
        if item is None:
            return
        if item is FAILED:
            self._end(INTERNAL_ERROR, "a message of the topic couldn't be made")
        elif self._catching_up is not None or not self._send_now(item):
            self._put(item)

    def miss(self, delivery: Delivery) -> None:
        """Tell that messages are missing; by closing the connection if that can't be said."""
        item = delivery.item(self._pace.gap)
        if item is FAILED:
            self._end(TRY_AGAIN_LATER, "messages are missing")
        elif item is not None and (self._catching_up is not None or not self._send_now(item)):
            self._put(item)

    def stop(self) -> None:
        """Send nothing more."""
        self._queue = None
        task = self._catching_up
        if task is not None:
            task.cancel()

    def _send_now(self, item: Item) -> bool:
        """Send something if nothing is in the way; tell whether it was, or can't be at all."""
        if self._pace.send is not None:
            return False
        connection = self.connection()
        if connection is None:
            return True
        try:
            if connection._ws_stream.try_share(item.opcode, item.payload, item.frames):
                return True
            phase = connection._ws_phase
            if phase.state != OPEN:
                self._member.leave_all()
                return True
            if phase.endpoint.holds & ~UNUSUAL == 0:
                phase.share(item.opcode, item.payload, item.frames)
                return True
        except Exception:
            # A connection that can't be written to is none any more.
            logger.debug("sending to a subscriber failed", exc_info=True)
            self._member.leave_all()
            return True
        return False

    def _put(self, item: Item) -> None:
        """Have something wait; what doesn't fit any more is what the program has chosen."""
        pace = self._pace
        queue = self._queue
        if queue is None:
            queue = self._queue = deque()
        size = len(item.payload)
        if pace.when_slow == LATEST_ONLY:
            COUNTS.dropped += len(queue)
            queue.clear()
            self._bytes = 0
        while queue and (len(queue) >= pace.max_messages or self._bytes + size > pace.max_bytes):
            if pace.when_slow == CLOSE:
                COUNTS.too_slow += 1
                self._end(TRY_AGAIN_LATER, "too slow")
                return
            COUNTS.dropped += 1
            self._bytes -= len(queue.popleft().payload)
        queue.append(item)
        self._bytes += size
        if self._catching_up is None:
            self.way = None
            self._catching_up = self._member.begin(self._catch_up())

    def _end(self, code: int, reason: str) -> None:
        """Close the connection, and wait for nothing."""
        connection = self.connection()
        self._member.leave_all()
        pace = self._pace
        if pace.close is not None:
            self._member.begin(call(pace.close, code))
        elif pace.send is not None:
            close = getattr(connection, "close", None)
            if close is not None:
                self._member.begin(call(close, code))
        elif connection is not None:
            connection._ws_phase.close(code, reason)

    # Waiting

    async def _catch_up(self) -> None:
        """Send what waits, until nothing does."""
        try:
            while self._queue:
                await self._writable()
                if not self._queue:
                    break
                item = self._queue.popleft()
                self._bytes -= len(item.payload)
                await self._send(item)
        except Exception:
            logger.debug("sending to a subscriber failed", exc_info=True)
            self._member.leave_all()
        finally:
            self._queue = None
            self._bytes = 0
            self._catching_up = None
            self._keeps_up()

    async def tell(self, delivery: Delivery, make: Optional[Callable[[Any], Any]]) -> None:
        """
        Send what is told to this subscriber alone, and wait until there is room for more.

        Raises:
            ConnectionError: if the connection is closed, or is closed by this.
        """
        item: Any = delivery.plain if make is None else delivery.item(make)
        if item is FAILED:
            self._end(TRY_AGAIN_LATER, "messages are missing")
            raise ConnectionError("messages are missing")
        if item is not None:
            await self._writable()
            await self._send(item)

    async def _send(self, item: Item) -> None:
        """Send something in its turn."""
        pace = self._pace
        if pace.send is not None:
            await pace.send(item.data)
        elif not self._send_now(item):
            await self._phase().send(item.payload, None, item.opcode == OP_TEXT)

    async def _writable(self) -> None:
        """Wait while the connection's write buffer is full."""
        if self._pace.send is None:
            phase = self._phase()
            while phase.endpoint.holds & FULL:
                await phase.written()

    def _phase(self) -> Any:
        connection = self.connection()
        if connection is None or connection._ws_phase.state != OPEN:
            raise ConnectionError("the connection is closed")
        return connection._ws_phase


async def call(function: Callable[[int], Any], code: int) -> None:
    """Close a connection that isn't ours; if that fails, it is closed."""
    try:
        await function(code)
    except Exception:
        logger.debug("closing a subscriber failed", exc_info=True)
