"""
The face of an open connection on asyncio, which both generations of the API have in common.

Owns names, arguments, defaults and exceptions. Must never know a rule of the protocol nor keep a
flag of the connection: those are the engine's. The opening handshake is in client.py and server.py;
8.1's classes, in websockets/protocol.py, are subclasses with more names and other defaults. Key
decision: a connection has one phase at a time, an object of the engine that each method here asks,
and nothing of the engine has a name that a program's class may have.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import logging
import sys
import weakref
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from time import monotonic
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Any, Optional, Union

from .. import _core, _environment
from .._closes import OK_CLOSE_CODES
from .._engine.arguments import CONNECTION, set_unless_usual
from .._engine.ending import Ending
from .._engine.fragments import fragments_of
from .._engine.limits import limits_of_queue, limits_of_writing
from .._engine.opening import Opening
from .._engine.orderly import OrderlySession
from .._engine.overridable import by_name, made_once, overridable
from .._engine.phases import UNCONNECTED
from .._sansio.chain import WatchedChain, chain_of
from .._states import State
from .._transports.descriptors import plain_socket
from .._transports.known import extra_info
from ..exceptions import (
    ConcurrencyError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
)
from ..framing import encode_data
from ..typing import Data, DataLike, Subprotocol
from .messages import Assembler

if TYPE_CHECKING:
    import uuid

__all__ = ["Connection"]

Address = Union[tuple[str, int], tuple[str, int, int, int], str, None]

# Bytes that messages which are sent quickly, one after the other, may wait for each other with.
GATHERED = 65536

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

RUNNING = "cannot call {} while another coroutine is already running recv or recv_streaming"


class Begun:
    """An object with a phase; apart from :class:`Connection`, whose signature it would hide."""

    _ws_phase: Any
    _ws_stream: Any  # the short way of bytes and messages in this phase

    # They are there whatever a subclass does before it calls __init__(). Python looks attributes
    # up in half the time if the class hasn't got them as well.
    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = super().__new__(cls)
        self._ws_phase = self._ws_stream = UNCONNECTED
        return self


# asyncio's loop prefers the interface of buffered protocols and uvloop the other, each to its good.
class Connection(Begun, asyncio.Protocol, asyncio.BufferedProtocol):
    """
    A WebSocket connection: what servers and clients have in common.

    ``async for message in connection`` receives messages until the connection ends; it raises
    :exc:`ConnectionClosedError` if that was an error.

    ``async with connection`` closes it at the end: with code 1000, or 1011 after an exception.

    Arguments:
        protocol: a :class:`~websockets.client.ClientProtocol` or
            :class:`~websockets.server.ServerProtocol`, which has the rules of the opening handshake
            and the limits of messages.
        ping_interval: seconds between keepalive pings (RFC 6455 5.5.2); None for no keepalive.
        ping_timeout: seconds to wait for a sign of life after a keepalive ping before the
            connection fails with code 1011; None to wait for ever.
        close_timeout: seconds that closing may take in all; None for no limit.
        max_queue: number of incoming frames that wait for ``recv()`` at which no more are parsed,
            or a pair: this number, and the one at which parsing goes on, a quarter of it by
            default; None for no limit.
        write_limit: high-water mark of outgoing bytes; above it ``send()`` waits until a quarter
            of it is left, or of a pair, its second number.

    Attributes:
        protocol: as given.
        request: the :class:`~websockets.http11.Request` of the opening handshake, None before.
        response: the :class:`~websockets.http11.Response`, None before.
        ping_interval, ping_timeout, close_timeout: as given; they may be set at any time.
        transport: asyncio's transport.
        loop: the event loop.
        connection_exc: the exception with which TCP ended, or None.

    Subclasses may override each documented method. ``process_event()`` is called for frames only if
    it is overridden, as that takes time.
    """

    # What has its usual value takes no memory of a connection: then it is the class's.
    ping_interval: Optional[float] = 20
    ping_timeout: Optional[float] = 20
    close_timeout: Optional[float] = 10
    max_queue: Any = 16
    write_limit: Any = 2**15
    read_limit: int = 2**16
    gather_writes: bool = True
    max_fragments: Optional[int] = _environment.MAX_FRAGMENTS

    loop: asyncio.AbstractEventLoop
    protocol: Any
    transport: Any = None
    request: Any = None
    response: Any = None
    connection_exc: Optional[Exception] = None

    # All that isn't documented begins with _ws_, so that programs' own attributes don't meet it.
    _ws_session: Any = OrderlySession
    _ws_futures: Sequence[tuple[str, Any]] = ()
    _ws_own_keepalive: Any = None  # the task of a program's keepalive()
    _ws_in_fragments = True  # whether fragments wait for the program, or messages
    _ws_whole_close = True  # whether close_timeout is for all steps, or for each

    def __init__(
        self,
        protocol: Any,
        *,
        ping_interval: Optional[float] = 20,
        ping_timeout: Optional[float] = 20,
        close_timeout: Optional[float] = 10,
        max_queue: Any = 16,
        write_limit: Any = 2**15,
    ) -> None:
        self.protocol = protocol
        set_unless_usual(
            self,
            CONNECTION,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            close_timeout=close_timeout,
            max_queue=max_queue,
            write_limit=write_limit,
        )

    # Facts about the connection

    @property
    def state(self) -> State:
        """State of the connection."""
        return State(self._ws_phase.state)

    @property
    def close_code(self) -> Optional[int]:
        """Close code that the peer sent, 1006 if none (RFC 6455 7.1.5); None before the end."""
        phase = self._ws_phase
        return phase.close_code if phase.state == State.CLOSED else None

    @property
    def close_reason(self) -> Optional[str]:
        """Close reason that the peer sent, "" if none (RFC 6455 7.1.6); None before the end."""
        phase = self._ws_phase
        return phase.close_reason if phase.state == State.CLOSED else None

    @overridable
    def close_exc(self) -> ConnectionClosed:
        """The exception that tells how the connection ended; it must be closed."""
        if self.state is not State.CLOSED:
            raise AssertionError("connection isn't closed yet")
        exc: ConnectionClosed = self._ws_phase.closed_exc()
        return exc

    @property
    def local_address(self) -> Address:
        """Address of this end, ``(host, port)`` for IPv4, or None without a transport."""
        return None if self.transport is None else extra_info(self.transport, "sockname")

    @property
    def remote_address(self) -> Address:
        """Address of the peer, ``(host, port)`` for IPv4, or None without a transport."""
        return None if self.transport is None else extra_info(self.transport, "peername")

    @overridable
    def subprotocol(self) -> Optional[Subprotocol]:
        """The subprotocol agreed upon, or None."""
        subprotocol: Optional[Subprotocol] = self.protocol.subprotocol
        return subprotocol

    @overridable
    def latency(self) -> float:
        """Seconds from the last ping that was answered to its pong, 0 before."""
        latency: float = self._ws_phase.latency
        return latency

    @overridable
    def id(self) -> uuid.UUID:
        """An identifier for logs, random."""
        identifier: uuid.UUID = self.protocol.id
        return identifier

    @overridable
    def debug(self) -> bool:
        """Whether frames are logged."""
        debug: bool = self.protocol.debug
        return debug

    @made_once
    def logger(self) -> Any:
        """Where things are logged; each record gets ``websocket``, a weak proxy of this."""
        return logging.LoggerAdapter(self.protocol.logger, {"websocket": weakref.proxy(self)})

    @overridable
    def _ws_logger(self) -> Any:
        return self.logger

    @overridable
    def recv_messages(self) -> Assembler:
        """What has arrived and waits: see its attributes high, low, paused and frames."""
        return Assembler(self.max_queue, self._ws_phase.stream)

    @overridable
    def pending_pings(self) -> dict[bytes, Any]:
        """The pings that wait for their pongs, by payload."""
        pings: dict[bytes, Any] = self._ws_phase.pending_pings
        return pings

    @overridable
    def keepalive_task(self) -> Any:
        """What sends pings regularly, with ``cancel()`` and ``done()``; None if nothing does."""
        return self._ws_phase.keepalive

    @made_once
    def connection_lost_waiter(self) -> asyncio.Future[None]:
        """A future that is done when the transport is gone."""
        return self._ws_future("lost", False)

    def _ws_future(self, event: str, done: bool) -> asyncio.Future[None]:
        """Make a future for an event, done if that has happened or the connection is closed."""
        waiter: asyncio.Future[None] = self.loop.create_future()
        if done or self._ws_phase.state == State.CLOSED:
            waiter.set_result(None)
        else:
            # To look for it in __dict__ later would make that dict, which slows all attributes.
            self._ws_futures = [*self._ws_futures, (event, waiter)]
        return waiter

    # Messages

    async def recv(self, decode: Optional[bool] = None) -> Data:
        """
        Receive the next message: ``str`` if it is text, ``bytes`` if it is binary.

        Cancelling it loses nothing: the next call returns the message.

        Arguments:
            decode: True for ``str`` and False for ``bytes``, whatever the message is.

        Raises:
            ConnectionClosed: when the connection is closed and all messages are read. Text that
                isn't UTF-8 closes it with code 1007.
            ConcurrencyError: if another coroutine is waiting for a message.
        """
        stream = self._ws_phase.stream
        if stream is None:
            await self._ws_phase.ensure_open()
        form = _core.USUAL
        if decode is not None:
            form = _core.AS_TEXT if decode else _core.AS_BYTES
        message: Data = await _core.Receiver(stream, ConnectionClosed, form)
        return message

    async def recv_streaming(self, decode: Optional[bool] = None) -> AsyncIterator[Data]:
        """
        Receive the next message in fragments, as they come (RFC 6455 5.4).

        All of them have to be taken, before the next message can be. Cancelling loses nothing
        before the first of them.

        Arguments:
            decode: as for :meth:`recv`.

        Raises:
            ConnectionClosed, ConcurrencyError: as :meth:`recv` does.
        """
        stream = self._ws_phase.stream
        if stream is None:
            await self._ws_phase.ensure_open()
        if stream.waiter.waiting or stream.streaming:
            raise ConcurrencyError(RUNNING.format("recv_streaming"))
        stream.streaming = True
        begun = False
        decoder: Any = None
        try:
            while True:
                fragment = await _core.Receiver(stream, ConnectionClosed, _core.IN_FRAGMENTS)
                if not begun:
                    begun = True
                    text = fragment.opcode == _core.OP_TEXT if decode is None else decode
                    if text:
                        decoder = codecs.getincrementaldecoder("utf-8")()
                data = fragment.data
                if decoder is None:
                    if type(data) is str:
                        data = data.encode()
                elif type(data) is not str:
                    try:
                        data = decoder.decode(data, fragment.fin)
                    except UnicodeDecodeError as exc:
                        self._ws_phase.reject(exc)
                        await self._ws_phase.wait_closed()
                        raise self._ws_phase.closed_exc() from exc
                if fragment.fin:
                    stream.streaming = False
                    yield data
                    return
                yield data
        except ConnectionClosed:
            stream.streaming = False
            raise
        finally:
            if not begun:
                stream.streaming = False

    def __aiter__(self) -> AsyncIterator[Data]:
        stream = self._ws_phase.stream
        if stream is None or not is_ours(self.recv, Connection.recv):
            return self._ws_iterate()
        iterator: AsyncIterator[Data] = _core.Receiver(stream, ConnectionClosedOK).__aiter__()
        return iterator

    async def _ws_iterate(self) -> AsyncIterator[Data]:
        """Iterate by calling recv(), which a subclass has overridden."""
        try:
            while True:
                yield await self.recv()
        except ConnectionClosedOK:
            pass

    @by_name("text", "compress")
    async def send(
        self,
        message: Union[DataLike, Iterable[DataLike], AsyncIterable[DataLike]],
        text: Optional[bool] = None,
        compress: Optional[bool] = None,
    ) -> None:
        """
        Send a message.

        Arguments:
            message: ``str`` for a text message; ``bytes``, ``bytearray`` or ``memoryview`` for a
                binary one; an iterable or asynchronous iterable of either kind for a message in
                fragments, one for each item (RFC 6455 5.4).
            text: True to send bytes as text, which they must be, False to send text as bytes.
            compress: whether to compress it, if permessage-deflate was agreed upon; None leaves
                that to the extension's ``min_size``.

        It waits while the write buffer is full, and while a fragmented message is being sent; those
        that wait go on in the order in which they came.

        Raises:
            ConnectionClosed: when the connection is closed.
            TypeError: for other types, a mapping included, and for fragments of different types;
                the latter fail the connection with code 1011.
        """
        if text is None and compress is None:
            outcome = self._ws_stream.try_send(message)
            if not outcome:
                return
            if outcome == _core.SENT_WAIT:
                await self._ws_phase.written()
                return
        await self._ws_ensure_open()
        if isinstance(message, (str, bytes, bytearray, memoryview)):
            await self._ws_phase.send(message, compress, text)
        else:
            await self._ws_phase.send_fragments(fragments_of(message), compress, text)

    async def ping(self, data: Optional[DataLike] = None) -> asyncio.Future[float]:
        """
        Send a ping (RFC 6455 5.5.2).

        Arguments:
            data: payload of at most 125 bytes, a ``str`` is encoded in UTF-8; 4 random bytes by
                default.

        Returns:
            a future for the latency in seconds, which is known when the pong arrives. It may be
            ignored or cancelled.

        Raises:
            ConnectionClosed: when the connection is closed; the future raises it, too.
            ConcurrencyError: if a ping with the same payload is waiting for its pong.
        """
        payload = None if data is None else payload_of(data)
        await self._ws_ensure_open()
        pong: asyncio.Future[float] = await self._ws_phase.ping(payload)
        return pong

    async def pong(self, data: DataLike = b"") -> None:
        """
        Send a pong that no ping asked for (RFC 6455 5.5.3).

        Arguments:
            data: payload of at most 125 bytes; a ``str`` is encoded in UTF-8.

        Raises:
            ConnectionClosed: when the connection is closed.
        """
        payload = payload_of(data)
        await self._ws_ensure_open()
        await self._ws_phase.pong(payload)

    async def _ws_ensure_open(self) -> None:
        await self._ws_phase.ensure_open()

    # Closing

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """
        Close the connection: perform the closing handshake (RFC 6455 7.1.2), then end TCP.

        It does nothing but wait if the connection is closing already, and takes at most
        ``close_timeout``.

        Arguments:
            code: close code, 1000-1003, 1007-1014 or 3000-4999.
            reason: at most 123 bytes in UTF-8.

        Raises:
            ProtocolError: if the code or the reason can't be sent.
        """
        self._ws_phase.close(code, reason)
        await self._ws_phase.wait_closed()

    async def wait_closed(self) -> None:
        """Wait until the connection is closed, whoever closes it."""
        await self._ws_phase.wait_closed()

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(
        self,
        exc_type: Optional[type[BaseException]],
        exc_value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if exc_type is None:
            await self.close()
        else:
            await self.close(1011)

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
        ending = Ending(self.loop, transport, self.close_timeout, self._ws_whole_close)
        ending.log = self._ws_log()
        self._ws_phase = self._ws_stream = Opening(
            transport, self.loop, self._ws_reader(), ending, self._ws_closed_exc
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
        self._ws_lost(exc)
        phase.release()

    def pause_writing(self) -> None:
        """Make senders wait: the transport's buffer is full."""
        self._ws_phase.pause_writing()

    def resume_writing(self) -> None:
        """Let senders go on."""
        self._ws_phase.resume_writing()

    # What subclasses may override or call

    def process_event(self, event: Any) -> None:
        """
        Take notice of what the peer has sent.

        Arguments:
            event: its half of the opening handshake; and a :class:`~websockets.frames.Frame` for
                each that comes, if this is overridden. Who overrides it sees frames, but messages
                are put together elsewhere.
        """
        if hasattr(event, "method"):
            self.request = event
        elif hasattr(event, "status_code"):
            self.response = event

    @contextlib.asynccontextmanager
    async def send_context(self, *, expected_state: State = State.OPEN) -> AsyncIterator[None]:
        """
        Send what is done in the context, and wait while the write buffer is full.

        Arguments:
            expected_state: the state that the connection has to be in.

        Raises:
            ConnectionClosed: if it isn't; when it is closed, unless it is opening.
        """
        if expected_state is not State.CONNECTING:
            await self._ws_ensure_open()
        yield
        self.send_data()
        await self.drain()

    def send_data(self) -> None:
        """Write what waits to be sent."""
        if self._ws_phase.stream is None:
            self._ws_write()
        else:
            self._ws_phase.push()

    async def drain(self) -> None:
        """Wait while the write buffer is full."""
        await self._ws_phase.written()

    def set_connection_exc(self, exc: Optional[Exception]) -> None:
        """Note why TCP ended, unless that is known."""
        if self.connection_exc is None:
            self.connection_exc = exc

    def acknowledge_pings(self, data: bytes) -> None:
        """Take a pong: it answers the ping with the same data, and those before."""
        self._ws_phase.acknowledge_pings(data)

    def terminate_pending_pings(self) -> None:
        """Let all who wait for pongs know that there won't be any."""
        self._ws_phase.terminate_pings()

    def start_keepalive(self) -> None:
        """Begin to send pings regularly, if ``ping_interval`` isn't None."""
        if self.ping_interval is None:
            return
        if type(self).keepalive is Connection.keepalive:
            self._ws_phase.start_keepalive()
        else:
            self._ws_own_keepalive = self.loop.create_task(self.keepalive())
            self.keepalive_task = self._ws_own_keepalive

    async def keepalive(self) -> None:
        """
        Send pings regularly, and fail the connection if they aren't answered, until it ends.

        A subclass that overrides this has it run in a task of its own.
        """
        self._ws_phase.start_keepalive()
        await self._ws_phase.wait_closed()

    # What subclasses of ours may do otherwise

    _ws_is_client: Any = False

    def _ws_chain(self) -> Any:
        """Return what passes frames through the extensions, None if there are none."""
        protocol = self.protocol
        chain = None
        if protocol.extensions or protocol.debug:
            chain = chain_of(protocol.extensions, self.logger if protocol.debug else None, True)
        if type(self).process_event is not Connection.process_event:
            chain = WatchedChain(chain, weakref.WeakMethod(self.process_event))
        return chain

    def _ws_log(self) -> Any:
        """Return what is told of the steps towards the end, None if nobody wants to know."""
        protocol = self.protocol
        # Where nothing is logged, no connection needs a logger of its own.
        if protocol.logger.isEnabledFor(logging.INFO):
            protocol.logger = self.logger
        return self.logger.debug if protocol.debug else None

    def _ws_changed(self) -> None:
        """Log a change of the state."""
        if self.protocol.debug:
            self.protocol._log_changes()

    def _ws_lost(self, exc: Optional[Exception]) -> None:
        """Let the protocol and all others know that the transport is gone."""
        if exc is not None:
            self.set_connection_exc(exc)
        if self._ws_phase.stream is None:
            self.protocol.receive_eof()
        else:
            self._ws_changed()
            if not self._ws_is_client:
                self.protocol.logger.info("connection closed")
        self._ws_tell("handshaken", "lost")
        if self._ws_own_keepalive is not None:
            self._ws_own_keepalive.cancel()
            self._ws_own_keepalive = None

    @overridable
    def _ws_max_size(self) -> Optional[int]:
        limit: Optional[int] = self.protocol.max_message_size
        return limit

    @overridable
    def _ws_max_frame(self) -> Optional[int]:
        limit: Optional[int] = self.protocol.max_fragment_size
        return limit

    def _ws_reader(self) -> Any:
        """Return what reads the peer's half of the opening handshake."""
        return HandshakeReader(self.protocol)

    async def _ws_handshaken(self) -> Any:
        """Return the peer's half of the opening handshake, None if it is no such thing."""
        reader = await self._ws_phase.head()
        self._ws_write()
        message = reader.message
        if message is not None:
            self.process_event(message)
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
        high, low = limits_of_queue(self.max_queue)
        endpoint = _core.Endpoint(
            self._ws_is_client,
            self._ws_max_size,
            high,
            self.max_fragments,
            self._ws_chain(),
            min(limits_of_writing(self.write_limit)[0], GATHERED) if self.gather_writes else 0,
            low,
            self._ws_max_frame,
            self._ws_in_fragments,
        )
        loop, transport = self.loop, self.transport
        stream = _core.MessageStream(
            endpoint,
            _core.Waiter(loop, running_loop, task_of, DONE),
            _core.Writer(transport, plain_socket(transport)),
            loop,
            monotonic,
        )
        cls = type(self)
        stream.whole = cls.data_received is not Connection.data_received
        session = self._ws_session(self, opening, stream, self.read_limit, self._ws_is_watchful())
        self._ws_phase, self._ws_stream = session, stream
        self._ws_begun(endpoint)
        session.begin(opening.early)
        if before.state == State.CLOSED:
            # It was lost in the meantime; what came before that can be read.
            self._ws_phase = session.lost(None)
            session.release()

    def _ws_is_watchful(self) -> bool:
        """Whether a program wants to be asked before each message."""
        return False

    def _ws_begun(self, endpoint: Any) -> None:
        """Do what is to be done before the first message arrives."""
        self.protocol._open_with(endpoint)
        self.start_keepalive()

    @staticmethod
    def _ws_closed_exc(endpoint: Any) -> ConnectionClosed:
        """Return the exception that tells how a connection ended, of its endpoint or None."""
        if endpoint is None:
            return ConnectionClosedError(None, None)
        rcvd, sent = endpoint.close_rcvd, endpoint.close_sent
        ok = rcvd is not None and sent is not None
        ok = ok and rcvd.code in OK_CLOSE_CODES and sent.code in OK_CLOSE_CODES
        cls = ConnectionClosedOK if ok else ConnectionClosedError
        exc = cls(rcvd, sent, endpoint.close_rcvd_then_sent)
        exc.__cause__ = endpoint.failure
        return exc


class HandshakeReader:
    """
    Read the peer's half of the opening handshake, as a protocol without I/O reads it.

    Arguments:
        protocol: the protocol.

    Attributes:
        message: the request or the response, None if it is neither.
        rest: the bytes that came behind it.
    """

    def __init__(self, protocol: Any) -> None:
        self.message: Any = None
        self._protocol = protocol
        protocol._takes_over = True

    @property
    def rest(self) -> bytes:
        """The bytes that came behind it."""
        rest: bytes = self._protocol._rest
        return rest

    def feed(self, data: bytes) -> bool:
        """Take bytes; return whether nothing more is to be read."""
        self._protocol.receive_data(data)
        return self._is_complete()

    def feed_eof(self) -> bool:
        """Take notice that the stream ends; return whether nothing more is to be read."""
        self._protocol.receive_eof()
        return self._is_complete()

    def _is_complete(self) -> bool:
        for event in self._protocol.events_received():
            self.message = event
        return self.message is not None or self._protocol.handshake_exc is not None


def payload_of(data: Any) -> bytes:
    """Return the payload of a ping or a pong."""
    if not isinstance(data, (str, bytes, bytearray, memoryview)):
        raise TypeError("data must be str or bytes-like")
    return encode_data(data)


def is_ours(method: Any, function: Any) -> bool:
    """Tell whether a bound method is a certain function, which nobody has overridden."""
    return getattr(method, "__func__", None) is function
