"""
The steps by which a connection ends (RFC 6455 section 7.1), each with a deadline.

Owns the timer between them. Must never know why the connection ends. Key decisions: steps only go
forward, and the last one, aborting the transport, needs nobody's help; so the end comes whatever
the peer and the network do. And the connections of a server share a timer: to set one for each,
which is nearly always cancelled, took six percent of all that is done for a connection on asyncio's
loop.
"""

from __future__ import annotations

from typing import Any, Callable, Optional

from .deadlines import Deadlines, LoneDeadline
from .gate import Gate

__all__ = ["ClosingDeadlines", "Ending"]

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
        server: what this is an end of a connection of, if there is one: an object with the method
            ``_ws_closing_deadlines(seconds, expire)``, which returns the deadlines of all its
            connections that end, or one for this alone.
        timeout: as given; it may be changed until the first step is taken.
        log: a function that is told of steps, for logs, or None.
        begun: whether a step was taken.
        eof: whether the peer has ended its side of TCP.
        is_over: whether the transport is gone.
        expired: whether all steps together have taken too long.
    """

    __slots__ = (
        "_closed",
        "_deadline",
        "_deadlines",
        "_loop",
        "_step",
        "_transport",
        "_whole",
        "begun",
        "eof",
        "expired",
        "is_over",
        "log",
        "server",
        "timeout",
    )

    def __init__(
        self, loop: Any, transport: Any, timeout: Optional[float], whole: bool = False
    ) -> None:
        self._loop = loop
        self._transport = transport
        self.server: Any = None
        self.timeout = timeout
        self.log: Optional[Callable[[str], None]] = None
        self._step = GOING_ON
        self.begun = False
        self._deadlines: Any = None  # which wait for this, if any do
        self._deadline: Any = None  # what is done if the step lasts too long
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

    def is_awaiting_eof(self) -> bool:
        """Whether nothing else is awaited than the end of the peer's side of TCP."""
        return self._step == EOF_AWAITED

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
        if self._deadlines is not None:
            self._deadlines.remove(self)
            self._deadlines = None

    def _take(self, step: int, deadline: Callable[[], None]) -> bool:
        """Take a step, with what to do if it lasts too long; False if it was taken before."""
        if self._step >= step:
            return False
        self._step = step
        self.begun = True
        if self.timeout is None:
            return True
        if self._deadlines is not None:
            if self._whole:
                return True
            self._deadlines.remove(self)
        if not self._whole:
            self._deadline = deadline
        if self.server is None:
            self._deadlines = LoneDeadline(self._loop, self.timeout, Ending.give_up)
        else:
            self._deadlines = self.server._ws_closing_deadlines(self.timeout, Ending.give_up)
        self._deadlines.add(self)
        return True

    def _tell(self, *events: str) -> None:
        if self.log is not None:
            for event in events:
                self.log(event)

    def give_up(self) -> None:
        """Do what is to be done if it lasts too long."""
        if self._whole:
            self.expired = True
            self._transport.abort()
        else:
            self._deadline()


class ClosingDeadlines(Deadlines):
    """
    The deadlines of a server's connections that end, for as long as it has connections.

    Arguments:
        loop, seconds, expire: as for :class:`Deadlines`.
    """

    __slots__ = ("_lasting",)

    def __init__(self, loop: Any, seconds: float, expire: Callable[[Any], None]) -> None:
        super().__init__(loop, seconds, expire)
        self._lasting = True

    def remove(self, thing: Any) -> None:
        """Take notice that it is done, or has expired."""
        self._waiting.pop(thing, None)
        if not self._lasting:
            self.finish()

    def finish(self) -> None:
        """Leave no timer behind once nothing waits any more."""
        self._lasting = False
        if not self._waiting:
            self.stop()
