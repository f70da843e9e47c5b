"""
Each frame as an event: how an endpoint delivers to programs that have a connection of their own.

Owns what is different then. Frames of messages aren't put together, and text isn't checked; control
frames are delivered as well; nothing waits for the program, so a close frame is answered at once;
and the end of the stream, which a server owes after both close frames, is part of what leaves.
Must never know what a program does with events. Key decision: the endpoint's own machine, of which
a few steps are replaced; its phases are the table in closer.py.
"""

from __future__ import annotations

from typing import Any, Optional, Union

from websockets._closes import Close
from websockets.exceptions import ProtocolError

from .closing import parse_close, serialize_close
from .constants import (
    AWAITING,
    CLOSING,
    GONE,
    NOT_OPEN,
    OP_CLOSE,
    OP_PING,
    OP_PONG,
    OPEN,
    OVER,
    OWING,
    TALKING,
    UNLIMITED,
)
from .endpoint import Endpoint
from .messages import FragmentAssembler
from .payloads import PayloadBuffer, unpack
from .values import FrameMaker

__all__ = ["EventEndpoint"]


class FrameAssembler(FragmentAssembler):
    """Hand on each frame of a message, once it is complete, as an event."""

    def __init__(
        self, max_size: Optional[int], max_frame: Optional[int], maker: FrameMaker
    ) -> None:
        super().__init__(max_size, None, max_frame)
        self._maker = maker

    def add(self, chunk: bytes, start: int, stop: int, key: int, offset: int, missing: int) -> Any:
        """Take the next bytes of the frame announced last; return it if it is complete."""
        payload = self._payload
        if payload is None:
            if missing == 0:
                return self._complete(unpack(chunk, start, stop, key, offset))
            payload = self._payload = PayloadBuffer(False)
        return self._gathered(payload.add(chunk, start, stop, key, offset, missing, True), missing)

    def size(self) -> int:
        """Return how many bytes of an incomplete message have come."""
        return self._size

    def _complete(self, data: Any) -> Any:
        opcode, fin = self._frame_opcode, self._final
        if fin:
            self.clear()
        return self._maker.make(opcode, data, fin)


class EventEndpoint(Endpoint):
    """
    An endpoint whose inbox has an event for each frame.

    Arguments:
        is_client, max_size, max_frame: as for :class:`~.endpoint.Endpoint`.
        maker: what makes the events.

    Attributes:
        ended: whether the peer has ended the stream.
        eof_sent: whether the end of the stream is among what leaves, as ``b""``.
    """

    def __init__(
        self,
        is_client: bool,
        max_size: Optional[int],
        max_frame: Optional[int],
        maker: FrameMaker,
    ) -> None:
        super().__init__(is_client, max_size, gather=0)
        self.ended = False
        self.eof_sent = False
        # Each frame is one object, which is joined with others anyway.
        self.outbox._large = UNLIMITED
        self._maker = maker
        self._frames = FrameAssembler(max_size, max_frame, maker)
        self._messages = self._frames

    @property
    def current_size(self) -> Optional[int]:
        """How many bytes of an incomplete message have come, None if there is none."""
        return None if self._frames.is_between() else self._frames.size()

    def use(self, extensions: Any) -> None:
        """Have extensions, or none, encode and decode frames from now on."""
        self._extensions = extensions
        self._decoding = False
        self._reader._any_rsv = extensions is not None
        self.outbox._extensions = extensions

    # Receiving

    def receive(self, data: Union[bytes, bytearray, memoryview]) -> bool:
        """
        Take bytes from the peer.

        Returns:
            whether there is something to see to beside data frames.

        Raises:
            EOFError: if the peer has ended the stream.
        """
        if self.ended:
            raise EOFError("stream ended")
        return Endpoint.receive(self, data)

    def end(self) -> None:
        """Take notice that the peer has ended the stream: so do we."""
        if self.ended:
            return
        self.ended = True
        if self._listening:
            # RFC 6455 7.1.5: without a close frame, that is abnormal.
            self.failure = self.unexpected_end()
        self.send_eof()
        Endpoint._enter(self, GONE)

    def take_events(self) -> list[Any]:
        """Take all events."""
        return self.inbox.take_all()

    def _check_encoded(self, opcode: int, length: int) -> None:
        self._messages.check_size(length)

    def _control(self, opcode: int, payload: bytes) -> None:
        self._messages.check_size(len(payload))
        if opcode == OP_CLOSE:
            self._peer_closed(payload)
            return
        self.inbox.put(self._maker.make(opcode, payload, True))
        if opcode == OP_PING:
            # RFC 6455 5.5.2: answer, unless the peer has sent a close frame.
            self._answer(OP_PONG, payload)

    def _peer_closed(self, payload: bytes) -> None:
        code, reason = parse_close(payload)
        self.close_rcvd = Close(code, reason)
        if self.close_sent is not None:
            self.close_rcvd_then_sent = False
        if not self._frames.is_between():
            raise ProtocolError("incomplete fragmented message")
        self.inbox.put(self._maker.make(OP_CLOSE, payload, True))
        if self.phase == TALKING:
            # RFC 6455 5.5.1: answer with the status code received.
            self._send_close(payload, OVER)
        else:
            self._enter(OVER)

    # Closing

    def fail(self, code: int, reason: str = "", cause: Optional[BaseException] = None) -> None:
        """
        Fail the connection (RFC 6455 7.1.7).

        Code 1006 sends no close frame: then nothing is closed until the stream ends.
        """
        if code == 1006 and self.phase == TALKING:
            self.failure = cause
            self._enter(OWING)
        elif code != 1006 and self.phase == OWING:
            self._send_close(serialize_close(code, reason), OVER)
        else:
            Endpoint.fail(self, code, reason, cause)

    def force(self, state: int) -> None:
        """Have another state, because whoever owns the socket says so."""
        if state == OPEN:
            Endpoint._enter(self, TALKING)
            self.holds &= ~NOT_OPEN
        else:
            Endpoint._enter(self, AWAITING if state == CLOSING else GONE)

    def _owe_close(self, payload: bytes) -> None:
        self._send_close(payload, OVER)

    def _enter(self, phase: int) -> None:
        Endpoint._enter(self, phase)
        # RFC 6455 7.1.1: the server ends the stream first.
        if not self._listening and not self.is_client:
            self.send_eof()

    def send_eof(self) -> None:
        """Put the end of the stream in what leaves, once."""
        if not self.eof_sent:
            self.eof_sent = True
            self.outbox.put_bytes(b"")

    # Sending

    def write(self, data: bytes) -> None:
        """Put bytes in front of all that leaves: a handshake's response."""
        self.outbox.put_in_front(data)
