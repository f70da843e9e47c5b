"""
The asyncio shell: an open connection between a transport and a program (RFC 6455 sections 5 to 7).

Owns the transport, and the futures that callers of its methods wait on. Must never know how a frame
looks or which frame may follow which: that is the core's. Subclasses in server.py and client.py add
the opening handshake. Key decision: there is no task and no queue here; bytes from the transport go
through the core at once, and wake the one caller that waits in ``recv()``.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import threading
import warnings
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from time import monotonic
from types import SimpleNamespace
from typing import Any, Optional, Union

from . import _core
from ._engine.arguments import CONNECTION, Rules, check_arguments
from ._engine.broadcasting import broadcast
from ._engine.ending import Ending
from ._engine.fragments import fragments_of
from ._engine.gate import Gate
from ._engine.keepalive import Keepalive
from ._engine.limits import (
    limit_of_fragments,
    limits_of_queue,
    limits_of_size,
    limits_of_writing,
)
from ._engine.offloading import Job, do_elsewhere
from ._engine.opening import Opening
from ._engine.overridable import overridable
from ._engine.pings import Pings
from ._engine.sending import Sending
from ._transports.descriptors import plain_descriptor
from ._transports.reading import InPlace, read_buffer
from .datastructures import Headers
from .exceptions import (
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidState,
    WebSocketException,
)
from .framing import OP_PING, OP_PONG, ExtensionChain, encode_data
from .typing import Data, DataLike, Subprotocol

__all__ = ["State", "WebSocketCommonProtocol", "broadcast"]

# Seconds that a close frame waits for a program that is reading, so that what it answers at once
# to the messages before that frame still goes out.
ANSWER_TIME = 0.1


# Arguments that are kept under other names.
ARGUMENTS = {
    "_max_size": "max_size",
    "_process_request": "process_request",
    "_select_subprotocol": "select_subprotocol",
    "available_extensions": "extensions",
    "available_subprotocols": "subprotocols",
}

# What a task is given when it goes on: for futures, of whatever event loop, tasks have a short way.
_no_loop: Any = SimpleNamespace(get_debug=bool)
DONE: Any = asyncio.Future(loop=_no_loop)
DONE.set_result(None)


class State(enum.IntEnum):
    """States of a connection, in their order (RFC 6455 4 and 7.1)."""

    CONNECTING, OPEN, CLOSING, CLOSED = range(4)


# asyncio's loop prefers the interface of buffered protocols and uvloop the other, each to its good.
class WebSocketCommonProtocol(Sending, asyncio.Protocol, asyncio.BufferedProtocol):
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
        max_queue: most incoming messages that wait for ``recv()``; then no more are parsed; None
            for no limit.
        read_limit: high-water mark of incoming bytes that wait to be parsed while the queue is
            full; above it reading pauses until half of it is left.
        write_limit: high-water mark of outgoing bytes; above it ``send()`` waits until a quarter
            of it is left.
        loop: accepted for old programs; the running loop is used.
        host, port, secure: kept in attributes of the same names.
        legacy_recv: make ``recv()`` return None instead of raising :exc:`ConnectionClosed`.
        timeout: older name of ``close_timeout``.
        max_fragments: most frames in an incoming message, more fail the connection with code
            1009; None for no limit.
        gather_writes: whether messages that are sent quickly, one after the other, may leave in
            one write, when the event loop turns or half a millisecond later at most.
        logger: where errors are logged; ``websockets.protocol``, ``websockets.server`` or
            ``websockets.client`` by default.

    Attributes:
        path: path and query of the request.
        request_headers, response_headers: :class:`Headers` of the opening handshake.
        subprotocol: the subprotocol agreed upon, or None.
        extensions: the extensions agreed upon.
    """

    is_client: bool = False
    side: str = "undefined"
    _logger: Any = logging.getLogger(__name__)

    # What has its usual value takes no memory of a connection: then it is the class's.
    ping_interval: Optional[float] = 20
    ping_timeout: Optional[float] = 20
    close_timeout: float = 10
    max_queue: Optional[int] = 2**5
    max_fragments: Optional[int] = None
    gather_writes: bool = True
    read_limit: int = 2**16
    write_limit: int = 2**16
    legacy_recv: bool = False
    host: Optional[str] = None
    port: Optional[int] = None
    secure: Optional[bool] = None

    loop: asyncio.AbstractEventLoop
    transport: Any = None
    path: str
    request_headers: Headers
    response_headers: Headers
    subprotocol: Optional[Subprotocol] = None

    _max_size: Optional[int] = 2**20
    _opening: Any = None  # until the connection is open
    _endpoint: Any = None  # from then on
    _stream: Any = None
    _ending: Any = None
    _keepalive_pings: Optional[Keepalive] = None
    _answer_timer: Optional[asyncio.TimerHandle] = None
    _read_buffer: Any = None
    _filling = False  # what is read next goes into its place
    _reading_paused = False
    _lost = False
    _debug_thread = 0  # in asyncio's debug mode, the thread that may use this

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
        gather_writes: bool = True,
        logger: Any = None,
    ) -> None:
        if close_timeout is None:
            check_arguments(CONNECTION, {"timeout": timeout})
            close_timeout = 10 if timeout is None else timeout
        self._set_unless_usual(
            CONNECTION,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            close_timeout=close_timeout,
            max_queue=max_queue,
            max_fragments=limit_of_fragments(max_fragments),
            gather_writes=gather_writes,
            read_limit=2**16 if read_limit is None else read_limit,
            write_limit=write_limit,
            legacy_recv=legacy_recv,
            _max_size=limits_of_size(max_size)[0],
        )
        if logger is not None:
            check_arguments(CONNECTION, {"logger": logger})
            self._logger = logger
        if loop is not None:
            self.loop = loop
        if host is not None:
            self.host = host
        if port is not None:
            self.port = port
        if secure is not None:
            self.secure = secure
        self.extensions: list[Any] = []
        self._heard = False  # bytes arrived since keepalive last asked
        self._pings = Pings()
        self._drained = Gate()
        self._fragmented = Gate()
        self._closed_gate = Gate()

    def _set_unless_usual(self, rules: Rules, **settings: Any) -> None:
        for name, value in settings.items():
            if value != getattr(self, name):
                # What has its usual value needs no check, and neither has None.
                if value is not None:
                    argument = ARGUMENTS.get(name, name)
                    rules[argument](argument, value)
                setattr(self, name, value)

    # Facts about the connection

    @property
    def state(self) -> State:
        """State of the connection."""
        if self._lost:
            return State.CLOSED
        if self._endpoint is None:
            return State.CONNECTING
        return State(self._endpoint.state)

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
        if self._endpoint is not None:
            code: Optional[int] = self._endpoint.close_code
            return code
        return 1006 if self._lost else None

    @property
    def close_reason(self) -> Optional[str]:
        """Close reason once the connection is closed (RFC 6455 7.1.6), None before."""
        if self._endpoint is not None:
            reason: Optional[str] = self._endpoint.close_reason
            return reason
        return "" if self._lost else None

    @property
    def max_size(self) -> Optional[int]:
        """Largest incoming message in bytes, None for no limit; it may be set at any time."""
        return self._max_size

    @max_size.setter
    def max_size(self, max_size: Optional[int]) -> None:
        self._max_size = max_size
        if self._endpoint is not None:
            self._endpoint.max_size = max_size

    @property
    def local_address(self) -> Any:
        """Address of this end, ``(host, port)`` for IPv4, or None without a transport."""
        return None if self.transport is None else self.transport.get_extra_info("sockname")

    @property
    def remote_address(self) -> Any:
        """Address of the peer, ``(host, port)`` for IPv4, or None without a transport."""
        return None if self.transport is None else self.transport.get_extra_info("peername")

    @overridable
    def latency(self) -> float:
        """Seconds from the last ping that was answered to its pong, 0 before."""
        return self._pings.latency

    @overridable
    def logger(self) -> Any:
        """Where errors are logged."""
        return self._logger

    # Messages

    async def recv(self) -> Data:
        """
        Receive the next message: ``str`` if it is text, ``bytes`` if it is binary.

        Cancelling it loses nothing: the next call returns the message.

        Raises:
            ConnectionClosed: when the connection is closed and all messages are read.
            RuntimeError: if another coroutine is waiting in ``recv()``.
        """
        if self._stream is None:
            await self.ensure_open()
        try:
            message: Data = await _core.Receiver(self._stream, self)
        except ConnectionClosed:
            if self.legacy_recv:
                return None  # type: ignore[return-value]
            raise
        return message

    def message_missed(self) -> None:
        """Take notice that all messages are received, before more are awaited."""
        if self._debug_thread:
            self._check_thread()
        if self._lost:
            raise self.connection_closed_exc()
        if self._endpoint.owes_close:
            # The program has answered all that came before the close frame.
            self._settle()

    def message_taken(self) -> None:
        """Take notice that there is room for another message."""
        self._react()

    def __aiter__(self) -> AsyncIterator[Data]:
        if getattr(self.recv, "__func__", None) is WebSocketCommonProtocol.recv and self._stream:
            iterator: AsyncIterator[Data] = _core.Receiver(self._stream, self).__aiter__()
            return iterator
        return self._iterate()

    async def _iterate(self) -> AsyncIterator[Data]:
        """Iterate by calling recv(), which a subclass has overridden."""
        try:
            while True:
                message = await self.recv()
                if message is None:
                    break
                yield message
        except ConnectionClosedOK:
            pass

    async def send(
        self,
        message: Union[DataLike, Iterable[DataLike], AsyncIterable[DataLike]],
        compress: Optional[bool] = None,  # behind a * it would cost a tenth of a short message
    ) -> None:
        """
        Send a message.

        Arguments:
            message: ``str`` for a text message; ``bytes``, ``bytearray`` or ``memoryview`` for a
                binary one; an iterable or asynchronous iterable of either kind for a message in
                fragments, one for each item (RFC 6455 5.4).
            compress: whether to compress it, if permessage-deflate was agreed upon; None leaves
                that to the extension's ``min_size``.

        It waits while the write buffer is full, and while a fragmented message is being sent.
        Cancelling it in the middle of a fragmented message fails the connection with code 1011.

        Raises:
            ConnectionClosed: when the connection is closed.
            TypeError: for other types, a mapping included, and for fragments of different types;
                the latter fail the connection with code 1011.
        """
        if compress is None and self._stream is not None:
            outcome = self._stream.send(message)
            if not outcome:
                return
            if outcome == _core.SENT_WAIT:
                await self._written()
                return
        await self.ensure_open()
        if isinstance(message, (str, bytes, bytearray, memoryview)):
            await self._send_in_turn(message, compress)
        else:
            await self._send_fragments(fragments_of(message), compress)

    def send_shared(self, opcode: int, payload: Any, frames: dict[Any, bytes]) -> None:
        """Send a message of ``broadcast()``, at once or not at all; ``frames`` are shared."""
        if self._fragmenting:
            self._logger.warning(
                "a broadcast was skipped: a fragmented or large message is being sent"
            )
        elif self._stream is not None and self._endpoint.state == _core.OPEN:
            self._endpoint.share(opcode, payload, frames)
            self._write()

    async def ping(self, data: Optional[DataLike] = None) -> Any:
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
        payload = self._pings.new_payload() if data is None else encode_data(data)
        if payload in self._pings:
            raise ValueError("a ping with the same data is waiting for its pong")
        waiter = self.loop.create_future()
        self._pings.add(payload, waiter)
        try:
            await self._send_frame(OP_PING, payload)
        except WebSocketException:
            self._pings.discard(payload)
            raise
        return waiter

    async def pong(self, data: DataLike = b"") -> None:
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
        if self._endpoint is None:
            raise InvalidState("the opening handshake isn't complete")
        if self._endpoint.state != _core.OPEN:
            await self.wait_closed()
            raise self.connection_closed_exc()

    def connection_closed_exc(self) -> ConnectionClosed:
        """Return the exception that tells how the connection ended."""
        code = 1006 if self.close_code is None else self.close_code
        cls = ConnectionClosedOK if code in (1000, 1001) else ConnectionClosedError
        exc = cls(code, self.close_reason or "")
        if self._endpoint is not None:
            exc.__cause__ = self._endpoint.failure
        return exc

    def _checks_more(self) -> bool:
        """Whether a subclass wants to be asked before a message is sent."""
        return type(self).ensure_open is not WebSocketCommonProtocol.ensure_open

    def _gone(self) -> bool:
        """Whether nothing can be sent any more."""
        # Python 3.9's TLS transport can't be asked once it is lost.
        closing: bool = self._lost or self.transport.is_closing()
        return closing

    def _check_thread(self) -> None:
        if self._debug_thread != threading.get_ident():
            raise RuntimeError(
                "a connection can only be used in the thread of its event loop; elsewhere call "
                "asyncio.run_coroutine_threadsafe()"
            )

    # Called by the transport, or by a program that has one of its own

    def connection_made(self, transport: Any) -> None:
        """Take a transport."""
        self.transport = transport
        try:
            self.loop = asyncio.get_running_loop()
        except RuntimeError:
            # A program that drives this by hand, from outside, has given the loop.
            if not hasattr(self, "loop"):
                raise
        if self.loop.get_debug():
            self._debug_thread = threading.get_ident()
        self._opening = Opening(self.loop, self.is_client)
        self._ending = Ending(self.loop, transport, self.close_timeout)
        transport.set_write_buffer_limits(*limits_of_writing(self.write_limit))

    def data_received(self, data: bytes) -> None:
        """Take bytes from the peer."""
        if self._endpoint is None:
            self._opening.feed(data)
            self._pause_or_resume_reading(self._opening.stalled)
            return
        self._heard = True
        if self._stream.feed(data):
            self._react()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return what the transport may read into, as some transports want it."""
        space = self.in_place()
        self._filling = space is not None
        if space is not None:
            return space
        if self._read_buffer is None:
            self._read_buffer = read_buffer(self.loop)
        buffer: memoryview = self._read_buffer
        return buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take bytes that the transport has read."""
        if not self._filling:
            self.data_received(bytes(self._read_buffer[:nbytes]))
            return
        self._filling = False
        self.filled(nbytes)

    def in_place(self) -> Optional[memoryview]:
        """Return the memory where what comes next belongs, if it is a large part of a message."""
        if self._endpoint is None:
            return None
        if type(self).data_received is not WebSocketCommonProtocol.data_received:
            return None  # A subclass that overrides it is given all bytes.
        space: Optional[memoryview] = self._endpoint.space()
        return space

    def filled(self, nbytes: int) -> None:
        """Take bytes that were put in that memory."""
        self._heard = True
        if self._stream.fill(nbytes):
            self._react()

    def _read_in_place(self) -> None:
        """Have a transport that would give us bytes read them into their place, for a while."""
        transport = self.transport
        if plain_descriptor(transport) >= 0 and transport.get_protocol() is self:
            transport.set_protocol(InPlace(self))

    def eof_received(self) -> Optional[bool]:
        """Take notice that the peer ends TCP; without a close frame that is abnormal."""
        self._ending.eof = True
        if self._endpoint is None:
            self._opening.fail(EOFError("the connection ended before the opening handshake"))
        elif self._endpoint.owes_close and self.transport.can_write_eof():
            return True  # The peer can still read our close frame.
        self._ending.hang_up()
        return None

    def connection_lost(self, exc: Optional[Exception]) -> None:
        """Take notice that the transport is gone; release everybody who waits."""
        self._lost = True
        # Python 3.9's TLS transport doesn't know that it is closed if the peer ended it.
        self.transport.close()
        self._ending.over()
        if self._keepalive_pings is not None:
            self._keepalive_pings.stop()
        if self._answer_timer is not None:
            self._answer_timer.cancel()
        if self._endpoint is None:
            self._opening.fail(exc or EOFError("the connection ended before the opening handshake"))
        else:
            self._endpoint.lost()
            if exc is not None and self._endpoint.failure is None:
                _core.forget_frames(exc)
                self._endpoint.failure = exc
        if self._stream is not None:
            self._stream.detach()
            self._stream.waiter.wake(False)
        self._writing_paused = False
        self._drained.open()
        self._pings.abort(self.connection_closed_exc)
        self._closed_gate.open()

    def pause_writing(self) -> None:
        """Make senders wait: the transport's buffer is full."""
        self._writing_paused = True
        if self._stream is not None:
            self._stream.full = self._stream.hindered = True
            self._endpoint.hold_pongs = True

    def resume_writing(self) -> None:
        """Let senders go on."""
        self._writing_paused = False
        if self._endpoint is not None:
            self._stream.full = False
            self._note_hindrances()
            self._endpoint.release_pongs()
            self._react()
        self._drained.open()

    def connection_open(self) -> None:
        """
        Begin with messages: the opening handshake is complete.

        Programs that do the handshake themselves call this after ``connection_made()``.
        """
        opening, self._opening = self._opening, None
        self._endpoint = _core.Connection(
            self.is_client,
            self._max_size,
            limits_of_queue(self.max_queue)[0],
            self.max_fragments,
            ExtensionChain(self.extensions) if self.extensions else None,
            self.gather_writes,
        )
        self._stream = _core.MessageStream(
            self._endpoint,
            _core.Waiter(self.loop.call_soon, asyncio.get_running_loop, asyncio.current_task, DONE),
            _core.Writer(self.transport, plain_descriptor(self.transport)),
            self.loop,
            monotonic,
        )
        self._stream.full = self._endpoint.hold_pongs = self._writing_paused
        self._note_hindrances()
        if type(self).close_connection is not WebSocketCommonProtocol.close_connection:
            self.close_connection_task = self.loop.create_task(self.close_connection())
        if self.ping_interval is not None and not self._lost:
            self._keepalive_pings = Keepalive(
                self.loop, self.ping_interval, self.ping_timeout, self
            )
        if opening.early:
            self._endpoint.receive(opening.early)
        if self._lost:
            self._endpoint.lost()
            self._stream.detach()
        self._react()

    # After the core has worked

    def _react(self) -> None:
        """Act on what the core has found in the bytes it was given."""
        connection = self._endpoint
        if self._lost:
            return
        if connection.outbox:
            self._write()
        if connection.pongs:
            for payload in connection.pongs:
                self._pings.acknowledge(payload)
            connection.pongs.clear()
        if connection.waiting:
            self._stream.waiter.wake(False)
        if connection.work is not None and type(connection.work) is not Job:
            connection.work = job = Job(connection.work)
            do_elsewhere(self.loop, job, self._resume)
        self._pause_or_resume_reading(
            connection.stalled
            and connection.buffered > self.read_limit // (2 if self._reading_paused else 1)
        )
        if self._read_buffer is None and self.in_place() is not None:
            self._read_in_place()
        if connection.owes_close:
            if self._answer_timer is None:
                self._answer_timer = self.loop.call_later(ANSWER_TIME, self._settle)
        elif connection.state != _core.OPEN:
            self._advance()

    def _resume(self) -> None:
        """Go on with what was decoded elsewhere."""
        self._endpoint.resume()
        self._react()

    def _pause_or_resume_reading(self, pause: bool) -> None:
        if pause == self._reading_paused:
            return
        self._reading_paused = pause
        if self._gone():
            return
        if pause:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    # Called by keepalive

    def keepalive_ping(self) -> asyncio.Future[None]:
        """Send a ping without waiting; return a future for its pong."""
        waiter = self.loop.create_future()
        payload = self._pings.new_payload()
        self._pings.add(payload, waiter)
        self._endpoint.send(OP_PING, payload)
        self._write()
        return waiter

    def keepalive_heard(self) -> bool:
        """Tell whether the peer gave a sign of life since the last call, or wasn't let to."""
        heard, self._heard = self._heard, False
        return heard or self._reading_paused

    def keepalive_expired(self) -> None:
        """Give up a peer that gives no sign of life."""
        self.fail_connection(1011, "keepalive ping timeout")

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
        if self.transport is None:
            return
        if self._endpoint is None:
            self._ending.hang_up()
        elif not self._lost:
            self._endpoint.close(code, reason)
            self._react()
        await self.wait_closed()

    async def wait_closed(self) -> None:
        """Wait until the connection is closed, whoever closes it."""
        if not self._lost:
            await self._closed_gate.wait(asyncio.get_running_loop())

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
        if self._endpoint is not None:
            self._endpoint.fail(code, reason)
            self._settle()
        elif self.transport is not None:
            self._ending.hang_up()

    def _settle(self) -> None:
        """Send the close frame that waits for answers of the program."""
        self._endpoint.settle()
        self._react()

    def _advance(self) -> None:
        """Take the step towards the end that is due."""
        connection, ending = self._endpoint, self._ending
        if not ending.begun:
            if self._keepalive_pings is not None:
                self._keepalive_pings.stop()
            failure = connection.failure
            if failure is not None and not isinstance(failure, WebSocketException):
                self._logger.error("error in an extension", exc_info=failure)
                _core.forget_frames(failure)
        if not connection.finished:
            ending.await_close()
        elif not connection.close_received:
            ending.half_close()
        elif self.is_client:
            # RFC 6455 7.1.1: the server ends TCP first, so that waiting is on its side.
            ending.await_eof()
        else:
            ending.hang_up()


def warn_of_loop() -> None:
    """Warn the caller of ``serve()`` or ``connect()`` that its ``loop`` isn't used."""
    warnings.warn(
        "the loop argument isn't used: connections belong to the running event loop",
        DeprecationWarning,
        stacklevel=3,
    )
