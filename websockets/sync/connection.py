"""
The face of a connection for threads: what clients and servers have in common.

Owns names, arguments, defaults and exceptions. Must never know a rule of the protocol, nor keep a
flag of an open connection: those are the session's. The opening handshake is in client.py and
server.py. Key decision: an open connection is an object of the driver that each method here asks;
messages go to its stream at once.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional, TypeVar

from .. import _core
from .._borrowed import borrow
from .._engine.arguments import CONNECTION, set_unless_usual
from .._engine.broadcasting import skip
from .._engine.closed import closed_exc
from .._engine.overridable import overridable
from .._engine.phases import UNCONNECTED
from .._engine.pings import ping_payload
from .._faces.facts import Facts
from .._states import State
from .._threads.deadline import Deadline
from .._threads.sending import send, send_fragments
from .._threads.session import Session
from .._threads.sockets import end_of, plain_of, recv_within, send_within
from .._threads.system import SYSTEM
from ..exceptions import ConcurrencyError, ConnectionClosedOK
from ..http11 import Request, Response
from ..typing import Data, DataLike

if TYPE_CHECKING:
    from .._core.conversation import BlockingConversation
else:
    from .._core import BlockingConversation

__all__ = ["Connection"]

borrow(globals())

LEGACY = (
    "connect() must be used as a context manager: with connect(...) as websocket: ...; "
    "alternatively, use websocket = connect(..., legacy=True) to connect directly"
)


Entered = TypeVar("Entered", bound="Connection")


class Connection(Facts, BlockingConversation):
    """
    A WebSocket connection: what servers and clients have in common.

    ``for message in connection`` receives messages until the connection ends; it raises
    :exc:`ConnectionClosedError` if that was an error.

    ``with connection`` closes it at the end: with code 1000, or 1011 after an exception.

    One thread may receive while others send. A thread that waits reads what arrives, and sees to
    it; while none waits, one thread of the library does so for all connections of a process.

    Arguments:
        sock: the socket, connected.
        protocol: a :class:`~websockets.client.ClientProtocol` or
            :class:`~websockets.server.ServerProtocol`, which has the rules of the opening handshake
            and the limits of messages. If its state is OPEN, so is the connection, and
            ``start_keepalive()`` is the program's to call.
        ping_interval: seconds between keepalive pings (RFC 6455 5.5.2); None for no keepalive.
        ping_timeout: seconds to wait for a sign of life after a keepalive ping before the
            connection fails with code 1011; None to wait for ever.
        close_timeout: seconds that closing may take in all; None for no limit.
        max_queue: number of incoming frames that wait for ``recv()`` at which no more are parsed,
            or a pair: this number, and the one at which parsing goes on, a quarter of it by
            default; None for no limit.

    Attributes:
        socket: the socket.
        protocol: as given.
        protocol_mutex: a lock, which guards the protocol; nothing waits while it is held.
        request: the :class:`~websockets.http11.Request` of the opening handshake, None before.
        response: the :class:`~websockets.http11.Response`, None before.
        ping_interval, ping_timeout, close_timeout: as given; they may be set at any time.
        recv_bufsize: bytes that are read at once, of the class.
        connection_exc: the exception with which TCP ended, or None.

    Subclasses may override each documented method. ``process_event()`` is called for frames only if
    it is overridden, as that takes time.
    """

    # They are there whatever a subclass does before it calls __init__().
    _ws_phase: Any = UNCONNECTED

    request: Optional[Request]
    response: Optional[Response]
    connection_exc: Optional[BaseException]

    recv_bufsize: int = 65536
    pending_legacy_warning: bool = False

    def __init__(
        self,
        sock: Any,
        protocol: Any,
        *,
        ping_interval: Optional[float] = 20,
        ping_timeout: Optional[float] = 20,
        close_timeout: Optional[float] = 10,
        max_queue: Any = 16,
    ) -> None:
        self.socket = sock
        self.protocol = protocol
        self.protocol_mutex: Any = _core.Mutex()
        set_unless_usual(
            self,
            CONNECTION,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            close_timeout=close_timeout,
            max_queue=max_queue,
        )
        protocol._takes_over = True
        self._ws_log()
        if protocol.state is State.OPEN:
            self._ws_is_open = True
            self._ws_begin()

    def _ws_address(self, name: str) -> Any:
        # OSError once the socket is closed
        return getattr(self.socket, f"get{name}")()

    @overridable
    def recv_events_thread(self) -> ConnectionThread:
        """What sees to what arrives; it is alive until the connection ends."""
        return ConnectionThread(self, "recv_events")

    @overridable
    def keepalive_thread(self) -> Optional[ConnectionThread]:
        """What sends pings regularly, None if nothing does."""
        session = self._ws_phase
        if session.keepalive is None:
            return None
        return ConnectionThread(self, "keepalive")

    # Messages

    def recv_streaming(self, decode: Optional[bool] = None) -> Iterator[Data]:
        """
        Receive the next message in fragments, as they come (RFC 6455 5.4).

        All of them have to be taken, before the next message can be.

        Arguments:
            decode: as for :meth:`recv`.

        Raises:
            ConnectionClosed, ConcurrencyError: as :meth:`recv` does.
        """
        self._ws_ready()
        yield from self._ws_phase.recv_streaming(decode)

    def __iter__(self) -> Iterator[Data]:
        try:
            while True:
                yield self.recv()
        except ConnectionClosedOK:
            return

    def ping(
        self, data: Optional[DataLike] = None, *, ack_on_close: bool = False
    ) -> threading.Event:
        """
        Send a ping (RFC 6455 5.5.2).

        Arguments:
            data: payload of at most 125 bytes, a ``str`` is encoded in UTF-8; 4 random bytes by
                default.
            ack_on_close: whether the event is set when the connection ends, too.

        Returns:
            an event that is set when the pong arrives.

        Raises:
            ConnectionClosed: when the connection is closed.
            ConcurrencyError: if a ping with the same payload is waiting for its pong.
        """
        payload = None if data is None else ping_payload(data)
        self._ws_ready()
        pong: threading.Event = self._ws_phase.ping(payload, ack_on_close)
        return pong

    def pong(self, data: DataLike = b"") -> None:
        """
        Send a pong that no ping asked for (RFC 6455 5.5.3).

        Arguments:
            data: payload of at most 125 bytes; a ``str`` is encoded in UTF-8.

        Raises:
            ConnectionClosed: when the connection is closed.
        """
        payload = ping_payload(data)
        self._ws_ready()
        self._ws_phase.pong(payload)

    # Closing

    def close(self, code: int = 1000, reason: str = "") -> None:
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
        if self.pending_legacy_warning:
            self._ws_warn()
        if self._ws_phase is UNCONNECTED:
            self.close_socket()
        else:
            self._ws_phase.close(code, reason)

    def wait_closed(self, timeout: Optional[float] = None) -> bool:
        """
        Wait until the connection is closed, whoever closes it.

        Arguments:
            timeout: seconds to wait; None for ever.

        Returns:
            whether it is closed.
        """
        if self._ws_phase is UNCONNECTED:
            return self.state is State.CLOSED
        closed: bool = self._ws_phase.wait_closed(timeout)
        return closed

    def close_socket(self) -> None:
        """End TCP at once."""
        if self._ws_phase is not UNCONNECTED:
            self._ws_phase.abort()
            return
        self.protocol.receive_eof()
        end_of(self.socket)

    def __enter__(self: Entered) -> Entered:
        self._ws_settle()
        return self

    def __exit__(
        self,
        exc_type: Optional[type[BaseException]],
        exc_value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if exc_type is None:
            self.close()
        else:
            self.close(1011)

    def _ws_ready(self) -> None:
        """See that there is an open connection, or was one."""
        if self.pending_legacy_warning:
            self._ws_warn()
        if self._ws_phase is UNCONNECTED:
            raise self.close_exc

    def _ws_send(self, message: Any, text: Optional[bool], outcome: int) -> None:
        """Send what isn't as usual."""
        self._ws_ready()
        if outcome == _core.LOST:
            self._ws_phase.wait_closed(None)
            raise self.close_exc
        if isinstance(message, (str, bytes, bytearray, memoryview)):
            send(self._ws_phase, message, text)
        else:
            send_fragments(self._ws_phase, message, text)

    def _ws_warn_later(self) -> None:
        """Warn when this is used, unless it is as a context manager."""
        self.pending_legacy_warning = True
        self._ws_stream = None

    def _ws_settle(self) -> None:
        """Be used without a warning from now on."""
        self.pending_legacy_warning = False
        self._ws_stream = self._ws_phase.stream

    def _ws_warn(self) -> None:
        self._ws_settle()
        level = 1
        # Whoever called a method of ours, and not one method that calls another.
        ours = __name__, BlockingConversation.__module__
        while sys._getframe(level).f_globals.get("__name__") in ours:
            level += 1
        warnings.warn(LEGACY, DeprecationWarning, stacklevel=level + 1)

    # What subclasses may override or call

    @contextlib.contextmanager
    def send_context(self, *, expected_state: State = State.OPEN) -> Iterator[None]:
        """
        Send what is done in the context, which has the mutex.

        Arguments:
            expected_state: the state that the connection has to be in.

        Raises:
            ConnectionClosed: if it isn't; when it is closed, unless it is opening.
        """
        if expected_state is not State.CONNECTING:
            self._ws_ready()
            self._ws_phase.ensure_open()
        with self.protocol_mutex:
            yield
            self.send_data()

    def send_data(self) -> None:
        """Write what waits to be sent, with the mutex."""
        if self._ws_phase is UNCONNECTED:
            self._ws_write(Deadline(None))
        else:
            self._ws_phase.push()

    def acknowledge_pings(self, data: bytes) -> None:
        """Take a pong: it answers the ping with the same data, and those before."""
        with self.protocol_mutex:
            self._ws_phase.acknowledge_pings(data)

    def terminate_pending_pings(self) -> None:
        """Let who waits for pongs and wants to know it know that there won't be any."""
        with self.protocol_mutex:
            self._ws_phase.terminate_pings()

    def recv_events(self) -> None:
        """See to all that arrives, until the connection ends."""
        self.wait_closed()

    def start_keepalive(self) -> None:
        """Begin to send pings regularly, if ``ping_interval`` isn't None."""
        if self.ping_interval is not None:
            with self.protocol_mutex:
                self._ws_phase.start_keepalive()

    # The opening handshake

    def _ws_write(self, deadline: Deadline) -> None:
        """Write what the protocol has to send."""
        data = b"".join(self.protocol.data_to_send())
        if data:
            send_within(self.socket, data, deadline)

    def _ws_handshaken(self, deadline: Deadline) -> Any:
        """Return the peer's half of the opening handshake, None if it is no such thing."""
        protocol = self.protocol
        message = None
        while message is None and protocol.handshake_exc is None:
            try:
                data = recv_within(self.socket, self.recv_bufsize, deadline)
            except TimeoutError:
                raise
            except OSError as exc:
                self._ws_lost(exc)
                protocol.receive_eof()
                refused = protocol.handshake_exc
                if refused is not None and isinstance(refused.__cause__, EOFError):
                    refused.__cause__.__cause__ = exc
                data = b""
            if data:
                protocol.receive_data(data)
            else:
                protocol.receive_eof()
            for event in protocol.events_received():
                message = event
        if message is not None:
            self.process_event(message)
        for name in ("request_rcvd", "response_rcvd"):
            if name in vars(self):
                getattr(self, name).set()
        return message

    def _ws_begin(self) -> None:
        """Begin with messages: the opening handshake is complete."""
        protocol = self.protocol
        endpoint = self._ws_endpoint()
        sock, layer, system = plain_of(self.socket, SYSTEM)
        stream = _core.ThreadStream(
            endpoint, self.protocol_mutex, sock, layer, system, self.recv_bufsize
        )
        session = Session(self, stream, sock, closed_exc, self._ws_log())
        with self.protocol_mutex:
            protocol._open_with(endpoint)
            self._ws_phase, self._ws_stream = session, stream
            session.begin(protocol._rest)

    def _ws_event(self) -> threading.Event:
        """Return an event for the peer's half of the opening handshake, which is mostly there."""
        event = threading.Event()
        if self._ws_phase is not UNCONNECTED or self.state is not State.CONNECTING:
            event.set()
        return event


class ConnectionThread:
    """
    What programs see in the place of a thread that a connection has for itself.

    Arguments:
        connection: the connection.
        name: what it does.
    """

    daemon = True

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self.name = name

    def is_alive(self) -> bool:
        """Whether the connection hasn't ended."""
        return self._connection.state is not State.CLOSED

    def join(self, timeout: Optional[float] = None) -> None:
        """Wait until the connection has ended, at most so many seconds."""
        self._connection.wait_closed(timeout)


def broadcast(
    connections: Iterable[Connection],
    message: DataLike,
    *,
    raise_exceptions: bool = False,
    text: Optional[bool] = None,
    **kwargs: Any,
) -> None:
    """
    Send a message to several connections, in several threads, and wait until all have it.

    Connections that aren't open are passed over, and so are those that are sending a fragmented
    message at this moment, with a warning in their log.

    Arguments:
        connections: connections, of a server's ``connections`` for example.
        message: ``str`` for a text message, bytes-like for a binary one.
        raise_exceptions: whether to raise an :exc:`ExceptionGroup` of what went wrong, once all
            were tried, instead of logging it; from Python 3.11 on.
        text: True to send bytes as text, False to send text as bytes.
        kwargs: arguments of :class:`concurrent.futures.ThreadPoolExecutor`, ``max_workers`` for
            example.

    Raises:
        TypeError: if the message is of another type.
    """
    if not isinstance(message, (str, bytes, bytearray, memoryview)):
        raise TypeError("data must be str or bytes")
    from concurrent.futures import ThreadPoolExecutor  # which clients needn't load

    errors: list[Exception] = []
    noted = errors if raise_exceptions else None

    def send(connection: Connection) -> None:
        try:
            connection.send(message, text=text)
        except ConcurrencyError:
            skip(connection.logger, ConcurrencyError("sending a fragmented message"), noted)
        except Exception as exc:
            skip(connection.logger, exc, noted)

    with ThreadPoolExecutor(**kwargs) as executor:
        for connection in tuple(connections):
            if connection.state is State.OPEN:
                executor.submit(send, connection)
    if errors:
        import builtins

        raise builtins.ExceptionGroup("skipped broadcast", errors)


broadcast.__module__ = "websockets.sync.server"  # which is where it is documented
