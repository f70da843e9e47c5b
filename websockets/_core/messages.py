"""
Frames to messages: fragmentation (RFC 6455 section 5.4), UTF-8 (8.1) and the limits on messages.

Owns the message that is being received. Must never know headers, masks, control frames or close
codes. Key decision: a message that comes in one piece is handed on as it is; any other is gathered
in one growing buffer, so that a million fragments cost no more than their bytes, and text is
checked as it arrives, so that the first bad byte ends it.
"""

from __future__ import annotations

from typing import Optional, Union

from websockets.exceptions import PayloadTooBig, ProtocolError

from .frames import OP_CONT, OP_TEXT
from .utf8 import Utf8Validator

__all__ = ["InvalidText", "MessageAssembler"]


class InvalidText(ProtocolError):
    """A text message that isn't UTF-8; the message says where."""

    def __init__(self, position: int) -> None:
        super().__init__(f"invalid UTF-8 in a text message at byte {position}")


class MessageAssembler:
    """
    Put messages together.

    Arguments:
        max_size: largest message in bytes; None for no limit.
        max_fragments: most frames that a message may consist of; None for no limit.
    """

    def __init__(self, max_size: Optional[int], max_fragments: Optional[int] = None) -> None:
        self.max_size = max_size
        self.max_fragments = max_fragments
        self._opcode = OP_CONT  # OP_CONT: between two messages
        self._final = False
        self._size = 0
        self._fragments = 0
        self._buffer: Optional[bytearray] = None
        self._validator: Optional[Utf8Validator] = None

    def room(self) -> Optional[int]:
        """Return how many bytes the current message may still grow by; None for no limit."""
        # The limit may have been lowered below what is already there.
        return None if self.max_size is None else max(self.max_size - self._size, 0)

    def begin_frame(self, opcode: int, fin: bool, length: int) -> None:
        """
        Announce a data frame, once its header is known and before any of its payload.

        Raises:
            ProtocolError: if the frame breaks the order of fragments.
            PayloadTooBig: if the message would exceed ``max_size`` or ``max_fragments``.
        """
        if opcode == OP_CONT:
            if self._opcode == OP_CONT:
                raise ProtocolError("continuation frame without a message to continue")
        elif self._opcode != OP_CONT:
            raise ProtocolError("new message before the end of a fragmented message")
        else:
            self._opcode = opcode
        self._final = fin
        if self.max_size is not None and length > self.max_size - self._size:
            raise PayloadTooBig(
                f"message of at least {self._size + length} bytes exceeds the limit of "
                f"{self.max_size}"
            )
        self._size += length
        self._fragments += 1
        if self.max_fragments is not None and self._fragments > self.max_fragments:
            raise PayloadTooBig(f"message exceeds the limit of {self.max_fragments} fragments")

    def add(self, payload: bytes, last: bool) -> Union[str, bytes, None]:
        """
        Take the next bytes of the frame announced last; ``last`` says that the frame ends here.

        Returns:
            The message, if it is complete.

        Raises:
            InvalidText: if a text message can't be UTF-8.
        """
        complete = last and self._final
        if self._buffer is None:
            if complete:
                return self._finish(payload)
            self._buffer = bytearray()
            if self._opcode == OP_TEXT:
                self._validator = Utf8Validator()
        if self._validator is not None:
            position = self._validator.feed(payload, complete)
            if position >= 0:
                raise InvalidText(position)
        self._buffer += payload
        return self._finish(self._buffer) if complete else None

    def _finish(self, payload: Union[bytes, bytearray]) -> Union[str, bytes]:
        text = self._opcode == OP_TEXT
        self._opcode = OP_CONT
        self._size = 0
        self._fragments = 0
        self._buffer = None
        self._validator = None
        if not text:
            return bytes(payload)
        try:
            return str(payload, "utf-8")
        except UnicodeDecodeError as exc:
            raise InvalidText(exc.start) from exc
