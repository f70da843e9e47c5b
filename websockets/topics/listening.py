"""
A program that listens to a topic, at its own pace.

Owns where it is, and what it hasn't taken yet. Must never know what kind of log there is. Key
decision: a program that falls behind isn't given up; it goes on from the history, and learns of a
gap if it has even fallen out of that. So nothing needs to wait for it, nor has it a limit.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from typing import Any, Optional

from .counts import COUNTS
from .events import NOWHERE, Gap, Position, parse_position
from .feed import Delivery

__all__ = ["Listener"]

WAITING = 1000  # events that wait here before the history keeps them
AT_ONCE = 100  # messages that are read from it together


class Listener:
    """
    The events of a topic, for ``async for``: each is a :class:`Message` or a :class:`Gap`.

    Arguments:
        topics: what asks and leaves: ``enter(name)`` returns the feed, ``exit(feed)`` is its end.
        name: of the topic.
        since: a position, None to begin now.
    """

    def __init__(self, topics: Any, name: str, since: Optional[str]) -> None:
        self._topics = topics
        self._name = name
        self._events: deque[Any] = deque()
        self._position: Optional[Position] = None if since is None else parse_position(since)
        self._feed: Any = None
        self._behind = True
        self._waiter: Optional[asyncio.Future[None]] = None
        self._closed = False

    def __aiter__(self) -> Listener:
        return self

    async def __aenter__(self) -> Listener:
        await self._begin()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        self.close()

    async def __anext__(self) -> Any:
        await self._begin()
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            if self._behind:
                await self._read()
            else:
                self._waiter = asyncio.get_running_loop().create_future()
                try:
                    await self._waiter
                finally:
                    self._waiter = None
        return self._events.popleft()

    def close(self) -> None:
        """End it."""
        self._closed = True
        feed, self._feed = self._feed, None
        if feed is not None:
            feed.leave(id(self))
            self._topics.exit(feed)
        self._wake()

    def __del__(self) -> None:
        if self._feed is not None:
            self.close()

    async def _begin(self) -> None:
        if self._feed is None and not self._closed:
            self._feed = await self._topics.enter(self._name)
            if self._position is None:
                self._position = self._feed.position
                self._join(self._position)

    async def _read(self) -> None:
        """Take what comes next from the history, and join the others where that ends."""
        feed = self._feed
        before = feed.position
        assert self._position is not None
        batch = await self._topics.log.read(self._name, self._position, AT_ONCE)
        if batch.gap is not None:
            since = "" if self._position == NOWHERE else str(self._position)
            COUNTS.gaps[batch.gap] += 1
            self._events.append(Gap(self._name, since, batch.gap))
        self._events.extend(message for _, message in batch.messages)
        COUNTS.delivered += len(batch.messages)
        self._position = batch.position
        if batch.complete and is_ahead(batch.position, before, feed.position):
            self._join(batch.position)

    def _join(self, position: Any) -> None:
        self._behind = False
        self._feed.join(id(self), WeakListener(self), position)

    def take(self, delivery: Delivery, position: Optional[Position]) -> None:
        """Take an event."""
        if len(self._events) >= WAITING:
            # The position is where the last of these is.
            self._behind = True
            self._feed.leave(id(self))
        else:
            self._events.append(delivery.event)
            self._position = position
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class WeakListener:
    """A listener as its topic sees it: one that a program has let go of isn't there."""

    __slots__ = ("__weakref__", "_ref", "_feed")

    def __init__(self, listener: Listener) -> None:
        self._ref = weakref.ref(listener)
        self._feed = listener._feed

    way = None

    def connection(self) -> None:
        """There is none."""

    def take(self, delivery: Delivery) -> None:
        """Pass a message on."""
        listener = self._ref()
        if listener is not None:
            listener.take(delivery, self._feed.position)

    miss = take


def is_ahead(position: Position, before: Position, now: Position) -> bool:
    """
    Whether who has read a log to its end is where a feed is, or ahead of it.

    Arguments:
        position: where the log ended when it was read.
        before: where the feed was when that was asked for.
        now: where it is.
    """
    if position.epoch == now.epoch:
        return position.number >= now.number
    # The log has begun another epoch; the feed hasn't heard of it yet, or has in the meantime.
    return before.epoch == now.epoch
