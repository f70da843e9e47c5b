"""
What a connection has in place of an endpoint before it is open.

Owns the bytes of the opening handshake in both directions, and what comes early behind a request.
Must never know what a valid handshake is. Key decision: it has the endpoint's methods, so that a
protocol asks one object whatever its state is. Frames that a client doesn't wait with are delivered
behind its request, but what is answered to them stays behind the response.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from .._states import State
from ..exceptions import InvalidState

__all__ = ["Opening"]


class Opening:
    """
    A connection's part before it is open.

    Arguments:
        reader: what reads the peer's half of the handshake, or None if nobody does.

    Attributes:
        state: CONNECTING, or CLOSED if it ends without having been open.
        early: an endpoint for what comes behind the handshake, if it must not wait.
        error: what is wrong with the peer's half; the protocol takes it.
        complete: whether the peer's half is there; the protocol takes it.
    """

    close_rcvd = None
    close_sent = None
    close_rcvd_then_sent = None
    unfinished = False
    phase = -1  # before all phases of endpoints

    # What has its usual value takes no time of a connection that is made.
    state: int = State.CONNECTING
    ended = False
    eof_sent = False
    early: Any = None
    error: Optional[Exception] = None
    complete = False
    events: Sequence[Any] = ()
    writes: Sequence[bytes] = ()

    def __init__(self, reader: Any) -> None:
        self.reader = reader

    @property
    def failure(self) -> Optional[BaseException]:
        """What was wrong with an early frame."""
        failure: Optional[BaseException] = None if self.early is None else self.early.failure
        return failure

    @property
    def current_size(self) -> Optional[int]:
        """How many bytes of an incomplete message have come early."""
        size: Optional[int] = None if self.early is None else self.early.current_size
        return size

    # Receiving

    def receive(self, data: bytes) -> bool:
        """Take bytes from the peer; return whether there is something to see to."""
        if self.ended:
            raise EOFError("stream ended")
        if self.early is not None:
            self.early.receive(data)
            return True
        if self.reader is None:
            return False
        try:
            self.complete = self.reader.feed(bytes(data))
        except Exception as exc:
            self.error = exc
        return self.complete or self.error is not None

    def end(self) -> None:
        """Take notice that the peer has ended the stream."""
        self.ended = True
        if self.early is not None:
            self.early.end()
        elif self.reader is not None:
            try:
                self.complete = self.reader.feed_eof()
            except Exception as exc:
                self.error = exc

    def discard(self) -> None:
        """Ignore what comes from now on."""
        self.reader = None
        self.early = None

    def take_events(self) -> list[Any]:
        """Take all events."""
        events, self.events = [*self.events], ()
        return events if self.early is None else events + self.early.take_events()

    # Sending

    def write(self, data: bytes) -> None:
        """Put our half of the handshake in what leaves."""
        self.writes = [*self.writes, data]

    def send_eof(self) -> None:
        """Put the end of the stream in what leaves."""
        if not self.eof_sent:
            self.eof_sent = True
            self.write(b"")

    def collect(self) -> list[bytes]:
        """Take what is to be sent."""
        writes, self.writes = [*self.writes], ()
        return writes

    def refuse(self, *args: Any) -> None:
        """Raise InvalidState: nothing can be sent in this state."""
        raise InvalidState(f"connection is {State(self.state).name.lower()}")

    send_data = send_control = start_closing = refuse

    def use(self, extensions: Any) -> None:
        """Do nothing: extensions are for what comes when it is open."""
