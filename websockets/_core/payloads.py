"""
Payloads from the wire to their final objects: unmasked, checked, gathered. The pure twin of
ext/payloads.pyx.

Owns the copy of each received byte, which is made once. Must never know headers, opcodes or limits.
Key decision: a payload is named by where it stands in the bytes received, so that nothing is cut
out before it is unmasked into the object that the program gets.
"""

from __future__ import annotations

from typing import Optional, Union

from .constants import NO_KEY
from .mask import apply_mask
from .utf8 import Utf8Validator

__all__ = ["PayloadBuffer", "unpack", "unpack_text"]

SPACE = 65536  # bytes


def unpack(chunk: bytes, start: int, stop: int, key: int, offset: int) -> bytes:
    """
    Return ``chunk[start:stop]`` unmasked, as a new object.

    Arguments:
        key: the number it is masked with, or NO_KEY if it isn't masked.
        offset: number of bytes of the same payload that came before ``start``.
    """
    data = chunk[start:stop]
    return data if key == NO_KEY else apply_mask(data, key.to_bytes(4, "big"), offset)


def unpack_text(chunk: bytes, start: int, stop: int, key: int) -> str:
    """
    Return a whole text; arguments as for :func:`unpack`.

    Raises:
        UnicodeDecodeError: if it isn't UTF-8; the position counts from ``start``.
    """
    return str(unpack(chunk, start, stop, key, 0), "utf-8")


class PayloadBuffer:
    """
    Gather a payload that arrives in pieces.

    Arguments:
        text: whether it has to be UTF-8, which is checked as it arrives.
    """

    def __init__(self, text: bool) -> None:
        self._buffer = bytearray()
        self._space = bytearray()
        self._validator: Optional[Utf8Validator] = Utf8Validator() if text else None

    def add(
        self,
        chunk: bytes,
        start: int,
        stop: int,
        key: int,
        offset: int,
        missing: int,
        ends: bool,
    ) -> int:
        """
        Add the next piece.

        Arguments:
            chunk, start, stop, key, offset: as for :func:`unpack`.
            missing: how many bytes of the same frame are still to come; they tell the compiled
                twin how far to grow, within what the bytes already here have earned.
            ends: whether the whole ends with this frame.

        Returns:
            -1, or the position, counted from the beginning of the whole, at which a text isn't
            UTF-8.
        """
        self._space = bytearray()
        data = unpack(chunk, start, stop, key, offset)
        self._buffer += data
        if self._validator is None:
            return -1
        return self._validator.check(data, ends and missing == 0)

    def space(self, missing: int, ends: bool, arrived: int = 0) -> Optional[memoryview]:
        """
        Return memory to put the next bytes in as they come from the wire, or None.

        The compiled twin unmasks them in there. This one takes them out: Python can't.

        Arguments:
            missing: how many bytes of the current frame are still to come, at least 1.
            ends: as for :meth:`add`.
            arrived: how many of them the system has already, so that they get room at once.
        """
        if not self._space:
            self._space = bytearray(min(missing, SPACE))
        return memoryview(self._space)

    def fill(self, size: int, key: int, offset: int, missing: int, ends: bool) -> int:
        """
        Take bytes that were put in that memory.

        Arguments:
            size: their number.
            key, offset, missing, ends: as for :meth:`add`.

        Returns:
            what :meth:`add` returns.
        """
        if not 0 <= size <= len(self._space):
            raise ValueError("there was no room for so much")
        return self.add(bytes(self._space[:size]), 0, size, key, offset, missing, ends)

    def give_up_text(self) -> None:
        """Go on with bytes, which needn't be UTF-8."""
        self._validator = None

    def finish(self) -> Union[str, bytes]:
        """Return the whole, and be of no more use."""
        if self._validator is not None:
            return str(self._buffer, "utf-8")
        return bytes(self._buffer)
