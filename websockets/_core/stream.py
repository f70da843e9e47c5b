"""
The short ways of messages between a program and a transport: all that needs no waiting.

Owns the order of steps when bytes arrive, when a message is sent and when frames leave. Must never
know asyncio: it has a transport, an event loop and a clock only by the functions it is given. Key
decision: what happens once a message is here, where it can be compiled; whatever has to wait, goes
wrong or happens once a connection is the shell's.
"""

from __future__ import annotations

from typing import Any, Callable, Optional, Union

from .connection import Connection
from .constants import LATER, NOT_SENT, NOW, OPEN, SENT, SENT_WAIT

__all__ = ["MessageStream"]


class MessageStream:
    """
    The messages of an open connection.

    Arguments:
        connection: the endpoint.
        transport: what its frames are written to.
        loop: the event loop.
        clock: a function that returns seconds.

    Attributes:
        waiter: the future of who waits for a message, or None; new_waiter: a function that makes
            one.
        hindered: whether a message can't be sent just so.
        full: whether the transport asked not to be given more.
    """

    def __init__(
        self, connection: Connection, transport: Any, loop: Any, clock: Callable[[], float]
    ) -> None:
        self.connection = connection
        self.waiter: Any = None
        self.hindered = False
        self.full = False
        self._write: Any = transport.write
        self._is_closing: Any = transport.is_closing
        self._call_soon: Any = loop.call_soon
        self.new_waiter: Any = loop.create_future
        self._clock = clock

    def detach(self) -> None:
        """Let go of the transport: it is gone."""
        self._write = None
        self._is_closing = None
        self._call_soon = None

    def feed(self, data: Union[bytes, bytearray, memoryview]) -> bool:
        """
        Take bytes from the peer, and wake who waits for a message if there is one.

        Returns:
            whether there is something else to see to.
        """
        eventful = self.connection.receive(data)
        if self.waiter is not None and self.connection.waiting:
            self.wake()
        return eventful

    def wake(self) -> None:
        """Let who waits for a message look again."""
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    def send(self, message: Any) -> int:
        """
        Send a ``str`` or ``bytes``, if nothing is in the way.

        Returns:
            NOT_SENT, SENT or SENT_WAIT.
        """
        kind = type(message)
        if self.hindered or self.connection.state != OPEN or not (kind is str or kind is bytes):
            return NOT_SENT
        return self.post(message)

    def post(
        self,
        message: Union[str, bytes, bytearray, memoryview],
        compress: Optional[bool] = None,
    ) -> int:
        """Send a message, or let it wait for others; return SENT or SENT_WAIT."""
        due = self.connection.post(message, self._clock(), compress)
        if due == NOW:
            if self.flush():
                return SENT_WAIT
        elif due == LATER:
            self._call_soon(self.flush)
        return SENT

    def flush(self) -> bool:
        """Write the frames that wait; return whether to wait before there are more."""
        frames = self.connection.collect()
        if self._gone():
            return True
        # Some versions of asyncio's writelines() never make senders wait (CVE-2024-12254).
        for data in frames:
            self._write(data)
        return self.full

    def _gone(self) -> bool:
        # Python 3.9's TLS transport can't be asked once it is lost.
        closing: bool = self._write is None or self._is_closing()
        return closing
