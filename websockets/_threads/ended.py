"""
What is left of a connection of threads that has ended.

Owns what stands in for a session and for its steps, so that neither is kept. Must never know how
the connection ended: what tells that asks its endpoint.
"""

from __future__ import annotations

from typing import Any, Callable

__all__ = ["Over", "Remains"]


class Over:
    """What is left of the steps by which a connection has ended."""

    __slots__ = ("expired",)

    is_over = begun = True
    log = None

    def __init__(self, expired: bool) -> None:
        self.expired = expired


class Remains:
    """
    The host of a stream whose connection has ended.

    Arguments:
        endpoint: the endpoint.
        sock: the socket.
        closed_exc: as for :class:`Session`.
    """

    __slots__ = ("_closed_exc", "_endpoint", "_sock")

    def __init__(self, endpoint: Any, sock: Any, closed_exc: Callable[[Any], Exception]) -> None:
        self._endpoint = endpoint
        self._sock = sock
        self._closed_exc = closed_exc

    def attend(self) -> None:
        """Do nothing: there is nobody who could be told anything."""

    def before_waiting(self) -> None:
        """Raise ConnectionClosed."""
        raise self._closed_exc(self._endpoint)

    def release(self) -> None:
        """Close the socket, for which no thread waits any more."""
        self._sock.close()

    def ignore(self, *args: Any) -> None:
        """Do nothing: it is over."""

    watch = eof_received = broken = ignore
