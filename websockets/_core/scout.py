"""
A look ahead for the peer's close frame, in bytes that can't be parsed yet.

A program that closes needn't read before the connection ends (RFC 6455 7.1.1), and one that was cut
off shall know how. So what waits behind a full inbox is looked through, by headers alone. Owns how
far that was done, and which bytes are kept. Must never know messages, nor what a close frame leads
to. Key decision: it costs no memory, as bytes beyond a limit are left out once they were seen.
"""

from __future__ import annotations

from typing import Optional

from .constants import OP_CLOSE
from .frames import FrameReader

__all__ = ["Scout"]

# While we await the peer's close frame, so many bytes behind a full inbox stay readable.
KEPT = 65536


class Scout:
    """
    Look for a close frame behind what a reader has read.

    Arguments:
        reader: the reader.
    """

    def __init__(self, reader: FrameReader) -> None:
        self._reader = reader
        self._ahead = reader.copy()
        self._lacking = False  # bytes were left out behind those that the reader has

    def append(self, data: bytes) -> None:
        """Take bytes from the peer, for the reader as well while they are kept."""
        self._ahead.append(data)
        if self._lacking or self._reader.buffered > KEPT:
            self._lacking = True
        else:
            self._reader.append(data)

    def find(self) -> Optional[bytes]:
        """
        Return the payload of the close frame, None if it hasn't come.

        Raises:
            ProtocolError: if a header before it breaks RFC 6455 5.2 or 5.5.
        """
        ahead = self._ahead
        while ahead.next():
            if ahead.opcode == OP_CLOSE and not ahead.rsv:
                return ahead.payload()
        return None
