"""
The numbers that modules of the core share, and their names.

Key decision: each module takes them over as numbers of its own, so that its compiled twin can have
them as numbers of C.
"""

from __future__ import annotations

__all__ = [
    "AS_BYTES",
    "AS_TEXT",
    "AWAITING",
    "CLOSED",
    "CLOSING",
    "FULL",
    "GONE",
    "IN_FRAGMENTS",
    "LATER",
    "LOST",
    "NOT_OPEN",
    "NOT_SENT",
    "NO_KEY",
    "NOW",
    "OPEN",
    "OP_BINARY",
    "OP_CLOSE",
    "OP_CONT",
    "OP_PING",
    "OP_PONG",
    "OP_TEXT",
    "OVER",
    "OWING",
    "QUEUED",
    "RSV1",
    "SENT",
    "SENT_WAIT",
    "TALKING",
    "UNFINISHED",
    "UNLIMITED",
    "UNUSUAL",
    "USUAL",
]

# Opcodes (RFC 6455 5.2)
OP_CONT = 0x00
OP_TEXT = 0x01
OP_BINARY = 0x02
OP_CLOSE = 0x08
OP_PING = 0x09
OP_PONG = 0x0A

# A masking key (RFC 6455 5.3) is a number, its first byte on top; this stands for none
NO_KEY = -1

# Where the reserved bit of compression stands in a frame's first byte (RFC 7692 6)
RSV1 = 0x40

# States of a connection after the opening handshake, in their order (RFC 6455 4 and 7.1)
OPEN = 1
CLOSING = 2
CLOSED = 3

# The phases of an endpoint, which are finer than that; the table is in endpoint.py
TALKING, OWING, AWAITING, OVER, GONE = range(5)

# Why a message can't leave at once, as bits of ``holds``, see endpoint.py
NOT_OPEN = 1  # the closing handshake has begun
FULL = 2  # the transport has asked not to be given more
UNFINISHED = 4  # another message is being sent that takes more than one step
QUEUED = 8  # others wait for their turn
UNUSUAL = 16  # this connection wants to be asked before each message

# When frames leave, as bits, see gathering.py
NOW = 1  # write what waits
LATER = 2  # have the event loop call when it turns

# What came of sending a message, see stream.py
SENT = 0
SENT_WAIT = 1  # sent, and who sends more should wait
NOT_SENT = 2
LOST = 3  # it can't be sent any more, see draining.py

# In which form a message is taken, see endpoint.py
USUAL, AS_BYTES, AS_TEXT, IN_FRAGMENTS = range(4)

# No limit on a length: lengths of frames are below 2**63 (RFC 6455 5.2)
UNLIMITED = 2**63 - 1
