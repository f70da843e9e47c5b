"""
The sending half of an endpoint: what it may say, and what leaves next.

Owns the outbox, which state lets what in, and the pong that waits for room (RFC 6455 5.5.3). Must
never know what the peer says, nor why the state changes. Key decision: it is a base class of the
endpoint, so that a message which is sent comes here without a step in between.
"""

from __future__ import annotations

from typing import Any, Callable, Optional, Union

from websockets.exceptions import InvalidState, ProtocolError

from .constants import CLOSED, CLOSING, FULL, OP_CLOSE, OP_CONT, OP_PONG, OPEN
from .frames import check_control
from .inbox import Inbox
from .outbox import Outbox
from .tally import Tally

__all__ = ["Sender"]

NAMES = {OPEN: "open", CLOSING: "closing", CLOSED: "closed"}

# While so many answers wait to leave, a ping is answered only if no other follows it.
CROWD = 64


class Sender:
    """
    The base of an endpoint.

    The endpoint sets all attributes: a second __init__() would take 0.3 % of what a connection's
    handshakes do.

    Attributes:
        state: OPEN, CLOSING or CLOSED.
        holds: why a message can't leave at once; 0 if it can. NOT_OPEN is set by the endpoint, the
            other bits by whoever knows: FULL, UNFINISHED, QUEUED, UNUSUAL.
        inbox: messages that have arrived.
        outbox: frames that wait to leave; take them with :meth:`collect`.
        urgent: how many of those nobody has decided about: our answers to the peer.
        unfinished: whether a message was begun by :meth:`send_data` that has more frames.
        tally: what all endpoints of this side have done.
    """

    state: int
    holds: int
    inbox: Inbox
    outbox: Outbox
    urgent: int
    unfinished: bool
    tally: Tally
    _held_pong: Optional[bytes]

    def send_frame(
        self, opcode: int, payload: Any, fin: bool = True, compress: Optional[bool] = None
    ) -> None:
        """
        Put a frame of any kind but close in the outbox.

        Arguments:
            opcode: OP_TEXT, OP_BINARY, OP_CONT, OP_PING or OP_PONG.
            payload: bytes-like, or for data frames a ``str``, which is encoded in UTF-8.
            fin: whether the message ends with this frame.
            compress: whether extensions should compress a message that begins with this frame;
                None leaves it to them.

        Raises:
            InvalidState: if the state isn't OPEN.
            ProtocolError: if a control frame is too long.
        """
        self._check_open()
        if opcode >= OP_CLOSE:
            check_control(fin, len(payload))
        self.outbox.put(fin, opcode, payload, compress)
        if opcode < OP_CLOSE:
            self.tally.messages_sent += fin

    def send_data(self, opcode: int, data: Any, fin: bool) -> None:
        """
        Put a frame of a message in the outbox.

        Raises:
            ProtocolError: if it breaks the order of fragments (RFC 6455 5.4).
            InvalidState: if the state isn't OPEN.
            TypeError: if data isn't bytes-like.
        """
        if self.unfinished:
            if opcode != OP_CONT:
                raise ProtocolError("expected a continuation frame")
        elif opcode == OP_CONT:
            raise ProtocolError("unexpected continuation frame")
        self._check_open()
        if type(data) is str:
            raise TypeError("a bytes-like object is required, not 'str'")
        self.outbox.put(fin, opcode, data)
        self.unfinished = not fin
        self.tally.messages_sent += fin

    def send_control(self, opcode: int, data: Any) -> None:
        """
        Put a ping or a pong in the outbox.

        Raises:
            ProtocolError: if it is too long.
            InvalidState: if the state is CLOSED.
        """
        if self.state == CLOSED:
            raise InvalidState(f"connection is {NAMES[self.state]}")
        check_control(True, len(data))
        self.outbox.put(True, opcode, data)

    def encoding(
        self, fin: bool, opcode: int, payload: Any, compress: Optional[bool]
    ) -> Optional[Callable[[], Any]]:
        """Return what encodes a frame elsewhere, for :meth:`send_encoded`, or None: see there."""
        return self.outbox.encoding(fin, opcode, payload, compress)

    def send_encoded(self, fin: bool, encoded: tuple[int, int, bytes]) -> None:
        """Put a frame in the outbox, as :meth:`send_frame` does, of what was encoded elsewhere."""
        self._check_open()
        self.outbox.put_encoded(fin, encoded)

    def send_message(
        self,
        message: Union[str, bytes, bytearray, memoryview],
        now: float,
        compress: Optional[bool] = None,
        opcode: int = 0,
    ) -> int:
        """
        Put a message in the outbox, as :meth:`send_frame` does, and tell when it should leave.

        Arguments:
            message: ``str`` for a text message, anything else is binary.
            now: seconds of a clock that doesn't go back.
            compress: as for :meth:`send_frame`.
            opcode: OP_TEXT or OP_BINARY for what it is sent as, 0 for what it is.

        Returns:
            the bits NOW and LATER, see :mod:`~.gathering`.
        """
        self._check_open()
        return self.outbox.put_message(message, now, self.inbox.waiting, compress, opcode)

    def send_shared(self, opcode: int, payload: Any, frames: dict[Any, bytes]) -> None:
        """
        Put a message in the outbox that is sent to other connections, too.

        Arguments:
            opcode, payload, frames: as for :meth:`~.outbox.Outbox.put_shared`.

        Raises:
            InvalidState: if the state isn't OPEN.
        """
        self._check_open()
        self.outbox.put_shared(opcode, payload, frames)

    def share(self, opcode: int, payload: Any, frames: dict[Any, bytes]) -> Optional[bytes]:
        """
        Do the same while nothing holds messages; if nothing waits, return the frame instead, which
        leaves at once.
        """
        if self._held_pong is None and not self.outbox.size:
            return self.outbox.share(opcode, payload, frames)
        self.outbox.put_shared(opcode, payload, frames)
        return None

    def collect(self) -> list[bytes]:
        """Take what waits in the outbox."""
        if self._held_pong is not None and not self.holds & FULL:
            self._answer_held()
        self.urgent = 0
        return self.outbox.collect()

    def collect_alone(self) -> Optional[bytes]:
        """Take the frame that waits in the outbox; None if there isn't just one."""
        if self._held_pong is not None:
            return None
        frame = self.outbox.collect_alone()
        if frame is not None:
            self.urgent = 0
        return frame

    def release(self) -> None:
        """Note that the transport takes bytes again, and answer the ping that waits for that."""
        self.holds &= ~FULL
        if self._held_pong is not None:
            self._answer_held()

    def _pong(self, payload: bytes) -> None:
        """Answer a ping, now or when there is room."""
        # RFC 6455 5.5.3: where answers wait, only the latest ping needs one.
        if self.holds & FULL or self.urgent >= CROWD:
            self._held_pong = payload
        else:
            self._answer(OP_PONG, payload)

    def _answer_held(self) -> None:
        payload = self._held_pong
        self._held_pong = None
        if payload is not None:
            self._answer(OP_PONG, payload)

    def _answer(self, opcode: int, payload: bytes) -> None:
        """Put a control frame in the outbox, which leaves as soon as somebody looks."""
        self.outbox.put(True, opcode, payload)
        self.urgent += 1

    def _check_open(self) -> None:
        if self.state != OPEN:
            raise InvalidState(f"connection is {NAMES[self.state]}")
