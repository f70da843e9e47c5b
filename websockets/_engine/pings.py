"""
Pings that wait for their pongs (RFC 6455 sections 5.5.2 and 5.5.3).

Owns their futures, in the order in which the pings were sent. Must never know who sends them.
"""

from __future__ import annotations

from collections import OrderedDict
from time import perf_counter
from typing import Any, Callable, Optional

from ..exceptions import ConcurrencyError
from ..framing import encode_data

__all__ = ["Pings", "PongAwaited", "ping_payload"]

# What all connections have that wait for no pong; nothing is ever put in here.
NONE: OrderedDict[bytes, tuple[Any, float]] = OrderedDict()


def ping_payload(data: Any) -> bytes:
    """Return the payload of a ping or a pong; TypeError if it can't be one."""
    if not isinstance(data, (str, bytes, bytearray, memoryview)):
        raise TypeError("data must be str or bytes-like")
    return encode_data(data)


def random_payload() -> bytes:
    """Return 4 random bytes, which needn't be a secret: they tell a ping from others."""
    import random  # which takes its time, and is needed where there are pings

    return random.getrandbits(32).to_bytes(4, "big")


class PongAwaited(ConcurrencyError, ValueError):
    """A ping with the same payload is waiting for its pong."""


class Pings:
    """
    The pings of one connection.

    Attributes:
        waiters: for each payload, in the order in which they were sent, who waits for the pong, and
            when it was sent.
        latency: seconds from the last ping that was answered to its pong, 0 before.
    """

    __slots__ = ("latency", "waiters")

    def __init__(self) -> None:
        self.waiters = NONE
        self.latency = 0.0

    def latest(self) -> Optional[bytes]:
        """Return the payload of the ping that was sent last, of those that wait for a pong."""
        return next(reversed(self.waiters), None)

    def add(self, payload: Optional[bytes], waiter: Any) -> bytes:
        """
        Note that a ping is about to be sent; its pong may come before the call returns.

        Returns:
            the payload; 4 random bytes that no other waiting ping has if None is given.

        Raises:
            PongAwaited: if another with the same payload is waiting for its pong.
        """
        if payload is None:
            payload = random_payload()
            while payload in self.waiters:
                payload = random_payload()
        elif payload in self.waiters:
            raise PongAwaited("already waiting for a pong with the same data")
        if self.waiters is NONE:
            # A dict would look for its first ping behind all that have gone.
            self.waiters = OrderedDict()
        self.waiters[payload] = waiter, perf_counter()
        return payload

    def discard(self, payload: bytes) -> None:
        """Forget a ping that couldn't be sent."""
        self.waiters.pop(payload, None)
        self._tidy()

    def acknowledge(self, payload: bytes) -> None:
        """Release who waits for a pong; one that no ping asked for has no effect."""
        if payload not in self.waiters:
            return
        # RFC 6455 5.5.3: a peer may answer only the latest of several pings.
        now = perf_counter()
        while True:
            earlier = next(iter(self.waiters))
            waiter, sent = self.waiters.pop(earlier)
            if not waiter.done():
                waiter.set_result(now - sent)
            if earlier == payload:
                break
        self.latency = now - sent
        self._tidy()

    def abort(self, make_exception: Callable[[], Exception]) -> None:
        """Release everybody with an exception: no pong will come."""
        for waiter, _ in self.waiters.values():
            if not waiter.done():
                waiter.set_exception(make_exception())
                waiter.exception()  # Not to look at it isn't a mistake that deserves a log entry.
        self.waiters = NONE

    def _tidy(self) -> None:
        if not self.waiters:
            self.waiters = NONE
