"""
The phases of a connection, as its face sees them: what each of its methods comes to.

Owns what a connection can do when there is nothing that it can do: before it has a transport, and
wherever a phase doesn't say otherwise. Must never know a frame. Key decision: a face has one phase
at a time and calls its methods; so nobody asks whether there is a transport, or an end.
On trio and in threads a connection has none of these but the first, and then a session of its own.
The phases are :class:`~.opening.Opening`, :class:`~.session.Session` and :class:`~.ended.Ended`.
"""

from __future__ import annotations

from typing import Any, Optional

from .._core import NOT_SENT
from ..exceptions import InvalidState

__all__ = ["UNCONNECTED", "Phase"]

CONNECTING = 0  # RFC 6455 4.1; the states after it are the endpoint's


class Phase:
    """
    A phase in which nothing is possible.

    Attributes:
        state: CONNECTING, OPEN, CLOSING or CLOSED.
        latency: seconds from the last ping that was answered to its pong, 0 before.
        close_code, close_reason: how the connection ended, None before.
        stream: its messages, None if it was never open.
        endpoint: its endpoint, None if it was never open.
        keepalive: what sends pings regularly, or None.
        complete: whether a head is there that is to be taken.
        start: what is called when there is a request; None if it was, or if nobody wants to know.
    """

    __slots__ = ()

    state: int = CONNECTING
    latency: float = 0.0
    close_code: Optional[int] = None
    close_reason: Optional[str] = None
    stream: Any = None
    endpoint: Any = None
    keepalive: Any = None
    complete: bool = False
    start: Any = None

    @property
    def pending_pings(self) -> dict[bytes, Any]:
        """The pings that wait for their pongs."""
        return {}

    # What goes the short way, where there is one

    def try_send(self, message: Any) -> int:
        """Send a message if nothing is in the way."""
        not_sent: int = NOT_SENT
        return not_sent

    def try_share(self, opcode: int, payload: Any, frames: dict[Any, bytes]) -> bool:
        """Send a message that goes to other connections, too, if nothing is in the way."""
        return False

    def data_received(self, data: bytes) -> None:
        """Take bytes from the peer."""

    # What the program asks for

    async def ensure_open(self) -> None:
        """Return if messages can be sent; otherwise raise what tells why not."""
        raise InvalidState("the opening handshake isn't complete")

    def share(self, opcode: int, payload: Any, frames: dict[Any, bytes]) -> None:
        """Send a message that goes to other connections, too, if that can be."""

    def flush(self) -> bool:
        """Write the frames that wait; return whether to wait before there are more."""
        return False

    def push(self) -> None:
        """Write what was put in the endpoint's outbox by hand, and act on it."""

    async def written(self) -> None:
        """Wait until the transport takes more."""

    def acknowledge_pings(self, payload: bytes) -> None:
        """Take a pong."""

    def terminate_pings(self) -> None:
        """Release all who wait for pongs."""

    def start_keepalive(self) -> None:
        """Begin to send pings regularly."""

    def set_max_size(self, max_size: Optional[int]) -> None:
        """Change the limit of incoming messages."""

    def close(self, code: int, reason: str) -> None:
        """Begin to close the connection."""

    def fail(self, code: int, reason: str = "") -> None:
        """Fail the connection."""

    def reject(self, exc: Exception) -> None:
        """Fail the connection for a message that can't be taken."""

    def hang_up(self) -> None:
        """End TCP."""

    def is_answerable(self) -> bool:
        """Whether the peer can be given an answer to its request, and hasn't been."""
        return False

    async def wait_closed(self) -> None:
        """Wait until TCP has ended."""

    # What the transport tells

    def eof_received(self) -> Optional[bool]:
        """Take notice that the peer ends TCP."""
        return None

    def lost(self, exc: Optional[Exception]) -> Phase:
        """Take notice that the transport is gone; return the phase that follows."""
        return self

    def release(self) -> None:
        """Let all who wait know that the connection is lost, once the face has the next phase."""

    def pause_writing(self) -> None:
        """Take notice that the transport's buffer is full."""

    def resume_writing(self) -> None:
        """Take notice that there is room in the transport's buffer."""


UNCONNECTED = Phase()
