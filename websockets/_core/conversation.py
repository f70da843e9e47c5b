"""
What a program calls for each message of a connection without I/O.

Owns these calls alone. Must never know what they come to: an endpoint does all of it, and before a
connection is open, what is in its place. Key decision: they are the core's, because as functions of
Python they took more time than what they do; they go to an endpoint without another call of Python.
"""

from __future__ import annotations

from typing import Any, Optional, Union

from .constants import OP_BINARY, OP_TEXT
from .events import EventEndpoint

__all__ = ["Conversation"]

BytesLike = Union[bytes, bytearray, memoryview]


class Conversation:
    """What is common to both sides of a connection once it is open."""

    def __init__(self) -> None:
        self._endpoint: Any = None
        self._events: Optional[EventEndpoint] = None  # the same, if it is one of these

    def _go_on_with(self, endpoint: Any) -> None:
        """Ask another endpoint from now on, or what is in the place of one."""
        self._endpoint = endpoint
        self._events = endpoint if isinstance(endpoint, EventEndpoint) else None

    def _attend(self) -> None:
        """See to what else than data frames has come."""

    @property
    def parser_exc(self) -> Optional[BaseException]:
        """What stopped the parser: it takes nothing that comes behind; None if nothing did."""
        failure: Optional[BaseException]
        failure = self._endpoint.failure if self._events is None else self._events.failure
        return failure

    def receive_data(self, data: Union[bytes, bytearray]) -> None:
        """
        Take bytes from the peer.

        It never raises for what the peer sent: see ``parser_exc`` and ``handshake_exc``.

        Raises:
            EOFError: behind :meth:`receive_eof`.
        """
        if self._events is None:
            if self._endpoint.receive(data):
                self._attend()
        elif self._events.receive(data):
            self._attend()

    def events_received(self) -> list[Any]:
        """
        Take what has come since the last call: the peer's half of the handshake, then frames.

        Frames of messages are as they came, one by one.
        """
        events: list[Any]
        events = (
            self._endpoint.take_events() if self._events is None else self._events.take_events()
        )
        return events

    def send_text(self, data: BytesLike, fin: bool = True) -> None:
        """
        Send a text message, or its first fragment.

        Arguments:
            data: the text in UTF-8.
            fin: whether the message ends with it.

        Raises:
            InvalidState: if the state isn't OPEN.
            ProtocolError: if another message is unfinished.
        """
        if self._events is None:
            self._endpoint.send_data(OP_TEXT, data, fin)
        else:
            self._events.send_data(OP_TEXT, data, fin)

    def send_binary(self, data: BytesLike, fin: bool = True) -> None:
        """Send a binary message, or its first fragment; otherwise as :meth:`send_text`."""
        if self._events is None:
            self._endpoint.send_data(OP_BINARY, data, fin)
        else:
            self._events.send_data(OP_BINARY, data, fin)

    def data_to_send(self) -> list[bytes]:
        """
        Take what is to be sent; ``b""`` in it asks to half-close TCP.

        There may be something after each call of another method.
        """
        data: list[bytes]
        data = self._endpoint.collect() if self._events is None else self._events.collect()
        return data
