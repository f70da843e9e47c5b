"""
Topics as programs see them: subscribe connections, publish to them, listen.

Owns names, arguments and defaults, and who is in which topic. Must never know where messages are
kept: a log does, of which there are two. Key decision: what a subscriber has missed and what comes
next are told in one order, by the coroutine that subscribes, before it returns.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Coroutine
from typing import Any, Callable, Optional

from ..typing import Data, DataLike
from .counts import COUNTS
from .embedded import EmbeddedLog
from .events import NOWHERE, Gap, Position, Unavailable, gap_in_json, parse_position
from .feed import Delivery, Feed, Item
from .listening import AT_ONCE, Listener, is_ahead
from .presence import Attendance, Presence
from .subscription import CLOSE, DROP_OLDEST, LATEST_ONLY, Pace, Subscription

__all__ = ["Topics"]

USUAL = Pace()


class Topics:
    """
    Publish messages to topics, and have connections subscribe to them.

    ``async with Topics() as topics`` is for one process, and needs nothing else. With the URL of
    a Redis server it is for all processes and machines that have the same URL; that needs
    the package ``redis``.

    All subscribers of a topic get its messages in the same order. A subscriber gets each message
    while it is subscribed, and if it comes back with its last position, each that it has missed; if
    those aren't all in the topic's history any more, it is told of a :class:`Gap`. A
    message may come twice in rare cases, when an answer of Redis is lost; its id tells.

    Arguments:
        url: of Redis, as ``redis.asyncio.from_url()`` takes it: ``redis://``, ``rediss://`` or
            ``unix://``; of a node of a Redis Cluster, ``redis+cluster://`` or
            ``rediss+cluster://``; or a ``redis.asyncio.Redis`` or ``RedisCluster`` that you close
            yourself, for example one that a ``Sentinel`` has made; None for topics of this process
            only.
        history: number of messages that a topic keeps for those that come back; with Redis some
            more, up to a hundred.
        max_age: seconds for which it keeps them.
        history_bytes: how many bytes of messages it keeps at most; None for as many as there are.
            All processes have to have the same limit.
        prefix: what names of keys in Redis begin with.
        timeout: seconds within which Redis has to answer.
        patience: seconds for which ``publish()`` and ``subscribe()`` try again while Redis
            can't be reached.
        presence_ttl: seconds after which somebody isn't there any more if the process that said so
            doesn't say it again; it does so three times as often.

    Raises:
        ImportError: if the package ``redis`` is needed and isn't installed.
    """

    def __init__(
        self,
        url: Any = None,
        *,
        history: int = 1000,
        max_age: float = 3600.0,
        history_bytes: Optional[int] = None,
        prefix: str = "websockets",
        timeout: float = 5.0,
        patience: float = 10.0,
        presence_ttl: float = 30.0,
    ) -> None:
        if history < 0 or min(max_age, timeout, presence_ttl) <= 0 or patience < 0:
            raise ValueError("history and patience mustn't be negative, times be above 0")
        if history_bytes is not None and history_bytes < 1:
            raise ValueError("history_bytes must be above 0; history=0 keeps nothing")
        self._patience = patience
        self.log: Any
        if url is None:
            self.log = EmbeddedLog(history, max_age, history_bytes)
        else:
            from .redislog import RedisLog

            self.log = RedisLog(url, history, max_age, history_bytes, prefix, timeout, patience)
        self._feeds: dict[str, Feed] = {}
        self._members: dict[int, Member] = {}
        self.tasks: set[asyncio.Task[Any]] = set()
        self._presence = Presence(self, presence_ttl, patience)
        COUNTS.watch(self)

    async def __aenter__(self) -> Topics:
        await self.log.start()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        await self.close()

    async def close(self) -> None:
        """End all subscriptions, without closing connections, and let go of Redis."""
        for member in list(self._members.values()):
            member.leave_all()
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self.log.close()

    async def publish(
        self, name: str, message: DataLike, *, patience: Optional[float] = None
    ) -> str:
        """
        Publish a message to a topic.

        When this returns, the message is in the history, and is on its way to all subscribers.

        Arguments:
            name: of the topic; topics needn't be made.
            message: ``str`` for a text message, bytes-like for a binary one.
            patience: seconds for which to try again while Redis can't be reached, instead of the
                topics' own.

        Returns:
            the position behind the message.

        Raises:
            Unavailable: if Redis couldn't be reached; the message may have been published if it
                broke off in the middle.
            TypeError: if the message is of another type.
        """
        if not isinstance(message, str):
            message = bytes(memoryview(message))
        elif type(message) is not str:
            message = str.__str__(message)
        if patience is None:
            patience = self._patience
        try:
            position = await self.log.publish(name, message, patience)
        except Unavailable:
            COUNTS.unpublished += 1
            raise
        COUNTS.published += 1
        return str(position)

    async def subscribe(
        self,
        connection: Any,
        name: str,
        *,
        since: Optional[str] = None,
        transform: Optional[Callable[[Any], Optional[Data]]] = None,
        gap: Optional[Callable[[Any], Optional[Data]]] = None,
        max_messages: int = 1000,
        max_bytes: int = 2**20,
        when_slow: str = CLOSE,
        send: Optional[Callable[[Any], Awaitable[Any]]] = None,
        close: Optional[Callable[[int], Awaitable[Any]]] = None,
    ) -> str:
        """
        Send the messages of a topic to a connection, until either ends.

        When this returns, the connection has been sent what it has missed since the given position,
        and is sent each message from then on. A connection that is closed leaves its topics.

        Arguments:
            connection: a connection of either generation; any object if ``send`` is given.
            name: of the topic.
            since: the position of the last message that it has, which the peer may have kept;
                :data:`BEGINNING` for all that is in the history; None for nothing that is past.
            transform: a function that makes of a :class:`Message` what is sent, or None to send
                nothing. It is called once in each process for all subscribers that have the same
                function.
            gap: the same for a :class:`Gap`, which tells that messages are missing. Without it, a
                text is sent, ``{"gap": reason, "topic": name}`` in JSON.
            max_messages, max_bytes: how much may wait for a connection whose write buffer is full.
            when_slow: what happens if more would: "close" closes the connection with code 1013,
                "drop_oldest" drops what has waited longest, "latest_only" keeps the latest message
                only, whatever the limits.
            send: a coroutine function that sends a message, for connections that aren't this
                library's; unsubscribe these yourself.
            close: one that closes such a connection, given a code; its method ``close`` by
                default.

        Returns:
            the topic's position at that moment.

        Raises:
            Unavailable: if Redis can't be reached.
            ConnectionError: if the connection is closed.
        """
        if when_slow not in (CLOSE, DROP_OLDEST, LATEST_ONLY):
            raise ValueError(f"when_slow can't be {when_slow!r}")
        if send is None and not hasattr(connection, "_ws_stream"):
            raise TypeError(f"connections of other libraries need send=, as {connection!r}")
        pace = Pace(transform, gap or gap_in_json, max_messages, max_bytes, when_slow, send, close)
        feed = await self.enter(name)
        self.unsubscribe(connection, name)
        member = self._member(connection, send is not None)
        subscription = Subscription(name, member, USUAL if pace == USUAL else pace)
        member.subscriptions[name] = subscription, feed
        try:
            position = feed.position
            assert position is not None
            if since is not None:
                position = await self._resume(subscription, pace, feed, parse_position(since))
            if member.subscriptions.get(name, (None,))[0] is not subscription:
                raise ConnectionError("the connection is closed")
            feed.join(id(member), subscription, position)
        except BaseException:
            if member.subscriptions.get(name, (None,))[0] is subscription:
                member.leave(name)
            raise
        return str(position)

    async def _resume(
        self, subscription: Subscription, pace: Pace, feed: Feed, position: Position
    ) -> Position:
        """Send what is behind a position, until the subscriber is where the others are."""
        while True:
            before = feed.position
            batch = await self.log.read(feed.name, position, AT_ONCE)
            if batch.gap is not None:
                since = "" if position == NOWHERE else str(position)
                event = Gap(feed.name, since, batch.gap)
                COUNTS.gaps[batch.gap] += 1
                await subscription.tell(Delivery(event, None), pace.gap)
            for _, message in batch.messages:
                await subscription.tell(Delivery(message, Item(message.data)), pace.transform)
                COUNTS.delivered += 1
            position = batch.position
            assert before is not None and feed.position is not None
            if batch.complete and is_ahead(position, before, feed.position):
                return position

    def unsubscribe(self, connection: Any, name: Optional[str] = None) -> None:
        """
        End a subscription; do nothing if there is none.

        Arguments:
            connection: the connection.
            name: of the topic; None for all.
        """
        member = self._members.get(id(connection))
        if member is not None:
            if name is None:
                member.leave_all()
            else:
                member.leave(name)

    def listen(self, name: str, *, since: Optional[str] = None) -> Listener:
        """
        Listen to a topic: ``async for event in topics.listen(name)``.

        Each event is a :class:`Message` or a :class:`Gap`. Who is slow goes on from the history.
        It begins with the first event that is asked for, or where ``async with`` does.

        Arguments:
            name: of the topic.
            since: as for :meth:`subscribe`.
        """
        return Listener(self, name, since)

    def subscribers(self, name: str) -> list[Any]:
        """Return the connections to this process that subscribe to a topic."""
        feed = self._feeds.get(name)
        subscribers = () if feed is None else tuple(feed.subscribers.values())
        connections = [subscriber.connection() for subscriber in subscribers]
        return [connection for connection in connections if connection is not None]

    def topics(self) -> list[str]:
        """Return the names of the topics that somebody in this process subscribes to."""
        return list(self._feeds)

    def state(self) -> dict[str, float]:
        """
        Return what is now, in numbers; any thread may ask. ``websockets.metrics`` has the rest.

        Returns:
            ``topics`` and ``subscribers`` in this process, connections and programs; ``waiting``,
            messages that wait to be published; ``behind``, topics that have to read what they have
            missed; ``lag``, the seconds that what Redis says takes to be heard, or since when
            nothing is.
        """
        feeds = tuple(self._feeds.values())
        subscribers = sum(len(feed.subscribers) for feed in feeds)
        return {"topics": len(feeds), "subscribers": subscribers, **self.log.state()}

    # Who is there

    def attend(self, name: str, who: str) -> Attendance:
        """
        Have somebody be there: ``async with topics.attend(name, who)``.

        All processes know of it; it ends with the block, or half a minute after this process has
        died. Somebody may be there several times, with several connections.

        Arguments:
            name: where; the same name may be a topic's, too.
            who: who it is.
        """
        return Attendance(self._presence, name, who)

    async def present(self, name: str) -> list[str]:
        """
        Return who is there; their number is the length.

        Raises:
            Unavailable: if Redis can't be reached.
        """
        return await self._presence.present(name)

    # What subscribers need

    async def enter(self, name: str) -> Feed:
        """Return the feed of a topic, once it is told of all that is published."""
        feed = self._feeds.get(name)
        if feed is None:
            feed = self._feeds[name] = Feed(name)
        feed.users += 1
        try:
            await self.log.watch(feed)
        except BaseException:
            self.exit(feed)
            raise
        return feed

    def exit(self, feed: Feed) -> None:
        """Let go of it; behind the last one nothing is left."""
        feed.users -= 1
        if not feed.users:
            del self._feeds[feed.name]
            self.log.unwatch(feed)

    def begin(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Have a task run until it ends, or these topics do."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def _member(self, connection: Any, strong: bool) -> Member:
        key = id(connection)
        member = self._members.get(key)
        if member is None:
            member = self._members[key] = Member(self, connection, strong)
        return member

    def forget(self, key: int) -> None:
        """Forget a connection that is in no topic any more."""
        self._members.pop(key, None)


class Member:
    """
    A connection, and the topics that it is in.

    Arguments:
        topics: where it is.
        connection: the connection.
        strong: whether it is kept alive, because what sends to it does that anyway.
    """

    __slots__ = ("__weakref__", "_key", "_topics", "connection", "subscriptions")

    def __init__(self, topics: Topics, connection: Any, strong: bool) -> None:
        self._topics = topics
        self._key = id(connection)
        self.subscriptions: dict[str, tuple[Subscription, Feed]] = {}
        self.connection: Callable[[], Any]
        if strong:
            self.connection = lambda: connection
        else:
            self.connection = weakref.ref(connection, self._gone)

    def _gone(self, reference: Any) -> None:
        self.leave_all()

    def leave(self, name: str) -> None:
        """Leave a topic."""
        subscription, feed = self.subscriptions.pop(name, (None, None))
        if not self.subscriptions:
            self._topics.forget(self._key)
        if subscription is not None and feed is not None:
            subscription.stop()
            feed.leave(id(self))
            self._topics.exit(feed)

    def leave_all(self) -> None:
        """Leave all topics."""
        for name in list(self.subscriptions):
            self.leave(name)

    def begin(self, coroutine: Coroutine[Any, Any, None]) -> Any:
        """Have a task run."""
        return self._topics.begin(coroutine)
