"""
The asyncio shell: an open connection between a transport and a program (RFC 6455 sections 5 to 7).

Owns the transport, the futures that callers wait on, and all timers: keepalive and the end of the
connection. Must never know how a frame looks or which frame may follow which: that is the core's.
Subclasses in server.py and client.py add the opening handshake. Key decisions:

- No task and no queue of its own: bytes from the transport go through the core at once, and wake
  the one caller that waits in ``recv()``.
- The end of a connection is a flight of steps, each with a deadline on the loop's clock; none goes
  back, and each one that is reached is enough to get to the last, ``connection_lost()``.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from typing import Any, Optional, Union

from . import _core
from .datastructures import Headers
from .exceptions import (
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidState,
    WebSocketException,
)
from .framing import OP_CONT, OP_PING, OP_PONG, ExtensionChain, encode_data, prepare_data
from .typing import Data, Subprotocol

__all__ = ["State", "WebSocketCommonProtocol"]

logger = logging.getLogger(__name__)

# Seconds that a close frame waits for a program that is reading, so that what it answers at once
# to the messages before that frame still goes out.
ANSWER_TIME = 0.1

# Seconds between an expired keepalive and the verdict. After the loop was blocked, the timer may
# fire before the bytes that arrived meanwhile are read; this gives them a turn.
SECOND_LOOK = 0.01

# Bytes from a client that doesn't wait for the handshake, before reading pauses.
EARLY_LIMIT = 65536


class State(enum.IntEnum):
    """States of a connection, in their order (RFC 6455 4 and 7.1)."""

    CONNECTING, OPEN, CLOSING, CLOSED = range(4)


class _Gate:
    """
    Lets any number of callers wait for the same event.

    Each has a future of its own: cancelling one doesn't touch the others.
    """

    def __init__(self) -> None:
        self._waiters: list[asyncio.Future[None]] = []

    async def wait(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            self._waiters.remove(waiter)

    def open(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)


class _Step(enum.IntEnum):
    """Steps towards the end of a connection."""

    NONE = 0
    CLOSE_SENT = 1  # waiting for the peer's close frame
    EOF_AWAITED = 2  # nothing more to say; waiting for the peer to end TCP
    HUNG_UP = 3  # TCP is being closed


class WebSocketCommonProtocol(asyncio.Protocol):
    """
    A WebSocket connection: what servers and clients have in common.

    ``async for message in websocket`` receives messages until the connection ends; it raises
    :exc:`ConnectionClosedError` unless the close code is 1000 or 1001.

    Arguments:
        ping_interval: seconds between keepalive pings (RFC 6455 5.5.2); None for no keepalive.
        ping_timeout: seconds to wait for a sign of life after a keepalive ping before the
            connection fails with code 1011; None to wait for ever.
        close_timeout: seconds that each step of closing may take, 10 by default.
        max_size: largest incoming message in bytes; a larger one fails the connection with code
            1009; None for no limit.
        max_queue: most incoming messages that wait for ``recv()`` before reading pauses; None for
            no limit.
        read_limit: high-water mark of incoming bytes that wait to be parsed.
        write_limit: high-water mark of outgoing bytes; above it ``send()`` waits until a quarter
            of it is left.
        loop: accepted for old programs; the running loop is used.
        host, port, secure: kept in attributes of the same names.
        legacy_recv: make ``recv()`` return None instead of raising :exc:`ConnectionClosed`.
        timeout: older name of ``close_timeout``.
        max_fragments: most frames in an incoming message, more fail the connection with code
            1009; None for no limit.

    Attributes:
        path: path and query of the request.
        request_headers, response_headers: :class:`Headers` of the opening handshake.
        subprotocol: the subprotocol agreed upon, or None.
        extensions: the extensions agreed upon.
    """

    is_client: bool = False
    side: str = "undefined"

    loop: asyncio.AbstractEventLoop
    transport: Any = None
    host: Optional[str] = None
    port: Optional[int] = None
    secure: Optional[bool] = None
    path: str
    request_headers: Headers
    response_headers: Headers
    subprotocol: Optional[Subprotocol] = None

    def __init__(
        self,
        *,
        ping_interval: Optional[float] = 20,
        ping_timeout: Optional[float] = 20,
        close_timeout: Optional[float] = None,
        max_size: Optional[int] = 2**20,
        max_queue: Optional[int] = 2**5,
        read_limit: int = 2**16,
        write_limit: int = 2**16,
        loop: Optional[asyncio.AbstractEventLoop] = None,
        host: Optional[str] = None,
        port: Optional[int] = None,
        secure: Optional[bool] = None,
        legacy_recv: bool = False,
        timeout: Optional[float] = None,
        max_fragments: Optional[int] = None,
    ) -> None:
        if close_timeout is None:
            close_timeout = 10 if timeout is None else timeout
        self.ping_interval = ping_interval
        self.ping_timeout = ping_timeout
        self.close_timeout = close_timeout
        self.max_queue = max_queue
        self.max_fragments = max_fragments
        self.read_limit = read_limit
        self.write_limit = write_limit
        self.legacy_recv = legacy_recv
        if loop is not None:
            self.loop = loop
        if host is not None:
            self.host = host
        if port is not None:
            self.port = port
        if secure is not None:
            self.secure = secure
        self.extensions: list[Any] = []
        self._max_size = max_size

        # Opening: the head of the peer's request or response, and what came behind it.
        self._head: Any = None
        self._head_error: Optional[Exception] = None
        self._head_waiter: Optional[asyncio.Future[None]] = None
        self._early = bytearray()

        # Open: the core's connection, None while opening.
        self._connection: Any = None
        self._recv_waiter: Optional[asyncio.Future[None]] = None
        self._reading_paused = False
        self._writing_paused = False
        self._drained = _Gate()
        self._fragmenting = False  # a fragmented message is being sent
        self._fragmented = _Gate()
        self._pings: dict[bytes, asyncio.Future[None]] = {}
        self._heard = False  # bytes arrived since keepalive last looked
        self._keepalive_timer: Optional[asyncio.TimerHandle] = None

        # Closing
        self._step = _Step.NONE
        self._closing_timer: Optional[asyncio.TimerHandle] = None
        self._lost = False
        self._closed = _Gate()

    # Facts about the connection

    @property
    def state(self) -> State:
        """State of the connection."""
        if self._lost:
            return State.CLOSED
        if self._connection is None:
            return State.CONNECTING
        return State(self._connection.state)

    @property
    def open(self) -> bool:
        """Whether messages can be sent; it is better to try, and catch ConnectionClosed."""
        return self.state is State.OPEN

    @property
    def closed(self) -> bool:
        """Whether the connection has ended; false while it is closing."""
        return self._lost

    @property
    def close_code(self) -> Optional[int]:
        """Close code once the connection is closed (RFC 6455 7.1.5), None before."""
        if self._connection is not None:
            code: Optional[int] = self._connection.close_code
            return code
        return 1006 if self._lost else None

    @property
    def close_reason(self) -> Optional[str]:
        """Close reason once the connection is closed (RFC 6455 7.1.6), None before."""
        if self._connection is not None:
            reason: Optional[str] = self._connection.close_reason
            return reason
        return "" if self._lost else None

    @property
    def max_size(self) -> Optional[int]:
        """Largest incoming message in bytes, None for no limit; it may be set at any time."""
        return self._max_size

    @max_size.setter
    def max_size(self, max_size: Optional[int]) -> None:
        self._max_size = max_size
        if self._connection is not None:
            self._connection.max_size = max_size

    @property
    def local_address(self) -> Any:
        """Address of this end, ``(host, port)`` for IPv4, or None without a transport."""
        return None if self.transport is None else self.transport.get_extra_info("sockname")

    @property
    def remote_address(self) -> Any:
        """Address of the peer, ``(host, port)`` for IPv4, or None without a transport."""
        return None if self.transport is None else self.transport.get_extra_info("peername")

    # Messages

    async def recv(self) -> Data:
        """
        Receive the next message: ``str`` if it is text, ``bytes`` if it is binary.

        Cancelling it loses nothing: the next call returns the message.

        Raises:
            ConnectionClosed: when the connection is closed and all messages are read.
            RuntimeError: if another coroutine is waiting in ``recv()``.
        """
        connection = self._connection
        if connection is None:
            await self.ensure_open()
        if self._recv_waiter is not None:
            raise RuntimeError("recv() can't be called while another coroutine is waiting in it")
        while not connection.inbox:
            if self._lost:
                if self.legacy_recv:
                    return None  # type: ignore[return-value]
                raise self.connection_closed_exc()
            if connection.owes_close:
                # The program has answered all that came before the close frame.
                self._settle()
            self._recv_waiter = self.loop.create_future()
            try:
                await self._recv_waiter
            finally:
                self._recv_waiter = None
        message: Data = connection.take()
        if self._reading_paused:
            self._react()
        return message

    def __aiter__(self) -> AsyncIterator[Data]:
        return self

    async def __anext__(self) -> Data:
        try:
            message = await self.recv()
        except ConnectionClosedOK:
            raise StopAsyncIteration from None
        if message is None:
            raise StopAsyncIteration
        return message

    async def send(
        self,
        message: Union[
            Data, bytearray, memoryview, Iterable[Any], AsyncIterable[Any]
        ],
    ) -> None:
        """
        Send a message.

        Arguments:
            message: ``str`` for a text message; ``bytes``, ``bytearray`` or ``memoryview`` for a
                binary one; an iterable or asynchronous iterable of either kind for a message in
                fragments, one for each item (RFC 6455 5.4).

        It waits while the write buffer is full, and while a fragmented message is being sent.
        Cancelling it in the middle of a fragmented message fails the connection with code 1011.

        Raises:
            ConnectionClosed: when the connection is closed.
            TypeError: for other types, a mapping included, and for fragments of different types;
                the latter fail the connection with code 1011.
        """
        await self.ensure_open()
        if isinstance(message, (str, bytes, bytearray, memoryview)):
            await self._turn_to_send()
            opcode, payload = prepare_data(message)
            await self._send_frame(opcode, payload)
        elif isinstance(message, Mapping):
            raise TypeError("message can't be a mapping: its keys would be sent as fragments")
        elif isinstance(message, AsyncIterable):
            await self._send_fragments(message)
        elif isinstance(message, Iterable):
            await self._send_fragments(_one_by_one(message))
        else:
            raise TypeError(
                "message must be str, bytes-like, or an iterable of these, "
                f"not {type(message).__name__}"
            )

    async def ping(self, data: Union[str, bytes, bytearray, memoryview, None] = None) -> Any:
        """
        Send a ping (RFC 6455 5.5.2).

        Arguments:
            data: payload of at most 125 bytes, a ``str`` is encoded in UTF-8; 4 random bytes by
                default.

        Returns:
            a future that is done when the pong arrives. It may be ignored or cancelled.

        Raises:
            ConnectionClosed: when the connection is closed; the future raises it, too.
            ValueError: if a ping with the same payload is waiting for its pong.
        """
        await self.ensure_open()
        if data is None:
            payload = os.urandom(4)
            while payload in self._pings:
                payload = os.urandom(4)
        else:
            payload = encode_data(data)
            if payload in self._pings:
                raise ValueError("a ping with the same data is waiting for its pong")
        waiter = self.loop.create_future()
        # It must be known before the frame is sent: the pong may come while this waits to write.
        self._pings[payload] = waiter
        try:
            await self._send_frame(OP_PING, payload)
        except WebSocketException:
            self._pings.pop(payload, None)
            raise
        return waiter

    async def pong(self, data: Union[str, bytes, bytearray, memoryview] = b"") -> None:
        """
        Send a pong that no ping asked for (RFC 6455 5.5.3).

        Arguments:
            data: payload of at most 125 bytes; a ``str`` is encoded in UTF-8.

        Raises:
            ConnectionClosed: when the connection is closed.
        """
        await self.ensure_open()
        await self._send_frame(OP_PONG, encode_data(data))

    async def ensure_open(self) -> None:
        """
        Check that messages can be sent.

        Raises:
            ConnectionClosed: when the connection is closed; while it is closing, this waits for
                the end, to know the code.
            InvalidState: before the opening handshake.
        """
        if self._lost:
            raise self.connection_closed_exc()
        if self._connection is None:
            raise InvalidState("the opening handshake isn't complete")
        if self._connection.state != _core.OPEN:
            await self.wait_closed()
            raise self.connection_closed_exc()

    def connection_closed_exc(self) -> ConnectionClosed:
        """Return the exception that tells how the connection ended."""
        code = 1006 if self.close_code is None else self.close_code
        cls = ConnectionClosedOK if code in (1000, 1001) else ConnectionClosedError
        exc = cls(code, self.close_reason or "")
        if self._connection is not None:
            exc.__cause__ = self._connection.failure
        return exc

    # Sending

    async def _turn_to_send(self) -> None:
        """Wait until a message may begin: none is unfinished and the transport takes bytes."""
        while self._fragmenting or self._writing_paused:
            await (self._fragmented if self._fragmenting else self._drained).wait()
            await self.ensure_open()

    async def _send_frame(self, opcode: int, payload: Any, fin: bool = True) -> None:
        """Send a frame; a disconnection or cancellation while this waits comes after the frame."""
        self._connection.send(opcode, payload, fin)
        self._flush()
        if self._writing_paused:
            await self._drained.wait()
            if self._lost:
                raise self.connection_closed_exc()

    async def _send_fragments(self, fragments: AsyncIterable[Any]) -> None:
        kind = None
        try:
            async for fragment in fragments:
                opcode, payload = prepare_data(fragment)
                if kind is None:
                    await self._turn_to_send()
                    kind = opcode
                    self._fragmenting = True
                elif opcode == kind:
                    opcode = OP_CONT
                else:
                    raise TypeError("fragments of a message must be all str or all bytes-like")
                await self.ensure_open()
                await self._send_frame(opcode, payload, False)
            if kind is not None:
                await self.ensure_open()
                await self._send_frame(OP_CONT, b"")
        except BaseException:
            if kind is not None:
                # The message can't be completed, and no other can begin before it is.
                self.fail_connection(1011)
            raise
        finally:
            if kind is not None:
                self._fragmenting = False
                self._fragmented.open()

    def _flush(self) -> None:
        """Give the transport what the core wants to send."""
        outbox = self._connection.outbox
        if not self.transport.is_closing():
            if len(outbox) == 1:
                self.transport.write(outbox[0])
            else:
                self.transport.writelines(outbox)
        outbox.clear()

    # Called by the transport

    def connection_made(self, transport: Any) -> None:
        """Take a transport."""
        self.transport = transport
        self.loop = asyncio.get_running_loop()
        transport.set_write_buffer_limits(self.write_limit, self.write_limit // 4)

    def data_received(self, data: bytes) -> None:
        """Take bytes from the peer."""
        self._heard = True
        if self._connection is None:
            self._receive_early(data)
        else:
            self._connection.receive(data)
            self._react()

    def eof_received(self) -> Optional[bool]:
        """Take notice that the peer ends TCP; without a close frame that is abnormal."""
        if self._connection is None:
            self._fail_head(EOFError("the connection ended before the opening handshake"))
        elif self._connection.owes_close and self.transport.can_write_eof():
            return True  # The peer can still read our close frame.
        self._hang_up()
        return None

    def connection_lost(self, exc: Optional[Exception]) -> None:
        """Take notice that the transport is gone; release everybody who waits."""
        self._lost = True
        if self._connection is None:
            self._fail_head(exc or EOFError("the connection ended before the opening handshake"))
        else:
            self._connection.lost()
            if exc is not None and self._connection.failure is None:
                _core.forget_frames(exc)
                self._connection.failure = exc
        self._cancel_timers()
        self._wake_reader()
        self._writing_paused = False
        self._drained.open()
        for waiter in self._pings.values():
            if not waiter.done():
                waiter.set_exception(self.connection_closed_exc())
                waiter.exception()  # It isn't an error not to look at it.
        self._pings.clear()
        self._closed.open()

    def pause_writing(self) -> None:
        """Make senders wait: the transport's buffer is full."""
        self._writing_paused = True
        if self._connection is not None:
            self._connection.hold_pongs = True

    def resume_writing(self) -> None:
        """Let senders go on."""
        self._writing_paused = False
        if self._connection is not None:
            self._connection.release_pongs()
            self._react()
        self._drained.open()

    # Opening

    def _receive_early(self, data: bytes) -> None:
        """Take bytes of the opening handshake, or some that came before it was over."""
        if self._head is None:
            self._head = _core.HeadReader(self.is_client)
            self._head_error = None
        elif self._head_error is not None or self._head_complete:
            self._early += data
            if len(self._early) > EARLY_LIMIT and not self._reading_paused:
                self._reading_paused = True
                self.transport.pause_reading()
            return
        try:
            complete = self._head.feed(data)
        except (ValueError, WebSocketException) as exc:
            self._fail_head(exc)
            return
        if complete:
            self._head_complete = True
            self._early += self._head.rest
            self._wake_handshake()

    _head_complete = False

    def _fail_head(self, exc: Exception) -> None:
        if self._head_error is None and not self._head_complete:
            _core.forget_frames(exc)
            self._head_error = exc
            self._wake_handshake()

    def _wake_handshake(self) -> None:
        if self._head_waiter is not None and not self._head_waiter.done():
            self._head_waiter.set_result(None)

    async def _receive_head(self) -> Any:
        """Wait for the head of the peer's request or response."""
        while not self._head_complete:
            if self._head_error is not None:
                raise self._head_error
            self._head_waiter = self.loop.create_future()
            try:
                await self._head_waiter
            finally:
                self._head_waiter = None
        return self._head

    def connection_open(self) -> None:
        """
        Begin with messages: the opening handshake is complete.

        Programs that do the handshake themselves call this after ``connection_made()``.
        """
        self._connection = _core.Connection(
            self.is_client,
            self._max_size,
            self.max_queue or None,
            self.max_fragments,
            ExtensionChain(self.extensions) if self.extensions else None,
        )
        self._connection.hold_pongs = self._writing_paused
        self._head = None
        if type(self).close_connection is not WebSocketCommonProtocol.close_connection:
            self.close_connection_task = self.loop.create_task(self.close_connection())
        if self._lost:
            self._connection.lost()
            return
        if self.ping_interval is not None:
            self._keepalive_timer = self.loop.call_later(self.ping_interval, self._send_keepalive)
        early, self._early = self._early, bytearray()
        if early:
            self._connection.receive(early)
        self._react()

    # After the core has worked

    def _react(self) -> None:
        """Act on what the core has found in the bytes it was given."""
        connection = self._connection
        if connection.outbox:
            self._flush()
        if connection.pongs:
            self._acknowledge_pings()
        if connection.inbox:
            self._wake_reader()
        if connection.stalled != self._reading_paused:
            self._pause_or_resume_reading()
        if connection.owes_close:
            if self._closing_timer is None:
                self._closing_timer = self.loop.call_later(ANSWER_TIME, self._settle)
        elif connection.state != _core.OPEN:
            self._advance()

    def _wake_reader(self) -> None:
        if self._recv_waiter is not None and not self._recv_waiter.done():
            self._recv_waiter.set_result(None)

    def _pause_or_resume_reading(self) -> None:
        self._reading_paused = not self._reading_paused
        if self.transport.is_closing():
            return
        if self._reading_paused:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _acknowledge_pings(self) -> None:
        for payload in self._connection.pongs:
            if payload not in self._pings:
                continue
            # RFC 6455 5.5.3: a peer may answer only the latest of several pings.
            for earlier in list(self._pings):
                waiter = self._pings.pop(earlier)
                if not waiter.done():
                    waiter.set_result(None)
                if earlier == payload:
                    break
        self._connection.pongs.clear()

    # Keepalive

    def _send_keepalive(self) -> None:
        """Send a ping, unless one that was sent before is still unanswered."""
        if self._connection.state != _core.OPEN:
            return
        payload = os.urandom(4)
        self._heard = False
        self._connection.send(OP_PING, payload)
        self._flush()
        if self.ping_timeout is None:
            self._schedule_keepalive()
        else:
            pong = self._pings[payload] = self.loop.create_future()
            self._keepalive_timer = self.loop.call_later(
                self.ping_timeout, self._check_keepalive, pong
            )

    def _schedule_keepalive(self) -> None:
        assert self.ping_interval is not None
        self._keepalive_timer = self.loop.call_later(self.ping_interval, self._send_keepalive)

    def _check_keepalive(self, pong: asyncio.Future[None], again: bool = False) -> None:
        """Decide, when the pong is due, whether the peer is alive."""
        if self._connection.state != _core.OPEN:
            return
        if pong.done():
            self._schedule_keepalive()
        elif self._heard or self._reading_paused:
            # Any bytes are a sign of life, and bytes that we refuse to read can't be one.
            self._heard = False
            self._keepalive_timer = self.loop.call_later(
                self.ping_timeout, self._check_keepalive, pong
            )
        elif again:
            self.fail_connection(1011, "keepalive ping timeout")
        else:
            self._keepalive_timer = self.loop.call_later(
                SECOND_LOOK, self._check_keepalive, pong, True
            )

    # Closing

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """
        Close the connection: perform the closing handshake (RFC 6455 7.1.2), then end TCP.

        It does nothing but wait if the connection is closing already, and takes at most
        4 times ``close_timeout`` on the server and 5 times on the client.

        Arguments:
            code: close code, 1000-1003, 1007-1014 or 3000-4999.
            reason: at most 123 bytes in UTF-8.

        Raises:
            ProtocolError: if the code or the reason can't be sent.
        """
        if self._connection is None:
            if self.transport is not None:
                self._hang_up()
        elif not self._lost:
            self._connection.close(code, reason)
            self._react()
        await self.wait_closed()

    async def wait_closed(self) -> None:
        """Wait until the connection is closed, whoever closes it."""
        if not self._lost:
            await self._closed.wait()

    async def close_connection(self) -> None:
        """
        Wait until TCP has ended.

        A subclass that overrides this has it run in a task from the opening of the connection on.
        """
        await self.wait_closed()

    def fail_connection(self, code: int = 1006, reason: str = "") -> None:
        """
        Fail the connection (RFC 6455 7.1.7), without waiting.

        Arguments:
            code: close code to send; 1006 sends none.
            reason: close reason; it is cut to 123 bytes.
        """
        if self._connection is None:
            if self.transport is not None:
                self._hang_up()
        elif not self._lost:
            self._connection.fail(code, reason)
            self._settle()

    def _settle(self) -> None:
        self._connection.settle()
        self._react()

    def _advance(self) -> None:
        """Take the next step towards the end, if it is due."""
        connection = self._connection
        if connection.failure is not None and not isinstance(
            connection.failure, WebSocketException
        ):
            self._log_failure(connection.failure)
        if self._keepalive_timer is not None:
            self._keepalive_timer.cancel()
        if not connection.finished:
            if self._step < _Step.CLOSE_SENT:
                self._start_step(_Step.CLOSE_SENT, self._half_close)
        elif not connection.close_received:
            self._half_close()
        elif not self.is_client:
            # RFC 6455 7.1.1: the server ends TCP first, so that TIME_WAIT is its business.
            self._hang_up()
        elif self._step < _Step.EOF_AWAITED:
            self._start_step(_Step.EOF_AWAITED, self._hang_up)

    def _half_close(self) -> None:
        """End our side of TCP; closing it whole could destroy our close frame on its way."""
        if self._step < _Step.EOF_AWAITED:
            if self.transport.is_closing() or not self.transport.can_write_eof():
                self._hang_up()
            else:
                self._start_step(_Step.EOF_AWAITED, self._hang_up)
                try:
                    self.transport.write_eof()
                except OSError:
                    self._hang_up()

    def _hang_up(self) -> None:
        """Close the transport, and abort it if it can't get rid of what it holds."""
        if self._step < _Step.HUNG_UP:
            self._start_step(_Step.HUNG_UP, self.transport.abort)
            self.transport.close()

    def _start_step(self, step: _Step, next_step: Any) -> None:
        self._step = step
        if self._closing_timer is not None:
            self._closing_timer.cancel()
        self._closing_timer = self.loop.call_later(self.close_timeout, next_step)

    def _cancel_timers(self) -> None:
        for timer in (self._closing_timer, self._keepalive_timer):
            if timer is not None:
                timer.cancel()
        self._closing_timer = self._keepalive_timer = None

    def _log_failure(self, exc: BaseException) -> None:
        logger.error("error while receiving", exc_info=exc)
        _core.forget_frames(exc)


async def _one_by_one(items: Iterable[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item
