"""
One topic in this process: who subscribes to it, and how a message reaches all of them.

Owns the subscribers. Must never know how one of them sends, nor where messages come from. Key
decision: a message is made into what is sent, framed and compressed once for all subscribers that
are to get the same, as broadcast() does; to pass it on is one loop, without tasks.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Callable, Optional

from .._core import share_among
from ..framing import prepare_data
from .counts import COUNTS
from .events import Gap, Message, Position

__all__ = ["FAILED", "PLAIN", "Delivery", "Feed", "Item"]

logger: logging.Logger = logging.getLogger("websockets.topics")


class Item:
    """
    What subscribers are sent, once for all who are sent the same.

    Attributes:
        data: as it was published, or as a program made it.
        opcode, payload: of its frame.
        frames: what connections have made of it, see ``MessageStream.try_share()``.
    """

    __slots__ = ("data", "frames", "opcode", "payload")

    def __init__(self, data: Any) -> None:
        self.data: Any = data
        self.opcode: int
        self.payload: Any
        self.opcode, self.payload = prepare_data(data)
        self.frames: dict[Any, bytes] = {}


FAILED: Any = object()

# The way of those who are sent what was published, as it is.
PLAIN: Any = "plain"


class Delivery:
    """
    An event on its way to subscribers.

    Arguments:
        event: a message or a gap.
        plain: what they are sent who have no function of their own for it.
    """

    __slots__ = ("_items", "event", "plain")

    def __init__(self, event: Any, plain: Optional[Item]) -> None:
        self.event: Any = event
        self.plain: Optional[Item] = plain
        self._items: Optional[dict[Any, Any]] = None

    def item(self, make: Callable[[Any], Any]) -> Any:
        """Return what a function makes of it, None for nothing, FAILED if it raises."""
        items = self._items
        if items is None:
            items = self._items = {}
        try:
            return items[make]
        except KeyError:
            pass
        try:
            data = make(self.event)
            item = None if data is None else Item(data)
        except Exception:
            logger.exception("making a message of topic %r failed", self.event.topic)
            item = FAILED
        items[make] = item
        return item


class Feed:
    """
    One topic.

    Arguments:
        name: its name.

    Attributes:
        position: behind the latest message that was delivered, None before the log has told.
        subscribers: those who are told of each message, by what identifies them. Those whose
            attribute ``way`` isn't None are connections to which nothing is in the way: it is the
            function that makes what they are sent, or PLAIN.
        users: how many have asked for this, and haven't left.
        early: those of them who are ahead of it, with their positions.
    """

    __slots__ = ("early", "name", "position", "subscribers", "users")

    def __init__(self, name: str) -> None:
        self.name: str = name
        self.position: Optional[Position] = None
        self.subscribers: dict[int, Any] = {}
        self.users: int = 0
        self.early: Optional[dict[Any, Position]] = None

    def join(self, key: int, subscriber: Any, position: Position) -> None:
        """Have a subscriber told of all that is behind a position, which isn't before this one."""
        self.subscribers[key] = subscriber
        if position != self.position:
            if self.early is None:
                self.early = {}
            self.early[subscriber] = position

    def leave(self, key: int) -> None:
        """Tell a subscriber no more."""
        subscriber = self.subscribers.pop(key, None)
        if self.early is not None:
            self.early.pop(subscriber, None)

    def deliver(self, position: Position, message: Message) -> None:
        """Pass a message on."""
        self.position = position
        # Who has to go, goes in the middle of this.
        subscribers: Sequence[Any] = tuple(self.subscribers.values())
        delivery = Delivery(message, Item(message.data))
        if self.early:
            subscribers = tuple(one for one in subscribers if self._is_new(one, position))
        COUNTS.received += 1
        COUNTS.delivered += len(subscribers)
        if subscribers:
            # Most have the way of the first, if not all; and most keep up.
            way = subscribers[0].way
            item = delivery.plain if way is PLAIN else None if way is None else delivery.item(way)
            if type(item) is Item:
                subscribers = share_among(subscribers, way, item.opcode, item.payload, item.frames)
        for subscriber in subscribers:
            subscriber.take(delivery)

    def miss(self, position: Position, reason: str) -> None:
        """Tell all that they have missed something, and where it goes on."""
        gap = Gap(self.name, str(self.position), reason)
        self.position = position
        self.early = None
        delivery = Delivery(gap, None)
        COUNTS.gaps[reason] += len(self.subscribers)
        for subscriber in tuple(self.subscribers.values()):
            subscriber.miss(delivery)

    def _is_new(self, subscriber: Any, position: Position) -> bool:
        """Whether a subscriber hasn't got what is before a position."""
        early = self.early
        if early is None or subscriber not in early:
            return True
        had = early[subscriber]
        if had.epoch == position.epoch and had.number >= position.number:
            return False
        del early[subscriber]
        return True
