"""
The last phase: a connection whose transport is gone, and what it has left.

Owns nothing but the messages that were received and not taken, and the word on how it ended. Must
never know a transport. Key decisions: bytes that weren't parsed before the end are parsed as their
messages are taken, as before it; so the end costs neither time nor memory. And nothing here refers
to the connection, or in a circle, so that it is freed as soon as the program lets go of it.
"""

from __future__ import annotations

from typing import Any, Callable

from .._core import CLOSED
from .offloading import offload
from .phases import Phase

__all__ = ["Ended"]


class Ended(Phase):
    """
    What is left of a connection.

    Arguments:
        closed_exc: a function that returns what tells how a connection ended, given its endpoint or
            None if it never was open.
        stream: its messages, None if it never was open.
        opening: its opening, if it never was open: that may go on with what it has.
        latency: what it was last.
    """

    __slots__ = ("_closed_exc", "latency", "opening", "stream")

    state = CLOSED

    def __init__(
        self,
        closed_exc: Callable[[Any], Exception],
        stream: Any,
        opening: Any = None,
        latency: float = 0.0,
    ) -> None:
        self._closed_exc = closed_exc
        self.stream = stream
        self.opening = opening
        self.latency = latency

    @property
    def endpoint(self) -> Any:
        """Its endpoint, None if it was never open."""
        return self.stream and self.stream.endpoint

    @property
    def close_code(self) -> int:  # type: ignore[override]
        """The code that the peer closed with (RFC 6455 7.1.5)."""
        rcvd = self.endpoint and self.endpoint.close_rcvd
        return 1006 if rcvd is None else rcvd.code

    @property
    def close_reason(self) -> str:  # type: ignore[override]
        """The reason that the peer closed with (RFC 6455 7.1.6)."""
        rcvd = self.endpoint and self.endpoint.close_rcvd
        return "" if rcvd is None else rcvd.reason

    def closed_exc(self) -> Exception:
        """Return what tells how the connection ended."""
        return self._closed_exc(self.endpoint)

    async def ensure_open(self) -> None:
        """Raise ConnectionClosed."""
        raise self.closed_exc()

    def reject(self, exc: Exception) -> None:
        """Note that what was received in time can't be taken."""
        self.endpoint.reject(exc)

    # The handshake, if it is still going on

    async def head(self) -> Any:
        """Return the head that came before the end, or raise what came of it."""
        return await self.opening.head()

    def give_up(self, exc: Exception) -> None:
        """Do nothing: there is a head, or it will never come."""

    def is_gone(self) -> bool:
        """Return True."""
        return True


class Remains:
    """
    The host of a stream whose connection has ended.

    Arguments:
        loop: the event loop.
        endpoint, waiter: those of the stream.
        closed_exc: as for :class:`Ended`.
    """

    __slots__ = ("_closed_exc", "_endpoint", "_loop", "_waiter")

    def __init__(
        self, loop: Any, endpoint: Any, waiter: Any, closed_exc: Callable[[Any], Exception]
    ) -> None:
        self._loop = loop
        self._endpoint = endpoint
        self._waiter = waiter
        self._closed_exc = closed_exc

    def attend(self) -> None:
        """Go on with what takes long, and let who waits for a message take it."""
        self.after_refilling()
        self._waiter.wake(True)

    def after_refilling(self) -> None:
        """Go on with what takes long."""
        offload(self._loop, self._endpoint, self.attend)

    def before_waiting(self) -> None:
        """Raise ConnectionClosed, unless a message is being decoded elsewhere."""
        if self._endpoint.work is None:
            raise self._closed_exc(self._endpoint)
