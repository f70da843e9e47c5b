"""
Keepalive: regular pings, and the verdict on a peer that gives no sign of life.

Owns one timer. Must never know how a ping is sent or a connection is failed. Key decisions: any
bytes count as life, once they are read, which the verdict waits for; and whoever lives but hasn't
answered is asked again, because where nothing is read, only writing tells that TCP is gone.
"""

from __future__ import annotations

from typing import Any, Optional

from .._transports.verdicts import Verdict

__all__ = ["Keepalive"]


class Keepalive:
    """
    Keep a connection alive.

    Programs see it in place of a task, and may end it as they would end one.

    Arguments:
        loop: the event loop.
        times: an object with the attributes ``ping_interval``, seconds from one ping to the next,
            or None to end this; and ``ping_timeout``, seconds to wait for a sign of life after a
            ping, or None to wait for ever. They may change.
        host: an object with the methods ``send_ping()``, which returns a future for the pong,
            ``repeat_ping()``, ``has_heard()``, which tells whether there was a sign of life since
            it was called last, and ``expire()``.
    """

    __slots__ = ("_host", "_loop", "_sent", "_times", "_timer")

    def __init__(self, loop: Any, times: Any, host: Any) -> None:
        self._loop = loop
        self._times = times
        self._host = host
        self._timer: Any = None
        self._sent = loop.time()
        self._rest()

    def done(self) -> bool:
        """Whether it has ended."""
        return self._host is None

    cancelled = done

    def cancel(self, msg: Any = None) -> bool:
        """End it; return whether it hadn't ended before."""
        done = self.done()
        self.stop()
        return not done

    def stop(self) -> None:
        """Stop for good, and let go of the host."""
        if self._timer is not None:
            self._timer.cancel()
        self._host = self._times = None

    def _rest(self) -> None:
        """Wait until it is time for the next ping."""
        interval: Optional[float] = self._times.ping_interval
        if interval is None:
            self.stop()
        else:
            # A pong that was late is no reason to hurry.
            due, now = self._sent + interval, self._loop.time()
            self._timer = self._loop.call_at(due if due > now else now + interval, self._ping)

    def _ping(self) -> None:
        self._sent = self._loop.time()
        self._host.has_heard()
        pong = self._host.send_ping()
        timeout = self._times.ping_timeout
        if timeout is None:
            self._rest()
        else:
            self._timer = Verdict(self._loop, timeout, self._look)
            pong.add_done_callback(self._pong)

    def _pong(self, pong: Any) -> None:
        # When the connection ends its pongs are done, too, but then the host is gone.
        if self._host is not None:
            self._timer.cancel()
            self._rest()

    def _look(self) -> None:
        if self._host.has_heard():
            # What was asked for at the time of the ping may be asked no more.
            timeout = self._times.ping_timeout
            if timeout is None:
                self._rest()
            else:
                self._host.repeat_ping()
                self._timer = Verdict(self._loop, timeout, self._look)
        else:
            self._host.expire()
