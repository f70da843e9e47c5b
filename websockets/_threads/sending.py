"""
Sending messages in threads that don't go the short way: at a bad time, or in fragments.

Owns what may be sent while another message isn't finished. Must never know how frames come from the
outbox to the socket, which is the session's. Key decision: there are no turns, because two threads
that send at the same time are a mistake of the program while one of them sends in fragments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional

from .._core import OP_BINARY, OP_CONT, OP_TEXT, OPEN, UNFINISHED
from .._engine.fragments import FragmentEncoder
from ..exceptions import ConcurrencyError, ProtocolError

__all__ = ["send", "send_fragments", "send_frame"]

SENDING = "cannot call send while another thread is already running send"


def send(session: Any, message: Any, text: Optional[bool]) -> None:
    """Send a message that isn't fragmented, as text or not, if that isn't its own affair."""
    endpoint = session.endpoint
    opcode = 0 if text is None else OP_TEXT if text else OP_BINARY
    session.ensure_open()
    with session.mutex:
        refuse_another(session)
        position = -1
        if endpoint.state == OPEN:
            endpoint.send_message(message, 0.0, None, opcode)
            position = session.pushed()
    session.drain(position)


def send_frame(session: Any, opcode: int, payload: Any, fin: bool) -> None:
    """Send a frame."""
    endpoint = session.endpoint
    session.ensure_open()
    with session.mutex:
        position = -1
        if endpoint.state == OPEN:
            endpoint.send_frame(opcode, payload, fin)
            position = session.pushed()
    session.drain(position)


def send_fragments(session: Any, message: Any, text: Optional[bool]) -> None:
    """Send a message in fragments (RFC 6455 5.4)."""
    if isinstance(message, Mapping):
        raise TypeError("data is a dict-like object")
    if not isinstance(message, Iterable):
        raise TypeError("data must be str, bytes, or iterable")
    opcode = 0 if text is None else OP_TEXT if text else OP_BINARY
    encoder = FragmentEncoder(message, opcode)
    begun = complete = False
    try:
        for fragment in message:
            opcode, payload = encoder.encode(fragment)
            if not begun:
                begin(session)
                begun = True
            send_frame(session, opcode, payload, False)
        if begun:
            complete = True
            send_frame(session, OP_CONT, b"", True)
    except BaseException as exc:
        if encoder.came:
            fragments_failed(session, exc, begun and not complete)
        raise
    finally:
        if begun:
            with session.mutex:
                session.in_fragments = False
                if not session.abandoned:
                    session.endpoint.holds &= ~UNFINISHED


def begin(session: Any) -> None:
    """Begin a message in fragments."""
    session.ensure_open()
    with session.mutex:
        refuse_another(session)
        session.endpoint.holds |= UNFINISHED
        session.in_fragments = True


def refuse_another(session: Any) -> None:
    """
    Check that no other message is unfinished, with the mutex.

    Raises:
        ConcurrencyError: if one is.
        ProtocolError: if one was left unfinished.
    """
    if session.endpoint.holds & UNFINISHED:
        if session.abandoned:
            raise ProtocolError("expected a continuation frame")
        raise ConcurrencyError(SENDING)


def fragments_failed(session: Any, exc: BaseException, begun: bool) -> None:
    """See to a message in fragments that can't be completed."""
    if isinstance(exc, (ConcurrencyError, ProtocolError)) and not begun:
        return
    if isinstance(exc, Exception) and not isinstance(exc, ConcurrencyError):
        # After an error the connection is of no use.
        with session.mutex:
            session.fail_open("error in fragmented message")
        session.wait_closed(None)
        if session.ending.expired:
            raise session.closed_exc() from session.endpoint.failure
    elif begun:
        # Whoever is interrupted leaves it as it is.
        session.abandoned = True
