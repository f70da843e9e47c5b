"""
What has arrived and waits for the program, as it may look at it.

Owns a view of a connection's inbox. Must never know how messages arrive or are taken. Key decision:
it is made when somebody asks, so that connections carry nothing for it.
"""

from __future__ import annotations

from typing import Any, Optional

from ..frames import Frame, Opcode
from .limits import limits_of_queue

__all__ = ["Assembler"]


class Assembler:
    """
    Frames of messages that wait for ``recv()``.

    Arguments:
        max_queue: as for connections.
        endpoint: the connection's endpoint, None before it is open.
    """

    def __init__(self, max_queue: Any, endpoint: Any) -> None:
        self._max_queue = max_queue
        self._endpoint = endpoint

    @property
    def high(self) -> Optional[int]:
        """How many frames may wait; None for no limit."""
        high = limits_of_queue(self._max_queue)[0]
        return 0 if self._max_queue == 0 else high

    @property
    def low(self) -> Optional[int]:
        """How many frames are left when more are taken, after that; None for no limit."""
        high = self.high
        return limits_of_queue(self._max_queue)[1] if high else high

    @property
    def paused(self) -> bool:
        """Whether more has come than may wait, so that no more is taken at the moment."""
        endpoint = self._endpoint
        return endpoint is not None and endpoint.stalled and endpoint.buffered > 0

    @property
    def frames(self) -> list[Frame]:
        """The frames that wait, oldest first."""
        return [] if self._endpoint is None else [frame_of(it) for it in self._endpoint.inbox]

    def __len__(self) -> int:
        return len(self.frames)


def frame_of(arrived: Any) -> Frame:
    """Return what has arrived, a whole message or a fragment, as a frame."""
    if isinstance(arrived, str):
        return Frame(Opcode.TEXT, arrived.encode())
    if isinstance(arrived, bytes):
        return Frame(Opcode.BINARY, arrived)
    return Frame(Opcode(arrived.opcode), arrived.data, arrived.fin)
