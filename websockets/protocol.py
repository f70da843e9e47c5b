"""
The face of 8.1's connections: what that API has in its own way, or more than today's.

Owns names, arguments, defaults and exceptions of that API, as far as they aren't those of
asyncio/connection.py. Must never know a rule of the protocol nor keep a flag of the connection:
those are the engine's. Subclasses in _sides/ add the opening handshake.
"""

from __future__ import annotations

import asyncio
import logging
import warnings
from typing import TYPE_CHECKING, Any, Optional

from . import _core
from ._borrowed import borrow
from ._engine.arguments import CONNECTION, check_arguments, set_unless_usual
from ._engine.broadcasting import broadcast
from ._engine.journal import journal_of
from ._engine.limits import limit, limit_of_fragments, limits_of_size
from ._engine.overridable import made_once, overridable
from ._engine.session import Session
from ._sansio.chain import LoggedChain, alone
from ._sansio.protocol import SEND_EOF, Event, Protocol
from ._states import CLIENT, CLOSED, CLOSING, CONNECTING, OPEN, SERVER, Side, State
from .asyncio.connection import Connection
from .datastructures import Headers
from .exceptions import ConnectionClosed, ConnectionClosedError, ConnectionClosedOK
from .framing import ExtensionChain
from .http11 import Request, Response
from .typing import Subprotocol

if TYPE_CHECKING:
    import uuid

__all__ = [
    "CLIENT",
    "CLOSED",
    "CLOSING",
    "CONNECTING",
    "OPEN",
    "SEND_EOF",
    "SERVER",
    "Event",
    "Protocol",
    "Side",
    "State",
    "WebSocketCommonProtocol",
    "broadcast",
]

borrow(globals())


class WebSocketCommonProtocol(Connection):
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
        logger: where errors and the connection's life are logged; ``websockets.protocol``,
            ``websockets.server`` or ``websockets.client`` by default.

    Attributes:
        path: path and query of the request.
        request_headers, response_headers: :class:`Headers` of the opening handshake.
        subprotocol: the subprotocol agreed upon, or None.
        extensions: the extensions agreed upon.
    """

    is_client: bool = False
    side: str = "undefined"

    close_timeout: float = 10
    max_queue: Optional[int] = 2**5
    max_fragments: Optional[int] = None
    write_limit: int = 2**16
    legacy_recv: bool = False
    host: Optional[str] = None
    port: Optional[int] = None
    secure: Optional[bool] = None

    path: str
    request_headers: Headers
    response_headers: Headers
    subprotocol: Optional[Subprotocol] = None

    _ws_logger: Any = logging.getLogger(__name__)
    _ws_level = logging.INFO  # of opening and end
    _ws_journal: Any = None
    _ws_max_size: Optional[int] = 2**20
    _ws_max_frame: Optional[int] = None
    _ws_session = Session
    _ws_in_fragments = False
    _ws_whole_close = False

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

    @overridable
    def close_exc(self) -> ConnectionClosed:
        """The exception that tells how the connection ended; it must be closed."""
        if self.state is not State.CLOSED:
            raise AssertionError("connection isn't closed yet")
        return self.connection_closed_exc()

    @property
    def max_size(self) -> Optional[int]:
        """Largest incoming message in bytes, None for no limit; it may be set at any time."""
        return self._ws_max_size

    @max_size.setter
    def max_size(self, max_size: Optional[int]) -> None:
        max_size = limit("max_size", "None or a number of bytes", max_size, max_size)
        self._ws_max_size = max_size
        self._ws_phase.set_max_size(max_size)

    @overridable
    def logger(self) -> Any:
        """Where errors and the connection's life are logged."""
        return self._ws_logger

    @made_once
    def extensions(self) -> list[Any]:
        """The extensions agreed upon; none before."""
        return []

    # What today's API has beside that

    @overridable
    def request(self) -> Optional[Request]:
        """The request of the opening handshake, None before."""
        headers = getattr(self, "request_headers", None)
        return None if headers is None else Request(self.path, headers)

    @overridable
    def response(self) -> Optional[Response]:
        """The response that opened the connection, None before."""
        headers = getattr(self, "response_headers", None)
        return None if headers is None else Response(101, "Switching Protocols", headers)

    @overridable
    def protocol(self) -> Protocol:
        """The connection without I/O, as far as it tells of state and close codes."""
        side = Side.CLIENT if self.is_client else Side.SERVER
        protocol = Protocol(
            side,
            state=State.CONNECTING,
            max_size=(self._ws_max_size, self._ws_max_frame),
            logger=self._ws_logger,
        )
        if self._ws_phase.stream is not None:
            protocol._agreed = self.extensions
            protocol.subprotocol = self.subprotocol
            protocol._open_with(self._ws_phase.stream.endpoint)
            self.protocol = protocol
        return protocol

    @made_once
    def id(self) -> uuid.UUID:
        """An identifier for logs, random."""
        import uuid

        return uuid.uuid4()

    @overridable
    def debug(self) -> bool:
        """Whether frames are logged."""
        return self._ws_journal is not None and self._ws_journal.debugs

    # Messages

    @property
    def _ws_quiet_end(self) -> Any:
        return ConnectionClosed if self.legacy_recv else ConnectionClosedOK

    async def ensure_open(self) -> None:
        """
        Check that messages can be sent.

        Raises:
            ConnectionClosed: when the connection is closed; while it is closing, this waits for
                the end, to know the code.
            InvalidState: before the opening handshake.
        """
        await self._ws_phase.ensure_open()

    async def _ws_ensure_open(self) -> None:
        await self.ensure_open()

    def connection_closed_exc(self) -> ConnectionClosed:
        """Return the exception that tells how the connection ended."""
        exc: ConnectionClosed = self._ws_phase.closed_exc()
        return exc

    # The opening handshake

    def connection_open(self) -> None:
        """
        Begin with messages: the opening handshake is complete.

        Programs that do the handshake themselves call this after ``connection_made()``.
        """
        self._ws_begin()

    def _ws_is_watchful(self) -> bool:
        return type(self).ensure_open is not WebSocketCommonProtocol.ensure_open

    def _ws_reader(self) -> Any:
        return _core.HeadReader(self.is_client)

    def _ws_log(self) -> Any:
        journal = journal_of(self, self._ws_logger, self._ws_level)
        if journal is None:
            return None
        self._ws_journal = journal
        return journal.debug if journal.debugs else None

    def _ws_log_error(self, text: str) -> None:
        """Log the exception that is being handled."""
        journal = self._ws_journal or journal_of(self, self._ws_logger, logging.ERROR)
        (journal or self._ws_logger).error(text, exc_info=True)

    def _ws_changed(self) -> None:
        pass

    def _ws_lost(self, exc: Optional[Exception]) -> None:
        if self._ws_journal is not None and self._ws_phase.stream is not None:
            self._ws_journal.ended(self._ws_phase.closed_exc())

    def _ws_begun(self, endpoint: Any) -> None:
        if self._ws_journal is not None and not self._ws_phase.ending.is_over:
            self._ws_journal.opened()
        if self.ping_interval is not None:
            self._ws_phase.start_keepalive()
        if type(self).close_connection is not WebSocketCommonProtocol.close_connection:
            self.close_connection_task: asyncio.Task[None] = self.loop.create_task(
                self.close_connection()
            )

    @overridable
    def _ws_is_client(self) -> bool:
        return self.is_client

    def _ws_limits(self) -> tuple[Optional[int], Optional[int]]:
        return self._ws_max_size, self._ws_max_frame

    def _ws_chain(self) -> Any:
        chain = None
        if self.extensions:
            chain = alone(self.extensions, True) or ExtensionChain(self.extensions)
        if self._ws_journal is not None and self._ws_journal.debugs:
            return LoggedChain(chain, self._ws_journal)
        return chain

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

    @staticmethod
    def _ws_closed_exc(endpoint: Any) -> ConnectionClosed:
        if endpoint is None:
            return ConnectionClosedError(None, None)
        rcvd = endpoint.close_rcvd
        normal = rcvd is not None and rcvd.code in (1000, 1001)
        cls = ConnectionClosedOK if normal else ConnectionClosedError
        exc = cls(rcvd, endpoint.close_sent, endpoint.close_rcvd_then_sent)
        exc.__cause__ = endpoint.failure
        return exc


def warn_of_loop() -> None:
    """Warn the caller of ``serve()`` or ``connect()`` that its ``loop`` isn't used."""
    warnings.warn(
        "the loop argument isn't used: connections belong to the running event loop",
        DeprecationWarning,
        stacklevel=3,
    )
