"""
How a connection ends, in today's API: in another order than in 8.1's, which its programs can see.

Owns those steps of a session that are different: TCP is ended by the server first, always, and what
can't be completed is told with words of its own. Must never know anything else of a session. Key
decision: what both have in common is in session.py, and nothing there asks which API it is for.
"""

from __future__ import annotations

from typing import Any, Optional

from .._core import OPEN, UNFINISHED
from .driving import Driver
from .session import Session

__all__ = ["OrderlySession"]


class OrderlySession(Session):
    """An open connection whose end is as orderly as it can be."""

    __slots__ = ()

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake, or fail the connection in the middle of a message."""
        self.start_closing(code, reason)

    def share(self, opcode: int, payload: Any, frames: dict[Any, bytes]) -> None:
        """
        Send a message that goes to other connections, too.

        Raises:
            ConcurrencyError: if another is unfinished.
            ProtocolError: if another was left unfinished.
        """
        if self.endpoint.holds & UNFINISHED and self.endpoint.state == OPEN:
            self.sending.check_unfinished()
        super().share(opcode, payload, frames)

    async def fragments_failed(self, exc: BaseException, begun: bool) -> None:
        """
        See to a message in fragments that can't be completed.

        Who is cancelled leaves it as it is; after an error the connection is of no use.

        Raises:
            ConnectionClosedError: if the peer doesn't take part in the end.
        """
        if isinstance(exc, Exception):
            self.fail_open("error in fragmented message")
            await self.ending.wait()
            if self.ending.expired:
                raise self.closed_exc() from self.endpoint.failure
        elif begun:
            self.sending.abandon()

    def eof_received(self) -> Optional[bool]:
        """Take notice that the peer ends TCP."""
        ending = self.ending
        if ending.log is None and ending.is_awaiting_eof():
            ending.eof = True
            return None  # Who called this closes the transport, which the deadline is for as well.
        return super().eof_received()

    _unexpected_end = Driver._unexpected_end  # Without a close frame, that is an error.

    def _end_tcp(self) -> None:
        """Begin to end TCP: the server does, and the client waits for that."""
        # RFC 6455 7.1.1: so that waiting is on the server's side.
        if self.endpoint.is_client:
            self.ending.await_eof()
        else:
            self.ending.half_close()
