"""
Keepalive: regular pings, and the verdict on a peer that gives no sign of life.

Owns one timer. Must never know how a ping is sent or a connection is failed. Key decisions: any
bytes count as life; the verdict takes two looks, because after the loop was blocked the timer may
fire before the bytes that arrived meanwhile are read; and whoever lives but hasn't answered is
asked again, because where nothing is read, only writing tells that TCP is gone.
"""

from __future__ import annotations

from typing import Any, Optional

__all__ = ["Keepalive"]

SECOND_LOOK = 0.01  # seconds, so that the loop polls its sockets in between


class Keepalive:
    """
    Keep a connection alive.

    Arguments:
        loop: the event loop.
        interval: seconds from one pong to the next ping.
        timeout: seconds to wait for a sign of life after a ping; None to wait for ever.
        host: an object with the methods ``send_ping()``, which returns a future for the pong,
            ``repeat_ping()``, ``has_heard()``, which tells whether there was a sign of life since
            it was called last, and ``expire()``.
    """

    __slots__ = ("_host", "_interval", "_loop", "_timeout", "_timer")

    def __init__(self, loop: Any, interval: float, timeout: Optional[float], host: Any) -> None:
        self._loop = loop
        self._interval = interval
        self._timeout = timeout
        self._host = host
        self._timer = loop.call_later(interval, self._ping)

    def stop(self) -> None:
        """Stop for good, and let go of the host."""
        self._timer.cancel()
        self._host = None

    def _ping(self) -> None:
        self._host.has_heard()
        pong = self._host.send_ping()
        if self._timeout is None:
            self._timer = self._loop.call_later(self._interval, self._ping)
        else:
            self._timer = self._loop.call_later(self._timeout, self._look, False)
            pong.add_done_callback(self._pong)

    def _pong(self, pong: Any) -> None:
        # When the connection ends its pongs are done, too, but then the host is gone.
        if self._host is not None:
            self._timer.cancel()
            self._timer = self._loop.call_later(self._interval, self._ping)

    def _look(self, again: bool) -> None:
        if self._host.has_heard():
            self._host.repeat_ping()
            self._timer = self._loop.call_later(self._timeout, self._look, False)
        elif not again:
            self._timer = self._loop.call_later(SECOND_LOOK, self._look, True)
        else:
            self._host.expire()
