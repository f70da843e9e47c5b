"""
What drivers of the core do with their endpoint, whoever waits: on asyncio, on trio, in threads.

Owns the rules that need nobody to wait: how a connection is failed, what is told of its end, who
gets which pong. Must never know how a task or a thread waits, nor a socket. Key decision: whatever
changes the endpoint ends with ``attend()``, where a driver acts on what has come of that.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Optional

from .._core import FULL, OP_PING, OPEN, OWING, forget_frames, serialize_close
from ..exceptions import WebSocketException

__all__ = ["ANSWER_TIME", "Awaited", "Driver"]

# Seconds that a close frame waits for a program that is reading, so that what it answers at once
# to the messages before that frame still goes out.
ANSWER_TIME = 0.1


class Awaited:
    """
    What is kept for a ping, with the methods of a future.

    Arguments:
        answered: called when the pong has come.
        lost: called when none will come, or None.
    """

    __slots__ = ("_answered", "_callback", "_lost")

    def __init__(
        self, answered: Callable[[], Any], lost: Optional[Callable[[], Any]] = None
    ) -> None:
        self._answered = answered
        self._lost = lost
        self._callback: Any = None

    def done(self) -> bool:
        """Return False: whoever is answered is forgotten."""
        return False

    def set_result(self, latency: float) -> None:
        """The pong has come."""
        self._answered()
        if self._callback is not None:
            self._callback(self)

    def set_exception(self, exc: BaseException) -> None:
        """No pong will come."""
        if self._lost is not None:
            self._lost()

    def exception(self) -> None:
        """Do nothing: there is nobody who looks."""

    def add_done_callback(self, callback: Callable[[Any], Any]) -> None:
        """Call a function when the pong has come."""
        self._callback = callback


class Driver:
    """
    The base of an open connection.

    A subclass has the attributes ``endpoint``; ``pings``, those that wait for their pongs;
    ``in_fragments``, whether a message is being sent so; ``_closed_exc``, which returns what tells
    how an endpoint's connection ended; ``_log``, what is told of steps for logs, or None.
    """

    __slots__ = ()

    endpoint: Any
    pings: Any
    in_fragments: bool
    _closed_exc: Callable[[Any], Exception]
    _log: Optional[Callable[[str], None]]

    def attend(self) -> None:
        """Act on what the endpoint has found."""
        raise NotImplementedError

    def flush(self) -> Any:
        """Write the frames that wait, or have them written."""
        raise NotImplementedError

    @property
    def latency(self) -> float:
        """Seconds from the last ping that was answered to its pong, 0 before."""
        latency: float = self.pings.latency
        return latency

    @property
    def pending_pings(self) -> Any:
        """The pings that wait for their pongs, by payload."""
        return self.pings.waiters

    def push(self) -> None:
        """Write what was put in the endpoint's outbox by hand, and act on it."""
        self.flush()
        self.attend()

    def closed_exc(self) -> Exception:
        """Return what tells how the connection ended."""
        return self._closed_exc(self.endpoint)

    def _tell(self, *events: str) -> None:
        if self._log is not None:
            for event in events:
                self._log(event)

    # Pings

    def put_ping(self, payload: Optional[bytes], waiter: Any) -> None:
        """
        Put a ping in the outbox, of data of our own if None is given.

        Raises:
            PongAwaited: if another with the same data is waiting for its pong.
        """
        payload = self.pings.add(payload, waiter)
        try:
            self.endpoint.send_frame(OP_PING, payload)
        except WebSocketException:
            self.pings.discard(payload)
            raise

    def acknowledge_pings(self, payload: bytes) -> None:
        """Take a pong: the ping with this payload, and those before it, are answered."""
        self.pings.acknowledge(payload)

    def terminate_pings(self) -> None:
        """Release all who wait for pongs, with what tells how the connection ended."""
        self.pings.abort(self.closed_exc)

    def _take_pongs(self) -> None:
        """Release those whose pongs have come."""
        endpoint = self.endpoint
        if endpoint.pongs is not None:
            for payload in endpoint.pongs:
                self.pings.acknowledge(payload)
            endpoint.pongs = None

    def send_ping(self, answered: Callable[[], Any] = bool) -> Awaited:
        """Send a ping of keepalive, without waiting; return what is kept for it."""
        waiter = Awaited(partial(take_pong, answered, self._log))
        if self.endpoint.state == OPEN:
            self.put_ping(None, waiter)
            self.flush()
            self._tell("% sent keepalive ping")
        return waiter

    def repeat_ping(self) -> None:
        """Send the latest ping again, unless its pong is here or bytes wait to be sent anyway."""
        payload, endpoint = self.pings.latest(), self.endpoint
        if payload is not None and endpoint.state == OPEN and not endpoint.holds & FULL:
            endpoint.send_frame(OP_PING, payload)
            self.flush()

    def expire(self) -> None:
        """Give up a peer that gives no sign of life."""
        self._tell("- timed out waiting for keepalive pong")
        self.endpoint.tally.keepalive_timeouts += 1
        self.fail(1011, "keepalive ping timeout")

    # The end

    def start_closing(self, code: int, reason: str) -> None:
        """
        Start the closing handshake, or settle the one that the peer started.

        Raises:
            ProtocolError: if the code or the reason can't be sent.
        """
        if self.in_fragments:
            serialize_close(code, reason)
            self.fail_open("close during fragmented message")
        else:
            self.endpoint.close(code, reason)
            self.attend()

    def fail(self, code: int, reason: str = "") -> None:
        """Fail the connection (RFC 6455 7.1.7)."""
        self.endpoint.fail(code, reason)
        self.endpoint.settle()
        self.attend()

    def fail_open(self, reason: str) -> None:
        """Fail the connection with code 1011, unless it is closing."""
        if self.endpoint.state == OPEN:
            self.fail(1011, reason)

    def reject(self, exc: Exception) -> None:
        """Fail the connection for a message that can't be taken."""
        self.endpoint.reject(exc)
        self.endpoint.settle()
        self.attend()

    def settle(self) -> None:
        """Send the close frame that waits for answers of the program, if there is one."""
        if self.endpoint.phase == OWING:
            self.endpoint.settle()
            self.attend()

    def hear_eof(self) -> bool:
        """
        Take notice that the peer sends no more; return whether our close frame is still held back.

        Then TCP isn't ended before that frame was sent: the peer can still read.
        """
        waits: bool = self.endpoint.eof_received()
        if waits:
            self.attend()
        return waits

    def _log_fault(self, logger: Any) -> None:
        """Log what made the connection fail, if that is a fault of ours, or of an extension."""
        failure = self.endpoint.failure
        violation = isinstance(failure, (WebSocketException, UnicodeDecodeError))
        if failure is not None and not violation:
            logger.error("parser failed", exc_info=failure)
            forget_frames(failure)

    def _unexpected_end(self) -> Optional[Exception]:
        """Return what it means that the peer sends no more, None for nothing."""
        unexpected: Optional[Exception] = self.endpoint.unexpected_end()
        return unexpected

    def _end_endpoint(self, exc: Optional[BaseException], expired: bool) -> None:
        """
        Take notice that TCP has ended.

        Arguments:
            exc: what ended it, None if nothing went wrong.
            expired: whether its end took too long.
        """
        endpoint = self.endpoint
        unexpected = self._unexpected_end()
        endpoint.lost()
        if exc is not None:
            forget_frames(exc)
        if endpoint.failure is None:
            if expired:
                endpoint.failure = TimeoutError("timed out while closing connection")
            elif exc is not None:
                endpoint.failure = exc
            elif endpoint.close_rcvd is None:
                endpoint.failure = unexpected


def take_pong(answered: Callable[[], Any], log: Optional[Callable[[str], None]]) -> None:
    """Call who waits for a pong of keepalive, and log that it has come."""
    answered()
    if log is not None:
        log("% received keepalive pong")
