"""
How messages get into Redis: in the order in which a process publishes them, in few round trips.

Owns the messages that wait to be published, and what is done when Redis can't be reached. Must
never know a subscriber. Key decision: one task at a time sends what waits, all of it in one
pipeline; so a process needs one connection however many publish at once, and a message never
overtakes another. A message that is sent again because no answer came is looked for in the history
first.
"""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import count
from typing import Any, Optional

from .events import Position, Unavailable
from .following import end
from .scripts import ID_SIZE, PUBLISH, channel_of, keys_of, pack

__all__ = ["Publisher"]

AT_ONCE = 200  # messages in one pipeline
PAUSES = (0.02, 0.05, 0.1, 0.2, 0.5)  # seconds before trying again, the last one over and over


class Waiting:
    """A message that waits to be published."""

    __slots__ = ("arguments", "deadline", "done", "keys", "tried")

    def __init__(
        self, keys: tuple[bytes, bytes], arguments: list[Any], done: Any, deadline: float
    ) -> None:
        self.keys: tuple[bytes, bytes] = keys
        self.arguments: list[Any] = arguments
        self.done: Any = done
        self.deadline: float = deadline
        self.tried: bool = False


class Publisher:
    """
    What publishes in one process.

    Arguments:
        redis: what runs scripts, see :class:`~.redislog.RedisLog`.
        prefix: what names of keys begin with.
        options: history, max_age and for how long a topic's state is kept, in milliseconds; how
            many bytes of messages are kept, 0 for no limit.
        token: 16 bytes of ASCII that no other process has.
    """

    def __init__(
        self, redis: Any, prefix: str, options: tuple[int, int, int, int], token: bytes
    ) -> None:
        self._redis = redis
        self._prefix = prefix
        self._options = options
        self._token = token
        self._numbers = count(1)
        self._waiting: deque[Waiting] = deque()
        self._task: Optional[asyncio.Task[None]] = None

    async def publish(self, name: str, message: Any, patience: float) -> Position:
        """
        Publish a message.

        Raises:
            Unavailable: if that wasn't possible for so many seconds.
        """
        loop = asyncio.get_running_loop()
        identity = self._token + b"%012x" % next(self._numbers)
        body = pack(message, identity)
        arguments = [channel_of(self._prefix, name), body, *self._options]
        done = loop.create_future()
        waiting = Waiting(keys_of(self._prefix, name), arguments, done, loop.time() + patience)
        self._waiting.append(waiting)
        if self._task is None:
            self._task = loop.create_task(self._run())
        position: Position = await done
        return position

    def waiting(self) -> int:
        """Return how many messages wait."""
        return len(self._waiting)

    async def close(self) -> None:
        """Publish no more; who waits is told."""
        if self._task is not None:
            await end([self._task])
        for waiting in self._waiting:
            if not waiting.done.done():
                waiting.done.set_exception(Unavailable("these topics are closed"))
        self._waiting.clear()

    async def _run(self) -> None:
        """Publish all that waits."""
        failures = 0
        try:
            while self._waiting:
                batch = self._next()
                if not batch:
                    continue
                problem = await self._send(batch)
                if problem is None:
                    failures = 0
                    continue
                pause = PAUSES[min(failures, len(PAUSES) - 1)]
                failures += 1
                self._give_up(problem)
                if self._waiting:
                    await asyncio.sleep(pause)
        finally:
            self._task = None

    def _next(self) -> list[Waiting]:
        """Return the messages that are sent next; they wait until they are answered."""
        batch: list[Waiting] = []
        for waiting in list(self._waiting)[:AT_ONCE]:
            if waiting.done.done() and not waiting.tried:
                self._waiting.remove(waiting)  # Who published it was cancelled in time.
            else:
                batch.append(waiting)
        return batch

    async def _send(self, batch: list[Waiting]) -> Optional[Exception]:
        """Send messages; return why not all of them are published, None if they are."""
        calls = []
        for waiting in batch:
            fresh = self._redis.new_epoch()
            again = b"1" if waiting.tried else b"0"
            calls.append((waiting.keys, [*waiting.arguments, fresh, ID_SIZE, again]))
            waiting.tried = True
        try:
            replies = await self._redis.run(PUBLISH, calls)
        except Exception as exc:
            if not self._redis.is_passing(exc):
                self._fail(batch, exc)
                return None
            return exc
        problem: Optional[Exception] = None
        for waiting, reply in zip(batch, replies):
            if isinstance(reply, Exception):
                if self._redis.is_passing(reply):
                    problem = reply
                else:
                    self._fail([waiting], reply)
                continue
            self._waiting.remove(waiting)
            if not waiting.done.done():
                epoch, number, time = reply.split()
                waiting.done.set_result(Position(epoch.decode(), int(number), int(time)))
        return problem

    def _fail(self, batch: list[Waiting], exc: Exception) -> None:
        for waiting in batch:
            self._waiting.remove(waiting)
            if not waiting.done.done():
                waiting.done.set_exception(exc)

    def _give_up(self, problem: Exception) -> None:
        """Give up what has waited for too long."""
        now = asyncio.get_running_loop().time()
        for waiting in list(self._waiting):
            if waiting.done.done() or now >= waiting.deadline:
                self._waiting.remove(waiting)
                if not waiting.done.done():
                    exc = Unavailable(f"publishing wasn't possible in time: {problem}")
                    exc.__cause__ = problem
                    waiting.done.set_exception(exc)
