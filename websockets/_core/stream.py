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
from .waiter import Waiter
from .writer import Writer

__all__ = ["MessageStream"]


class MessageStream:
    """
    The messages of an open connection.

    Arguments:
        connection: the endpoint.
        waiter: what one who waits for a message waits for.
        writer: what its frames are written with.
        loop: the event loop.
        clock: a function that returns seconds.

    Attributes:
        hindered: whether a message can't be sent just so.
        full: whether the transport asked not to be given more.
    """

    def __init__(
        self,
        connection: Connection,
        waiter: Waiter,
        writer: Writer,
        loop: Any,
        clock: Callable[[], float],
    ) -> None:
        self.connection = connection
        self.waiter = waiter
        self.hindered = False
        self.full = False
        self._writer = writer
        self._call_soon: Any = loop.call_soon
        self._clock = clock

    def detach(self) -> None:
        """Let go of the transport and the event loop."""
        self._writer.detach()
        self._call_soon = None

    def feed(self, data: Union[bytes, bytearray, memoryview]) -> bool:
        """
        Take bytes from the peer, and let who waits for a message go on with it.

        Returns:
            whether there is something else to see to; then nobody has gone on yet.
        """
        return self._arrived(self.connection.receive(data))

    def fill(self, size: int) -> bool:
        """Take bytes that were read into the connection's memory, otherwise as :meth:`feed`."""
        return self._arrived(self.connection.fill(size))

    def _arrived(self, eventful: bool) -> bool:
        if not eventful and self.waiter.who is not None and self.connection.waiting:
            self.waiter.wake(True)
        return eventful

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

    def share(self, opcode: int, payload: Any, frames: dict[Any, bytes]) -> bool:
        """
        Send a message that goes to other connections, too, if nothing is in the way.

        Arguments:
            opcode, payload, frames: as for :meth:`~.connection.Connection.share`.

        Returns:
            whether it was sent.
        """
        if self.hindered or self.connection.state != OPEN:
            return False
        self.connection.share(opcode, payload, frames)
        self.flush()
        return True

    def flush(self) -> bool:
        """Write the frames that wait; return whether to wait before there are more."""
        return not self._writer.write(self.connection.collect()) or self.full
