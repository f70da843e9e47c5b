"""
An open connection of threads, between its face and its socket, until TCP ends.

Owns what isn't the way of a single message: who waits for pongs, the steps towards the end, and
when the keeper sees to the connection. Must never know how a frame looks, nor what waits how. Key
decision: whatever thread reads does all that is to be done about what came; the keeper is one more
such thread, which comes when the others have been away for a while.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Callable, Optional

from .._core import (
    CLOSED,
    IN_FRAGMENTS,
    OP_PONG,
    OPEN,
    OVER,
    OWING,
    TALKING,
)
from .._engine.deadlines import LoneTime
from .._engine.driving import ANSWER_TIME, Awaited, Driver
from .._engine.ending import Ending
from .._engine.fragments import RUNNING, FragmentDecoder
from .._engine.keepalive import Keepalive
from .._engine.pings import Pings
from ..exceptions import ConcurrencyError
from .ended import Over, Remains
from .keeper import READ, WRITE, Timer, keeper
from .pongs import Hearing, Pong
from .sending import send_frame
from .system import SYSTEM
from .transport import Transport

__all__ = ["Session"]

# Seconds that a connection is left alone before the keeper sees to it: the first time, and where
# threads have come back so often that it is sure that they will, without help.
FIRST_LEFT_ALONE = 0.0002
LEFT_ALONE = 0.03

# Seconds in which a thread that wants to run surely gets to: the interpreter has others stop for it
# after 5 ms.
TURN = 0.01


class Session(Driver):
    """
    An open connection.

    Arguments:
        face: the connection as the program has it, an object with the attributes ``_ws_logger``,
            ``close_timeout``, ``ping_interval`` and ``ping_timeout``, and the methods
            ``_ws_changed()``, called when the state may have changed, and ``_ws_lost(exc)``.
        stream: its messages.
        sock: its socket.
        closed_exc: a function that returns what tells how a connection ended, given its endpoint.
        log: a function that is told of the steps of its end, for logs, or None.

    Attributes:
        mutex: guards all of it.
        in_fragments: whether a message is being sent in fragments.
        abandoned: whether one was left unfinished.
        events: what the keeper watches the socket for.
        keepalive: its keepalive, or None.
    """

    __slots__ = (
        "__weakref__",
        "_answer_timer",
        "_closed_exc",
        "_patience",
        "_seen",
        "_transport",
        "abandoned",
        "ending",
        "endpoint",
        "events",
        "face",
        "in_fragments",
        "keepalive",
        "mutex",
        "pings",
        "sock",
        "stream",
    )

    def __init__(
        self,
        face: Any,
        stream: Any,
        sock: Any,
        closed_exc: Callable[[Any], Exception],
        log: Optional[Callable[[str], None]],
    ) -> None:
        self.face: Any = face
        self.stream = stream
        self.endpoint = stream.endpoint
        self.mutex = stream.mutex
        self.sock = sock
        self.events = 0
        self.keepalive: Optional[Keepalive] = None
        self._closed_exc = closed_exc
        self.pings = Pings()
        self._transport = Transport(self)
        self.ending: Any = Ending(self, self._transport, face.close_timeout, True)
        self.ending.log = log
        self._answer_timer: Any = None
        self._seen = 0
        self._patience = FIRST_LEFT_ALONE
        self.in_fragments = False
        self.abandoned = False
        stream.host = self

    def begin(self, early: bytes) -> None:
        """Begin with messages; ``early`` is what came behind the handshake. With the mutex."""
        self.endpoint.opened()
        if early:
            self.endpoint.receive(early)
        self.flush()  # Our half of the handshake may be in there.
        self.attend()
        if not self.stream.ended:
            self.watch()

    # Facts

    @property
    def selectable(self) -> Any:
        """What the keeper watches."""
        return getattr(self.sock, "selectable", self.sock)

    @property
    def _log(self) -> Optional[Callable[[str], None]]:  # type: ignore[override]
        log: Optional[Callable[[str], None]] = self.ending.log
        return log

    def is_over(self) -> bool:
        """Whether TCP has ended."""
        over: bool = self.ending.is_over
        return over

    # A clock and timers, as the steps of the end and keepalive ask for them

    time = staticmethod(SYSTEM.clock)

    def call_at(self, when: float, function: Callable[..., Any], *args: Any) -> Timer:
        """Call a function at a time, with the mutex."""
        return keeper().call_at(when, self, function, args)

    def call_later(self, seconds: float, function: Callable[..., Any], *args: Any) -> Timer:
        """Call a function after a time, with the mutex."""
        return keeper().call_at(SYSTEM.clock() + seconds, self, function, args)

    def call_soon(self, function: Callable[..., Any], *args: Any) -> Timer:
        """Call a function when the keeper and other threads have had their turn, with the mutex."""
        return keeper().call_at(SYSTEM.clock() + TURN, self, function, args)

    # Receiving

    def recv(self, form: int, timeout: Optional[float]) -> Any:
        """Receive a message; TimeoutError if none comes in time."""
        message = self.stream.recv(form, timeout)
        if message is None:
            raise TimeoutError(f"timed out in {timeout:.1f}s")
        return message

    def recv_streaming(self, decode: Optional[bool]) -> Iterator[Any]:
        """Receive a message in fragments."""
        stream = self.stream
        with self.mutex:
            if stream.receiving or stream.streaming:
                raise ConcurrencyError(RUNNING.format("recv_streaming", "thread"))
            stream.streaming = True
        decoder = FragmentDecoder(decode)
        try:
            while True:
                fragment = stream.recv(IN_FRAGMENTS, None)
                try:
                    data = decoder.decode(fragment)
                except UnicodeDecodeError as exc:
                    stream.streaming = False
                    with self.mutex:
                        self.reject(exc)
                    self.wait_closed(None)
                    raise self.closed_exc() from exc
                if fragment.fin:
                    stream.streaming = False
                    yield data
                    return
                yield data
        finally:
            if not decoder.begun or stream.ended:
                stream.streaming = False

    # Sending

    def ensure_open(self) -> None:
        """Return if messages can be sent; while it is closing, wait for the end and raise."""
        if self.endpoint.state != OPEN:
            self.wait_closed(None)
            raise self.closed_exc()

    def pushed(self) -> int:
        """Write, and return how far :meth:`drain` has to come; with the mutex."""
        done, stream = self.stream.push(), self.stream
        position: int = -1 if stream.ended else 0 if done else stream.pushed
        return position

    def drain(self, position: int) -> None:
        """Wait until the socket has taken all up to a position; -1 if it won't."""
        if position and (position < 0 or not self.stream.drain(position)):
            self.wait_closed(None)
            raise self.closed_exc()

    def flush(self) -> None:
        """Write what waits, and have the rest written by whoever waits or keeps; with the mutex."""
        stream = self.stream
        if not stream.push() and not stream.writing:
            self.watch()

    # Pings

    def ping(self, payload: Optional[bytes], ack_on_close: bool) -> Pong:
        """Send a ping, return an event for its pong; of data of our own if None is given."""
        self.ensure_open()
        pong = Pong(self.stream)
        with self.mutex:
            position = -1
            if self.endpoint.state == OPEN:
                self.put_ping(payload, Awaited(pong.set, pong.set if ack_on_close else None))
                position = self.pushed()
        self.drain(position)
        return pong

    def pong(self, payload: bytes) -> None:
        """Send a pong."""
        send_frame(self, OP_PONG, payload, True)

    # What keepalive asks, with the mutex

    def start_keepalive(self) -> None:
        """Begin to send pings regularly, unless that was begun before or it is too late."""
        if self.keepalive is None and not self.ending.begun:
            self.keepalive = Keepalive(self.face, self)

    def deadlines(self, seconds: float, expire: Callable[[Any], None]) -> Hearing:
        """Return what ends whatever takes longer."""
        return Hearing(self, seconds, expire)

    def times(self, seconds: float, act: Callable[[Any], None]) -> LoneTime:
        """Return what does something when it is due."""
        return LoneTime(self, seconds, act)

    def has_heard(self) -> bool:
        """Tell whether the peer gave a sign of life since the last call, or wasn't let to."""
        stream = self.stream
        if stream.is_left() and not stream.ended:
            stream.read_now()  # It may be there, and nobody has looked.
        heard, stream.heard = stream.heard, False
        waits: bool = self.endpoint.stalled
        # Where many threads want to run, the reader may not have had its turn yet.
        unread = stream.reader and SYSTEM.wait(self.selectable, True, False, 0)
        return heard or waits or stream.ended or bool(unread)

    # What the stream asks, with the mutex

    def attend(self) -> None:
        """Act on what the endpoint has found, and let those look that wait."""
        endpoint, stream = self.endpoint, self.stream
        if stream.ended:
            return
        if endpoint.urgent:
            self.flush()
        if stream.ended:
            return
        if endpoint.pongs is not None:
            self._take_pongs()
        if endpoint.phase != TALKING:
            self._advance()
        self._transport.written()
        stream.wake()

    def before_waiting(self) -> None:
        """Take notice that all messages are taken, before more are awaited."""
        if self.endpoint.phase == OWING:
            # The program has answered all that came before the close frame.
            self.settle()
        if self.endpoint.state == CLOSED:
            raise self.closed_exc()

    def eof_received(self, exc: Optional[Exception]) -> None:
        """Take notice that nothing more can be read."""
        self.ending.eof = True
        self._tell("< EOF")
        if exc is None and not self._transport.is_closing() and self.hear_eof():
            return
        if exc is None and self.stream.has_unsent():
            self.ending.hang_up()  # behind that: the peer can still read
        else:
            self.lost(exc)

    def broken(self, exc: BaseException) -> None:
        """Take notice that nothing more can be written, or that all is in disorder."""
        stream = self.stream
        if stream.ended:
            return
        stream.give_up()
        if isinstance(exc, Exception) and not stream.reader:
            # What the peer has sent before may tell more.
            while not stream.ended and stream.read_now():
                pass
        self.lost(exc if isinstance(exc, OSError) else None)

    def release(self) -> None:
        """Close the socket, which has ended, unless a thread waits for it."""
        if not self.stream.writing:
            self.sock.close()

    def watch(self) -> None:
        """Have the keeper see to the connection, now or when it was left alone for a while."""
        stream = self.stream
        if stream.ended:
            return
        urgent = stream.has_unsent() and not stream.writing
        if stream.watched and not urgent:
            return
        stream.watched = True
        self._seen = stream.moves
        self.call_later(0.0 if urgent else self._patience, self._look)

    # What the keeper asks

    def _look(self) -> None:
        """See whether the connection is still left alone, with the mutex."""
        stream = self.stream
        if stream.ended:
            return
        came_back = stream.reader or stream.moves != self._seen
        if came_back:
            self._seen = stream.moves
            self._be_patient()
        writes = stream.has_unsent() and not stream.writing
        if came_back and not (stream.reader or writes or self.events):
            self.call_later(self._patience, self._look)
        else:
            self._choose_events()

    def _be_patient(self) -> None:
        """Give threads more time to come back."""
        self._patience = min(2 * self._patience, LEFT_ALONE)

    def _choose_events(self) -> None:
        """Have the keeper watch what no other thread sees to."""
        stream = self.stream
        reads = stream.is_left()
        writes = stream.has_unsent() and not stream.writing
        stream.watched = reads
        try:
            keeper().set_events(self, (READ if reads else 0) | (WRITE if writes else 0))
        except (ValueError, OSError):
            self.lost(None)  # The program has closed the socket.

    def ready(self, events: int) -> None:
        """See to what the socket has or takes, in the keeper's thread."""
        stream = self.stream
        with self.mutex:
            if stream.ended:
                return
            if events & WRITE and stream.has_unsent() and not stream.writing:
                stream.write_now()
            if events & READ and stream.is_left() and not stream.ended:
                if not stream.read_now() and not stream.has_unsent():
                    # Another thread has been faster, and will come again.
                    keeper().set_events(self, 0)
                    stream.watched = False
                    self._be_patient()
                    self.watch()
                    return
            if not stream.ended:
                self._choose_events()

    def left(self) -> None:
        """Take notice that this is a child of the process whose keeper knew it."""
        self.stream.watched = False
        self.events = 0

    # The end

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake, or settle the one that the peer started, and wait."""
        self.start_closing(code, reason)
        self._wait_for_the_end()

    def start_closing(self, code: int, reason: str) -> None:
        """Start the closing handshake, or settle the one that the peer started."""
        with self.mutex:
            super().start_closing(code, reason)

    def _wait_for_the_end(self) -> None:
        """Wait until TCP has ended, at most for the time that this may take."""
        if self.ending.is_over:
            return
        # While the interpreter ends there may be nobody left who reads or writes.
        timeout = 0 if sys.is_finalizing() else self.face.close_timeout
        if timeout == 0:
            with self.mutex:
                self.ending.expired = True
                self._transport.abort()
        elif self.stream.wait(self.is_over, timeout):
            return
        with self.mutex:
            # The keeper would do the same at this moment, if there is one.
            if not self.ending.is_over:
                self.ending.expired = True
                self._transport.abort()
        self.stream.wait(self.is_over, timeout)

    def abort(self) -> None:
        """End TCP at once."""
        with self.mutex:
            self._transport.abort()

    def wait_closed(self, timeout: Optional[float]) -> bool:
        """Wait until TCP has ended; return whether it has."""
        return self.is_over() or self.stream.wait(self.is_over, timeout) or self.is_over()

    def _advance(self) -> None:
        """Take the step towards the end that is due."""
        endpoint, ending = self.endpoint, self.ending
        if endpoint.phase == OWING:
            if self._answer_timer is None:
                self._answer_timer = self.call_later(ANSWER_TIME, self.settle)
            return
        if not ending.begun:
            self.flush()
            if self.stream.ended:
                return
            ending.timeout = self.face.close_timeout
            if self.keepalive is not None:
                self.keepalive.stop()
            self._log_fault(self.face._ws_logger)
        self.face._ws_changed()
        if endpoint.phase < OVER:
            ending.await_close()
        elif endpoint.is_client:
            # RFC 6455 7.1.1: the server ends TCP first, so that waiting is on its side.
            ending.await_eof()
        else:
            ending.half_close()

    def lost(self, exc: Optional[BaseException]) -> None:
        """Take notice that TCP has ended, and release everybody; with the mutex."""
        stream, endpoint = self.stream, self.endpoint
        if stream.ended:
            return
        if self.keepalive is not None:
            self.keepalive.stop()
        if self._answer_timer is not None:
            self._answer_timer.cancel()
        self._end_endpoint(exc, self.ending.expired)
        stream.ended = True
        stream.give_up()
        self.ending.over()
        keeper().forget(self)
        self._transport.shut_down()  # Who waits for it to take more looks up.
        self.release()
        self.terminate_pings()
        self.face._ws_lost(exc)
        # Nothing that is left refers to the connection, which is freed when the program lets go.
        stream.host = Remains(endpoint, self.sock, self._closed_exc)
        self._transport.detach()
        self.ending = Over(self.ending.expired)
        self.face = None
        stream.wake()
