"""
The second phase: an open connection, between its face and its transport, until TCP ends.

Owns what isn't the way of a single message: pausing and going on, pings, keepalive, work for other
threads, the steps towards the end. Must never know how a frame looks, nor what asyncio is. Key
decision: bytes and messages go the short way, through the stream, and come here only if there is
more to them; what is to be done then is seen from the endpoint, in :meth:`Session.attend`.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterable
from functools import partial
from typing import Any, Callable, Optional

from .._core import (
    FULL,
    OPEN,
    OVER,
    OWING,
    TALKING,
    UNFINISHED,
    UNUSUAL,
    Endpoint,
)
from .._transports.descriptors import can_stay, is_ours, plain_socket
from .._transports.reading import InPlace, read_buffer
from ..exceptions import ConcurrencyError, WebSocketException
from ..framing import OP_PING, OP_PONG
from ..typing import DataLike
from .deadlines import SharedTimes, shared_deadlines
from .driving import ANSWER_TIME, Driver
from .ended import Ended, Remains
from .keepalive import Keepalive
from .offloading import offload
from .opening import Opening
from .phases import Phase
from .pings import Pings
from .sending import Sending

__all__ = ["Session"]


class Session(Driver, Phase):  # type: ignore[override]
    """
    An open connection.

    Arguments:
        face: the connection as the program has it, an object with the attributes ``_ws_logger``,
            ``close_timeout``, ``ping_interval`` and ``ping_timeout``, and the method
            ``_ws_changed()``, which is called when the state may have changed.
        opening: its opening, which is complete.
        stream: its messages.
        read_limit: bytes that may wait to be parsed before reading pauses.
        watchful: whether the face wants to be asked before each message.

    Attributes:
        endpoint: what the stream works on.
        ending: the steps by which the connection ends.
        keepalive: its keepalive, or None.
    """

    __slots__ = (
        "_answer_timer",
        "_closed_exc",
        "_sending",
        "_thread",
        "_transport",
        "_unwritten",
        "ending",
        "endpoint",
        "face",
        "keepalive",
        "loop",
        "pings",
        "stream",
    )

    def __init__(
        self, face: Any, opening: Opening, stream: Any, read_limit: int, watchful: bool
    ) -> None:
        self.face = face
        self.loop = opening.loop
        self.stream = stream
        self.endpoint: Endpoint = stream.endpoint
        self.ending = opening.ending
        self._transport: Any = opening.transport
        self._closed_exc = opening.closed_exc
        stream.read_limit = read_limit
        stream.reading_paused = opening.reading_paused
        self.pings = Pings()
        self._sending: Optional[Sending] = None
        self.keepalive: Optional[Keepalive] = None
        self._unwritten: int = 0  # bytes that waited for the peer when keepalive looked last
        self._answer_timer: Any = None
        # In asyncio's debug mode, the thread that may use this.
        self._thread = threading.get_ident() if opening.loop.get_debug() else 0
        if watchful or self._thread or self.endpoint.offloads:
            self.endpoint.holds |= UNUSUAL
        if opening.full:
            self.endpoint.holds |= FULL
        stream.host = self
        if is_ours(self._transport):
            self._transport.carry(stream)

    def begin(self, early: bytes) -> None:
        """
        Begin with messages.

        Arguments:
            early: bytes that came behind the handshake.
        """
        self.endpoint.opened()
        if early:
            self.endpoint.receive(early)
        if early or self.endpoint.urgent or self.stream.reading_paused:
            self.attend()

    # Facts

    @property
    def state(self) -> int:  # type: ignore[override]
        """State of the endpoint."""
        state: int = self.endpoint.state
        return state

    @property
    def close_code(self) -> Optional[int]:  # type: ignore[override]
        """The code that the peer closed with, None as long as it hasn't."""
        rcvd = self.endpoint.close_rcvd
        return None if rcvd is None else rcvd.code

    @property
    def close_reason(self) -> Optional[str]:  # type: ignore[override]
        """The reason that the peer closed with, None as long as it hasn't."""
        rcvd = self.endpoint.close_rcvd
        return None if rcvd is None else rcvd.reason

    def set_max_size(self, max_size: Optional[int]) -> None:
        """Change the limit of incoming messages."""
        self.endpoint.max_size = max_size

    async def ensure_open(self) -> None:
        """Return if messages can be sent; while it is closing, wait for the end and raise."""
        if self.endpoint.state != OPEN:
            await self.ending.wait()
            raise self.closed_exc()

    def _check_thread(self) -> None:
        if self._thread and self._thread != threading.get_ident():
            raise RuntimeError(
                "a connection can only be used in the thread of its event loop; elsewhere call "
                "asyncio.run_coroutine_threadsafe()"
            )

    # Sending

    @property
    def sending(self) -> Sending:
        """What waits to be sent; nothing does on a connection that is idle, so it is made late."""
        if self._sending is None:
            self._sending = Sending(self)
        return self._sending

    async def written(self) -> None:
        """Wait until the transport takes more."""
        await self.sending.written()

    async def send(
        self, message: DataLike, compress: Optional[bool], text: Optional[bool] = None
    ) -> None:
        """Send a message that isn't fragmented, as text or not, if that isn't its own affair."""
        self._check_thread()
        await self.sending.message(message, compress, text)

    async def send_fragments(
        self, fragments: AsyncIterable[Any], compress: Optional[bool], text: Optional[bool] = None
    ) -> None:
        """Send a message in fragments."""
        self._check_thread()
        await self.sending.fragments(fragments, compress, text)

    def share(self, opcode: int, payload: Any, frames: dict[Any, bytes]) -> None:
        """
        Send a message that goes to other connections, too.

        Raises:
            ConcurrencyError: if another is unfinished.
        """
        if self.endpoint.holds & UNFINISHED:
            raise ConcurrencyError("sending a fragmented message")
        if self.endpoint.state == OPEN:
            self.endpoint.send_shared(opcode, payload, frames)
            self.flush()

    def flush(self) -> bool:
        """Write the frames that wait; return whether to wait before there are more."""
        if self._thread:
            self._check_thread()
        full: bool = self.stream.flush()
        return full

    # Pings

    async def ping(self, data: Optional[bytes]) -> Any:
        """Send a ping, return a future for its pong; of data of our own if None is given."""
        waiter = self.loop.create_future()
        payload = self.pings.add(data, waiter)
        try:
            await self.sending.frame(OP_PING, payload)
        except WebSocketException:
            self.pings.discard(payload)
            raise
        return waiter

    async def pong(self, payload: bytes) -> None:
        """Send a pong."""
        await self.sending.frame(OP_PONG, payload)

    # What keepalive asks

    def start_keepalive(self) -> None:
        """Begin to send pings regularly, unless that was begun before or it is too late."""
        if self.keepalive is None and not self.ending.begun:
            self.keepalive = Keepalive(self.face, self)

    def deadlines(self, seconds: float, expire: Callable[[Any], None]) -> Any:
        """Return what ends whatever takes longer."""
        return shared_deadlines(self.loop, seconds, expire)

    def times(self, seconds: float, act: Callable[[Any], None]) -> Any:
        """Return what does something when a time has passed."""
        return shared_deadlines(self.loop, seconds, act, SharedTimes)

    def send_ping(self) -> Any:  # type: ignore[override]
        """Send a ping without waiting; return a future for its pong."""
        waiter = self.loop.create_future()
        self.put_ping(None, waiter)
        self.flush()
        log = self.ending.log
        if log is not None:
            log("% sent keepalive ping")
            waiter.add_done_callback(partial(log_pong, log))
        return waiter

    def has_heard(self) -> bool:
        """Tell whether the peer gave a sign of life since the last call, or wasn't let to."""
        heard, self.stream.heard = self.stream.heard, False
        # What waits behind messages that nobody takes may be the pong.
        waits = self.endpoint.stalled and self.endpoint.buffered > 0
        paused: bool = self.stream.reading_paused
        # Of what senders waited for then, the peer has taken some.
        before, self._unwritten = self._unwritten, 0
        if self.endpoint.holds & FULL:
            self._unwritten = self._transport.get_write_buffer_size()
        return heard or waits or paused or self._unwritten < before

    # The transport

    def make_read_buffer(self) -> memoryview:
        """Return memory to read into."""
        return read_buffer(self.loop)

    def eof_received(self) -> Optional[bool]:
        """Take notice that the peer ends TCP; without a close frame that is abnormal."""
        ending = self.ending
        ending.eof = True
        if ending.log is not None:
            ending.log("< EOF")
        if self.hear_eof():
            if can_stay(self._transport):
                return True
            self.settle()
        self.flush()
        ending.hang_up()
        return None

    def lost(self, exc: Optional[Exception]) -> Phase:
        """Take notice that the transport is gone; release everybody who waits."""
        if self.keepalive is not None:
            self.keepalive.stop()
        if self._answer_timer is not None:
            self._answer_timer.cancel()
        # Python 3.9's TLS transport doesn't know that it is closed if the peer ended it.
        self._transport.close()
        self.ending.over()
        self._end_endpoint(exc, self.ending.expired)
        stream = self.stream
        stream.detach(Remains(self.loop, self.endpoint, stream.waiter, self._closed_exc))
        stream.waiter.wake(False)
        self._transport = None
        return Ended(self._closed_exc, stream, latency=self.pings.latency)

    def release(self) -> None:
        """Let all who wait for something else than messages know that the connection is lost."""
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.over()
        self.terminate_pings()

    def pause_writing(self) -> None:
        """Make senders wait: the transport's buffer is full."""
        self.endpoint.holds |= FULL

    def resume_writing(self) -> None:
        """Let senders go on."""
        if self._unwritten:
            # Senders waited when keepalive looked, and the peer has taken what they wait with.
            self.stream.heard = True
        self.endpoint.release()
        if self.endpoint.urgent:
            self.flush()
        if self._sending is not None:
            self._sending.drained()

    # What has come of bytes

    def attend(self) -> None:
        """Act on what the endpoint has found, and let who waits for a message take it."""
        endpoint = self.endpoint
        if endpoint.urgent:
            self.flush()
        if endpoint.pongs is not None:
            self._take_pongs()
        if endpoint.work is not None:
            offload(self.loop, endpoint, self._go_on)
        if endpoint.stalled or self.stream.reading_paused:
            self._pace_reading()
        if self.stream.read_buffer is None and self.stream.space() is not None:
            self._read_in_place()
        if endpoint.phase != TALKING:
            self._advance()
        if endpoint.inbox.waiting:
            self.stream.waiter.wake(True)

    after_refilling = attend

    def _go_on(self) -> None:
        """See to what has come of work done elsewhere, even if it is over meanwhile."""
        self.stream.host.attend()

    def before_waiting(self) -> None:
        """Take notice that all messages are taken, before more are awaited."""
        self._check_thread()
        if self.endpoint.work is None:
            # The program has answered all that came before the close frame.
            self.settle()

    def _pace_reading(self) -> None:
        """Pause reading while too much waits to be parsed."""
        endpoint, limit = self.endpoint, self.stream.read_limit
        if self.stream.reading_paused:
            limit //= 2
        pause = endpoint.stalled and endpoint.buffered > limit
        if pause == self.stream.reading_paused:
            return
        self.stream.reading_paused = pause
        if self._transport.is_closing():
            return
        if pause:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _read_in_place(self) -> None:
        """Have a transport that would give us bytes read them into their place, for a while."""
        transport = self._transport
        if plain_socket(transport) is not None and transport.get_protocol() is self.face:
            transport.set_protocol(InPlace(self.face, transport, self.stream))

    # The end

    @property
    def in_fragments(self) -> bool:  # type: ignore[override]
        """Whether a message is being sent in fragments."""
        return self._sending is not None and self._sending.in_fragments

    @property
    def _log(self) -> Optional[Callable[[str], None]]:  # type: ignore[override]
        return self.ending.log

    def _unexpected_end(self) -> Optional[Exception]:
        return None

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake, or settle the one that the peer started."""
        self.endpoint.close(code, reason)
        self.attend()

    def is_gone(self) -> bool:
        """Whether nothing can be sent any more."""
        gone: bool = self._transport.is_closing()
        return gone

    def hang_up(self) -> None:
        """End TCP, without waiting for the peer."""
        self.flush()
        if not self.ending.begun:
            self.ending.timeout = self.face.close_timeout
        self.ending.hang_up()

    async def fragments_failed(self, exc: BaseException, begun: bool) -> None:
        """
        See to a message in fragments that can't be completed.

        Arguments:
            exc: the reason.
            begun: whether a part of it has been sent, and not all of it.
        """
        if begun:
            self.fail_open("")

    async def wait_closed(self) -> None:
        """Wait until TCP has ended."""
        await self.ending.wait()

    def _advance(self) -> None:
        """Take the step towards the end that is due."""
        endpoint, ending = self.endpoint, self.ending
        if endpoint.phase == OWING:
            if self._answer_timer is None:
                self._answer_timer = self.loop.call_later(ANSWER_TIME, self.settle)
            return
        if not ending.begun:
            self.flush()
            ending.timeout = self.face.close_timeout
            if self.keepalive is not None:
                self.keepalive.stop()
            if self.endpoint.failure is not None:
                self._log_fault(self.face._ws_logger)
        self.face._ws_changed()
        if endpoint.phase < OVER:
            ending.await_close()
        else:
            self._end_tcp()

    def _end_tcp(self) -> None:
        """Begin to end TCP: nothing more is to be said by either side."""
        if self.endpoint.close_rcvd is None:
            self.ending.half_close()
        elif self.endpoint.is_client:
            # RFC 6455 7.1.1: the server ends TCP first, so that waiting is on its side.
            self.ending.await_eof()
        else:
            self.ending.hang_up()


def log_pong(log: Callable[[str], None], pong: Any) -> None:
    """Log that the peer has answered."""
    if not pong.cancelled() and pong.exception() is None:
        log("% received keepalive pong")
