"""
The numbers that modules of the core share, and their names.

Key decision: each module takes them over as numbers of its own, so that its compiled twin can have
them as numbers of C.
"""

from __future__ import annotations

__all__ = [
    "CLOSED",
    "CLOSING",
    "LATER",
    "NOT_SENT",
    "NOW",
    "OPEN",
    "OP_BINARY",
    "OP_CLOSE",
    "OP_CONT",
    "OP_PING",
    "OP_PONG",
    "OP_TEXT",
    "RSV1",
    "SENT",
    "SENT_WAIT",
    "UNLIMITED",
    "WAIT",
]

# Opcodes (RFC 6455 5.2)
OP_CONT = 0x00
OP_TEXT = 0x01
OP_BINARY = 0x02
OP_CLOSE = 0x08
OP_PING = 0x09
OP_PONG = 0x0A

# Where the reserved bit of compression stands in a frame's first byte (RFC 7692 6)
RSV1 = 0x40

# States of a connection after the opening handshake, in their order (RFC 6455 4 and 7.1)
OPEN = 1
CLOSING = 2
CLOSED = 3

# When frames leave, see gathering.py
WAIT = 0  # nothing to do: a write is due soon in any case
NOW = 1  # write what waits
LATER = 2  # write what waits when the event loop turns, unless it leaves before

# What came of sending a message, see stream.py
SENT = 0
SENT_WAIT = 1  # sent, and who sends more should wait
NOT_SENT = 2

# No limit on a length: lengths of frames are below 2**63 (RFC 6455 5.2)
UNLIMITED = 2**63 - 1
