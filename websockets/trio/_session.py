"""
An open connection on trio: a small driver of the core.

Owns the tasks of a connection, who waits for what, and the deadlines of its end. Must never know a
rule of the protocol, which are the endpoint's, nor a name or an argument of the face. Key
decisions:

- One task reads and sees to the end; keepalive is another. Both are in a nursery of their own,
  inside the one that the program gave, so that none outlives that.
- Frames go through the endpoint's outbox. What the stream doesn't take at once is written by a task
  of the connection, whoever sent it: who sends waits for that task, and if that one is cancelled,
  its frame goes out all the same. So a frame is never torn.
- Nothing is received or sent at a checkpoint: what can be cancelled comes before, and what happens
  afterwards can't.
"""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Optional

import trio

from .._core import (
    CLOSED,
    FULL,
    IN_FRAGMENTS,
    OP_PONG,
    OPEN,
    OVER,
    OWING,
    TALKING,
    UNFINISHED,
    forget_frames,
)
from .._engine.driving import ANSWER_TIME, Awaited, Driver
from .._engine.fragments import RUNNING
from .._engine.pings import Pings
from ..exceptions import ConcurrencyError
from ._keepalive import keep_alive
from ._streams import GONE, close_at_once, quick_socket
from ._verdicts import cancel_at

__all__ = ["Session"]

# Bytes that may wait to be parsed, behind messages that wait for the program.
READ_LIMIT = 65536


class Session(Driver):
    """
    An open connection.

    Arguments:
        face: the connection as programs see it: it is asked for its times, and told of changes.
        stream: the stream.
        endpoint: the endpoint.
        closed_exc: returns the exception that tells how an endpoint's connection ended.
        log: what is told of the steps towards the end, for logs, or None.

    Attributes:
        endpoint: as given.
        streaming: whether a message is being taken in fragments, and all of them have to be.
        turn: the turn to send a message.
        in_fragments: whether a message is being sent in fragments.
        abandoned: whether one was left unfinished.
        mute: why nothing can be written any more, or None.
        pings: the pings that wait for their pongs, and the latency.
    """

    def __init__(
        self,
        face: Any,
        stream: trio.abc.Stream,
        endpoint: Any,
        closed_exc: Callable[[Any], Exception],
        log: Optional[Callable[[str], None]],
    ) -> None:
        self.endpoint = endpoint
        self.streaming = False
        self.turn = trio.StrictFIFOLock()
        self.in_fragments = False
        self.abandoned = False
        self.mute: Optional[BaseException] = None
        self.pings = Pings()
        self._face = face
        self._stream = stream
        self._closed_exc = closed_exc
        self._log = log
        self._tasks: Optional[trio.Nursery] = None  # while it lives
        self._reading = trio.CancelScope()
        self._resting = trio.CancelScope()  # around keepalive
        self._keeps_alive = False
        self._receiving = False  # whether a task is taking a message
        self._arrived = trio.lowlevel.ParkingLot()  # who waits for a message
        self._room = trio.lowlevel.ParkingLot()  # the reader, while there is no room for more
        self._heard = False
        self._socket = quick_socket(stream)
        self._writing = False  # whether a task writes
        self._rest = b""  # what it writes next
        self._work = trio.lowlevel.ParkingLot()  # that task, while it has nothing to write
        self._written = trio.lowlevel.ParkingLot()  # who waits for that
        self._ends = False  # whether TCP is to be half-closed behind what is written
        self._ending = False  # whether the end has begun
        self._answering = False  # whether our close frame is held back
        self._settled = trio.lowlevel.ParkingLot()  # who waits for that
        self._aborted = False
        self._closed = trio.Event()

    # Its life

    async def run(self) -> None:
        """Read until the end, and see to it; the connection's one task, but for keepalive."""
        exc: Optional[BaseException] = None
        complete = False
        self.endpoint.opened()
        try:
            async with trio.open_nursery() as tasks:
                self._tasks = tasks
                if self._aborted:
                    tasks.cancel_scope.cancel()
                if self._keeps_alive:
                    tasks.start_soon(self._keep_alive)
                try:
                    self.flush()
                    self.attend()
                    with self._reading:
                        exc = await self._read()
                    await self._finish()
                    complete = True
                    tasks.cancel_scope.cancel()
                finally:
                    self._tasks = None  # It may take none any more.
        except Exception as bug:
            self._face.logger.error("unexpected internal error", exc_info=True)
            exc, self._aborted = bug, True
            self._say_goodbye()
        except BaseException:
            # The program is ending: there is no time for more than this.
            self._say_goodbye()
            raise
        finally:
            await close_at_once(self._stream)
            # Its time limit is the only other reason for which our nursery is cancelled.
            self._lost(exc, not complete and not self._aborted)

    async def _read(self) -> Optional[BaseException]:
        """Read until the peer ends TCP; return what ended it if that is an error."""
        endpoint = self.endpoint
        receive = self._receive if self._socket is None else self._receive_quickly
        try:
            while True:
                # A peer that is gone sends no more than what is already here.
                if self._is_crowded() and self.mute is None:
                    await self._room.park()
                    continue
                eventful = await receive()
                if eventful is None:
                    self._tell("< EOF")
                    self.hear_eof()
                    return None
                self._heard = True
                if eventful:
                    self.attend()
                elif endpoint.inbox.waiting:
                    self._arrived.unpark_all()
        except GONE as exc:
            self.mute = self.mute or exc
            return exc

    async def _receive(self) -> Optional[bool]:
        """Receive something; return whether there is more to see to than messages, None at EOF."""
        data = await self._stream.receive_some()
        return self.endpoint.receive(data) if data else None

    async def _receive_quickly(self) -> Optional[bool]:
        """Do the same with a socket: what is large is read into its place."""
        sock: Any = self._socket
        while True:
            await sock.readable()
            # It isn't asked for before, as it mayn't be kept: anything can happen meanwhile.
            space = self.endpoint.space()
            if space is None:
                data = sock.read()
                if data is not None:  # pragma: no branch (see there)
                    return self.endpoint.receive(data) if data else None
            else:
                size = sock.read_into(space)
                del space
                if size is not None:  # pragma: no branch
                    return self.endpoint.fill(size) if size else None

    def _is_crowded(self) -> bool:
        """Whether too much waits to be parsed."""
        endpoint = self.endpoint
        crowded: bool = endpoint.stalled and endpoint.buffered > READ_LIMIT
        return crowded

    async def _finish(self) -> None:
        """Write what is left, and close the stream: the peer has ended TCP, or we do."""
        self._begin_end()
        while self.endpoint.phase == OWING and self.mute is None:
            await self._settled.park()
        while self._writing:
            await self._written.park()
        self._tell("x closing TCP connection")
        with contextlib.suppress(*GONE):
            await self._stream.aclose()

    def _lost(self, exc: Optional[BaseException], expired: bool) -> None:
        """Take notice that the stream is gone; release everybody who waits."""
        endpoint, exc = self.endpoint, exc or self.mute
        self._end_endpoint(exc, expired)
        endpoint.holds &= ~(FULL | UNFINISHED)
        self.terminate_pings()
        self._closed.set()
        self._arrived.unpark_all()
        self._written.unpark_all()
        face, self._face = self._face, None
        face._ws_lost(exc)

    def _say_goodbye(self) -> None:
        """Fail the connection, and tell the peer if that takes no time."""
        endpoint = self.endpoint
        endpoint.fail(1011 if endpoint.is_client else 1001)
        endpoint.settle()
        frames = b"".join(endpoint.collect())
        if frames and self._socket is not None and self.mute is None:
            with contextlib.suppress(*GONE):
                self._socket.write(frames)

    def abort(self) -> None:
        """End it now; what waits to be sent is lost."""
        self._aborted = True
        if self._tasks is not None:
            self._tasks.cancel_scope.cancel()

    async def wait_closed(self) -> None:
        """Wait until TCP has ended."""
        await self._closed.wait()

    # Receiving

    async def receive(self, form: int) -> Any:
        """
        Take the next message, or with IN_FRAGMENTS its next fragment.

        Raises:
            ConnectionClosed: when the connection is closed and all messages are taken.
            ConcurrencyError: if another task is waiting for a message, or takes one in fragments.
        """
        if self._receiving or (self.streaming and form != IN_FRAGMENTS):
            raise ConcurrencyError(RUNNING.format("recv", "coroutine"))
        self._receiving = True
        endpoint = self.endpoint
        try:
            if endpoint.inbox.waiting or endpoint.fragments:
                # Before it is taken, so that whoever is cancelled loses nothing.
                await trio.lowlevel.checkpoint()
            while True:
                message = self._take(form)
                if message is not None:
                    return message
                if endpoint.state == CLOSED:
                    raise self.closed_exc()
                # The program has answered all that came before the close frame.
                self.settle()
                await self._arrived.park()
        finally:
            self._receiving = False

    @property
    def receiving(self) -> bool:
        """Whether a task is taking a message."""
        return self._receiving or self.streaming

    def _take(self, form: int) -> Any:
        """Take a message if one is there."""
        endpoint = self.endpoint
        while endpoint.inbox.waiting or (form == IN_FRAGMENTS and endpoint.fragments):
            message = endpoint.take(form)
            if endpoint.refilled:
                endpoint.refilled = False
                self.attend()
                self._room.unpark_all()
            if message is not None:
                return message
        return None

    # What has come of bytes

    def attend(self) -> None:
        """Act on what the endpoint has found."""
        if self._tasks is None:
            return  # It will, as soon as it begins; or it is over.
        endpoint = self.endpoint
        if endpoint.urgent:
            self.flush()
        if endpoint.pongs is not None:
            self._take_pongs()
        if endpoint.phase != TALKING:
            self._advance()
        if endpoint.inbox.waiting:
            self._arrived.unpark_all()

    # Writing

    async def ensure_open(self) -> None:
        """Return if messages can be sent; while it is closing, wait for the end and raise."""
        if self.endpoint.state != OPEN or self.mute is not None:
            await self._closed.wait()
            raise self.closed_exc()

    async def until_written(self) -> None:
        """Wait until all is written that waits to be."""
        while self.endpoint.holds & FULL:
            await self._written.park()

    async def sent(self) -> None:
        """Write what was put in the outbox; return when it is written, after a checkpoint."""
        self.flush()
        if self.endpoint.holds & FULL:
            await self.until_written()
        else:
            # It is sent: who is cancelled now must not think otherwise.
            await trio.lowlevel.cancel_shielded_checkpoint()
        if self.endpoint.state == CLOSED or self.mute is not None:
            await self.ensure_open()

    def flush(self) -> None:
        """Write the frames that wait, now or by a task that goes on when this returns."""
        if self._writing or self._tasks is None:
            return  # It takes them along; or it is over.
        frames = self.endpoint.collect()
        if not frames or self.mute is not None:
            return
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        if self._socket is not None:
            try:
                written = self._socket.write(data)
            except GONE as exc:
                self._fail_writing(exc)
                return
            if written == len(data):
                return
            data = data[written:]
        self._rest = data
        self.endpoint.holds |= FULL
        self._have_written()

    def _have_written(self) -> None:
        """Have a task write what is left, and the end of it if that is due."""
        self._writing = True
        if not self._work.unpark():
            self._start(self._write)

    async def _write(self) -> None:
        """Write what is left and what comes behind it; and the end if it is due."""
        endpoint = self.endpoint
        while True:
            # Until it has returned nobody knows how much is written: nothing may come behind it.
            torn: Optional[BaseException] = trio.BrokenResourceError("cancelled in mid-frame")
            try:
                while self._rest:
                    await self._stream.send_all(self._rest)
                    if self._socket is not None:
                        self._heard = True  # It had no room, and the peer has made some.
                    endpoint.release()
                    self._rest = b"".join(endpoint.collect())
                    if self._rest:
                        endpoint.holds |= FULL
                if self._ends:
                    await self._half_close()
                torn = None
            except GONE as exc:
                torn = None
                self._rest = b""
                self._fail_writing(exc)
            finally:
                self.mute = self.mute or torn
                self._writing = False
                endpoint.holds &= ~FULL
                self._written.unpark_all()
            if self._socket is not None or self._ends:
                return  # It will hardly be needed again.
            await self._work.park()

    def _fail_writing(self, exc: BaseException) -> None:
        """Take notice that nothing can be written any more; what has arrived can still be read."""
        forget_frames(exc)
        self.mute = exc
        self._begin_end()
        self._room.unpark_all()
        self._settled.unpark_all()

    # Pings

    async def ping(self, data: Optional[bytes], ack_on_close: bool) -> trio.Event:
        """Send a ping; return an event that is set by its pong."""
        await trio.lowlevel.checkpoint_if_cancelled()
        await self.until_written()
        await self.ensure_open()
        event = trio.Event()
        self.put_ping(data, Awaited(event.set, event.set if ack_on_close else None))
        await self.sent()
        return event

    async def pong(self, payload: bytes) -> None:
        """Send a pong."""
        await trio.lowlevel.checkpoint_if_cancelled()
        await self.until_written()
        await self.ensure_open()
        self.endpoint.send_frame(OP_PONG, payload)
        await self.sent()

    def start_keepalive(self) -> None:
        """Begin to send pings regularly, unless that was begun before."""
        if not self._keeps_alive:
            self._keeps_alive = True
            if self._tasks is not None:
                self._tasks.start_soon(self._keep_alive)

    async def _keep_alive(self) -> None:
        """Send pings until the end begins."""
        with self._resting:
            await keep_alive(self, self._face)

    def has_heard(self) -> bool:
        """Tell whether bytes came since the last call, or weren't let to; any of them will do."""
        heard, self._heard = self._heard, False
        waits = self.endpoint.stalled and self.endpoint.buffered > 0
        return heard or waits

    # The end

    async def fragments_failed(self) -> None:
        """
        Fail the connection for a message that can't be completed, and wait for the end.

        Raises:
            ConnectionClosedError: if the peer doesn't take part in it.
        """
        self.fail_open("error in fragmented message")
        await self._closed.wait()
        if isinstance(self.endpoint.failure, TimeoutError):
            raise self.closed_exc() from self.endpoint.failure

    async def _settle_soon(self) -> None:
        await trio.sleep(ANSWER_TIME)
        self.settle()

    def _advance(self) -> None:
        """Take the step towards the end that is due."""
        endpoint = self.endpoint
        if endpoint.phase == OWING:
            if not self._answering:
                self._answering = True
                self._start(self._settle_soon)
            return
        self._settled.unpark_all()
        self._begin_end()
        self._face._ws_changed()
        self._room.unpark_all()
        # RFC 6455 7.1.1: the server ends TCP first, so that waiting is on its side.
        if endpoint.phase >= OVER and not endpoint.is_client and not self._ends:
            self._ends = True
            if not self._writing:
                self._have_written()

    def _start(self, function: Callable[..., Any], *args: Any) -> None:
        assert self._tasks is not None
        self._tasks.start_soon(function, *args)

    def _begin_end(self) -> None:
        """Begin with the steps towards the end, for all of which there is one deadline."""
        if self._ending or self._tasks is None:
            return
        self._ending = True
        self._resting.cancel()
        timeout = self._face.close_timeout
        if timeout is not None:
            moment = trio.current_time() + timeout
            self._start(cancel_at, moment, self._tasks.cancel_scope)
        self._log_fault(self._face.logger)

    async def _half_close(self) -> None:
        """End our side of TCP, and wait for the peer to end its own; TLS has no sides."""
        send_eof = getattr(self._stream, "send_eof", None)
        if send_eof is None:
            self._reading.cancel()
        else:
            # To close it whole, with bytes still on their way here, would reset the connection and
            # could destroy our close frame on its way there.
            self._tell("> EOF", "x half-closing TCP connection")
            await send_eof()
