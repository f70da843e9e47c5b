"""
The names of sides and states, as programs of every generation see them.
"""

from __future__ import annotations

import enum

__all__ = ["CLIENT", "CLOSED", "CLOSING", "CONNECTING", "OPEN", "SERVER", "Side", "State"]


class Side(enum.IntEnum):
    """Sides of a connection."""

    SERVER, CLIENT = range(2)


class State(enum.IntEnum):
    """States of a connection, in their order (RFC 6455 4 and 7.1)."""

    CONNECTING, OPEN, CLOSING, CLOSED = range(4)


SERVER = Side.SERVER
CLIENT = Side.CLIENT

CONNECTING = State.CONNECTING
OPEN = State.OPEN
CLOSING = State.CLOSING
CLOSED = State.CLOSED
