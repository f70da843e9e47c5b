"""
The steps by which a connection ends (RFC 6455 section 7.1), each with a deadline.

Owns the timer between them. Must never know why the connection ends. Key decision: steps only go
forward, and the last one, aborting the transport, needs nobody's help; so the end comes whatever
the peer and the network do.
"""

from __future__ import annotations

from typing import Any, Callable, Optional

from .._transports.verdicts import Verdict
from .gate import Gate

__all__ = ["Ending"]

GOING_ON, CLOSE_AWAITED, EOF_AWAITED, HUNG_UP = range(4)


class Ending:
    """
    End a connection.

    Arguments:
        loop: the event loop.
        transport: the transport to end.
        timeout: seconds that the steps may take, None for no limit.
        whole: whether these are for all steps, after which the transport is aborted, or for each,
            after which the next one is taken.

    Attributes:
        timeout: as given; it may be changed until the first step is taken.
        log: a function that is told of steps, for logs, or None.
        begun: whether a step was taken.
        eof: whether the peer has ended its side of TCP.
        is_over: whether the transport is gone.
        expired: whether all steps together have taken too long.
    """

    __slots__ = (
        "_closed",
        "_loop",
        "_step",
        "_timer",
        "_transport",
        "_whole",
        "begun",
        "eof",
        "expired",
        "is_over",
        "log",
        "timeout",
    )

    def __init__(
        self, loop: Any, transport: Any, timeout: Optional[float], whole: bool = False
    ) -> None:
        self._loop = loop
        self._transport = transport
        self.timeout = timeout
        self.log: Optional[Callable[[str], None]] = None
        self._step = GOING_ON
        self.begun = False
        self._timer: Any = None
        self._whole = whole
        self.expired = False
        self._closed = Gate()
        self.eof = False
        self.is_over = False

    def await_close(self) -> None:
        """Our close frame is sent: wait for the peer's."""
        self._take(CLOSE_AWAITED, self.half_close)

    def await_eof(self) -> None:
        """Both close frames are through: wait until the peer ends TCP."""
        if self.eof:
            self.hang_up()
        else:
            self._take(EOF_AWAITED, self.hang_up)

    def half_close(self) -> None:
        """End our side of TCP, and wait for the peer to end its own."""
        transport = self._transport
        if self.eof or transport.is_closing() or not transport.can_write_eof():
            self.hang_up()
        elif self._take(EOF_AWAITED, self.hang_up):
            # To close it whole, with bytes still on their way here, would reset the connection
            # and could destroy our close frame on its way there.
            self._tell("> EOF", "x half-closing TCP connection")
            try:
                transport.write_eof()
            except OSError:
                self.hang_up()

    def hang_up(self) -> None:
        """Close the transport, which still sends what it holds."""
        if self._take(HUNG_UP, self._transport.abort):
            if not self._transport.is_closing():
                self._tell("x closing TCP connection")
            self._transport.close()

    async def wait(self) -> None:
        """Wait until the transport is gone."""
        if not self.is_over:
            await self._closed.wait(self._loop)

    def over(self) -> None:
        """The transport is gone: there is nothing to wait for."""
        self.is_over = True
        self._step = HUNG_UP
        self.begun = True
        self._closed.open()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _take(self, step: int, deadline: Callable[[], None]) -> bool:
        """Take a step, with what to do if it lasts too long; False if it was taken before."""
        if self._step >= step:
            return False
        self._step = step
        self.begun = True
        if self.timeout is None:
            return True
        if not self._whole:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = Verdict(self._loop, self.timeout, deadline)
        elif self._timer is None:
            self._timer = Verdict(self._loop, self.timeout, self._expire)
        return True

    def _tell(self, *events: str) -> None:
        if self.log is not None:
            for event in events:
                self.log(event)

    def _expire(self) -> None:
        self.expired = True
        self._transport.abort()
