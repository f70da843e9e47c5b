"""
The face of an open connection on asyncio, which both generations of the API have in common.

Owns names, arguments, defaults and exceptions. Must never know a rule of the protocol nor keep a
flag of the connection: those are the engine's. The opening handshake is in client.py and server.py;
8.1's classes, in websockets/protocol.py, are subclasses with more names and other defaults. Key
decision: a connection has one phase at a time, an object of the engine that each method here asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from types import TracebackType
from typing import Any, Optional, Union

from .. import _core
from .._borrowed import borrow
from .._engine import broadcasting
from .._engine.arguments import CONNECTION, set_unless_usual
from .._engine.fragments import RUNNING, FragmentDecoder, fragments_of
from .._engine.overridable import by_name
from .._engine.pings import ping_payload
from .._states import State
from .._transports.known import extra_info
from ..exceptions import ConcurrencyError, ConnectionClosed, ConnectionClosedOK
from ..http11 import Request, Response
from ..typing import Data, DataLike
from .hooks import Hooks

__all__ = ["Connection"]

borrow(globals())


class Connection(Hooks):
    """
    A WebSocket connection: what servers and clients have in common.

    ``async for message in connection`` receives messages until the connection ends; it raises
    :exc:`ConnectionClosedError` if that was an error.

    ``async with connection`` closes it at the end: with code 1000, or 1011 after an exception.

    Arguments:
        protocol: a :class:`~websockets.client.ClientProtocol` or
            :class:`~websockets.server.ServerProtocol`, which has the rules of the opening handshake
            and the limits of messages. If its state is OPEN, the connection is open as soon as it
            has its transport, and ``start_keepalive()`` is the program's to call.
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
    write_limit: Any = 2**15
    read_limit: int = 2**16
    gather_writes: bool = True

    request: Optional[Request]
    response: Optional[Response]
    connection_exc: Optional[BaseException]

    _ws_quiet_end: Any = ConnectionClosedOK  # what ends an iteration without being an error

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
        if protocol is not None and protocol.state is State.OPEN:
            self._ws_is_open = True

    def _ws_address(self, name: str) -> Any:
        return None if self.transport is None else extra_info(self.transport, name)

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
            await self._ws_ensure_open()
        form = _core.USUAL
        if decode is not None:
            form = _core.AS_TEXT if decode else _core.AS_BYTES
        try:
            message: Data = await _core.Receiver(stream, ConnectionClosed, form)
        except ConnectionClosed:
            if self._ws_quiet_end is ConnectionClosed:
                return None  # type: ignore[return-value]
            raise
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
            await self._ws_ensure_open()
        if stream.waiter.waiting or stream.streaming:
            raise ConcurrencyError(RUNNING.format("recv_streaming", "coroutine"))
        stream.streaming = True
        decoder = FragmentDecoder(decode)
        try:
            while True:
                fragment = await _core.Receiver(stream, ConnectionClosed, _core.IN_FRAGMENTS)
                try:
                    data = decoder.decode(fragment)
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
            if not decoder.begun:
                stream.streaming = False

    def __aiter__(self) -> AsyncIterator[Data]:
        stream = self._ws_phase.stream
        if stream is None or not is_ours(self.recv, Connection.recv):
            return self._ws_iterate()
        iterator: AsyncIterator[Data] = _core.Receiver(stream, self._ws_quiet_end).__aiter__()
        return iterator

    async def _ws_iterate(self) -> AsyncIterator[Data]:
        """Iterate by calling recv(), which a subclass has overridden."""
        try:
            while True:
                message = await self.recv()
                if message is None and self._ws_quiet_end is ConnectionClosed:
                    break
                yield message
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
        payload = None if data is None else ping_payload(data)
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
        payload = ping_payload(data)
        await self._ws_ensure_open()
        await self._ws_phase.pong(payload)

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


def is_ours(method: Any, function: Any) -> bool:
    """Tell whether a bound method is a certain function, which nobody has overridden."""
    return getattr(method, "__func__", None) is function


def broadcast(
    connections: Iterable[Connection],
    message: DataLike,
    *,
    text: Optional[bool] = None,
    raise_exceptions: bool = False,
) -> None:
    """
    Send a message to several connections, without waiting.

    Connections that aren't open are passed over, and so are those that are sending a fragmented
    message at this moment, with a warning in their log. There is no backpressure: what a slow peer
    doesn't read piles up until keepalive or the program gives it up.

    Arguments:
        connections: connections, of a server's ``connections`` for example.
        message: ``str`` for a text message, bytes-like for a binary one.
        text: True to send bytes as text, False to send text as bytes.
        raise_exceptions: whether to raise an :exc:`ExceptionGroup` of what went wrong, once all
            were tried, instead of logging it; from Python 3.11 on.

    Raises:
        TypeError: if the message is of another type.
    """
    if not isinstance(message, (str, bytes, bytearray, memoryview)):
        raise TypeError("data must be str or bytes")
    broadcasting.broadcast(connections, message, raise_exceptions, text)


broadcast.__module__ = "websockets.asyncio.server"  # which is where it is documented
