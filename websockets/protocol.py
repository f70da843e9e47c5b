"""
The face of 8.1's connections: what programs call, and what they override in subclasses.

Owns names, arguments, defaults and exceptions of that API. Must never know a rule of the protocol
nor keep a flag of the connection: those are the engine's. Subclasses in server.py and client.py add
the opening handshake. Key decision: a connection has one phase at a time, an object of the engine
that each method here asks, and nothing of the engine has a name that a program's class may have.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import warnings
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from time import monotonic
from types import SimpleNamespace
from typing import Any, Optional, Union

from . import _core
from ._engine.arguments import CONNECTION, Rules, check_arguments
from ._engine.broadcasting import broadcast
from ._engine.fragments import fragments_of
from ._engine.limits import (
    limit_of_fragments,
    limits_of_queue,
    limits_of_size,
    limits_of_writing,
)
from ._engine.opening import Opening
from ._engine.overridable import overridable
from ._engine.phases import UNCONNECTED
from ._engine.session import Session
from ._sansio.states import State
from ._transports.descriptors import plain_socket
from ._transports.known import extra_info
from .datastructures import Headers
from .exceptions import ConnectionClosed, ConnectionClosedError, ConnectionClosedOK
from .framing import ExtensionChain, encode_data
from .typing import Data, DataLike, Subprotocol

__all__ = ["State", "WebSocketCommonProtocol", "broadcast"]

# Bytes that messages which are sent quickly, one after the other, may wait for each other with.
GATHERED = 65536

# Arguments that are kept under other names.
ARGUMENTS = {
    "_ws_max_frame": "max_size",
    "_ws_max_size": "max_size",
    "_ws_process_request": "process_request",
    "_ws_select_subprotocol": "select_subprotocol",
    "available_extensions": "extensions",
    "available_subprotocols": "subprotocols",
}

# The running task of an event loop, asked without a detour through Python: current_task() is a
# Python function before 3.12, and the dict isn't there from 3.14 on.
running_loop: Any = asyncio._get_running_loop
task_of: Any = asyncio.current_task
if sys.version_info < (3, 12):
    task_of = asyncio.tasks._current_tasks.get  # type: ignore[attr-defined]

# What a task is given when it goes on: for futures, of whatever event loop, tasks have a short way.
_no_loop: Any = SimpleNamespace(get_debug=bool)
DONE: Any = asyncio.Future(loop=_no_loop)
DONE.set_result(None)


# asyncio's loop prefers the interface of buffered protocols and uvloop the other, each to its good.
class WebSocketCommonProtocol(asyncio.Protocol, asyncio.BufferedProtocol):
    """
    A WebSocket connection: what servers and clients have in common.

    ``async for message in websocket`` receives messages until the connection ends; it raises
    :exc:`ConnectionClosedError` unless the close code is 1000 or 1001.

    Arguments:
        ping_interval: seconds between keepalive pings (RFC 6455 5.5.2); None for no keepalive.
        ping_timeout: seconds to wait for a sign of life after a keepalive ping before the
            connection fails with code 1011; None to wait for ever.
        close_timeout: seconds that each step of closing may take, 10 by default.
        max_size: largest incoming message in bytes, or a pair: largest message, largest of its
            frames; a larger one fails the connection with code 1009; None for no limit.
        max_queue: number of incoming messages that wait for ``recv()`` at which no more are parsed,
            or a pair: this number, and the one at which parsing goes on, a quarter of it by
            default; None for no limit.
        read_limit: high-water mark of incoming bytes that wait to be parsed while the queue is
            full; above it reading pauses until half of it is left.
        write_limit: high-water mark of outgoing bytes; above it ``send()`` waits until a quarter
            of it is left, or of a pair, its second number.
        loop: accepted for old programs; the running loop is used.
        host, port, secure: kept in attributes of the same names.
        legacy_recv: make ``recv()`` return None instead of raising :exc:`ConnectionClosed`.
        timeout: older name of ``close_timeout``.
        max_fragments: most frames in an incoming message, more fail the connection with code
            1009; None for no limit.
        gather_writes: whether answers to a burst of messages, and what follows eight messages that
            are sent quickly, may leave in one write, when the event loop turns at the latest.
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

    # All that isn't documented begins with _ws_, so that programs' own attributes don't meet it.
    _ws_logger: Any = logging.getLogger(__name__)
    _ws_max_size: Optional[int] = 2**20
    _ws_max_frame: Optional[int] = None
    _ws_phase: Any
    _ws_stream: Any  # the short way of bytes and messages in this phase

    # They are there whatever a subclass does before it calls __init__(). Python looks attributes
    # up in half the time if the class hasn't got them as well.
    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = super().__new__(cls)
        self._ws_phase = self._ws_stream = UNCONNECTED
        return self

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
        message, frame = limits_of_size(max_size)
        set_unless_usual(
            self,
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
            _ws_max_size=message,
            _ws_max_frame=frame,
        )
        if logger is not None:
            check_arguments(CONNECTION, {"logger": logger})
            self._ws_logger = logger
        if loop is not None:
            self.loop = loop
        if host is not None:
            self.host = host
        if port is not None:
            self.port = port
        if secure is not None:
            self.secure = secure
        self.extensions: list[Any] = []

    # Facts about the connection

    @property
    def state(self) -> State:
        """State of the connection."""
        return State(self._ws_phase.state)

    @property
    def open(self) -> bool:
        """Whether messages can be sent; it is better to try, and catch ConnectionClosed."""
        return self.state is State.OPEN

    @property
    def closed(self) -> bool:
        """Whether the connection has ended; false while it is closing."""
        return self.state is State.CLOSED

    @property
    def close_code(self) -> Optional[int]:
        """
        Close code that the peer sent, 1006 if it sent none (RFC 6455 7.1.5).

        None before it has sent one or the connection is closed.
        """
        code: Optional[int] = self._ws_phase.close_code
        return code

    @property
    def close_reason(self) -> Optional[str]:
        """Close reason that the peer sent, "" if it sent none; None before (RFC 6455 7.1.6)."""
        reason: Optional[str] = self._ws_phase.close_reason
        return reason

    @property
    def max_size(self) -> Optional[int]:
        """Largest incoming message in bytes, None for no limit; it may be set at any time."""
        return self._ws_max_size

    @max_size.setter
    def max_size(self, max_size: Optional[int]) -> None:
        self._ws_max_size = max_size
        self._ws_phase.set_max_size(max_size)

    @property
    def local_address(self) -> Any:
        """Address of this end, ``(host, port)`` for IPv4, or None without a transport."""
        return None if self.transport is None else extra_info(self.transport, "sockname")

    @property
    def remote_address(self) -> Any:
        """Address of the peer, ``(host, port)`` for IPv4, or None without a transport."""
        return None if self.transport is None else extra_info(self.transport, "peername")

    @overridable
    def latency(self) -> float:
        """Seconds from the last ping that was answered to its pong, 0 before."""
        latency: float = self._ws_phase.latency
        return latency

    @overridable
    def logger(self) -> Any:
        """Where errors are logged."""
        return self._ws_logger

    # Messages

    async def recv(self) -> Data:
        """
        Receive the next message: ``str`` if it is text, ``bytes`` if it is binary.

        Cancelling it loses nothing: the next call returns the message.

        Raises:
            ConnectionClosed: when the connection is closed and all messages are read.
            RuntimeError: if another coroutine is waiting in ``recv()``.
        """
        stream = self._ws_phase.stream
        if stream is None:
            await self.ensure_open()
        try:
            message: Data = await _core.Receiver(stream, ConnectionClosed)
        except ConnectionClosed:
            if self.legacy_recv:
                return None  # type: ignore[return-value]
            raise
        return message

    def __aiter__(self) -> AsyncIterator[Data]:
        stream = self._ws_phase.stream
        if stream is None or not is_ours(self.recv, WebSocketCommonProtocol.recv):
            return self._ws_iterate()
        end = ConnectionClosed if self.legacy_recv else ConnectionClosedOK
        iterator: AsyncIterator[Data] = _core.Receiver(stream, end).__aiter__()
        return iterator

    async def _ws_iterate(self) -> AsyncIterator[Data]:
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

        It waits while the write buffer is full, and while a fragmented message is being sent; those
        that wait go on in the order in which they came. Cancelling it in the middle of a fragmented
        message fails the connection with code 1011.

        Raises:
            ConnectionClosed: when the connection is closed.
            TypeError: for other types, a mapping included, and for fragments of different types;
                the latter fail the connection with code 1011.
        """
        if compress is None:
            outcome = self._ws_stream.try_send(message)
            if not outcome:
                return
            if outcome == _core.SENT_WAIT:
                await self._ws_phase.written()
                return
        await self.ensure_open()
        if isinstance(message, (str, bytes, bytearray, memoryview)):
            await self._ws_phase.send(message, compress)
        else:
            await self._ws_phase.send_fragments(fragments_of(message), compress)

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
        return await self._ws_phase.ping(None if data is None else encode_data(data))

    async def pong(self, data: DataLike = b"") -> None:
        """
        Send a pong that no ping asked for (RFC 6455 5.5.3).

        Arguments:
            data: payload of at most 125 bytes; a ``str`` is encoded in UTF-8.

        Raises:
            ConnectionClosed: when the connection is closed.
        """
        await self.ensure_open()
        await self._ws_phase.pong(encode_data(data))

    async def ensure_open(self) -> None:
        """
        Check that messages can be sent.

        Raises:
            ConnectionClosed: when the connection is closed; while it is closing, this waits for
                the end, to know the code.
            InvalidState: before the opening handshake.
        """
        await self._ws_phase.ensure_open()

    def connection_closed_exc(self) -> ConnectionClosed:
        """Return the exception that tells how the connection ended."""
        exc: ConnectionClosed = self._ws_phase.closed_exc()
        return exc

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
        self._ws_phase = self._ws_stream = Opening(
            transport, self.loop, self.is_client, self.close_timeout, closed_exc
        )
        transport.set_write_buffer_limits(*limits_of_writing(self.write_limit))

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
        phase.release()

    def pause_writing(self) -> None:
        """Make senders wait: the transport's buffer is full."""
        self._ws_phase.pause_writing()

    def resume_writing(self) -> None:
        """Let senders go on."""
        self._ws_phase.resume_writing()

    def connection_open(self) -> None:
        """
        Begin with messages: the opening handshake is complete.

        Programs that do the handshake themselves call this after ``connection_made()``.
        """
        before = self._ws_phase
        opening = before.opening
        high, low = limits_of_queue(self.max_queue)
        endpoint = _core.Endpoint(
            self.is_client,
            self._ws_max_size,
            high,
            self.max_fragments,
            ExtensionChain(self.extensions) if self.extensions else None,
            min(limits_of_writing(self.write_limit)[0], GATHERED) if self.gather_writes else 0,
            low,
            self._ws_max_frame,
        )
        stream = _core.MessageStream(
            endpoint,
            _core.Waiter(self.loop, running_loop, task_of, DONE),
            _core.Writer(self.transport, plain_socket(self.transport)),
            self.loop,
            monotonic,
        )
        cls = type(self)
        stream.whole = cls.data_received is not WebSocketCommonProtocol.data_received
        watchful = cls.ensure_open is not WebSocketCommonProtocol.ensure_open
        session = Session(self, opening, stream, self.read_limit, watchful)
        self._ws_phase, self._ws_stream = session, stream
        if cls.close_connection is not WebSocketCommonProtocol.close_connection:
            self.close_connection_task = self.loop.create_task(self.close_connection())
        session.begin(opening.early, self.ping_interval, self.ping_timeout)
        if before.state == State.CLOSED:
            # It was lost in the meantime; what came before that can be read.
            self._ws_phase = session.lost(None)
            session.release()

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
        self._ws_phase.close(code, reason)
        await self.wait_closed()

    async def wait_closed(self) -> None:
        """Wait until the connection is closed, whoever closes it."""
        await self._ws_phase.wait_closed()

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
        self._ws_phase.fail(code, reason)


def closed_exc(endpoint: Any) -> ConnectionClosed:
    """Return the exception that tells how a connection ended, given its endpoint or None."""
    if endpoint is None:
        return ConnectionClosedError(None, None)
    rcvd = endpoint.close_rcvd
    normal = rcvd is not None and rcvd.code in (1000, 1001)
    cls = ConnectionClosedOK if normal else ConnectionClosedError
    exc = cls(rcvd, endpoint.close_sent, endpoint.close_rcvd_then_sent)
    exc.__cause__ = endpoint.failure
    return exc


def is_ours(method: Any, function: Any) -> bool:
    """Tell whether a bound method is a certain function, which nobody has overridden."""
    return getattr(method, "__func__", None) is function


def set_unless_usual(target: Any, rules: Rules, **settings: Any) -> None:
    """Set attributes but for those that have their values already, from the class."""
    for name, value in settings.items():
        if value != getattr(target, name):
            # What has its usual value needs no check, and neither has None.
            if value is not None:
                argument = ARGUMENTS.get(name, name)
                rules[argument](argument, value)
            setattr(target, name, value)


def warn_of_loop() -> None:
    """Warn the caller of ``serve()`` or ``connect()`` that its ``loop`` isn't used."""
    warnings.warn(
        "the loop argument isn't used: connections belong to the running event loop",
        DeprecationWarning,
        stacklevel=3,
    )


# Today's names.
from ._sansio.protocol import SEND_EOF, Protocol  # noqa: E402
from ._sansio.protocol import Event as Event  # noqa: E402
from ._sansio.states import CLIENT as CLIENT  # noqa: E402
from ._sansio.states import CLOSED as CLOSED  # noqa: E402
from ._sansio.states import CLOSING as CLOSING  # noqa: E402
from ._sansio.states import CONNECTING as CONNECTING  # noqa: E402
from ._sansio.states import OPEN as OPEN  # noqa: E402
from ._sansio.states import SERVER as SERVER  # noqa: E402
from ._sansio.states import Side  # noqa: E402

__all__ += ["SEND_EOF", "Protocol", "Side"]
