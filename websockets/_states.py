"""
The two sides of a connection, and its states (RFC 6455 4 and 7.1).

Owns their names and numbers, which programs compare by ``is`` and by ``==``. Must never know what
leads from one state to the next.
"""

from __future__ import annotations

import enum

__all__ = ["Side", "State"]


class Side(enum.IntEnum):
    """Which end of a connection this is."""

    SERVER, CLIENT = range(2)


class State(enum.IntEnum):
    """States of a connection, in their order."""

    CONNECTING, OPEN, CLOSING, CLOSED = range(4)
