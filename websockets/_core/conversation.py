"""
What programs call for each message: methods of connections without I/O, and of those for threads.

Owns these calls alone. Must never know what they come to: an endpoint or a stream does all of it,
and before a connection is open, what is in its place. Key decision: they are the core's, because as
functions of Python they took more time than what they do; here no call of Python is on their way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Optional, Union

from websockets.typing import BytesLike

from .calls import ThreadStream
from .constants import AS_BYTES, AS_TEXT, NOT_SENT, OP_BINARY, OP_TEXT, SENT, USUAL
from .events import EventEndpoint

__all__ = ["BlockingConversation", "Conversation"]


class Conversation:
    """
    What is common to both sides of a connection once it is open.

    Attributes: those that faces document, and that nearly all connections have set, so that they
    need no dict for any.
    """

    logger: Any
    debug: bool
    origin: Any
    subprotocol: Any
    handshake_exc: Optional[Exception]
    max_message_size: Optional[int]
    max_fragment_size: Optional[int]
    available_extensions: Any
    accept_called: bool
    _agreed: Optional[list[Any]]  # the extensions
    _takes_over: bool  # whether somebody gives an endpoint once this is open

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


class BlockingConversation:
    """
    What is common to both sides of a connection for threads.

    ``_ws_stream`` is the stream of messages; None while :meth:`_ws_ready` is to be asked first.
    """

    def __init__(self) -> None:
        self._ws_stream: Optional[ThreadStream] = None

    def _ws_ready(self) -> None:
        """See that there is a stream; raise an exception if there is no connection."""

    def _ws_send(self, message: Any, text: Optional[bool], outcome: int) -> None:
        """Send a message in another way; the outcome is that of the stream's own."""

    def recv(
        self, timeout: Optional[float] = None, decode: Optional[bool] = None
    ) -> Union[str, bytes]:
        """
        Receive the next message: ``str`` if it is text, ``bytes`` if it is binary.

        Arguments:
            timeout: seconds to wait for it; None for ever; 0 or less for what is there already.
                When it is over nothing is lost: the next call returns the message.
            decode: True for ``str`` and False for ``bytes``, whatever the message is.

        Raises:
            TimeoutError: if no message comes in time.
            ConnectionClosed: when the connection is closed and all messages are read. Text that
                isn't UTF-8 closes it with code 1007.
            ConcurrencyError: if another thread is waiting for a message.
        """
        if self._ws_stream is None:
            self._ws_ready()
        form = USUAL
        if decode is not None:
            form = AS_TEXT if decode else AS_BYTES
        message: Any = self._ws_stream.recv(form, timeout)  # type: ignore[union-attr]
        if message is None:
            raise TimeoutError(f"timed out in {timeout:.1f}s")
        return message  # type: ignore[no-any-return]

    def send(
        self,
        message: Union[str, BytesLike, Iterable[Union[str, BytesLike]]],
        *,
        text: Optional[bool] = None,
    ) -> None:
        """
        Send a message.

        It returns when the system has it, and waits for that if the peer doesn't read.

        Arguments:
            message: ``str`` for a text message; ``bytes``, ``bytearray`` or ``memoryview`` for a
                binary one; an iterable of either kind for a message in fragments, one for each
                item (RFC 6455 5.4).
            text: True to send bytes as text, which they must be, False to send text as bytes.

        Raises:
            ConnectionClosed: when the connection is closed.
            ConcurrencyError: if another thread is sending a message in fragments.
            TypeError: for other types, a mapping included, and for fragments of different types;
                the latter fail the connection with code 1011.
        """
        outcome = NOT_SENT
        if text is None and self._ws_stream is not None:
            outcome = self._ws_stream.send(message)
        if outcome != SENT:
            self._ws_send(message, text, outcome)


if not hasattr(BlockingConversation, "_ws_stream"):  # pragma: no branch (the compiled one has it)
    # They are there whatever a subclass does before it calls __init__().
    BlockingConversation._ws_stream = None
    Conversation.logger = Conversation.origin = Conversation.subprotocol = None
    Conversation.handshake_exc = Conversation.available_extensions = Conversation._agreed = None
    Conversation.max_message_size = Conversation.max_fragment_size = None
    Conversation.debug = Conversation.accept_called = Conversation._takes_over = False
