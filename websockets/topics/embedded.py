"""
The log of topics in one process: what was published lately, in memory.

Owns the history, and how long a message stays in it. Must never know a subscriber nor a connection.
Key decision: messages of all topics are numbered together. So a topic needs no memory of its own
before its first message nor after its last has gone, and whether a subscriber has missed something
is still known: it has if it isn't behind the newest message that was forgotten.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import deque
from typing import Any, Optional

from .events import OLDEST, Batch, Message, Position

__all__ = ["EmbeddedLog"]


class History:
    """
    The messages of one topic.

    Attributes:
        messages: positions, times and messages, oldest first.
        forgotten: the number of the newest message that isn't there any more, 0 for none.
        size: how many bytes they have, together; a character counts as one.
    """

    __slots__ = ("forgotten", "messages", "size")

    def __init__(self, forgotten: int) -> None:
        self.messages: deque[tuple[Position, float, Message]] = deque()
        self.forgotten: int = forgotten
        self.size: int = 0


class EmbeddedLog:
    """
    A log in memory.

    Arguments:
        history: how many messages a topic keeps.
        max_age: for how many seconds.
        max_size: how many bytes of messages; None for as many as there are.
    """

    def __init__(self, history: int, max_age: float, max_size: Optional[int] = None) -> None:
        self._history = history
        self._max_size = max_size
        self._max_age = max_age
        self._epoch = os.urandom(8).hex()
        self._number = 0
        self._forgotten = 0  # of topics that have no history
        self._histories: dict[str, History] = {}
        self._feeds: dict[str, Any] = {}
        self._there: dict[str, dict[str, None]] = {}
        self._timer: Optional[asyncio.TimerHandle] = None

    async def start(self) -> None:
        """Do nothing: it is there."""

    async def close(self) -> None:
        """Forget all."""
        if self._timer is not None:
            self._timer.cancel()
        self._histories.clear()

    async def watch(self, feed: Any) -> None:
        """Have a feed told of the messages of its topic from now on."""
        feed.position = Position(self._epoch, self._number)
        self._feeds[feed.name] = feed

    def unwatch(self, feed: Any) -> None:
        """Tell a feed no more."""
        self._feeds.pop(feed.name, None)

    async def publish(self, name: str, data: Any, patience: float) -> Position:
        """Add a message to a topic, and tell who watches it."""
        loop = asyncio.get_running_loop()
        self._number += 1
        position = Position(self._epoch, self._number)
        text = str(position)
        message = Message(name, data, text, text)
        if self._history > 0:
            history = self._histories.get(name)
            if history is None:
                history = self._histories[name] = History(self._forgotten)
            history.messages.append((position, loop.time(), message))
            history.size += len(data)
            self._trim(history, loop.time())
            if self._timer is None:
                self._timer = loop.call_later(self._max_age, self._sweep, loop)
        else:
            self._forgotten = self._number
        feed = self._feeds.get(name)
        if feed is not None:
            feed.deliver(position, message)
        # Who publishes in a loop must let connections write, or they all seem slow.
        await asyncio.sleep(0)
        return position

    async def read(self, name: str, since: Position, count: int) -> Batch:
        """Return what is behind a position, up to so many messages."""
        history = self._histories.get(name)
        forgotten = self._forgotten
        messages: deque[tuple[Position, float, Message]] = deque()
        if history is not None:
            self._trim(history, asyncio.get_running_loop().time())
            forgotten, messages = history.forgotten, history.messages
        gap: Optional[str] = None
        number = since.number
        if since != OLDEST:
            if since.epoch != self._epoch or number > self._number:
                gap, number = "epoch", 0
            elif number < forgotten:
                gap = "history"
        found = [(position, message) for position, _, message in messages if position[1] > number]
        batch = found[:count]
        if len(batch) < len(found):
            return Batch(gap, batch, batch[-1][0], False)
        return Batch(gap, batch, Position(self._epoch, self._number), True)

    def state(self) -> dict[str, float]:
        """Return what waits and what is late: nothing."""
        return {"waiting": 0, "behind": 0, "lag": 0.0}

    def is_passing(self, exc: Exception) -> bool:
        """Whether it is worth while to try again after an error: there are none."""
        return False

    async def attend(self, name: str, todo: str, entries: list[str], ttl: float) -> list[list[str]]:
        """Note who is there or has gone, or return who is there; see redislog.py."""
        there = self._there.setdefault(name, {})
        for entry in entries:
            who = entry.partition(" ")[2]
            others = [one for one in there if one.partition(" ")[2] == who and one != entry]
            change = None
            if todo == "there" and entry not in there:
                there[entry] = None
                change = "joined"
            elif todo == "gone" and entry in there:
                del there[entry]
                change = "left"
            if change is not None and not others:
                await self.publish(name, json.dumps({change: who}), 0)
        if not there:
            self._there.pop(name, None)
        return [list(dict.fromkeys(entry.partition(" ")[2] for entry in there))]

    def _trim(self, history: History, now: float) -> None:
        """Forget messages of a topic that are too many, too large or too old."""
        messages = history.messages
        while messages and (
            len(messages) > self._history
            or messages[0][1] + self._max_age <= now
            or (self._max_size is not None and history.size > self._max_size)
        ):
            position, _, message = messages.popleft()
            history.forgotten = position.number
            history.size -= len(message.data)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Forget what is too old in all topics; there may be no more of their messages."""
        now = loop.time()
        for name, history in list(self._histories.items()):
            self._trim(history, now)
            if not history.messages:
                self._forgotten = max(self._forgotten, history.forgotten)
                del self._histories[name]
        self._timer = None
        if self._histories:
            self._timer = loop.call_later(self._max_age, self._sweep, loop)
