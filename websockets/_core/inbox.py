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

# So many places are kept while nothing waits.
KEPT = 64

# What all have while there is no place, which is never changed.
NONE: list[Any] = []


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
        # What has arrived behind it, and what is being taken, with None for what has been. Their
        # places are used again and again: lists that grow and shrink take longer.
        self._arrived: list[Any] = NONE
        self._count = 0  # how many have arrived
        self._leaving: list[Any] = NONE
        self._next = 0  # the place of the oldest of those
        self._end = 0  # and where they end

    def is_full(self) -> bool:
        """Whether there is no room for another message."""
        return self.waiting >= self._high

    def is_low(self) -> bool:
        """Whether it is time for more messages."""
        return self.waiting <= self._low

    def put(self, message: Any) -> None:
        """Add a message; whether there is room is for the caller to ask."""
        if self.waiting:
            if self._count < len(self._arrived):
                self._arrived[self._count] = message
            elif self._count:
                self._arrived.append(message)
            else:
                self._arrived = [message]
            self._count += 1
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
        if self._next == self._end:
            self._arrived, self._leaving = self._leaving, self._arrived
            self._next = 0
            self._end = self._count
            self._count = 0
        message = self._leaving[self._next]
        self._leaving[self._next] = None
        self._next += 1
        if not self.waiting and len(self._leaving) + len(self._arrived) > KEPT:
            self._arrived = self._leaving = NONE
            self._next = self._end = 0
        return message

    def take_all(self) -> list[Any]:
        """Take all messages, oldest first."""
        messages = list(self)
        self.clear()
        return messages

    def clear(self) -> None:
        """Drop all messages."""
        self._oldest = None
        self._arrived = self._leaving = NONE
        self._count = self._next = self._end = 0
        self.waiting = 0

    def __len__(self) -> int:
        return self.waiting

    def __iter__(self) -> Iterator[Any]:
        """Go over the messages that wait, oldest first, without taking them."""
        oldest = [] if self._oldest is None else [self._oldest]
        leaving = self._leaving[self._next : self._end]
        return iter(oldest + leaving + self._arrived[: self._count])
