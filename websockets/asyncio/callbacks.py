"""
What a transport calls on a connection, and how that comes to its first message.

Owns the order of steps between a transport and the engine. Must never know a name that programs
call a connection by, nor a rule of the protocol. Key decision: a connection has one phase at a
time, an object of the engine; what another generation of the API does in its own way is a method
here, and nothing of it has a name that a program's class may have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic
from types import SimpleNamespace
from typing import Any, Optional

from .. import _core
from .._engine.closed import closed_exc
from .._engine.ending import Ending
from .._engine.limits import limits_of_writing, marks_of_writing
from .._engine.opening import Opening
from .._engine.orderly import OrderlySession
from .._engine.phases import UNCONNECTED
from .._faces.facts import Facts
from .._states import CLOSED
from .._transports.descriptors import writer_of
from .._transports.running import running_loop, task_of

__all__ = ["Callbacks"]

# Bytes that messages which are sent quickly, one after the other, may wait for each other with.
GATHERED = 65536

# What a task is given when it goes on: for futures, of whatever event loop, tasks have a short way.
_no_loop: Any = SimpleNamespace(get_debug=bool)
DONE: Any = asyncio.Future(loop=_no_loop)
DONE.set_result(None)


# asyncio's loop prefers the interface of buffered protocols and uvloop the other, each to its good.
class Callbacks(Facts, asyncio.Protocol, asyncio.BufferedProtocol):
    """A protocol, as asyncio calls what a transport calls."""

    loop: asyncio.AbstractEventLoop
    write_limit: Any
    read_limit: int
    gather_writes: bool
    transport: Any = None

    _ws_stream: Any  # the short way of bytes and messages in this phase
    _ws_session: Any = OrderlySession
    _ws_futures: Sequence[tuple[str, Any]] = ()
    _ws_own_keepalive: Any = None  # the task of a program's keepalive()
    _ws_offloads = True
    _ws_whole_close = True  # whether close_timeout is for all steps, or for each

    # They are there whatever a subclass does before it calls __init__(). Python looks attributes
    # up in half the time if the class hasn't got them as well.
    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = super().__new__(cls)
        self._ws_phase = self._ws_stream = UNCONNECTED
        return self

    def connection_made(self, transport: Any) -> None:
        """Take a transport."""
        self.transport = transport
        try:
            self.loop = asyncio.get_running_loop()
        except RuntimeError:
            # A program that drives this by hand, from outside, has given the loop.
            if not hasattr(self, "loop"):
                raise
        ending = Ending(self.loop, transport, self.close_timeout, self._ws_whole_close)
        ending.log = self._ws_log()
        self._ws_phase = self._ws_stream = Opening(
            transport, self.loop, self._ws_reader(), ending, self._ws_closed_exc
        )
        transport.set_write_buffer_limits(*marks_of_writing(self.write_limit))
        if self._ws_is_open:
            self._ws_begin()

    def data_received(self, data: bytes) -> None:
        """Take bytes from the peer."""
        self._ws_stream.data_received(data)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return what the transport may read into, as some transports want it."""
        buffer: memoryview = self._ws_stream.get_buffer()
        return buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take bytes that the transport has read."""
        data = self._ws_stream.buffer_updated(nbytes)
        if data is not None:
            self.data_received(data)

    def eof_received(self) -> Optional[bool]:
        """Take notice that the peer ends TCP; without a close frame that is abnormal."""
        stay: Optional[bool] = self._ws_phase.eof_received()
        return stay

    def connection_lost(self, exc: Optional[Exception]) -> None:
        """Take notice that the transport is gone; release everybody who waits."""
        phase = self._ws_phase
        self._ws_phase = phase.lost(exc)
        self._ws_lost(exc)
        phase.release()

    def pause_writing(self) -> None:
        """Make senders wait: the transport's buffer is full."""
        self._ws_phase.pause_writing()

    def resume_writing(self) -> None:
        """Let senders go on."""
        self._ws_phase.resume_writing()

    # What another generation of the API, or a program, does in its own way

    def start_keepalive(self) -> None:
        """Begin to send pings regularly."""

    async def _ws_ensure_open(self) -> None:
        """Return if messages can be sent."""
        await self._ws_phase.ensure_open()

    def _ws_lost(self, exc: Optional[Exception]) -> None:
        """Let the protocol and all others know that the transport is gone."""
        Facts._ws_lost(self, exc)
        if self._ws_phase.stream is None:
            self.protocol.receive_eof()
        if self._ws_futures:
            self._ws_tell("handshaken", "lost")
        if self._ws_own_keepalive is not None:
            self._ws_own_keepalive.cancel()
            self._ws_own_keepalive = None

    def _ws_reader(self) -> Any:
        """Return what reads the peer's half of the opening handshake."""
        return self.protocol._taker()

    async def _ws_handshaken(self) -> Any:
        """Return the peer's half of the opening handshake, None if it is no such thing."""
        return self._ws_hear(await self._ws_phase.head())

    def _ws_hear(self, reader: Any) -> Any:
        """Take the peer's half of the opening handshake, which has been read."""
        message = reader.message
        if message is None:
            self._ws_write()  # The protocol has refused what has come.
        else:
            self.process_event(message)
        if self._ws_futures:
            self._ws_tell("handshaken")
        return message

    def _ws_tell(self, *events: str) -> None:
        """Let those go on who wait for one of these events, if somebody does."""
        for event, waiter in self._ws_futures:
            if event in events and not waiter.done():
                waiter.set_result(None)

    def _ws_write(self) -> None:
        """Write what the protocol has to send."""
        data = b"".join(self.protocol.data_to_send())
        if data:
            self.transport.write(data)

    def _ws_begin(self) -> None:
        """Begin with messages: the opening handshake is complete."""
        before = self._ws_phase
        opening = before.opening
        gathered = 0
        if self.gather_writes:
            gathered = self.write_limit
            # Most have a number, which was checked.
            if type(gathered) is not int:
                gathered = limits_of_writing(gathered)[0]
            if gathered > GATHERED:
                gathered = GATHERED
        endpoint = self._ws_endpoint(gathered)
        loop, transport = self.loop, self.transport
        stream = _core.MessageStream(
            endpoint,
            _core.Waiter(loop, running_loop, task_of, DONE),
            writer_of(transport),
            loop,
            monotonic,
        )
        cls = type(self)
        stream.whole = cls.data_received is not Callbacks.data_received
        session = self._ws_session(self, opening, stream, self.read_limit, self._ws_is_watchful())
        self._ws_phase, self._ws_stream = session, stream
        self._ws_begun(endpoint)
        session.begin(opening.early)
        if before.state == CLOSED:
            # It was lost in the meantime; what came before that can be read.
            self._ws_phase = session.lost(None)
            session.release()

    def _ws_is_watchful(self) -> bool:
        """Whether a program wants to be asked before each message."""
        return False

    def _ws_begun(self, endpoint: Any) -> None:
        """Do what is to be done before the first message arrives."""
        self.protocol._open_with(endpoint)
        if not self._ws_is_open:
            self.start_keepalive()

    _ws_closed_exc = staticmethod(closed_exc)
