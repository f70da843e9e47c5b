"""
What subscribers get: messages, gaps, and the positions that tell where they are.

Owns how these look. Must never know a log nor a subscriber. Key decision: a position is a string
that nobody but a log needs to understand, so that a page can keep it and give it back; whatever
else comes back instead isn't an error, but a position that no log has.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple, Optional

from ..typing import Data

__all__ = ["BEGINNING", "Batch", "Gap", "Message", "Position", "Unavailable", "gap_in_json"]

# The position before the oldest message that is in the history, whichever that is.
BEGINNING = "beginning"

# A position may come from anybody, who may send a number that takes seconds to read.
POSITION = re.compile(r"([0-9a-f]{1,32})\.([0-9]{1,15})\.([0-9]{1,15})", re.ASCII)


class Unavailable(ConnectionError):
    """Redis can't be reached, or doesn't answer in time."""


class Position(NamedTuple):
    """
    Where a subscriber is in a topic.

    Attributes:
        epoch: which log this is a position of; a log that has lost its data begins another.
        number: of the last message before it; greater for each message that follows.
        time: when that was, in milliseconds of the log's own clock.
    """

    epoch: str
    number: int
    time: int = 0

    def __str__(self) -> str:
        return f"{self.epoch}.{self.time}.{self.number}"


# What no log has: a position in no epoch.
NOWHERE = Position("-", 0)
OLDEST = Position("", 0)


def parse_position(text: Any) -> Position:
    """Return the position that a string stands for; NOWHERE if it stands for none."""
    if text == BEGINNING:
        return OLDEST
    match = POSITION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return NOWHERE
    return Position(match[1], int(match[3]), int(match[2]))


class Message(NamedTuple):
    """
    A message of a topic.

    Attributes:
        topic: the name of the topic.
        data: what was published, ``str`` or ``bytes``.
        position: where a subscriber is that has got it; give it to ``subscribe(since=)``.
        id: what no other message has, so that who gets one twice can tell.
    """

    topic: str
    data: Data
    position: str
    id: str


class Gap(NamedTuple):
    """
    Messages that a subscriber has missed and can't get any more, or may have missed.

    Attributes:
        topic: the name of the topic.
        since: the position behind which they are.
        reason: "history" if they aren't in the history any more, "epoch" if the log isn't the one
            that the position is of.
    """

    topic: str
    since: str
    reason: str


def gap_in_json(gap: Gap) -> str:
    """Return what subscribers are told of a gap if the program doesn't say what."""
    return json.dumps({"gap": gap.reason, "topic": gap.topic})


class Batch(NamedTuple):
    """
    What a log has behind a position.

    Attributes:
        gap: why it doesn't have all of it, None if it does.
        messages: the next messages, oldest first, each with its position.
        position: where whoever has got these is.
        complete: whether there were no more of them.
    """

    gap: Optional[str]
    messages: list[tuple[Position, Message]]
    position: Position
    complete: bool
