"""
Frames as values (RFC 6455 section 5): a face of the core, without waiting.

Owns :class:`Frame`, how it is read, written and shown, and gives close frames, which are values
that exceptions carry, their public name. Must never know what comes before or after a frame. Key
decision: the kernels are the core's; :mod:`websockets.framing` has an older shape of the same.
"""

from __future__ import annotations

import codecs
import dataclasses
import enum
import re
from collections.abc import Callable, Generator, Sequence
from typing import Any, Optional, Union

from . import _core
from ._closes import CLOSE_CODE_EXPLANATIONS as CLOSE_CODE_EXPLANATIONS
from ._closes import EXTERNAL_CLOSE_CODES as EXTERNAL_CLOSE_CODES
from ._closes import OK_CLOSE_CODES as OK_CLOSE_CODES
from ._closes import Close, CloseCode
from ._core import NO_KEY, pack_frame, quicken
from ._environment import MAX_LOG_SIZE
from .exceptions import PayloadTooBig, ProtocolError
from .typing import BytesLike

__all__ = ["Close", "CloseCode", "Frame", "Opcode"]


@quicken
class OpcodeType(enum.EnumMeta):
    """The metaclass of :class:`Opcode`, whose names programs look up for each frame."""


class Opcode(enum.IntEnum, metaclass=OpcodeType):
    """Opcodes of frames (RFC 6455 5.2)."""

    CONT = 0x00
    TEXT = 0x01
    BINARY = 0x02
    CLOSE = 0x08
    PING = 0x09
    PONG = 0x0A


CONT = Opcode.CONT
TEXT = Opcode.TEXT
BINARY = Opcode.BINARY
CLOSE = Opcode.CLOSE
PING = Opcode.PING
PONG = Opcode.PONG

DATA_OPCODES = CONT, TEXT, BINARY
CTRL_OPCODES = CLOSE, PING, PONG

_OPCODES = {opcode.value: opcode for opcode in Opcode}


@dataclasses.dataclass
class Frame:
    """
    A frame (RFC 6455 5.2), without its mask and length, which are those of the wire.

    Arguments:
        opcode: opcode.
        data: payload.
        fin: FIN bit.
        rsv1, rsv2, rsv3: reserved bits.

    ``str(frame)`` tells of it in a line for logs, in which the payload has ``MAX_LOG_SIZE``
    characters at most.
    """

    opcode: Opcode
    data: BytesLike
    fin: bool = True
    rsv1: bool = False
    rsv2: bool = False
    rsv3: bool = False

    MAX_LOG_SIZE = MAX_LOG_SIZE

    def __str__(self) -> str:
        opcode = _OPCODES.get(self.opcode)
        name = f"OPCODE {self.opcode}" if opcode is None else opcode.name
        data = bytes(self.data)
        shown, kind = _show_payload(opcode, data, self.fin, self.MAX_LOG_SIZE)
        size = f"{len(data)} byte{'' if len(data) == 1 else 's'}"
        notes = [kind, size, "" if self.fin else "continued"]
        return f"{name} {shown} [{', '.join(filter(None, notes))}]"

    @classmethod
    def parse(
        cls,
        read_exact: Callable[[int], Generator[None, None, Union[bytes, bytearray]]],
        *,
        mask: bool,
        max_size: Optional[int] = None,
        extensions: Optional[Sequence[Any]] = None,
    ) -> Generator[None, None, Frame]:
        """
        Read a frame.

        Arguments:
            read_exact: as :meth:`StreamReader.read_exact() <websockets.streams.StreamReader>`.
            mask: whether the frame must be masked, that is whether a server reads it.
            max_size: most bytes in the payload, on the wire and after decoding; None for no limit.
            extensions: objects with a ``decode(frame, *, max_size)`` method, applied last to first.

        Raises:
            EOFError: if the stream ends inside the frame.
            PayloadTooBig: if the payload exceeds ``max_size``.
            ProtocolError: if the frame breaks RFC 6455 5.2 or 5.5.
        """
        byte0, byte1 = yield from read_exact(2)
        opcode = _OPCODES.get(byte0 & 0x0F)
        if opcode is None:
            raise ProtocolError("invalid opcode")
        # RFC 6455 5.1: a client masks its frames, a server doesn't.
        if bool(byte1 & 0x80) is not mask:
            raise ProtocolError("incorrect masking")
        length = byte1 & 0x7F
        if length >= 126:
            extended = yield from read_exact(2 if length == 126 else 8)
            form, length = length, int.from_bytes(extended, "big")
            _core.check_length(length, form)
        if max_size is not None and length > max_size:
            raise PayloadTooBig(length, max_size)
        key = (yield from read_exact(4)) if mask else b""
        data: BytesLike = yield from read_exact(length)
        if mask:
            data = _core.apply_mask(data, bytes(key))
        frame = cls(
            opcode,
            data,
            bool(byte0 & 0x80),
            bool(byte0 & 0x40),
            bool(byte0 & 0x20),
            bool(byte0 & 0x10),
        )
        for extension in reversed(extensions or ()):
            frame = as_frame(extension.decode(frame, max_size=max_size))
        frame.check()
        return frame

    def serialize(self, *, mask: bool, extensions: Optional[Sequence[Any]] = None) -> bytes:
        """
        Return the frame as bytes.

        Arguments:
            mask: whether to mask it, that is whether a client writes it.
            extensions: objects with an ``encode(frame)`` method, applied first to last.

        Raises:
            ProtocolError: if the frame breaks RFC 6455 5.2 or 5.5.
        """
        self.check()
        frame = self
        for extension in extensions or ():
            frame = as_frame(extension.encode(frame))
        rsv = frame.rsv1 << 6 | frame.rsv2 << 5 | frame.rsv3 << 4
        byte0 = frame.fin << 7 | rsv | frame.opcode
        key = NO_KEY
        if mask:
            import secrets  # which takes its time, and is needed where single frames are masked

            # RFC 6455 5.3: "derived from a strong source of entropy".
            key = int.from_bytes(secrets.token_bytes(4), "big")
        packed: bytes = pack_frame(byte0, frame.data, key)
        return packed

    def check(self) -> None:
        """
        Check the reserved bits, and the rules for control frames.

        Raises:
            ProtocolError: if a value isn't acceptable.
        """
        # RFC 6455 5.2: none is left once the extensions have read theirs.
        if self.rsv1 or self.rsv2 or self.rsv3:
            raise ProtocolError("reserved bits must be 0")
        if self.opcode in CTRL_OPCODES:
            # RFC 6455 5.5: 125 bytes at most, and never fragmented.
            if len(self.data) > 125:
                raise ProtocolError("control frame too long")
            if not self.fin:
                raise ProtocolError("fragmented control frame")

    def _replace(self, **changes: Any) -> Frame:
        """Return a copy with other values, as a named tuple does: extensions see both kinds."""
        return dataclasses.replace(self, **changes)


def as_frame(frame: Any) -> Frame:
    """Return a frame that an extension has returned as one of this class, whatever kind it is."""
    if isinstance(frame, Frame):
        return frame
    fields = frame.fin, frame.rsv1, frame.rsv2, frame.rsv3
    return Frame(Opcode(frame.opcode), frame.data, *fields)


def apply_mask(data: BytesLike, mask: Union[bytes, bytearray]) -> bytes:
    """
    Mask or unmask the payload of a frame (RFC 6455 5.3).

    Arguments:
        data: payload.
        mask: masking key, 4 bytes.

    Raises:
        ValueError: if the key isn't 4 bytes long.
        TypeError: if one of them isn't bytes-like.
    """
    if len(mask) != 4:
        raise ValueError("mask must contain 4 bytes")
    masked: bytes = _core.apply_mask(data, mask)
    return masked


# How payloads are shown.

# Not much text has control characters, but data often look like them.
_is_ascii_text = re.compile(rb"[\t\n\r\x20-\x7e]*").fullmatch
_has_controls = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xa0\xad]").search


def _show_payload(opcode: Optional[Opcode], data: bytes, fin: bool, most: int) -> tuple[str, str]:
    """Return a payload in ``most`` characters, and what it is if the opcode doesn't tell."""
    if opcode is CLOSE and data:
        try:
            close = Close.parse(data)
        except (ProtocolError, UnicodeDecodeError):
            return _show_bytes(data, most), "binary"
        if not close.reason.isprintable():
            close.reason = repr(close.reason)
        return _shorten(str(close), most), ""
    text = _text_of(opcode, data, fin)
    if text is None:
        return _show_bytes(data, most), "" if opcode is BINARY else "binary"
    return _shorten(repr(text), most), "" if opcode is TEXT or not data else "text"


def _text_of(opcode: Optional[Opcode], data: bytes, fin: bool) -> Optional[str]:
    """Return a payload as text, None if it looks like something else."""
    if _is_ascii_text(data):
        return data.decode("ascii")
    if opcode not in DATA_OPCODES:
        return None
    # RFC 6455 5.6: a fragment may begin and end inside a character.
    whole = data[_tail_of_character(data) :] if opcode is CONT else data
    try:
        codecs.getincrementaldecoder("utf-8")().decode(whole, fin)
    except UnicodeDecodeError:
        return None
    text = data.decode(errors="replace")
    return None if _has_controls(text) else text


def _tail_of_character(data: bytes) -> int:
    """Return how many bytes at the beginning can't begin a character, three at most."""
    size = 0
    while size < min(len(data), 3) and data[size] & 0xC0 == 0x80:
        size += 1
    return size


def _shorten(text: str, most: int) -> str:
    """Leave out the middle of what has more than ``most`` characters."""
    if len(text) <= most:
        return text
    left = max(most - 3, 0)
    tail = left // 3
    return f"{text[: left - tail]}...{text[len(text) - tail :]}"


def _show_bytes(data: bytes, most: int) -> str:
    """Return bytes in hexadecimal, three characters for each; leave out the middle, too."""
    room = (most + 1) // 3
    if len(data) <= room:
        return data.hex(" ")
    left = max(room - 1, 0)
    tail = left // 3
    return f"{data[: left - tail].hex(' ')} ... {data[len(data) - tail :].hex(' ')}"
