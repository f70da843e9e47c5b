"""
What topics have done in this process, for those who look after it.

Owns the numbers of all topics together. Must never know who asks for them. Key decision: what
happens for each subscriber of a message is counted once for the message; what is now, and not what
has happened, isn't kept here but asked of the topics that there are.
"""

from __future__ import annotations

import weakref
from functools import partial
from typing import Any

__all__ = ["COUNTS", "Counts"]


class Counts:
    """
    Numbers that only grow.

    Attributes:
        published: messages that ``publish()`` has put in a history.
        unpublished: messages that it couldn't.
        received: messages that came to topics that somebody here is in.
        delivered: each of them as often as there were subscribers.
        dropped: messages that weren't sent to a subscriber that was slow.
        too_slow: connections that were closed for being so.
        gaps: how often a subscriber was told that messages are missing, by the reason.
        reconnects: how often Redis was reached again when it couldn't be.
    """

    def __init__(self) -> None:
        self.published = 0
        self.unpublished = 0
        self.received = 0
        self.delivered = 0
        self.dropped = 0
        self.too_slow = 0
        self.gaps: dict[str, int] = {"history": 0, "epoch": 0}
        self.reconnects = 0
        self._topics: dict[int, Any] = {}

    def watch(self, topics: Any) -> None:
        """Ask these topics, too, for what is now, as long as there are any."""
        key = id(topics)
        self._topics[key] = weakref.ref(topics, partial(self._forget, key))

    def _forget(self, key: int, reference: Any) -> None:
        del self._topics[key]

    def topics(self) -> list[Any]:
        """Return the topics that there are."""
        # In one step: another thread may ask.
        found = [reference() for reference in tuple(self._topics.values())]
        return [topics for topics in found if topics is not None]


COUNTS = Counts()
