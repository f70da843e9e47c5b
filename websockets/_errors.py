"""
The exceptions that carry nothing but words and numbers, and how what a peer sent is shown.

This module owns the lower half of the tree that :mod:`websockets.exceptions` draws and completes,
and the words of its messages. It never knows who raises or who catches, nor any other module here:
close frames, headers, requests and responses raise these, and :mod:`websockets.exceptions` carries
close frames, headers and responses.

Its key decision: ``args`` are always the arguments of the constructor and the message is composed
by ``__str__``. So exceptions survive copy and pickle, and a message costs nothing until it is read.
What a peer sent may stand in a message, therefore :func:`show` guards every word of it.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "ConcurrencyError",
    "DuplicateParameter",
    "HeaderLineTooLong",
    "InvalidHandshake",
    "InvalidHeader",
    "InvalidHeaderFormat",
    "InvalidHeaderValue",
    "InvalidMessage",
    "InvalidMethod",
    "InvalidOrigin",
    "InvalidParameterName",
    "InvalidParameterValue",
    "InvalidProtocol",
    "InvalidProxy",
    "InvalidProxyMessage",
    "InvalidState",
    "InvalidURI",
    "InvalidUpgrade",
    "NegotiationError",
    "PayloadTooBig",
    "ProtocolError",
    "ProxyError",
    "RedirectHandshake",
    "RedirectRefused",
    "RequestLineTooLong",
    "SecurityError",
    "StatusLineTooLong",
    "TooManyFragments",
    "TooManyHeaders",
    "WebSocketException",
    "show",
]

SHOWN = 200  # characters: a message goes into a log line, a header may fill 8 KiB


def show(value: object) -> str:
    """Return printable text for any value: no control characters, no lone surrogates, no end."""
    if isinstance(value, str) and value.isprintable():
        text = value
    elif isinstance(value, int):
        text = str(int(value))  # an HTTPStatus shows as its number
    else:
        text = ascii(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."


class WebSocketException(Exception):
    """Base of all exceptions of this library."""


class InvalidHandshake(WebSocketException):
    """The opening handshake failed."""


class SecurityError(InvalidHandshake):
    """The peer's handshake breaks a limit or a rule that protects this side."""


class RequestLineTooLong(SecurityError):
    """The first line of a request exceeds the limit on lines."""


class StatusLineTooLong(SecurityError):
    """The first line of a response exceeds the limit on lines."""


class HeaderLineTooLong(SecurityError):
    """A header exceeds the limit on lines."""


class TooManyHeaders(SecurityError):
    """A request or a response has more headers than the limit."""


class RedirectRefused(SecurityError, ValueError):
    """The server redirects a client to where the program's arguments don't let it go."""


class InvalidMessage(InvalidHandshake):
    """The peer's handshake isn't a well-formed HTTP/1.1 request or response."""


class InvalidMethod(InvalidHandshake):
    """A request has another method than GET (RFC 6455 4.2.1)."""

    def __init__(self, method: str) -> None:
        super().__init__(method)
        self.method = method

    def __str__(self) -> str:
        return f"unsupported HTTP method: {show(self.method)}"


class InvalidProtocol(InvalidHandshake):
    """A request is of another version of HTTP than 1.1 (RFC 6455 4.2.1)."""

    def __init__(self, protocol: str) -> None:
        super().__init__(protocol)
        self.protocol = protocol

    def __str__(self) -> str:
        return f"unsupported HTTP version: {show(self.protocol)}"


class ProxyError(InvalidHandshake):
    """A proxy didn't connect us to the server."""


class InvalidProxyMessage(ProxyError):
    """What a proxy answered isn't a well-formed HTTP response."""


class InvalidHeader(InvalidHandshake):
    """
    A header is missing, empty, or wrong in its format or value.

    ``value`` is what was found, or a few words on what is wrong with it; ``None`` means that the
    header is missing.
    """

    def __init__(self, name: str, value: str | None = None) -> None:
        super().__init__(name) if value is None else super().__init__(name, value)
        self.name = name
        self.value = value

    def __str__(self) -> str:
        name = show(self.name)
        if self.value is None:
            return f"missing {name} header"
        if self.value == "":
            return f"empty {name} header"
        return f"invalid {name} header: {show(self.value)}"


class InvalidHeaderFormat(InvalidHeader):
    """
    A header doesn't follow its grammar.

    ``error`` says what was expected, ``pos`` is the index in ``header`` where it wasn't found;
    ``value`` says all of that.
    """

    def __init__(self, name: str, error: str, header: str, pos: int) -> None:
        super().__init__(name, f"{show(error)} at {show(pos)} in {show(header)}")
        self.args: tuple[Any, ...] = (name, error, header, pos)
        self.error = error
        self.header = header
        self.pos = pos

    def __str__(self) -> str:
        return f"invalid {show(self.name)} header: {self.value}"


class InvalidHeaderValue(InvalidHeader):
    """
    A header follows its grammar but its value can't be accepted; or a value can't be sent.

    ``sending`` tells whether it is a program's own, rather than one that a peer has sent.
    """

    sending = False


class InvalidOrigin(InvalidHeader):
    """The Origin header of a request isn't among those that the server accepts."""

    def __init__(self, origin: str | None) -> None:
        super().__init__("Origin", origin)
        self.args: tuple[Any, ...] = (origin,)


class InvalidUpgrade(InvalidHeader):
    """The Upgrade or the Connection header doesn't ask for, or agree to, a WebSocket."""


class NegotiationError(InvalidHandshake):
    """An extension or a subprotocol can't be agreed upon."""


class DuplicateParameter(NegotiationError):
    """An extension's parameter is given twice."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"duplicate parameter: {show(self.name)}"


class InvalidParameterName(NegotiationError):
    """An extension doesn't know a parameter of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"invalid parameter name: {show(self.name)}"


class InvalidParameterValue(NegotiationError):
    """An extension's parameter has a value that it can't have; ``None`` means no value."""

    def __init__(self, name: str, value: str | None) -> None:
        super().__init__(name, value)
        self.name = name
        self.value = value

    def __str__(self) -> str:
        name = show(self.name)
        if self.value is None:
            return f"missing value for parameter {name}"
        if self.value == "":
            return f"empty value for parameter {name}"
        return f"invalid value for parameter {name}: {show(self.value)}"


class RedirectHandshake(InvalidHandshake):
    """The server redirects the handshake to ``uri``. Internal: ``connect()`` follows it."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self.uri = uri

    def __str__(self) -> str:
        return f"redirect to {show(self.uri)}"


class InvalidState(WebSocketException, AssertionError):
    """An operation isn't possible in the current state of the connection."""


class ConcurrencyError(WebSocketException, RuntimeError):
    """Operations that exclude each other are under way at once."""


class InvalidURI(WebSocketException, ValueError):
    """
    A URI isn't a valid WebSocket URI (RFC 6455 3).

    ``uri`` is what was given; ``msg``, when there is one, says what is wrong with it.
    """

    def __init__(self, uri: str, msg: str | None = None) -> None:
        super().__init__(uri) if msg is None else super().__init__(uri, msg)
        self.uri = uri
        self.msg = msg

    def __str__(self) -> str:
        because = "" if self.msg is None else f": {show(self.msg)}"
        return f"{show(self.uri)} isn't a valid URI{because}"


class InvalidProxy(WebSocketException):
    """``proxy`` isn't the URI of a proxy that can be used; ``msg`` says what is wrong with it."""

    def __init__(self, proxy: str, msg: str) -> None:
        super().__init__(proxy, msg)
        self.proxy = proxy
        self.msg = msg

    def __str__(self) -> str:
        return f"{show(self.proxy)} isn't a valid proxy: {show(self.msg)}"


class PayloadTooBig(WebSocketException):
    """
    A frame or a message is larger than the limit.

    Arguments:
        size_or_message: size of the frame, in bytes; None if it isn't known; or all that is to be
            said, as text.
        max_size: most bytes that the frame may have had.
        current_size: bytes of the message that came before the frame; None if there are none.

    Attributes:
        message: the text, or None.
        size: size of the frame, in bytes, or None.
        max_size: most bytes in the whole message, that is, with ``current_size``; or None.
        current_size: bytes of the message that came before the frame, or None.
    """

    def __init__(
        self,
        size_or_message: int | str | None = None,
        max_size: int | None = None,
        current_size: int | None = None,
    ) -> None:
        super().__init__(*[size_or_message] if max_size is None else [size_or_message, max_size])
        self.message: str | None = None
        self.size: int | None = None
        if isinstance(size_or_message, str):
            self.message = size_or_message
        else:
            self.size = size_or_message
        self.max_size = max_size
        self.current_size: int | None = None
        if current_size is not None:
            self.set_current_size(current_size)

    def set_current_size(self, current_size: int) -> None:
        """Tell how many bytes of the message came before the frame; once at most."""
        if self.max_size is not None:
            self.args: tuple[Any, ...] = (self.size, self.max_size, current_size)
            self.current_size = current_size
            self.max_size += current_size

    def __str__(self) -> str:
        if self.max_size is None:
            return "" if self.message is None else self.message
        size = "" if self.size is None else f" with {self.size} bytes"
        read = "" if self.current_size is None else f" after reading {self.current_size} bytes"
        return f"frame{size}{read} exceeds limit of {self.max_size} bytes"


class TooManyFragments(WebSocketException):
    """A message comes in more frames than ``max_fragments``."""

    def __init__(self, max_fragments: int) -> None:
        super().__init__(max_fragments)
        self.max_fragments = max_fragments

    def __str__(self) -> str:
        return f"fragmented message exceeds limit of {show(self.max_fragments)} frames"


class ProtocolError(WebSocketException):
    """The peer breaks the rules of the WebSocket protocol (RFC 6455 5)."""
