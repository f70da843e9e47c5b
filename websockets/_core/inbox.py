"""
Messages that have arrived, and wait for the program.

Owns their order and their number. Must never know where they come from. Key decision: two marks.
At the high one parsing stops; it goes on at the low one rather than after each message, so that
what a program answers to a long burst leaves together, and a read is parsed in a few long runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["Inbox"]


class Inbox:
    """
    A queue of messages, or of their fragments.

    Arguments:
        high: number of messages at which it is full.
        low: number of messages from which on it wants more, once it has been full.

    Attributes:
        waiting: how many messages are in it.
    """

    def __init__(self, high: int, low: int) -> None:
        self.waiting = 0
        self._high = high
        self._low = low
        # The oldest, if it came when nothing waited: most messages do, and need no list.
        self._oldest: Any = None
        # What has arrived, and of it what is being taken, in reverse order.
        self._arrived: list[Any] = []
        self._taken: list[Any] = []

    def is_full(self) -> bool:
        """Whether there is no room for another message."""
        return self.waiting >= self._high

    def is_low(self) -> bool:
        """Whether it is time for more messages."""
        return self.waiting <= self._low

    def put(self, message: Any) -> None:
        """Add a message; whether there is room is for the caller to ask."""
        if self.waiting:
            self._arrived.append(message)
        else:
            self._oldest = message
        self.waiting += 1

    def take(self) -> Any:
        """Take the oldest message."""
        self.waiting -= 1
        message = self._oldest
        if message is not None:
            self._oldest = None
            return message
        if not self._taken:
            self._arrived, self._taken = self._taken, self._arrived
            self._taken.reverse()
        return self._taken.pop()

    def take_all(self) -> list[Any]:
        """Take all messages, oldest first."""
        messages = list(self)
        self.clear()
        return messages

    def clear(self) -> None:
        """Drop all messages."""
        self._oldest = None
        self._arrived = []
        self._taken = []
        self.waiting = 0

    def __len__(self) -> int:
        return self.waiting

    def __iter__(self) -> Iterator[Any]:
        """Go over the messages that wait, oldest first, without taking them."""
        oldest = [] if self._oldest is None else [self._oldest]
        return iter(oldest + self._taken[::-1] + self._arrived)
