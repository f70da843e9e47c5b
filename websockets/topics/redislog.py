"""
The log of topics on Redis, for many processes and machines.

Owns the connections to Redis and what becomes of their errors. Must never know a subscriber. Key
decisions: Redis is spoken to by the package ``redis``, and is waited for never longer than the
timeout; it keeps the messages, counts them and tells the time, so that processes needn't know each
other nor have the same clock.
"""

from __future__ import annotations

import asyncio
import os
from hashlib import sha1
from typing import Any, Callable, Optional

from .._engine.connecting import within
from .events import Batch, Position
from .following import Follower
from .nodes import SILENCE, Nodes, connect, pipelined
from .publishing import Publisher
from .scripts import ATTEND, channel_of, keys_of_presence

__all__ = ["RedisLog"]

# Seconds that a position is known for longer than messages are kept, so that who comes back late
# is told that something is missing only if it may be.
KEPT_LONGER = 86400


class RedisLog:
    """
    A log on Redis.

    Arguments:
        url: as for :class:`~.topics.Topics`, and so are the others.
    """

    def __init__(
        self,
        url: Any,
        history: int,
        max_age: float,
        max_size: Optional[int],
        prefix: str,
        timeout: float,
        patience: float,
    ) -> None:
        try:
            import redis.asyncio
            import redis.exceptions
        except ImportError as exc:
            raise ImportError(
                "topics on Redis need the package redis: pip install 'cywebsockets[redis]'"
            ) from exc
        self._url = url
        self._library = redis
        self._timeout = timeout
        errors = redis.exceptions
        self._passing = (
            OSError,
            asyncio.TimeoutError,
            errors.ConnectionError,
            errors.TimeoutError,
            errors.ReadOnlyError,
            errors.ClusterDownError,
            errors.TryAgainError,
            errors.MasterDownError,
            # Of a cluster: a slot is on its way, or another node's.
            errors.AskError,
            errors.SlotNotCoveredError,
        )
        self._lasting = (errors.AuthenticationError, errors.AuthorizationError)
        self._client: Any = None
        self.nodes: Optional[Nodes] = None  # of a cluster
        if not isinstance(url, str):
            self._use(url)
            if url.get_encoder().decode_responses:
                raise ValueError("topics need a client without decode_responses")
        self._loaded: set[str] = set()  # scripts that Redis knows, unless it has forgotten them
        age = max(1, int(max_age * 1000))
        kept = age + KEPT_LONGER * 1000
        token = os.urandom(8).hex().encode()
        self._prefix = prefix
        self._limits = max(1, history), age, kept, max_size or 0
        self._publisher = Publisher(self, prefix, self._limits, token)
        self._follower = Follower(self, prefix, kept, timeout, patience)
        self.watch: Callable[..., Any] = self._follower.watch
        self.unwatch: Callable[..., Any] = self._follower.unwatch

    async def start(self) -> None:
        """Begin to follow topics; Redis may come later."""
        if self._client is None:
            self._use(connect(self._library, self._url, self._timeout))
        self._follower.start()

    def _use(self, client: Any) -> None:
        self._client = client
        if isinstance(client, self._library.asyncio.RedisCluster):
            self.nodes = Nodes(self._library, client, self._timeout, self.is_passing)

    async def close(self) -> None:
        """Let go of Redis."""
        await self._publisher.close()
        await self._follower.close()
        if self.nodes is not None:
            await self.nodes.close()
        if isinstance(self._url, str) and self._client is not None:
            await self._client.aclose()
            self._client = None

    async def publish(self, name: str, data: Any, patience: float) -> Position:
        """Add a message to a topic."""
        if self._client is None:
            raise RuntimeError("use topics in 'async with topics:'")
        return await self._publisher.publish(name, data, patience)

    async def read(self, name: str, since: Position, count: int) -> Batch:
        """Return what is behind a position, up to so many messages."""
        return await self._follower.read(name, since, count)

    async def attend(self, name: str, todo: str, entries: list[str], ttl: float) -> list[list[str]]:
        """
        Note who is there or has gone, or return who is there.

        Arguments:
            name: of the topic that is told of changes.
            todo: "there", "gone" or "list".
            entries: each a word that nothing else is called by, a space and who it is.
            ttl: for how many seconds this is good.
        """
        keys = keys_of_presence(self._prefix, name)
        limits = [*self._limits, self.new_epoch(), max(1, int(ttl * 1000)), todo]
        calls = [
            (keys, [channel_of(self._prefix, name), *limits, entry.encode()]) for entry in entries
        ]
        replies = await self.run(ATTEND, calls)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return [[who.decode() for who in reply] for reply in replies]

    def state(self) -> dict[str, float]:
        """Return what waits and what is late, see :meth:`~.topics.Topics.state`."""
        return {"waiting": self._publisher.waiting(), **self._follower.state()}

    # What its parts need

    def new_epoch(self) -> bytes:
        """Return what a log is told from others by, if it has to be made."""
        return os.urandom(6).hex().encode()

    async def pubsub(self) -> Any:
        """Return what listens to channels, over a connection of its own."""
        return self._client.pubsub() if self.nodes is None else await self.nodes.pubsub()

    def is_passing(self, exc: Exception) -> bool:
        """Whether it is worth while to try again after an error."""
        if isinstance(exc, RuntimeError) and "the handler is closed" in str(exc):
            # What uvloop says to who writes to a connection that was lost a moment ago.
            return True
        return isinstance(exc, self._passing) and not isinstance(exc, self._lasting)

    async def run(self, script: str, calls: list[Any]) -> list[Any]:
        """
        Run a script several times, in one round trip; return the results, or errors in their place.

        Arguments:
            script: its text.
            calls: for each time its keys and its arguments.
        """
        digest = sha1(script.encode()).hexdigest()
        load = digest not in self._loaded
        try:
            replies = await self._in_time(script, digest, load, calls)
        except BaseException:
            self._loaded.discard(digest)
            raise
        self._loaded.add(digest)
        lost = self._library.exceptions.NoScriptError
        if any(isinstance(reply, lost) for reply in replies):
            # Somebody has had Redis forget all scripts.
            again = [call for call, reply in zip(calls, replies) if isinstance(reply, lost)]
            rest = iter(await self._in_time(script, digest, True, again))
            replies = [next(rest) if isinstance(reply, lost) else reply for reply in replies]
        return replies

    async def _in_time(self, *arguments: Any) -> list[Any]:
        if self.nodes is not None:
            return await self.nodes.run(*arguments)
        client = self._client
        replies: list[Any] = await within(
            self._timeout, lambda: pipelined(client, *arguments), SILENCE
        )
        return replies
