"""
A connection without I/O, from the opening handshake on.

Owns names, arguments, exceptions and logs of that face. Must never know a rule of the protocol:
those are the endpoint's and, before a connection is open, the handshake's. Key decision: there is
one object behind it at a time, an :class:`Opening` or an endpoint of the core, which has the state;
bytes, events and frames reach it in one call, from the core's :class:`Conversation`.
"""

from __future__ import annotations

import logging
import weakref
from typing import TYPE_CHECKING, Any, Optional, Union

from .._closes import OK_CLOSE_CODES, Close
from .._core import (
    OP_CONT,
    OP_PING,
    OP_PONG,
    EventEndpoint,
    FrameMaker,
    forget_frames,
    masking_key,
    serialize_close,
)
from .._replaced import replaced
from .._states import CLIENT, CLOSED, CLOSING, CONNECTING, OPEN, SERVER, Side, State
from ..exceptions import (
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    ProtocolError,
    WebSocketException,
)
from ..frames import Frame
from ..http11 import Request, Response
from ..typing import BytesLike, Origin, Subprotocol
from .chain import OPCODES, WatchedChain, chain_of
from .opening import Opening
from .taking import HandshakeReader

if TYPE_CHECKING:
    import uuid

    from .._core.conversation import Conversation
else:
    from .._core import Conversation

__all__ = ["SEND_EOF", "Event", "Protocol"]

Event = Union[Request, Response, Frame]

SEND_EOF = b""
"""What :meth:`Protocol.data_to_send` has where TCP is to be half-closed."""

STATES = tuple(State)
LOGGERS = {
    SERVER: logging.getLogger("websockets.server"),
    CLIENT: logging.getLogger("websockets.client"),
}
FRAMES = FrameMaker(Frame, OPCODES)

# What makes a connection fail without anything being wrong on this side.
EXPECTED = (WebSocketException, EOFError, UnicodeDecodeError)


class Protocol(Conversation):
    """
    One side of a connection, without its socket.

    Whoever has the socket gives it what arrives (:meth:`receive_data`, :meth:`receive_eof`), takes
    what has come of that (:meth:`events_received`), and after each call sends what is to be sent
    (:meth:`data_to_send`).

    Arguments:
        side: which side this is.
        state: the state to begin with.
        max_size: largest incoming message in bytes, or a pair: largest message, largest of its
            frames; None for no limit.
        logger: where to log; by default ``websockets.server`` or ``websockets.client``.

    Attributes:
        side: which side this is.
        logger: where it logs.
        debug: whether DEBUG was enabled when it was built: frames and states are logged.
        origin: value of the Origin header, after the opening handshake.
        subprotocol: the subprotocol agreed upon, or None.
        handshake_exc: what made the opening handshake fail, or None.
    """

    origin: Optional[Origin]
    subprotocol: Optional[Subprotocol]
    handshake_exc: Optional[Exception]
    max_message_size: Optional[int]
    max_fragment_size: Optional[int]
    _rest = b""  # what came behind the handshake, for who takes over

    # What has its usual value takes neither time nor memory of a connection that is made.
    _id: Optional[uuid.UUID] = None
    _blamed: Optional[BaseException] = None  # the failure that was logged last
    _logged_eof = False
    _logged_state: Optional[State] = None

    def __init__(
        self,
        side: Side,
        *,
        state: State = OPEN,
        max_size: Union[int, tuple[Optional[int], Optional[int]], None] = 2**20,
        logger: Any = None,
    ) -> None:
        self.side = side
        self.logger: Any = LOGGERS[side] if logger is None else logger
        if self.logger.isEnabledFor(logging.DEBUG):
            self.debug = True
        self.max_message_size, self.max_fragment_size = (
            max_size if isinstance(max_size, tuple) else (max_size, None)
        )
        Conversation.__init__(self)
        if state == CONNECTING:
            self._go_on_with(Opening(self._reader()))
            if self._endpoint.reader is None:
                self._endpoint.early = self._make_endpoint()
        else:
            self._go_on_with(self._make_endpoint())
            if state != OPEN:
                self._endpoint.force(state)
        if self.debug:
            self._log_changes()

    def _reader(self) -> Any:
        """Return what reads the peer's half of the opening handshake."""

    def _make_endpoint(self) -> Any:
        endpoint = EventEndpoint(
            self.side == CLIENT, self.max_message_size, self.max_fragment_size, FRAMES
        )
        if self.side == CLIENT:
            endpoint.outbox.draw = draw_key
        chain = self._chain()
        if chain is not None:
            endpoint.use(chain)
        return endpoint

    def _chain(self) -> Any:
        return self._watched(chain_of(self._agreed or (), self.logger if self.debug else None))

    def _watched(self, chain: Any) -> Any:
        """Show a subclass the frames that pass through extensions, or through none, if it asks."""
        if type(self).recv_frame is Protocol.recv_frame:
            return chain
        return WatchedChain(chain, weakref.WeakMethod(self.recv_frame))

    # Facts

    @property
    def id(self) -> uuid.UUID:
        """A name of this connection, for logs."""
        if self._id is None:
            import uuid

            self._id = uuid.uuid4()
        return self._id

    @id.setter
    def id(self, id: uuid.UUID) -> None:
        self._id = id

    @property
    def state(self) -> State:
        """State of the connection; whoever has the socket may set it."""
        state: State = STATES[self._endpoint.state]
        return state

    @state.setter
    def state(self, state: State) -> None:
        if state == CONNECTING:
            self._go_on_with(Opening(None))
        else:
            if isinstance(self._endpoint, Opening):
                self._go_on_with(self._make_endpoint())
            self._endpoint.force(state)
        if self.debug:
            self._log_changes()

    @property
    def extensions(self) -> list[Any]:
        """The extensions agreed upon."""
        if self._agreed is None:
            self._agreed = []
        return self._agreed

    @extensions.setter
    def extensions(self, extensions: list[Any]) -> None:
        self._agreed = extensions
        if not self._takes_over:
            self._endpoint.use(self._chain())

    @property
    def close_rcvd(self) -> Optional[Close]:
        """The peer's close frame, None before there is one."""
        close: Optional[Close] = self._endpoint.close_rcvd
        return close

    @property
    def close_sent(self) -> Optional[Close]:
        """Our close frame, None before there is one."""
        close: Optional[Close] = self._endpoint.close_sent
        return close

    @property
    def close_rcvd_then_sent(self) -> Optional[bool]:
        """Whether the peer closed first; None before there are both close frames."""
        first: Optional[bool] = self._endpoint.close_rcvd_then_sent
        return first

    @property
    def close_code(self) -> Optional[int]:
        """
        Close code that the peer sent, 1006 if it sent none (RFC 6455 7.1.5).

        None before the state is CLOSED.
        """
        if self.state is not CLOSED:
            return None
        close = self.close_rcvd
        return 1006 if close is None else close.code

    @property
    def close_reason(self) -> Optional[str]:
        """
        Close reason that the peer sent, "" if it sent none (RFC 6455 7.1.6).

        None before the state is CLOSED.
        """
        if self.state is not CLOSED:
            return None
        close = self.close_rcvd
        return "" if close is None else close.reason

    @property
    def close_exc(self) -> ConnectionClosed:
        """
        A new exception that tells how the connection ended.

        Raises:
            AssertionError: if the state isn't CLOSED.
        """
        if self.state is not CLOSED:
            raise AssertionError("connection isn't closed yet")
        rcvd, sent = self.close_rcvd, self.close_sent
        normal = (
            rcvd is not None
            and sent is not None
            and rcvd.code in OK_CLOSE_CODES
            and sent.code in OK_CLOSE_CODES
        )
        cls = ConnectionClosedOK if normal else ConnectionClosedError
        exc = cls(rcvd, sent, self.close_rcvd_then_sent)
        exc.__cause__ = self.parser_exc
        return exc

    @property
    def eof_sent(self) -> bool:
        """Whether the end of the stream was put in what is to be sent."""
        sent: bool = getattr(self._endpoint, "eof_sent", False)
        return sent

    @property
    def expect_continuation_frame(self) -> bool:
        """Whether a message that is being sent has more frames."""
        unfinished: bool = getattr(self._endpoint, "unfinished", False)
        return unfinished

    @property
    def current_size(self) -> Optional[int]:
        """How many bytes of a message have come that has more frames; None if there is none."""
        size: Optional[int] = getattr(self._endpoint, "current_size", None)
        return size

    # Receiving

    def receive_eof(self) -> None:
        """Take notice that the peer has ended TCP; the state is CLOSED then."""
        endpoint = self._endpoint
        if endpoint.ended:
            return
        waited = endpoint.failure is None
        endpoint.end()
        if isinstance(endpoint, Opening):
            self._attend()
            # That it is complete may have opened it.
            endpoint = self._endpoint
            if isinstance(endpoint, Opening):
                endpoint.send_eof()
                endpoint.state = CLOSED
            else:
                endpoint.end()
        if self.debug:
            if waited and str(endpoint.failure) == "unexpected end of stream":
                self.logger.debug("< EOF")
            self._log_eof()
            self._log_changes()
        if self.side == SERVER:
            self.logger.info("connection closed")

    def recv_frame(self, frame: Frame) -> None:
        """
        Take notice of a frame from the peer, as extensions have decoded it.

        It is called for each, also where somebody else has the socket, if a subclass overrides it;
        messages are put together elsewhere.
        """

    def _attend(self) -> None:
        """See to what else than data frames has come."""
        endpoint = self._endpoint
        if endpoint.phase < 0:
            self._attend_opening(endpoint)
            endpoint = self._endpoint
        failure = endpoint.failure
        if failure is not None and failure is not self._blamed:
            self._blamed = failure
            if not isinstance(failure, EXPECTED):
                self.logger.error("parser failed", exc_info=failure)
            forget_frames(failure)
        if self.debug:
            self._log_changes()

    def _attend_opening(self, opening: Opening) -> None:
        """Act on what has come of the peer's half of the opening handshake."""

    # Sending

    def send_continuation(self, data: BytesLike, fin: bool) -> None:
        """
        Send another fragment of a message.

        Raises:
            InvalidState: if the state isn't OPEN.
            ProtocolError: if no message is unfinished.
        """
        self._endpoint.send_data(OP_CONT, data, fin)

    def send_ping(self, data: BytesLike) -> None:
        """
        Send a ping of at most 125 bytes (RFC 6455 5.5.2).

        Raises:
            InvalidState: if the state is neither OPEN nor CLOSING.
            ProtocolError: if it is too long.
        """
        self._endpoint.send_control(OP_PING, data)

    def send_pong(self, data: BytesLike) -> None:
        """Send a pong that no ping asked for (RFC 6455 5.5.3); otherwise as :meth:`send_ping`."""
        self._endpoint.send_control(OP_PONG, data)

    def send_close(self, code: Optional[int] = None, reason: str = "") -> None:
        """
        Start the closing handshake (RFC 6455 7.1.2).

        Arguments:
            code: close code; None for a close frame without any.
            reason: at most 123 bytes in UTF-8.

        Raises:
            InvalidState: if the state isn't OPEN.
            ProtocolError: if the code or the reason can't be sent.
        """
        if self.state is not OPEN:
            self._endpoint.start_closing(b"")
        if code is None:
            if reason:
                raise ProtocolError("cannot send a reason without a code")
            payload = b""
        else:
            payload = serialize_close(code, reason)
        self._endpoint.start_closing(payload)
        self._attend()

    def fail(self, code: int, reason: str = "") -> None:
        """
        Fail the connection (RFC 6455 7.1.7): what comes from the peer is ignored from now on.

        Arguments:
            code: close code; 1006 sends no close frame.
            reason: at most 123 bytes in UTF-8.

        Raises:
            ProtocolError: if the code or the reason can't be sent.
            AssertionError: if a client's state is CLOSED.
        """
        state = self.state
        if state is CLOSED:
            if self.side == CLIENT:
                raise AssertionError("connection is closed")
            # Whoever has the socket may have said so, and no end of the stream was sent.
            if isinstance(self._endpoint, (EventEndpoint, Opening)):
                self._endpoint.send_eof()
            return
        if state is CONNECTING:
            self._endpoint.discard()
            if self.side == SERVER:
                self._endpoint.send_eof()
        else:
            if state is OPEN and code != 1006:
                serialize_close(code, reason)
            self._endpoint.fail(code, reason)
        self._attend()

    def close_expected(self) -> bool:
        """Tell whether the end of TCP should come soon, so that waiting for it has an end."""
        state = self.state
        return state is CLOSING or (state is CONNECTING and self.eof_sent)

    # The opening handshake

    def _read(self, data: bytes) -> Any:
        """Take bytes from the peer; return its half of the handshake, None until that is there."""
        self.receive_data(data)
        events = self.events_received()
        return events[-1] if events else None

    def _taker(self) -> Any:
        """Return what reads the peer's half of the handshake for who takes over."""
        return HandshakeReader(self)

    def _open(self, rest: bytes = b"") -> None:
        """Begin with messages; ``rest`` is what came behind the handshake."""
        if self._takes_over:
            if rest:
                self._rest += rest
            return
        opening = self._endpoint
        endpoint = opening.early
        if endpoint is None:
            endpoint = self._make_endpoint()
        else:
            endpoint.use(self._chain())
        for event in opening.events:
            endpoint.inbox.put(event)
        self._open_with(endpoint)
        if rest:
            self.receive_data(rest)

    def _open_with(self, endpoint: Any) -> None:
        """
        Go on with an endpoint, which tells state, close frames and failure from now on.

        Faces that receive and send by other ways give one of their own.
        """
        opening = self._endpoint
        if type(opening) is not Opening or opening.writes:
            for data in reversed(opening.collect()):
                endpoint.outbox.put_in_front(data)
        self._go_on_with(endpoint)
        if self.debug:
            self._log_changes()

    def _fail_opening(self, exc: Exception) -> None:
        """Note what made the opening handshake fail; nothing that comes is read any more."""
        forget_frames(exc)
        self.handshake_exc = exc
        self._endpoint.discard()

    # Logs

    def _log_changes(self) -> None:
        state = self.state
        if state is not self._logged_state:
            self._logged_state = state
            self.logger.debug("= connection is %s", state.name)
        self._log_eof()

    def _log_eof(self) -> None:
        if not self._logged_eof and self.eof_sent:
            self._logged_eof = True
            self.logger.debug("> EOF")

    def _log_head(
        self, mark: str, line: str, words: tuple[object, ...], message: Union[Request, Response]
    ) -> None:
        """Log a request or a response: ``words`` are what its first line has for each ``%``."""
        self.logger.debug(f"{mark} {line}", *words)
        header = f"{mark} %s: %s"
        for name, value in message.headers.raw_items():
            self.logger.debug(header, name, value)
        body = getattr(message, "body", b"")
        if body:
            self.logger.debug(f"{mark} [body] (%d bytes)", len(body))


def draw_key() -> int:
    """Draw the masking key of a frame (RFC 6455 5.3)."""
    token_bytes = replaced("secrets", "token_bytes")
    return masking_key() if token_bytes is None else int.from_bytes(token_bytes(4), "big")
