"""
Everything the library raises on purpose, in one tree.

::

    WebSocketException
    ├── ConnectionClosed
    │   ├── ConnectionClosedError           any code but 1000 and 1001
    │   └── ConnectionClosedOK              1000 or 1001
    ├── InvalidHandshake
    │   ├── SecurityError
    │   │   └── RedirectRefused             a ValueError too
    │   ├── InvalidMessage
    │   ├── InvalidHeader
    │   │   ├── InvalidHeaderFormat         it can't be parsed
    │   │   ├── InvalidHeaderValue          it can be parsed but not accepted
    │   │   ├── InvalidOrigin
    │   │   └── InvalidUpgrade
    │   ├── InvalidStatusCode
    │   ├── NegotiationError
    │   │   ├── DuplicateParameter
    │   │   ├── InvalidParameterName
    │   │   └── InvalidParameterValue
    │   ├── AbortHandshake                  internal: process_request() gave an answer
    │   └── RedirectHandshake               internal: the server sent us elsewhere
    ├── InvalidState
    ├── InvalidURI                          a ValueError too
    ├── PayloadTooBig
    └── ProtocolError                       also called WebSocketProtocolError

This module owns the tree and the words of its messages. It never knows who raises or who catches.

Its key decision: ``args`` are always the arguments of the constructor and the message is composed
by ``__str__``. So exceptions survive copy and pickle, and a message costs nothing until it is read.
What a peer sent may stand in a message, therefore :func:`_show` guards every word of it.
"""

from __future__ import annotations

from .datastructures import Headers, HeadersLike
from .frames import Close, explain

__all__ = [
    "AbortHandshake",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "DuplicateParameter",
    "InvalidHandshake",
    "InvalidHeader",
    "InvalidHeaderFormat",
    "InvalidHeaderValue",
    "InvalidMessage",
    "InvalidOrigin",
    "InvalidParameterName",
    "InvalidParameterValue",
    "InvalidState",
    "InvalidStatusCode",
    "InvalidURI",
    "InvalidUpgrade",
    "NegotiationError",
    "PayloadTooBig",
    "ProtocolError",
    "RedirectHandshake",
    "RedirectRefused",
    "SecurityError",
    "WebSocketException",
    "WebSocketProtocolError",
    "format_close",
]

SHOWN = 200  # characters: a message goes into a log line, a header may fill 8 KiB


def _show(value: object) -> str:
    """Return printable text for any value: no control characters, no lone surrogates, no end."""
    if isinstance(value, str) and value.isprintable():
        text = value
    elif isinstance(value, int):
        text = str(int(value))  # an HTTPStatus shows as its number
    else:
        text = ascii(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."


def format_close(code: object, reason: object) -> str:
    """
    Describe a close code and a reason for people (RFC 6455 7.4).

    It takes anything and never raises, because it serves in messages of exceptions.
    """
    meaning = "reserved" if code == 1004 else _explain(code).removesuffix(" [internal]")
    because = f"reason = {_show(reason)}" if reason else "no reason"
    return f"code = {_show(code)} ({meaning}), {because}"


class WebSocketException(Exception):
    """Base of all exceptions of this library."""


class ConnectionClosed(WebSocketException):
    """
    Raised by operations on a connection that is closed.

    Arguments:
        code: the peer's close frame, a :class:`~websockets.frames.Close`, or None if there was
            none; or a close code, as a number.
        reason: our close frame, or None; or, behind a number, the close reason.
        rcvd_then_sent: which of the two came first; None unless there are both.

    Attributes:
        rcvd, sent: the close frames that were received and sent, or None.
        rcvd_then_sent: whether the peer closed first; None unless there are both.
        code, reason: those received; 1005 if the peer's close frame was empty, 1006 if there was
            none (RFC 6455 7.1.5 and 7.1.6).
    """

    def __init__(
        self,
        code: int | Close | None,
        reason: str | Close | None,
        rcvd_then_sent: bool | None = None,
    ) -> None:
        super().__init__(code, reason, rcvd_then_sent)
        self.rcvd: Close | None
        self.sent: Close | None
        if code is None or isinstance(code, Close):
            self.rcvd = code
            self.sent = reason  # type: ignore[assignment]
            self.code = 1006 if code is None else code.code
            self.reason = "" if code is None else code.reason
        else:
            self.args = (code, reason)
            # RFC 6455 7.4.1: 1006 stands for no close frame.
            self.rcvd = None if code == 1006 else Close(code, reason)  # type: ignore[arg-type]
            self.sent = None
            self.code = code
            self.reason = reason  # type: ignore[assignment]
            rcvd_then_sent = None
        if (rcvd_then_sent is None) is not (self.rcvd is None or self.sent is None):
            raise AssertionError("rcvd_then_sent tells which came first of two close frames")
        self.rcvd_then_sent = rcvd_then_sent

    def __str__(self) -> str:
        rcvd = None if self.rcvd is None else f"received {_describe(self.rcvd)}"
        sent = None if self.sent is None else f"sent {_describe(self.sent)}"
        if rcvd is None:
            if sent is None:
                return "no close frame received or sent"
            return f"{sent}; no close frame received"
        if sent is None:
            return f"{rcvd}; no close frame sent"
        return f"{rcvd}; then {sent}" if self.rcvd_then_sent else f"{sent}; then {rcvd}"


def _describe(close: Close) -> str:
    """Return what ``str(close)`` is, made harmless."""
    text = f"{_show(close.code)} ({_explain(close.code)})"
    return f"{text} {_show(close.reason)}" if close.reason else text


def _explain(code: object) -> str:
    return explain(code) if isinstance(code, int) else "unknown"


class ConnectionClosedError(ConnectionClosed):
    """The connection ended with an error: its code is neither 1000 nor 1001."""


class ConnectionClosedOK(ConnectionClosed):
    """The connection ended as it should: its code is 1000 (OK) or 1001 (going away)."""


class InvalidHandshake(WebSocketException):
    """The opening handshake failed."""


class SecurityError(InvalidHandshake):
    """The peer's handshake breaks a limit that protects this side."""


class RedirectRefused(SecurityError, ValueError):
    """The server redirects a client to where the program's arguments don't let it go."""


class InvalidMessage(InvalidHandshake):
    """The peer's handshake isn't a well-formed HTTP/1.1 request or response."""


class InvalidHeader(InvalidHandshake):
    """
    A header is missing, empty, or wrong in its format or value.

    ``value`` is what was found, or a few words on what is wrong with it; ``None`` means that the
    header is missing.
    """

    def __init__(self, name: str, value: str | None = None) -> None:
        super().__init__(name, value)
        self.name = name
        self.value = value

    def __str__(self) -> str:
        name = _show(self.name)
        if self.value is None:
            return f"missing {name} header"
        if self.value == "":
            return f"empty {name} header"
        return f"invalid {name} header: {_show(self.value)}"


class InvalidHeaderFormat(InvalidHeader):
    """
    A header doesn't follow its grammar.

    ``error`` says what was expected, ``pos`` is the index in ``header`` where it wasn't found.
    """

    def __init__(self, name: str, error: str, header: str, pos: int) -> None:
        super().__init__(name, header)
        self.args = (name, error, header, pos)
        self.error = error
        self.header = header
        self.pos = pos

    def __str__(self) -> str:
        where = f"at {_show(self.pos)} in {_show(self.header)}"
        return f"invalid {_show(self.name)} header: {_show(self.error)} {where}"


class InvalidHeaderValue(InvalidHeader):
    """A header follows its grammar but its value can't be accepted."""


class InvalidOrigin(InvalidHeader):
    """The Origin header of a request isn't among those that the server accepts."""

    def __init__(self, origin: str | None) -> None:
        super().__init__("Origin", origin)
        self.args = (origin,)


class InvalidUpgrade(InvalidHeader):
    """The Upgrade or the Connection header doesn't ask for, or agree to, a WebSocket."""


class InvalidStatusCode(InvalidHandshake):
    """
    The server answered with a status other than 101.

    ``status_code`` is that status; ``headers`` are those of the response, or ``None`` when they
    aren't known.
    """

    def __init__(self, status_code: int, headers: Headers | None = None) -> None:
        super().__init__(status_code, headers)
        self.status_code = status_code
        self.headers = headers

    def __str__(self) -> str:
        return f"the server answered with HTTP status {_show(self.status_code)} instead of 101"


class NegotiationError(InvalidHandshake):
    """An extension or a subprotocol can't be agreed upon."""


class DuplicateParameter(NegotiationError):
    """An extension's parameter is given twice."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"duplicate extension parameter: {_show(self.name)}"


class InvalidParameterName(NegotiationError):
    """An extension doesn't know a parameter of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"unknown extension parameter: {_show(self.name)}"


class InvalidParameterValue(NegotiationError):
    """An extension's parameter has a value that it can't have; ``None`` means no value."""

    def __init__(self, name: str, value: str | None) -> None:
        super().__init__(name, value)
        self.name = name
        self.value = value

    def __str__(self) -> str:
        name = _show(self.name)
        if self.value is None:
            return f"missing value of extension parameter {name}"
        if self.value == "":
            return f"empty value of extension parameter {name}"
        return f"invalid value of extension parameter {name}: {_show(self.value)}"


class AbortHandshake(InvalidHandshake):
    """
    The server answers with an HTTP response of its own instead of a WebSocket.

    ``status``, ``headers`` and ``body`` make that response. Internal: programs return these three
    from ``process_request()``.
    """

    def __init__(self, status: int, headers: HeadersLike, body: bytes = b"") -> None:
        super().__init__(status, headers, body)
        self.status = status
        self.headers = headers
        self.body = body

    def __str__(self) -> str:
        return f"the handshake is answered with HTTP status {_show(self.status)}"


class RedirectHandshake(InvalidHandshake):
    """The server redirects the handshake to ``uri``. Internal: ``connect()`` follows it."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self.uri = uri

    def __str__(self) -> str:
        return f"the handshake is redirected to {_show(self.uri)}"


class InvalidState(WebSocketException):
    """An operation isn't possible in the current state of the connection."""


class InvalidURI(WebSocketException, ValueError):
    """
    A URI isn't a valid WebSocket URI (RFC 6455 3).

    ``uri`` is what was given; ``error``, when there is one, says what is wrong with it.
    """

    def __init__(self, uri: str, error: str | None = None) -> None:
        super().__init__(uri, error)
        self.uri = uri
        self.error = error

    def __str__(self) -> str:
        because = "" if self.error is None else f": {_show(self.error)}"
        return f"{_show(self.uri)} isn't a valid WebSocket URI{because}"


class PayloadTooBig(WebSocketException):
    """A frame or a message is larger than the limit."""


class ProtocolError(WebSocketException):
    """The peer breaks the rules of the WebSocket protocol (RFC 6455 5)."""


WebSocketProtocolError = ProtocolError
