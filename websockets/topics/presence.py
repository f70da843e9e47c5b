"""
Who is there: in a room, on a page, at all.

Owns who is there by way of this process, and says so again and again. Must never know a connection.
Key decision: to be there is good for a while, and is renewed by whoever said it; so those of a
process that has died are gone in time. Changes are messages of a topic of their own, published
where they are found, in the same step: they come in order, and who comes back can catch up.
"""

from __future__ import annotations

import asyncio
import os
from itertools import count
from typing import Any, Optional

from .events import Unavailable

__all__ = ["Attendance", "Presence", "presence_of"]

PAUSE = 0.1  # seconds before trying again


def presence_of(name: str) -> str:
    """
    Return the topic that is told who comes and goes.

    Its messages are text in JSON: ``{"joined": who}`` and ``{"left": who}``.
    """
    return f"presence:{name}"


class Presence:
    """
    Who is there by way of this process.

    Arguments:
        topics: has the log, and tasks.
        ttl: seconds for which it is good to say so once.
        patience: seconds for which to try again.
    """

    def __init__(self, topics: Any, ttl: float, patience: float) -> None:
        self._topics = topics
        self._ttl = ttl
        self._patience = patience
        self._token = os.urandom(8).hex()
        self._numbers = count()
        self._entries: dict[str, tuple[str, str]] = {}
        self._renewing: Optional[asyncio.Task[None]] = None

    async def enter(self, name: str, who: str) -> str:
        """Note that somebody is there; return what to leave with."""
        key = f"{self._token}-{next(self._numbers)}"
        self._entries[key] = presence_of(name), f"{key} {who}"
        try:
            await self._note("there", key)
        except BaseException:
            del self._entries[key]
            raise
        if self._renewing is None:
            self._renewing = self._topics.begin(self._renew())
        return key

    async def leave(self, key: str) -> None:
        """Note that somebody has gone."""
        try:
            await self._note("gone", key)
        finally:
            del self._entries[key]
            if not self._entries and self._renewing is not None:
                self._renewing.cancel()
                self._renewing = None

    async def present(self, name: str) -> list[str]:
        """Return who is there."""
        replies = await self._try(presence_of(name), "list", "")
        return replies[0]

    async def _note(self, todo: str, key: str) -> None:
        topic, entry = self._entries[key]
        await self._try(topic, todo, entry)

    async def _try(self, topic: str, todo: str, entry: str) -> list[list[str]]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        log = self._topics.log
        while True:
            try:
                replies: list[list[str]] = await log.attend(topic, todo, [entry], self._ttl)
                return replies
            except Exception as exc:
                if not log.is_passing(exc):
                    raise
                if loop.time() >= deadline:
                    raise Unavailable(f"Redis can't be reached: {exc}") from exc
            await asyncio.sleep(PAUSE)

    async def _renew(self) -> None:
        """Say again who is there, as long as somebody is."""
        log = self._topics.log
        pause = self._ttl / 3
        while True:
            await asyncio.sleep(pause)
            entries: dict[str, list[str]] = {}
            for topic, entry in self._entries.values():
                entries.setdefault(topic, []).append(entry)
            pause = self._ttl / 3
            for topic, some in entries.items():
                try:
                    await log.attend(topic, "there", some, self._ttl)
                except Exception as exc:
                    if not log.is_passing(exc):
                        raise
                    pause = PAUSE
                    break


class Attendance:
    """Somebody who is there while ``async with`` lasts."""

    __slots__ = ("_key", "_name", "_presence", "_who")

    def __init__(self, presence: Presence, name: str, who: str) -> None:
        self._presence = presence
        self._name = name
        self._who = who
        self._key = ""

    async def __aenter__(self) -> None:
        self._key = await self._presence.enter(self._name, self._who)

    async def __aexit__(self, *exc_info: Any) -> None:
        await self._presence.leave(self._key)
