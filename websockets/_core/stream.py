"""
The short ways of messages between a program and a transport: all that needs no waiting.

Owns the order of steps when bytes arrive, when a message is sent and when frames leave. Must never
know asyncio: it has a transport, an event loop and a clock only as it is given them. Key
decision: what happens once a message is here, where it can be compiled; whatever has to wait, goes
wrong or happens once a connection is its host's.
"""

from __future__ import annotations

from typing import Any, Callable, Optional, Union

from .clock import read_clock
from .constants import FULL, LATER, NOT_SENT, NOW, SENT, SENT_WAIT
from .endpoint import Endpoint
from .waiter import Waiter
from .writer import Writer

__all__ = ["MessageStream", "share_among", "share_with"]


class MessageStream:
    """
    The messages of an open connection, and what is left of them when it isn't open any more.

    Arguments:
        endpoint: the endpoint.
        waiter: what one who waits for a message waits for.
        writer: what frames are written with.
        loop: the event loop, which is asked to call a function when it turns.
        clock: a function that returns seconds.

    Attributes:
        heard: set when bytes arrive.
        streaming: whether a message is being taken in fragments, and all of them have to be.
        whole: whether somebody else wants to see all bytes before this does.
        reading_paused: whether the host reads no more, until there is room for messages.
        read_limit: bytes that may wait to be parsed before the host is asked to see to that.
        read_buffer: memory that a transport may read into, None until one has asked.
        host: who sees to all else, an object with the methods

            - ``attend()``, called when something else than messages has come of bytes;
            - ``before_waiting()``, called when no message is there and the endpoint isn't quiet,
              which raises ConnectionClosed if none will come;
            - ``after_refilling()``, called when bytes were parsed because messages were taken, and
              something else than messages has come of them, or reading is paused;
            - ``make_read_buffer()``, called for memory that a transport may read into.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        waiter: Waiter,
        writer: Writer,
        loop: Any,
        clock: Callable[[], float],
    ) -> None:
        self.endpoint = endpoint
        self.waiter = waiter
        self.heard = False
        self.streaming = False
        self.whole = False
        self.reading_paused = False
        self.read_limit: Any = 0
        self.read_buffer: Any = None
        self.host: Any = None
        self._writer = writer
        self._loop = loop
        self._clock = clock
        self._filling = False  # what is read next goes into its place

    def detach(self, host: Any) -> None:
        """Let go of the transport and the event loop; another host sees to what is left."""
        self._writer.detach()
        self._loop = None
        self.host = host

    def data_received(self, data: Union[bytes, bytearray, memoryview]) -> None:
        """Take bytes from the peer, and let who waits for a message go on with it."""
        self.heard = True
        self._arrived(self.endpoint.receive(data))

    def get_buffer(self) -> memoryview:
        """Return what the transport may read into: the place of what comes, or any memory."""
        space = self.space()
        self._filling = space is not None
        if space is not None:
            return space
        if self.read_buffer is None:
            self.read_buffer = self.host.make_read_buffer()
        buffer: memoryview = self.read_buffer
        return buffer

    def buffer_updated(self, size: int) -> Optional[bytes]:
        """Take bytes that the transport has read there; return them if they're to be seen first."""
        if self._filling:
            self._filling = False
            self.filled(size)
            return None
        data = bytes(self.read_buffer[:size])
        if self.whole:
            return data
        self.data_received(data)
        return None

    def space(self, arrived: int = 0) -> Optional[memoryview]:
        """Return the memory where what comes next belongs, if it is a large part of a message."""
        return None if self.whole else self.endpoint.space(arrived)

    def filled(self, size: int) -> None:
        """Take bytes that were read into that memory."""
        self.heard = True
        self._arrived(self.endpoint.fill(size))

    def _arrived(self, eventful: bool) -> None:
        endpoint = self.endpoint
        # That the inbox is full needn't be seen to, as long as little waits behind it.
        if eventful and (
            endpoint.is_eventful() or self.reading_paused or endpoint.buffered > self.read_limit
        ):
            self.host.attend()
        elif self.waiter.waiting and endpoint.inbox.waiting:
            self.waiter.wake(True)

    def try_send(self, message: Any) -> int:
        """
        Send a ``str`` or ``bytes``, if nothing is in the way.

        Returns:
            NOT_SENT, SENT or SENT_WAIT.
        """
        kind = type(message)
        endpoint = self.endpoint
        if endpoint.holds or not (kind is str or kind is bytes):
            return NOT_SENT
        # Nothing holds it, so it is open.
        due = endpoint.outbox.put_message(message, read_clock(self._clock), endpoint.inbox.waiting)
        return self._leave(due) if due else SENT

    def send(
        self,
        message: Union[str, bytes, bytearray, memoryview],
        compress: Optional[bool] = None,
        opcode: int = 0,
    ) -> int:
        """Send a message, or let it wait for others; return SENT or SENT_WAIT."""
        now = read_clock(self._clock)
        return self._leave(self.endpoint.send_message(message, now, compress, opcode))

    def _leave(self, due: int) -> int:
        """Write what waits, or have the event loop call; return SENT or SENT_WAIT."""
        if due & LATER:
            try:
                self._loop.call_soon(self._turned)
            except BaseException:
                self._turned()  # Nobody else will.
                raise
        if due & NOW and self.flush():
            return SENT_WAIT
        return SENT

    def try_share(self, opcode: int, payload: Any, frames: dict[Any, bytes]) -> bool:
        """
        Send a message that goes to other connections, too, if nothing is in the way.

        Arguments:
            opcode, payload, frames: as for :meth:`~.endpoint.Endpoint.send_shared`.

        Returns:
            whether it was sent.
        """
        endpoint = self.endpoint
        if endpoint.holds:
            return False
        frame = endpoint.share(opcode, payload, frames)
        if frame is None:
            self.flush()
        else:
            self._writer.write_frame(frame)
        return True

    def share_held(
        self, opcode: int, payload: Any, frames: dict[Any, bytes], held: list[Any]
    ) -> bool:
        """
        Do as :meth:`try_share` where others follow, with whose frames this one may leave.

        Arguments:
            opcode, payload, frames: as for :meth:`~.endpoint.Endpoint.send_shared`.
            held: one place, for what has it sent, see :meth:`~.writer.Writer.hold_all`.
        """
        if held[0] is None:
            held[0] = self._writer.hold_all()
        return self.try_share(opcode, payload, frames)

    def flush(self) -> bool:
        """Write the frames that wait; return whether to wait before there are more."""
        endpoint = self.endpoint
        frame = endpoint.collect_alone()
        if frame is None:
            written = self._writer.write(endpoint.collect())
        else:
            written = self._writer.write_frame(frame)
        return not written or endpoint.holds & FULL != 0

    def _turned(self) -> None:
        """Write the frames that still wait when the event loop turns."""
        self.endpoint.outbox.turned()
        if self.endpoint.outbox.size:
            self._writer.write_before_closing(self.endpoint.collect())


def share_among(
    receivers: tuple[Any, ...], way: Any, opcode: int, payload: Any, frames: dict[Any, bytes]
) -> list[Any]:
    """
    Send a message to many connections, to each of them if nothing is in the way.

    Arguments:
        receivers: objects with the attributes ``way``, which has to be the given one, and
            ``connection``, a function that returns the connection or None.
        way: what receivers of this message have in common, not None.
        opcode, payload, frames: as for :meth:`~.endpoint.Endpoint.send_shared`.

    Returns:
        the receivers to which it wasn't sent, or that raised an exception.
    """
    left = []
    held: list[Any] = [None]
    try:
        for receiver in receivers:
            if receiver.way is way:
                try:
                    connection = receiver.connection()
                    if connection is not None:
                        stream = connection._ws_stream
                        if type(stream) is MessageStream:
                            if stream.share_held(opcode, payload, frames, held):
                                continue
                except Exception:
                    pass  # Whoever sees to it will come to know.
            left.append(receiver)
    finally:
        if held[0] is not None:
            held[0].let_all_go()
    return left


def share_with(
    connections: tuple[Any, ...],
    opcode: int,
    payload: Any,
    frames: dict[Any, bytes],
    failed: Callable[[Any, Exception], None],
) -> None:
    """
    Send a message to many connections; where something is in the way, their phases know what to do.

    Arguments:
        connections: what should be connections.
        opcode, payload, frames: as for :meth:`~.endpoint.Endpoint.send_shared`.
        failed: called with a connection and what went wrong with it.
    """
    held: list[Any] = [None]
    try:
        for connection in connections:
            try:
                stream = connection._ws_stream
                if type(stream) is not MessageStream or not stream.share_held(
                    opcode, payload, frames, held
                ):
                    connection._ws_phase.share(opcode, payload, frames)
            except Exception as exc:
                failed(connection, exc)
    finally:
        if held[0] is not None:
            held[0].let_all_go()
