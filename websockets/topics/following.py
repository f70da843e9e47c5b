"""
How a process hears of what is published in Redis: one connection for all topics, and the logs
themselves wherever that isn't sure to have told everything.

Owns that connection, and for each topic whether it is in step. Must never know a subscriber. Key
decision: what is heard is believed only as long as it comes without a break, message by message.
After a subscription is confirmed, which is also what a new connection begins with, and whenever a
number is missing, the log is read from the topic's position on; what is heard meanwhile waits.
"""

from __future__ import annotations

import asyncio
import logging
import random
from time import monotonic
from typing import Any, Optional

from .._engine.connecting import within
from .._transports.verdicts import Verdict
from .counts import COUNTS
from .events import OLDEST, Batch, Message, Position, Unavailable
from .nodes import SILENCE
from .scripts import READ, Reply, channel_of, keys_of, unpack

__all__ = ["Follower", "end", "judge"]

logger: logging.Logger = logging.getLogger("websockets.topics")

CHANNELS_AT_ONCE = 1000  # channels in one command
TOPICS_AT_ONCE = 100  # logs that are read in one pipeline
MESSAGES_AT_ONCE = 100  # of each of them
HELD = 1000  # messages of a topic that wait while its log is read
FIRST_PAUSE = 0.05  # seconds before the first attempt to connect again
LAST_PAUSE = 2.0


class Stalled(ConnectionError):
    """Redis doesn't say anything, though it was asked."""


class Tap:
    """
    A topic as it is followed.

    Attributes:
        feed: the topic in this process.
        in_step: whether all that was published up to now was delivered.
        held: what was heard since it isn't; None if that became too much.
        waiters: futures of those who wait until it is.
    """

    __slots__ = ("feed", "held", "in_step", "waiters")

    def __init__(self, feed: Any) -> None:
        self.feed: Any = feed
        self.in_step: bool = False
        self.held: Optional[list[tuple[Position, bytes]]] = []
        self.waiters: Optional[list[Any]] = None

    def lose_step(self) -> None:
        """Don't believe what is heard until the log was read."""
        self.in_step = False
        self.held = []


class Follower:
    """
    What follows topics in one process.

    Arguments:
        redis: what runs scripts and connects, see :class:`~.redislog.RedisLog`.
        prefix: what names of keys and channels begin with.
        kept: for how many milliseconds a topic's state is kept.
        timeout: seconds within which Redis has to answer.
        patience: seconds for which a subscriber waits for Redis.
    """

    def __init__(self, redis: Any, prefix: str, kept: int, timeout: float, patience: float) -> None:
        self._redis = redis
        self._prefix = prefix
        self._kept = kept
        self._timeout = timeout
        self._patience = patience
        # Something to subscribe to while nobody subscribes to anything, and to ask Redis whether
        # it is there: it confirms each time.
        self._beat = channel_of(prefix, "") + b"\0"
        self._taps: dict[bytes, Tap] = {}
        self._wanted: dict[bytes, bool] = {}  # channels to subscribe to, or to leave
        self._unread: dict[bytes, Tap] = {}  # topics whose logs are to be read
        self._unchecked: list[bytes] = []  # channels whose topics' logs are read in turn
        self._to_do: Any = None
        self._to_read: Any = None
        self._heard = False
        self._asked: Optional[float] = None  # since when no answer is heard
        self._took = 0.0  # seconds that the last one took
        self._lost = False  # whether Redis couldn't be reached, and hasn't been since
        self._closed = False
        self._parts: list[asyncio.Task[None]] = []
        self._task: Optional[asyncio.Task[None]] = None

    def start(self) -> None:
        """Begin."""
        # Before Python 3.10 an event is of the event loop that runs when it is made.
        self._to_do, self._to_read = asyncio.Event(), asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """End."""
        self._closed = True
        # The parts first, so that nothing is left for the whole to end.
        await end(self._parts)
        if self._task is not None:
            await end([self._task])

    async def watch(self, feed: Any) -> None:
        """
        Follow a topic, and wait until it is in step.

        Raises:
            Unavailable: if Redis can't be reached.
        """
        if self._task is None:
            raise RuntimeError("use topics in 'async with topics:'")
        channel = channel_of(self._prefix, feed.name)
        tap = self._taps.get(channel)
        if tap is None:
            tap = self._taps[channel] = Tap(feed)
            self._wanted[channel] = True
            self._to_do.set()
        if tap.in_step or feed.position is not None:
            return
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        if tap.waiters is None:
            tap.waiters = []
        tap.waiters.append(waiter)
        timer = Verdict(loop, self._patience + self._timeout, expire, waiter)
        try:
            await waiter
        finally:
            timer.cancel()

    def unwatch(self, feed: Any) -> None:
        """Follow a topic no more."""
        channel = channel_of(self._prefix, feed.name)
        if self._taps.pop(channel, None) is not None:
            self._unread.pop(channel, None)
            self._wanted[channel] = False
            self._to_do.set()

    def state(self) -> dict[str, float]:
        """Return how many topics aren't in step, and by how much this is behind Redis."""
        behind = sum(not tap.in_step for tap in tuple(self._taps.values()))
        asked = self._asked
        return {"behind": behind, "lag": self._took if asked is None else monotonic() - asked}

    # The connection

    async def _in_time(self, function: Any, *arguments: Any) -> None:
        await within(self._timeout, lambda: function(*arguments), SILENCE)

    async def _run(self) -> None:
        """Follow, and begin anew whenever the connection is lost."""
        pause = FIRST_PAUSE
        lost = False
        while not self._closed:
            try:
                await self._follow()
            except Exception as exc:
                if self._heard:
                    pause = FIRST_PAUSE
                # Once for each time, however long it takes until Redis is there again.
                level = logging.WARNING if self._heard or not lost else logging.DEBUG
                logger.log(level, "lost Redis: %s: %s", type(exc).__name__, exc)
                self._heard = False
                lost = self._lost = True
                if self._asked is None:
                    self._asked = monotonic()
            await asyncio.sleep(pause * random.uniform(0.5, 1))
            pause = min(2 * pause, LAST_PAUSE)

    async def _follow(self) -> None:
        """Follow over one connection, until it is lost."""
        for tap in self._taps.values():
            tap.lose_step()
        self._unread.clear()
        self._wanted = dict.fromkeys(self._taps, True)
        self._to_do.set()
        pubsub = await within(self._timeout, self._redis.pubsub, SILENCE)
        parts: list[asyncio.Task[None]] = []
        try:
            await self._beat_once(pubsub)
            create = asyncio.get_running_loop().create_task
            parts = [create(part(pubsub)) for part in (self._hear, self._ask, self._read)]
            self._parts = parts
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end(parts)
            await self._in_time(pubsub.aclose)
        for part in parts:
            if not part.cancelled():
                part.result()

    async def _hear(self, pubsub: Any) -> None:
        """Take what Redis says."""
        while True:
            said = await pubsub.get_message(timeout=None)
            self._heard = True
            if said is None:
                continue
            tap = self._taps.get(said["channel"])
            if tap is None:
                if said["channel"] == self._beat and self._asked is not None:
                    # It was heard behind all that was said before.
                    self._took, self._asked = monotonic() - self._asked, None
                    COUNTS.reconnects += self._lost
                    self._lost = False
                continue
            kind = said["type"]
            if kind == "message":
                epoch, number, time, body = said["data"].split(b" ", 3)
                position = Position(epoch.decode(), int(number), int(time))
                if not tap.in_step:
                    self._hold(tap, position, body)
                elif not deliver(tap.feed, position, body):
                    tap.lose_step()
                    self._hold(tap, position, body)
                    self._want(said["channel"], tap)
            elif kind == "subscribe":
                tap.lose_step()
                self._want(said["channel"], tap)

    async def _beat_once(self, pubsub: Any) -> None:
        """Ask Redis for an answer."""
        if self._asked is None:
            self._asked = monotonic()
        await self._in_time(pubsub.subscribe, self._beat)

    def _hold(self, tap: Tap, position: Position, body: bytes) -> None:
        """Keep what was heard until the log was read."""
        if tap.held is not None:
            tap.held.append((position, body))
            if len(tap.held) > HELD:
                tap.held = None

    def _want(self, channel: bytes, tap: Tap) -> None:
        """Have the log of a topic read."""
        self._unread[channel] = tap
        self._to_read.set()

    def _check_some(self) -> None:
        """
        Read the logs of some topics though nothing seems to be missing.

        Nodes of a cluster tell each other what is published, and lose it where their connections
        break; of a topic's last message nobody would know.
        """
        if not self._unchecked:
            self._unchecked = list(self._taps)
        some, self._unchecked = self._unchecked[:TOPICS_AT_ONCE], self._unchecked[TOPICS_AT_ONCE:]
        for channel in some:
            tap = self._taps.get(channel)
            if tap is not None and tap.in_step:
                tap.lose_step()
                self._want(channel, tap)

    async def _ask(self, pubsub: Any) -> None:
        """Subscribe, unsubscribe, and see to it that Redis is there."""
        missed = 0
        while True:
            try:
                await within(self._timeout / 2, self._to_do.wait, SILENCE)
            except asyncio.TimeoutError:
                missed = 0 if self._heard else missed + 1
                if missed >= 2:
                    raise Stalled(SILENCE) from None
                self._heard = False
                await self._beat_once(pubsub)
                if self._redis.nodes is not None:
                    self._check_some()
                continue
            self._to_do.clear()
            wanted, self._wanted = self._wanted, {}
            for command, want in ((pubsub.unsubscribe, False), (pubsub.subscribe, True)):
                channels = [channel for channel in wanted if wanted[channel] is want]
                for start in range(0, len(channels), CHANNELS_AT_ONCE):
                    some = channels[start : start + CHANNELS_AT_ONCE]
                    await self._in_time(command, *some)

    # The logs

    async def _read(self, pubsub: Any) -> None:
        """Read the logs of topics that aren't in step."""
        while True:
            await self._to_read.wait()
            self._to_read.clear()
            while self._unread:
                batch = list(self._unread.items())[:TOPICS_AT_ONCE]
                for channel, _ in batch:
                    del self._unread[channel]
                calls = [
                    self._call(tap.feed.name, tap.feed.position, MESSAGES_AT_ONCE)
                    for _, tap in batch
                ]
                replies = await self._redis.run(READ, calls)
                failed = False
                for (channel, tap), reply in zip(batch, replies):
                    if self._taps.get(channel) is not tap:
                        continue
                    if not isinstance(reply, Exception):
                        self._catch_up(channel, tap, reply)
                    elif self._redis.nodes is not None and self._redis.is_passing(reply):
                        # One of many nodes: the topics of the others go on.
                        self._unread[channel] = tap
                        failed = True
                    else:
                        raise reply
                if failed:
                    await asyncio.sleep(FIRST_PAUSE)

    def _catch_up(self, channel: bytes, tap: Tap, reply: Reply) -> None:
        """Deliver what the log has, and what was heard meanwhile."""
        feed = tap.feed
        batch = judge(feed.name, feed.position, reply)
        if batch.gap is not None:
            feed.miss(feed.position, batch.gap)
        for position, message in batch.messages:
            feed.deliver(position, message)
        feed.position = batch.position
        complete = batch.complete and tap.held is not None
        if complete:
            assert tap.held is not None
            complete = all(deliver(feed, position, body) for position, body in tap.held)
        tap.held = []
        if not complete:
            self._want(channel, tap)
            return
        tap.in_step = True
        waiters, tap.waiters = tap.waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    def _call(self, name: str, since: Optional[Position], count: int) -> Any:
        epoch, number, time = since or OLDEST
        fresh = self._redis.new_epoch()
        arguments = [0 if since is None else count, epoch, number, time, self._kept, fresh]
        return keys_of(self._prefix, name), arguments

    async def read(self, name: str, since: Position, count: int) -> Batch:
        """
        Return what is behind a position, up to so many messages.

        Raises:
            Unavailable: if Redis can't be reached.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        pause = FIRST_PAUSE
        while True:
            try:
                (reply,) = await self._redis.run(READ, [self._call(name, since, count)])
                if isinstance(reply, Exception):
                    raise reply
                return judge(name, since, reply)
            except Exception as exc:
                if not self._redis.is_passing(exc):
                    raise
                if loop.time() >= deadline:
                    raise Unavailable(f"Redis can't be reached: {exc}") from exc
            await asyncio.sleep(pause)
            pause = min(2 * pause, LAST_PAUSE)


async def end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel tasks, again if that gets lost in a library, as in wait_for() before Python 3.12."""
    patience = 0.01
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=patience)
        patience *= 2


def expire(waiter: Any) -> None:
    """Tell who waits that it takes too long."""
    if not waiter.done():
        waiter.set_exception(Unavailable("Redis can't be reached"))


def deliver(feed: Any, position: Position, body: bytes) -> bool:
    """Deliver a message that comes next or was delivered before; return False if it is neither."""
    had = feed.position
    if position.epoch == had.epoch:
        if position.number <= had.number:
            return True
        if position.number != had.number + 1:
            return False
    elif position.number != 1:
        return False
    # The first message of an epoch, heard without a break: the log was lost, and no message.
    data, identity = unpack(body)
    feed.deliver(position, Message(feed.name, data, str(position), identity))
    return True


def judge(name: str, since: Optional[Position], reply: Reply) -> Batch:
    """
    Return what a log's answer means to who is at a position.

    Arguments:
        name: of the topic.
        since: the position, None for who wants nothing but to know where the log is.
        reply: of the script READ.
    """
    epoch, number, time = reply[0].decode(), int(reply[1]), int(reply[2])
    end = Position(epoch, number, time)
    if since is None:
        return Batch(None, [], end, True)
    messages: list[tuple[Position, Message]] = []
    for entry, fields in reply[3]:
        body = fields[1]
        ms, _, count = entry.partition(b"-")
        position = Position(epoch, int(count), int(ms))
        data, identity = unpack(body)
        messages.append((position, Message(name, data, str(position), identity)))
    gap: Optional[str] = None
    if since != OLDEST:
        first = messages[0][0].number if messages else number + 1
        if since.epoch != epoch or since.number > number:
            # The log was lost, or a part of it at its end.
            gap = "epoch"
        elif first != since.number + 1:
            gap = "epoch" if first <= since.number else "history"
    last = messages[-1][0] if messages else end
    return Batch(gap, messages, last, last.number >= number)
