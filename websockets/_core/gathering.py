"""
When frames leave: one by one, or several in one write.

Owns the answer to that question, from the times at which messages were sent. Must never know frames
or a clock. Key decision: what was sent waits for more only while the program sends quickly; a
program that computes for long between two messages must never hold up what it has said already.
"""

from __future__ import annotations

from .constants import LATER, NOW, WAIT

__all__ = ["Gathering"]

QUICK = 0.0005  # seconds between two messages, and seconds that the first one may wait
RECENT = 0.01  # seconds for which a program that was quick is taken to be quick still
ENOUGH = 65536  # bytes


class Gathering:
    """Decide for one connection."""

    def __init__(self) -> None:
        self._last = 0.0  # when a message was sent
        self._first = 0.0  # when the oldest message that waits was sent
        self._waiting = False
        self._quick = False  # whether the program took little time between its last two messages

    def decide(self, now: float, size: int, first_answer: bool, last_answer: bool) -> int:
        """
        Tell what to do with the frames that wait, now that there is another.

        Arguments:
            now: seconds of a clock that doesn't go back.
            size: bytes that wait.
            first_answer: whether messages have arrived since the last one was sent, and there was
                none before, so that the time in between says nothing of the program.
            last_answer: whether the program has received a message since it sent one, and none is
                left to answer, so that it will probably turn to the event loop next.

        Returns:
            WAIT, NOW or LATER; after NOW nothing waits.
        """
        pause = now - self._last
        self._last = now
        if first_answer:
            quick = self._quick and pause < RECENT
        else:
            quick = self._quick = pause <= QUICK
        if not quick or last_answer or size >= ENOUGH:
            self._waiting = False
            return NOW
        if not self._waiting:
            self._waiting = True
            self._first = now
            return LATER
        if now - self._first > QUICK:
            self._waiting = False
            return NOW
        return WAIT

    def left(self) -> None:
        """Note that what waited has been written, for whatever reason."""
        self._waiting = False
