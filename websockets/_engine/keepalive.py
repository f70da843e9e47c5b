"""
Keepalive: regular pings, and the verdict on a peer that gives no sign of life.

Must never know how a ping is sent or a connection is failed, nor how many others wait for as long.
Key decisions: any bytes count as life, once they are read, which the verdict waits for. So does
what the peer takes of messages that wait for it: a slow one does no more until it comes to the ping
behind them. And whoever lives but hasn't answered is asked again, because where nothing is read,
only writing tells that TCP is gone; twice in each timeout, because a peer that waits as long for a
sign of life gets one in time, though our answers wait behind what we haven't read.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Keepalive"]


class Keepalive:
    """
    Keep a connection alive.

    Programs see it in place of a task, and may end it as they would end one.

    Arguments:
        times: an object with the attributes ``ping_interval``, seconds from one ping to the next,
            or None to end this; and ``ping_timeout``, seconds to wait for a sign of life after a
            ping, or None to wait for ever. They may change.
        host: an object with the methods ``send_ping()``, which returns a future for the pong,
            ``repeat_ping()``, ``has_heard()``, which tells whether there was a sign of life since
            it was called last, ``expire()``, and ``deadlines(seconds, expire)`` and
            ``times(seconds, act)``, which return something with the methods ``add()`` and
            ``remove()`` of :class:`~.deadlines.Deadlines`, for verdicts and for other things.
    """

    __slots__ = ("_host", "_next", "_silent", "_times", "_verdict")

    def __init__(self, times: Any, host: Any) -> None:
        self._times = times
        self._host = host
        self._next: Any = None  # what tells when to send the next ping
        self._verdict: Any = None  # what tells when to look for a sign of life
        self._silent = False  # whether there was none for half the time
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
        if self._next is not None:
            self._next.remove(self)
        if self._verdict is not None:
            self._verdict.remove(self)
        self._host = self._times = self._next = self._verdict = None

    def _rest(self) -> None:
        """Wait until it is time for the next ping."""
        interval = self._times.ping_interval
        if interval is None:
            self.stop()
        else:
            self._next = deadlines = self._host.times(interval, Keepalive._ping)
            deadlines.add(self)

    def _wait(self, timeout: float) -> None:
        """Wait for a sign of life, for half the time."""
        self._verdict = self._host.deadlines(timeout / 2, Keepalive._look)
        self._verdict.add(self)

    def _ping(self) -> None:
        self._next = None
        if self._verdict is not None:
            return  # A pong that is late is no reason to hurry.
        self._host.has_heard()
        pong = self._host.send_ping()
        if self._host is not None:
            self._rest()
        if self._host is None:
            return
        timeout = self._times.ping_timeout
        if timeout is not None:
            self._silent = False
            self._wait(timeout)
            pong.add_done_callback(self._pong)

    def _pong(self, pong: Any) -> None:
        # When the connection ends its pongs are done, too, but then the host is gone.
        if self._host is not None and self._verdict is not None:
            self._verdict.remove(self)
            self._go_on()

    def _go_on(self) -> None:
        """Send pings again, or go on with that."""
        self._verdict = None
        if self._next is None:
            self._rest()

    def _look(self) -> None:
        heard = self._host.has_heard()
        if self._times.ping_timeout is None:
            self._go_on()  # What was asked for at the time of the ping is asked no more.
        elif heard:
            self._silent = False
            self._host.repeat_ping()
            if self._host is not None:
                self._wait(self._times.ping_timeout)
        elif self._silent:
            self._host.expire()
        else:
            self._silent = True
            self._wait(self._times.ping_timeout)
