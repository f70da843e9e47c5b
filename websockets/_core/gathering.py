"""
When frames leave: one by one, or several in one write.

Owns the answer to that question, from the times at which messages were sent. Must never know frames
or a clock. Key decision: a message waits only for others that are about to come. That is so while a
program answers a burst of messages one after the other, and while it sends one message after the
other of its own accord: the first few of those leave at once all the same, since nobody knows yet
whether it does. A program that computes for long must never hold up what it has said before.
"""

from __future__ import annotations

from .constants import LATER, NOW

__all__ = ["Gathering"]

QUICK = 0.0005  # seconds between two messages, and seconds that the first one may wait
RECENT = 0.01  # seconds for which a program that was quick is taken to be quick still
SEVERAL = 8  # messages in one turn of the event loop


class Gathering:
    """
    Decide for one connection.

    Arguments:
        enough: number of bytes that don't wait for more.
    """

    def __init__(self, enough: int) -> None:
        self._enough = enough
        self._last = 0.0  # when a message was sent
        self._first = 0.0  # when the oldest message that waits was sent
        self._waiting = False
        self._quick = False  # whether the program took little time between its last two messages
        self._count = 0  # messages sent quickly in this turn that answered no burst
        self._called = False  # whether the event loop will call when it turns

    def decide(
        self, now: float, size: int, first_answer: bool, last_answer: bool, in_burst: bool
    ) -> int:
        """
        Tell what to do with the frames that wait, now that there is another.

        Arguments:
            now: seconds of a clock that doesn't go back.
            size: bytes that wait.
            first_answer: whether messages have arrived since the last one was sent, and there was
                none before, so that the time in between says nothing of the program.
            last_answer: whether the program has received a message since it sent one, and none is
                left to answer, so that it will probably turn to the event loop next.
            in_burst: whether messages are left to answer.

        Returns:
            the bits NOW and LATER; after NOW nothing waits, and after LATER :meth:`turned` is due.
        """
        pause = now - self._last
        self._last = now
        if first_answer:
            quick = self._quick and pause < RECENT
        else:
            quick = self._quick = pause <= QUICK
        if not quick:
            self._count = 0
        if not quick or last_answer:
            self._waiting = False
            return NOW
        due = 0
        if not self._called:
            self._called = True
            due = LATER
        if not in_burst:
            self._count += 1
            if self._count <= SEVERAL:
                self._waiting = False
                return due | NOW
        if size >= self._enough or (self._waiting and now - self._first > QUICK):
            self._waiting = False
            return due | NOW
        if not self._waiting:
            self._waiting = True
            self._first = now
        return due

    def done(self, now: float) -> None:
        """Note when a message was sent that took long to send: the pause before the next begins."""
        self._last = now

    def left(self) -> None:
        """Note that what waited has been written, for whatever reason."""
        self._waiting = False

    def turned(self) -> None:
        """Note that the event loop has turned."""
        self._called = False
        self._count = 0
