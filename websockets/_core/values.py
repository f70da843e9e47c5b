"""
Frames as values, which programs get as events: the pure twin of ext/values.pyx.

Owns how such an object comes to be, and how fast its opcode's name is found. Must never know what
its class can do otherwise. Key decision: it is made without its ``__init__()``, which would take
most of the time.
"""

from __future__ import annotations

from typing import Any

__all__ = ["FrameMaker", "quicken"]

new = object.__new__


class FrameMaker:
    """
    Make events of frames.

    Arguments:
        cls: class of the events. Instances have a ``__dict__``; where they have no attribute
            ``fin``, that of the class is true.
        opcodes: what the attribute ``opcode`` is, in the order of opcodes.
    """

    def __init__(self, cls: Any, opcodes: tuple[Any, ...]) -> None:
        self._cls = cls
        self._opcodes = opcodes

    def make(self, opcode: int, data: bytes, fin: bool) -> Any:
        """Return an event."""
        frame = new(self._cls)
        frame.opcode = self._opcodes[opcode]
        frame.data = data
        if not fin:
            frame.fin = False
        return frame


def quicken(metaclass: Any) -> Any:
    """
    Make the attributes of classes quick to find that are there; compiled code can.

    Arguments:
        metaclass: of these classes, derived from that of enums, without own ways of lookup.

    Returns:
        the same metaclass.
    """
    return metaclass
