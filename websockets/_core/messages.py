"""
Frames to messages: fragmentation (RFC 6455 section 5.4), UTF-8 (8.1) and the limits on messages.

Owns the message that is being received. Must never know headers, masks, control frames or close
codes. Key decision: a message that comes in one piece goes straight from there to its final object;
any other is gathered in one growing buffer, so that a million fragments cost no more than their
bytes, and text is checked as it arrives, so that the first bad byte ends it. The other way is for
those who want fragments as they come: then messages are put together when they are taken.
"""

from __future__ import annotations

from typing import Any, Optional, Union

from websockets.exceptions import PayloadTooBig, ProtocolError

from .constants import (
    AS_BYTES,
    AS_TEXT,
    IN_FRAGMENTS,
    OP_BINARY,
    OP_CONT,
    OP_TEXT,
    UNLIMITED,
    USUAL,
)
from .payloads import PayloadBuffer, unpack, unpack_text

__all__ = [
    "Fragment",
    "FragmentAssembler",
    "InvalidText",
    "MessageAssembler",
    "in_form",
    "joined",
]


class InvalidText(ProtocolError):
    """A text message that isn't UTF-8; the message says what is wrong, and at which byte."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(f"{reason} at position {position}")


class Fragment:
    """
    A frame of a fragmented message, or of a text that isn't UTF-8.

    Arguments:
        opcode: OP_TEXT, OP_BINARY or OP_CONT.
        data: its payload.
        fin: whether the message ends with it.
    """

    def __init__(self, opcode: int, data: bytes, fin: bool) -> None:
        self.opcode = opcode
        self.data = data
        self.fin = fin


class MessageAssembler:
    """
    Put messages together.

    Arguments:
        max_size: largest message in bytes; None for no limit.
        max_fragments: most frames that a message may consist of; None for no limit.
        max_frame: largest of these frames in bytes; None for no limit.
    """

    def __init__(
        self,
        max_size: Optional[int],
        max_fragments: Optional[int] = None,
        max_frame: Optional[int] = None,
    ) -> None:
        self._max_frame = UNLIMITED if max_frame is None else max_frame
        self._max_size = UNLIMITED
        self.max_size = max_size
        self._max_fragments = UNLIMITED if max_fragments is None else max_fragments
        self._opcode = OP_CONT  # OP_CONT: between two messages
        self._frame_opcode = OP_CONT
        self._final = False
        self._size = 0
        self._fragments = 0
        self._payload: Optional[PayloadBuffer] = None

    @property
    def max_size(self) -> Optional[int]:
        """Largest message in bytes; None for no limit."""
        return None if self._max_size == UNLIMITED else self._max_size

    @max_size.setter
    def max_size(self, max_size: Optional[float]) -> None:
        self._max_size = UNLIMITED if max_size is None else int(min(max(max_size, 0), UNLIMITED))

    def room(self) -> Optional[int]:
        """Return how many bytes the next frame of a message may have; None for no limit."""
        if self._max_size == UNLIMITED and self._max_frame == UNLIMITED:
            return None
        # The limit may have been lowered below what is already there.
        room = self._max_size - self._size if self._size < self._max_size else 0
        return room if room < self._max_frame else self._max_frame

    def largest(self) -> Optional[int]:
        """Return how many bytes a frame of any message may have; None for no limit."""
        most = self._max_size if self._max_size < self._max_frame else self._max_frame
        return None if most == UNLIMITED else most

    def too_big(self, exc: PayloadTooBig) -> PayloadTooBig:
        """Say what an extension, which knows only :meth:`room`, has found, in terms of messages."""
        if self._opcode != OP_CONT:
            exc.set_current_size(self._size)
        return exc

    def check_size(self, length: int) -> None:
        """Raise PayloadTooBig if there is no :meth:`room` for a frame of so many bytes."""
        if length > self._max_frame or self._size + length > self._max_size:
            # The limit may have been lowered below what is already there.
            limit = self._max_size - self._size
            if self._size <= self._max_size and self._max_frame < self._max_size - self._size:
                limit = self._max_frame
            raise self.too_big(PayloadTooBig(length, limit))

    def begin_frame(self, opcode: int, fin: bool, length: int) -> None:
        """
        Announce a data frame, once its header is known and before any of its payload.

        Raises:
            ProtocolError: if the frame breaks the order of fragments.
            PayloadTooBig: if it exceeds ``max_frame``, or the message would exceed ``max_size`` or
                ``max_fragments``.
        """
        if length > self._max_frame or self._size + length > self._max_size:
            self.check_size(length)
        if opcode == OP_CONT:
            if self._opcode == OP_CONT:
                raise ProtocolError("unexpected continuation frame")
        elif self._opcode != OP_CONT:
            raise ProtocolError("expected a continuation frame")
        if opcode != OP_CONT:
            self._opcode = opcode
        self._frame_opcode = opcode
        self._final = fin
        self._size += length
        self._fragments += 1
        if self._fragments > self._max_fragments:
            raise PayloadTooBig(f"message exceeds the limit of {self._max_fragments} fragments")

    def add(
        self, chunk: bytes, start: int, stop: int, key: int, offset: int, missing: int
    ) -> Union[str, bytes, Fragment, None]:
        """
        Take the next bytes of the frame announced last.

        Arguments:
            chunk, start, stop, key, offset: the bytes, as :func:`~.payloads.unpack` takes them.
            missing: how many bytes of the frame's payload are still to come.

        Returns:
            The message, if it is complete.

        Raises:
            InvalidText: if a text message can't be UTF-8.
        """
        payload = self._payload
        if payload is None:
            if missing == 0 and self._final:
                text = self._opcode == OP_TEXT
                self.clear()
                if not text:
                    return unpack(chunk, start, stop, key, offset)
                try:
                    return unpack_text(chunk, start, stop, key)
                except UnicodeDecodeError as exc:
                    raise InvalidText(exc.reason, exc.start) from exc
            payload = self._payload = PayloadBuffer(self._opcode == OP_TEXT)
        return self._gathered(
            payload.add(chunk, start, stop, key, offset, missing, self._final), missing
        )

    def space(self, missing: int, arrived: int) -> Optional[memoryview]:
        """Return memory to read more of the current frame into, or None."""
        if self._payload is None:
            return None
        return self._payload.space(missing, self._final, arrived)

    def fill(
        self, size: int, key: int, offset: int, missing: int
    ) -> Union[str, bytes, Fragment, None]:
        """Take the bytes that were read into that memory; otherwise as :meth:`add`."""
        payload = self._payload
        if payload is None:
            raise ValueError("there was no room for so much")
        return self._gathered(payload.fill(size, key, offset, missing, self._final), missing)

    def _gathered(self, position: int, missing: int) -> Union[str, bytes, Fragment, None]:
        payload = self._payload
        if position >= 0 and payload is not None:
            payload.give_up_text()
            try:
                bytes(payload.finish()).decode()  # type: ignore[arg-type]
            except UnicodeDecodeError as exc:
                raise InvalidText(exc.reason, exc.start) from exc
        if payload is None or missing or not self._final:
            return None
        self.clear()
        return payload.finish()

    def is_between(self) -> bool:
        """Tell whether no message is incomplete."""
        return self._opcode == OP_CONT

    def clear(self) -> None:
        """Forget the current message."""
        self._opcode = OP_CONT
        self._size = 0
        self._fragments = 0
        self._payload = None


class FragmentAssembler(MessageAssembler):
    """Hand on the frames of a message as they come; only one that has a single frame is whole."""

    def add(
        self, chunk: bytes, start: int, stop: int, key: int, offset: int, missing: int
    ) -> Union[str, bytes, Fragment, None]:
        """
        Take the next bytes of the frame announced last.

        Returns:
            a message that is complete with its first frame; a :class:`Fragment`, if it is another
            frame that is complete, or a text that isn't UTF-8, which may be taken as bytes.
        """
        # In fragments, a character may be in two of them.
        text = self._final and self._frame_opcode == OP_TEXT
        payload = self._payload
        if payload is None:
            if missing == 0:
                if text:
                    try:
                        message = unpack_text(chunk, start, stop, key)
                    except UnicodeDecodeError:
                        pass
                    else:
                        self.clear()
                        return message
                return self._complete(unpack(chunk, start, stop, key, offset))
            payload = self._payload = PayloadBuffer(text)
        return self._gathered(payload.add(chunk, start, stop, key, offset, missing, True), missing)

    def _gathered(self, position: int, missing: int) -> Union[str, bytes, Fragment, None]:
        payload = self._payload
        if payload is None:
            return None
        if position >= 0:
            payload.give_up_text()
        if missing:
            return None
        self._payload = None
        return self._complete(payload.finish())

    def _complete(self, data: Any) -> Union[str, bytes, Fragment]:
        opcode, fin = self._frame_opcode, self._final
        if fin:
            self.clear()
            if opcode == OP_BINARY or type(data) is str:
                return data  # type: ignore[no-any-return]
        return Fragment(opcode, data, fin)


def in_form(message: Any, form: int) -> Union[str, bytes, Fragment]:
    """
    Give a message that is whole the form that is asked for: see :meth:`~.endpoint.Endpoint.take`.

    Raises:
        UnicodeDecodeError: if it should be text and isn't.
    """
    if form == IN_FRAGMENTS:
        return Fragment(OP_TEXT if type(message) is str else OP_BINARY, message, True)
    if type(message) is str:
        return message.encode() if form == AS_BYTES else message
    return str(message, "utf-8") if form == AS_TEXT else message


def joined(fragments: list[Fragment], form: int) -> Union[str, bytes]:
    """Put a message together from all its fragments; otherwise as :func:`in_form`."""
    data = b"".join([fragment.data for fragment in fragments])
    text = form == AS_TEXT or (form == USUAL and fragments[0].opcode == OP_TEXT)
    return str(data, "utf-8") if text else data
