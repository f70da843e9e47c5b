"""
The closing half of an endpoint: in which phase it is, and what its close frames say.

Owns the closing handshake (RFC 6455 7), failures (7.1.7), and what states they lead to. Must never
know how frames are parsed, nor a clock. Key decisions:

- Phases are a table, which an endpoint only goes down.
- A close frame that we owe the peer, because it sent one or broke the protocol, is held back while
  messages that came before it are unread, so that what the program answers to them at once goes
  out first. :meth:`Closer.settle` ends the wait.

========  =======  ===============  ====================================================
phase     state    takes bytes      what it means
========  =======  ===============  ====================================================
TALKING   OPEN     yes              messages go both ways
OWING     OPEN     no               the peer has closed or we have failed the connection;
                                    our close frame is held back for the program's answers
AWAITING  CLOSING  yes              our close frame is sent, the peer's is awaited
OVER      CLOSING  no               nothing more will be said by either side
GONE      CLOSED   no               there is no transport any more
========  =======  ===============  ====================================================
"""

from __future__ import annotations

from typing import Optional

from websockets._closes import Close
from websockets.exceptions import ProtocolError, WebSocketException

from .closing import parse_close, serialize_close
from .constants import (
    AWAITING,
    CLOSED,
    CLOSING,
    NOT_OPEN,
    OP_CLOSE,
    OPEN,
    OVER,
    OWING,
    TALKING,
    UNUSUAL,
)
from .sender import Sender

__all__ = ["Closer", "forget_frames"]

# The table above, by phase.
STATES = (OPEN, OPEN, CLOSING, CLOSING, CLOSED)
LISTENS = (True, False, True, False, False)


def forget_frames(exc: BaseException) -> None:
    """Drop tracebacks: their frames refer to the connection, which refers to the exception."""
    chain: Optional[BaseException] = exc
    while chain is not None:
        chain.__traceback__ = None
        chain = chain.__cause__ or chain.__context__


class Closer(Sender):
    """
    The base of an endpoint, between :class:`~.sender.Sender` and what receives.

    Attributes:
        phase: TALKING, OWING, AWAITING, OVER or GONE.
        holds_close: whether a close frame that we owe is held back at all, as by default.
        close_rcvd, close_sent: the close frames that went through, or None.
        close_rcvd_then_sent: which of them came first, None unless there are both.
        failure: the exception that made us fail the connection, or None.
    """

    phase: int
    holds_close: bool
    close_rcvd: Optional[Close]
    close_sent: Optional[Close]
    close_rcvd_then_sent: Optional[bool]
    failure: Optional[BaseException]
    _listening: bool
    _owed_close: Optional[bytes]  # payload of the close frame held back

    @property
    def owes_close(self) -> bool:
        """Whether a close frame is held back until the inbox has been read."""
        return self.phase == OWING

    def is_quiet(self) -> bool:
        """Whether messages go both ways, and nobody wants to be asked."""
        return self.phase == TALKING and not self.holds & UNUSUAL

    @property
    def finished(self) -> bool:
        """Whether the closing handshake is over: done by both sides, or given up by ours."""
        return self.phase >= OVER

    def fail(self, code: int, reason: str = "", cause: Optional[BaseException] = None) -> None:
        """
        Fail the connection (RFC 6455 7.1.7).

        What the peer sends from now on is ignored. Code 1006 sends no close frame; a reason is cut
        to the 123 bytes that fit. Does nothing after the peer's close frame or an earlier failure.

        Raises:
            ProtocolError: if the code can't be sent.
        """
        if not self._listening:
            return
        payload = b""
        if code != 1006:
            body = str.encode(reason, errors="replace")[:123].decode(errors="ignore")
            payload = serialize_close(code, body)
        if isinstance(cause, (WebSocketException, UnicodeDecodeError)):
            forget_frames(cause)
        self.failure = cause
        if self.phase == TALKING and payload:
            self._owe_close(payload)
        else:
            self._enter(OVER)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """
        Start the closing handshake, or settle the one that the peer started.

        Raises:
            ProtocolError: if the code can't be sent, or the reason is too long.
        """
        payload = serialize_close(code, reason)
        if self.phase == OWING:
            self.settle()
        elif self.phase == TALKING:
            self._send_close(payload, AWAITING)
            if self._has_unparsed():
                self._look_ahead(b"")

    def start_closing(self, payload: bytes) -> None:
        """
        Start the closing handshake.

        Raises:
            InvalidState: if the state isn't OPEN.
        """
        self._check_open()
        self._send_close(payload, AWAITING if self.phase == TALKING else OVER)

    def settle(self) -> None:
        """Send the close frame that was held back, if there is one."""
        if self._owed_close is not None:
            self._send_close(self._owed_close, OVER)

    # Close frames, and what they lead to

    def _peer_closed(self, payload: bytes) -> None:
        """Take the payload of the peer's close frame."""
        if self.close_rcvd is not None:
            return  # It was found before, behind messages that hadn't been read then.
        code, reason = parse_close(payload)
        self.close_rcvd = Close(code, reason)
        if self.close_sent is not None:
            self.close_rcvd_then_sent = False
        if self.phase == TALKING:
            if self._cuts_off_message():
                raise ProtocolError("incomplete fragmented message")
            # RFC 6455 5.5.1: answer with the status code received.
            self._owe_close(payload)
        elif self.phase == AWAITING:
            self._enter(OVER)

    def _owe_close(self, payload: bytes) -> None:
        if self.holds_close and (self.inbox.waiting or self._has_unparsed()):
            self._owed_close = payload
            self._enter(OWING)
        else:
            self._send_close(payload, OVER)

    def _send_close(self, payload: bytes, phase: int) -> None:
        self._answer(OP_CLOSE, payload)
        code, reason = parse_close(payload)
        self.close_sent = Close(code, reason)
        if self.close_rcvd is not None:
            self.close_rcvd_then_sent = True
        self._enter(phase)

    def _enter(self, phase: int) -> None:
        """Go down the table."""
        self.phase = phase
        self.state = STATES[phase]
        self._listening = LISTENS[phase]
        if self.state != OPEN:
            self.holds |= NOT_OPEN
            self._held_pong = None
            self._owed_close = None
        if not (self._listening or self._has_unparsed()):
            self._discard()

    def _first_code(self) -> int:
        """Return the code of the first close frame, negative if it was ours; 1006 for none."""
        rcvd, sent = self.close_rcvd, self.close_sent
        if sent is not None and not (rcvd is not None and self.close_rcvd_then_sent):
            return -sent.code
        return 1006 if rcvd is None else rcvd.code

    # What depends on how far the peer's bytes are parsed

    def _has_unparsed(self) -> bool:
        """Whether bytes wait that can't be parsed yet."""
        raise NotImplementedError

    def _look_ahead(self, data: bytes) -> None:
        """Look for the peer's close frame in what can't be parsed yet, without parsing it."""
        raise NotImplementedError

    def _cuts_off_message(self) -> bool:
        """Whether a close frame, here, is a violation because a message isn't whole."""
        raise NotImplementedError

    def _discard(self) -> None:
        """Forget all that isn't a whole message."""
        raise NotImplementedError
