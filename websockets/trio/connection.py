"""
The face of an open connection on trio.

Owns names, arguments, defaults and exceptions. Must never know a rule of the protocol nor keep a
flag of the connection: those are the session's. The opening handshake is in client.py and
server.py. Key decision: all that isn't documented begins with ``_ws_``, because programs subclass
this with attributes of their own.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from types import TracebackType
from typing import Any, Optional, Union

import trio

from .. import _core
from .._borrowed import borrow
from .._engine.arguments import CONNECTION, set_unless_usual
from .._engine.closed import closed_exc
from .._engine.fragments import RUNNING, FragmentDecoder
from .._engine.phases import UNCONNECTED
from .._engine.pings import ping_payload
from .._faces.facts import Facts
from .._states import State
from ..exceptions import (
    ConcurrencyError,
    ConnectionClosed,
    ConnectionClosedOK,
    InvalidState,
)
from ..framing import OP_BINARY, OP_TEXT, prepare_data
from ..http11 import Request, Response
from ..typing import Data, DataLike
from ._sending import send, send_fragments, try_share
from ._sending import share as share_with
from ._session import Session
from ._streams import GONE, address_of, close_at_once

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup  # pragma: no cover (trio brings it along)

__all__ = ["Connection"]

borrow(globals())


class Connection(Facts, trio.abc.AsyncResource):
    """
    A WebSocket connection: what servers and clients have in common.

    ``async for message in connection`` receives messages until the connection ends; it raises
    :exc:`ConnectionClosedError` if that was an error.

    ``async with connection`` closes it at the end: with code 1000, or 1011 after an exception.

    Arguments:
        nursery: where the connection's task runs from the moment it is open.
        stream: what carries its bytes.
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

    Attributes:
        nursery, stream, protocol: as given.
        request: the :class:`~websockets.http11.Request` of the opening handshake, None before.
        response: the :class:`~websockets.http11.Response`, None before.
        ping_interval, ping_timeout, close_timeout: as given; they may be set at any time.
        connection_exc: the exception with which TCP ended, or None.
    """

    # It is there whatever a subclass does before it calls __init__().
    _ws_phase: Any = UNCONNECTED

    request: Optional[Request]
    response: Optional[Response]
    connection_exc: Optional[BaseException]

    def __init__(
        self,
        nursery: trio.Nursery,
        stream: trio.abc.Stream,
        protocol: Any,
        *,
        ping_interval: Optional[float] = 20,
        ping_timeout: Optional[float] = 20,
        close_timeout: Optional[float] = 10,
        max_queue: Union[int, None, tuple[Optional[int], Optional[int]]] = 16,
    ) -> None:
        self.nursery = nursery
        self.stream = stream
        self.protocol = protocol
        set_unless_usual(
            self,
            CONNECTION,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            close_timeout=close_timeout,
            max_queue=max_queue,
        )
        self._ws_addresses = address_of(stream, "getsockname"), address_of(stream, "getpeername")
        self._ws_log()
        if protocol.state is State.OPEN:
            self._ws_is_open = True
            self._ws_begin()

    def _ws_address(self, name: str) -> Any:
        return self._ws_addresses[name == "peername"]

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
            ConcurrencyError: if another task is waiting for a message.
        """
        form = _core.USUAL
        if decode is not None:
            form = _core.AS_TEXT if decode else _core.AS_BYTES
        message: Data = await self._ws_opened().receive(form)
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
        session = self._ws_opened()
        if session.receiving:
            raise ConcurrencyError(RUNNING.format("recv_streaming", "coroutine"))
        session.streaming = True
        decoder = FragmentDecoder(decode)
        try:
            while True:
                fragment = await session.receive(_core.IN_FRAGMENTS)
                try:
                    data = decoder.decode(fragment)
                except UnicodeDecodeError as exc:
                    session.reject(exc)
                    await session.wait_closed()
                    raise session.closed_exc() from exc
                if fragment.fin:
                    session.streaming = False
                    yield data
                    return
                yield data
        except ConnectionClosed:
            session.streaming = False
            raise
        finally:
            if not decoder.begun:
                session.streaming = False

    def __aiter__(self) -> AsyncIterator[Data]:
        return Messages(self)

    async def send(
        self,
        message: Union[DataLike, Iterable[DataLike], AsyncIterable[DataLike]],
        *,
        text: Optional[bool] = None,
    ) -> None:
        """
        Send a message.

        While the peer doesn't read, this waits, and so does who sends after it, first in first out.
        If it is cancelled while it waits for its turn, nothing is sent; after that the message goes
        out all the same.

        Arguments:
            message: ``str`` for a text message, bytes-like for a binary one. An iterable or
                asynchronous iterable of either is sent as a fragmented message, a frame an item.
            text: True to send bytes as text, False to send text as bytes.

        Raises:
            ConnectionClosed: when the connection is closed.
            TypeError: if it isn't a message. Once the first fragment was taken, this and whatever
                the iterable raises fail the connection with code 1011.
            ProtocolError: if a fragmented message was cancelled before, and is unfinished.
        """
        session = self._ws_opened()
        opcode = 0 if text is None else OP_TEXT if text else OP_BINARY
        if isinstance(message, (str, bytes, bytearray, memoryview)):
            await send(session, message, opcode)
        else:
            await send_fragments(session, message, opcode)

    async def ping(
        self, data: Optional[DataLike] = None, *, ack_on_close: bool = False
    ) -> trio.Event:
        """
        Send a ping (RFC 6455 5.5.2).

        Arguments:
            data: payload of at most 125 bytes, a ``str`` is encoded in UTF-8; 4 random bytes by
                default.
            ack_on_close: whether the end of the connection sets the event, too.

        Returns:
            an event that is set when the pong arrives; then ``latency`` is known.

        Raises:
            ConnectionClosed: when the connection is closed.
            ConcurrencyError: if a ping with the same payload is waiting for its pong.
        """
        payload = None if data is None else ping_payload(data)
        event: trio.Event = await self._ws_opened().ping(payload, ack_on_close)
        return event

    async def pong(self, data: DataLike = b"") -> None:
        """
        Send a pong that no ping asked for (RFC 6455 5.5.3).

        Arguments:
            data: payload of at most 125 bytes; a ``str`` is encoded in UTF-8.

        Raises:
            ConnectionClosed: when the connection is closed.
        """
        payload = ping_payload(data)
        await self._ws_opened().pong(payload)

    # Closing

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        """
        Close the connection: perform the closing handshake (RFC 6455 7.1.2), then end TCP.

        It does nothing but wait if the connection is closing already, and takes at most
        ``close_timeout``. If this is cancelled, TCP is ended at once.

        Arguments:
            code: close code, 1000-1003, 1007-1014 or 3000-4999.
            reason: at most 123 bytes in UTF-8.

        Raises:
            ProtocolError: if the code or the reason can't be sent.
        """
        session = self._ws_phase
        if session is UNCONNECTED:
            await self._ws_drop()
            await trio.lowlevel.checkpoint()
            return
        session.start_closing(code, reason)
        try:
            await session.wait_closed()
        except BaseException:
            session.abort()
            with trio.CancelScope(shield=True):
                # Its task has nothing to wait for any more.
                await session.wait_closed()
            raise

    async def wait_closed(self) -> None:
        """Wait until the connection is closed, whoever closes it."""
        session = self._ws_phase
        if session is not UNCONNECTED:
            await session.wait_closed()
        else:
            await trio.lowlevel.checkpoint()

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(
        self,
        exc_type: Optional[type[BaseException]],
        exc_value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if exc_type is None:
            await self.aclose()
        else:
            await self.aclose(1011)

    # What subclasses may override or call

    def start_keepalive(self) -> None:
        """Begin to send pings regularly, if ``ping_interval`` isn't None."""
        if self.ping_interval is not None:
            self._ws_opened().start_keepalive()

    # What the opening handshake and the session ask

    def _ws_opened(self) -> Any:
        session = self._ws_phase
        if session is UNCONNECTED:
            if self.state is State.CLOSED:
                raise closed_exc(None)
            raise InvalidState("the opening handshake isn't complete")
        return session

    async def _ws_handshaken(self) -> Any:
        """Return the peer's half of the opening handshake, None if it is no such thing."""
        protocol = self.protocol
        protocol._takes_over = True
        message = None
        while message is None and protocol.handshake_exc is None:
            try:
                data = await self.stream.receive_some()
            except GONE as exc:
                self.set_connection_exc(exc)
                data = b""
            if data:
                protocol.receive_data(data)
            else:
                protocol.receive_eof()
            events = protocol.events_received()
            message = events[0] if events else None
            if not data:
                break
        if message is not None:
            self.process_event(message)
        return message

    async def _ws_write(self) -> None:
        """Write what the protocol has to send."""
        data = b"".join(self.protocol.data_to_send())
        if data:
            await self.stream.send_all(data)

    def _ws_begin(self) -> None:
        """Begin with messages: the opening handshake is complete."""
        protocol = self.protocol
        endpoint = self._ws_endpoint()
        session = Session(self, self.stream, endpoint, closed_exc, self._ws_log())
        self._ws_phase = session
        protocol._open_with(endpoint)
        if protocol._rest:
            endpoint.receive(protocol._rest)
        self.nursery.start_soon(session.run)

    async def _ws_drop(self) -> None:
        """End TCP at once, before the connection is open."""
        await close_at_once(self.stream)
        if self._ws_phase is UNCONNECTED:
            self.protocol.receive_eof()


class Messages:
    """
    The messages of a connection, until it ends.

    It is no generator, because trio complains of those that are left before their end.
    """

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __aiter__(self) -> Messages:
        return self

    async def __anext__(self) -> Data:
        try:
            return await self._connection.recv()
        except ConnectionClosedOK:
            raise StopAsyncIteration from None


async def broadcast(
    connections: Iterable[Connection],
    message: DataLike,
    *,
    raise_exceptions: bool = False,
    text: Optional[bool] = None,
) -> None:
    """
    Send a message to several connections.

    It is sent at once to all that aren't busy with another; then this waits for the others, until
    what they are busy with is written. So no connection is behind by more than two messages, and
    whoever doesn't want to wait for a slow peer cancels this. Connections that aren't open are
    passed over, and so are those that are sending a fragmented message at this moment, with a
    warning in their log.

    Arguments:
        connections: connections, of a server's ``connections`` for example.
        message: ``str`` for a text message, bytes-like for a binary one.
        raise_exceptions: whether to raise an :exc:`ExceptionGroup` of what went wrong, once all
            were tried, instead of logging it.
        text: True to send bytes as text, False to send text as bytes.

    Raises:
        TypeError: if the message is of another type.
    """
    if not isinstance(message, (str, bytes, bytearray, memoryview)):
        raise TypeError("data must be str or bytes")
    opcode, payload = prepare_data(message)
    if text is not None:
        opcode = OP_TEXT if text else OP_BINARY
    frames: dict[Any, bytes] = {}
    errors: list[Exception] = []

    async def share(connection: Connection) -> None:
        try:
            await share_with(connection._ws_phase, opcode, payload, frames)
        except ConnectionClosed:
            pass  # It has closed meanwhile.
        except ConcurrencyError as exc:
            fail(connection, exc, str(exc))
        except Exception as exc:
            failure = RuntimeError("failed to write message")
            failure.__cause__ = exc
            fail(connection, failure, f"failed to write message: {type(exc).__name__}: {exc}")

    def fail(connection: Connection, exc: Exception, reason: str) -> None:
        if raise_exceptions:
            errors.append(exc)
        else:
            connection.logger.warning("skipped broadcast: %s", reason)

    await trio.lowlevel.checkpoint()
    busy = []
    for connection in connections:
        if connection.state is State.OPEN:
            if not try_share(connection._ws_phase, opcode, payload, frames):
                busy.append(connection)
    if busy:
        async with trio.open_nursery() as nursery:
            for connection in busy:
                nursery.start_soon(share, connection)
    if errors:
        raise ExceptionGroup("skipped broadcast", errors)


broadcast.__module__ = "websockets.trio.server"  # which is where it is documented
