"""
What the system can do for threads that wait for sockets.

Owns the differences between systems: how to wait for a socket with a deadline, and how to read or
write one that blocks without being blocked. Must never know a connection. Key decision: sockets
stay blocking, so that who has no deadline needs one system call for a read; where the system can't
be told not to wait for this once (Windows), it is asked before whether it would.
"""

from __future__ import annotations

import select
import socket
from _thread import allocate_lock, get_ident
from time import monotonic
from typing import Any, Optional

__all__ = ["SYSTEM", "System"]

DONT_WAIT: int = getattr(socket, "MSG_DONTWAIT", 0)

# Where it can only be asked whether something may be written, so much surely may.
SHORT = 2048  # bytes

LONGEST = 86400.0  # seconds of one wait: the system counts milliseconds, in 31 bits


class System:
    """
    The functions that the core is given.

    ``clock`` is the one that all of this package goes by. It isn't a name of a module, because
    tests of programs replace time.monotonic() in modules, and two clocks would contradict each
    other.
    """

    clock = staticmethod(monotonic)
    ident = staticmethod(get_ident)
    lock = staticmethod(allocate_lock)

    @staticmethod
    def wait(sock: Any, reads: bool, writes: bool, seconds: Optional[float]) -> bool:
        """
        Wait for a socket.

        Arguments:
            sock: the socket.
            reads, writes: what to wait for.
            seconds: how long, None for ever.

        Returns:
            whether there is something to read; without ``reads``, whether it may be written.
        """
        descriptor = sock.fileno()
        if descriptor < 0:
            return True  # Whatever is done with it now tells why.
        if not hasattr(select, "poll"):  # pragma: no cover (Windows)
            wanted = [descriptor]
            readable, writable, _ = select.select(
                wanted if reads else [], wanted if writes else [], [], seconds
            )
            return bool(readable if reads else writable)
        poll = select.poll()
        poll.register(descriptor, (select.POLLIN if reads else 0) | (select.POLLOUT * writes))
        # Rounded up: to wake too early would be to ask in a circle.
        events: list[tuple[int, int]] = []
        while seconds is not None and seconds > LONGEST and not events:
            events = poll.poll(LONGEST * 1000)
            seconds -= LONGEST
        if not events:
            events = poll.poll(None if seconds is None else int(seconds * 1000 + 0.999))
        if not events and seconds:
            # Where a signal has interrupted it, as when a process was stopped for long, Python sees
            # that the time is over, and looks no more.
            events = poll.poll(0)
        if not events:
            return False
        return not reads or events[0][1] & ~select.POLLOUT != 0

    @staticmethod
    def recv_now(sock: Any, size: int, found: list[Any]) -> None:
        """
        Read what is there and append it to a list; BlockingIOError if nothing is.

        Both in one step of Python: a signal handler in between could raise an exception, and what
        was read would be lost.
        """
        if not DONT_WAIT:  # pragma: no cover (Windows)
            if not System.wait(sock, True, False, 0):
                raise BlockingIOError
        found.extend(map(sock.recv, (size,), (DONT_WAIT,)))

    @staticmethod
    def send_now(sock: Any, data: memoryview, sizes: list[int]) -> None:
        """
        Write as much as the socket takes and append how much that is to a list, in one step as
        well; BlockingIOError if it is nothing.
        """
        if not DONT_WAIT:  # pragma: no cover (Windows)
            if not System.wait(sock, False, True, 0):
                raise BlockingIOError
            data = data[:SHORT]
        sizes.extend(map(sock.send, (data,), (DONT_WAIT,)))


SYSTEM = System()
