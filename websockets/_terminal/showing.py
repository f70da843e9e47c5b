"""
What the commands show in a terminal: text from the network made harmless, and colours.

Owns what a terminal is told besides text. Must never know who says what is shown. Key decision:
whatever comes from the network takes one line, and nothing in it can steer the terminal.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from typing import TextIO

from ..typing import Data

LONGEST = 1000  # characters of a message that a terminal is given
SHOWN_BYTES = 64  # of a binary message

# Invisible characters that change how others are shown: controls, formats such as bidirectional
# overrides and zero-width joiners, line separators, surrogates.
HARMFUL = ("Cc", "Cf", "Zl", "Zp", "Cs")

GREEN, YELLOW = "\x1b[32m", "\x1b[33m"
RESET = "\x1b[m"


def escape(text: str) -> str:
    """Make text harmless for a terminal; it takes one line, whatever a server has sent."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in HARMFUL
        else character
        for character in text
    )


def describe(message: Data, whole: bool = False) -> str:
    """
    Return a line that shows a message.

    Arguments:
        message: what was received.
        whole: whether a long message is shown to its end.
    """
    if isinstance(message, str):
        if whole or len(message) <= LONGEST:
            return escape(message)
        return f"{escape(message[:LONGEST])} ... ({len(message)} characters)"
    size = "1 byte" if len(message) == 1 else f"{len(message)} bytes"
    cut = not whole and len(message) > SHOWN_BYTES
    start = message[:SHOWN_BYTES] if cut else message
    return f"(binary, {size}) {start.hex(' ')}{' ...' if cut else ''}".rstrip()


def is_smart() -> bool:
    """Whether a terminal, if there is one, knows control sequences."""
    return os.environ.get("TERM", "dumb") != "dumb" and sys.platform != "win32"


def has_colours(stream: TextIO) -> bool:
    """Whether colours are welcome on a stream."""
    return stream.isatty() and is_smart() and not os.environ.get("NO_COLOR")


def show_unknown_characters() -> None:
    """Show the number of a character where the character itself can't be shown."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def forget_output() -> None:
    """Nobody reads standard output any more: let that be no error, at the interpreter's end too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
