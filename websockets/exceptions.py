"""
Everything the library raises on purpose, in one tree.

::

    WebSocketException
    ├── ConnectionClosed
    │   ├── ConnectionClosedError           any code but 1000 and 1001
    │   └── ConnectionClosedOK              1000 or 1001
    ├── InvalidHandshake
    │   ├── SecurityError
    │   │   ├── RequestLineTooLong
    │   │   ├── StatusLineTooLong
    │   │   ├── HeaderLineTooLong
    │   │   ├── TooManyHeaders
    │   │   └── RedirectRefused             a ValueError too
    │   ├── InvalidMessage
    │   ├── InvalidMethod
    │   ├── InvalidProtocol
    │   ├── InvalidHeader
    │   │   ├── InvalidHeaderFormat         it can't be parsed
    │   │   ├── InvalidHeaderValue          it can be parsed but not accepted
    │   │   ├── InvalidOrigin
    │   │   └── InvalidUpgrade
    │   ├── InvalidStatus
    │   │   └── InvalidStatusCode           the same, built from a number
    │   ├── NegotiationError
    │   │   ├── DuplicateParameter
    │   │   ├── InvalidParameterName
    │   │   └── InvalidParameterValue
    │   ├── ProxyError
    │   │   ├── InvalidProxyMessage
    │   │   └── InvalidProxyStatus
    │   ├── AbortHandshake                  internal: process_request() gave an answer
    │   └── RedirectHandshake               internal: the server sent us elsewhere
    ├── InvalidState                        an AssertionError too
    ├── ConcurrencyError                    a RuntimeError too
    ├── InvalidURI                          a ValueError too
    ├── InvalidProxy
    ├── PayloadTooBig
    ├── TooManyFragments
    └── ProtocolError                       also called WebSocketProtocolError

This module owns the public tree, and of its members those that carry close frames, headers or
responses. It never knows who raises or who catches.

Its key decision: these are a module of their own, because such values raise the others, which are
in :mod:`websockets._errors`. Each exception serves every generation of the API: it takes what any
of them builds it from, and has the attributes that any of them reads.
"""

from __future__ import annotations

from collections.abc import Sized
from typing import Any, overload

from ._closes import Close, explain
from ._errors import (
    ConcurrencyError,
    DuplicateParameter,
    HeaderLineTooLong,
    InvalidHandshake,
    InvalidHeader,
    InvalidHeaderFormat,
    InvalidHeaderValue,
    InvalidMessage,
    InvalidMethod,
    InvalidOrigin,
    InvalidParameterName,
    InvalidParameterValue,
    InvalidProtocol,
    InvalidProxy,
    InvalidProxyMessage,
    InvalidState,
    InvalidUpgrade,
    InvalidURI,
    NegotiationError,
    PayloadTooBig,
    ProtocolError,
    ProxyError,
    RedirectHandshake,
    RedirectRefused,
    RequestLineTooLong,
    SecurityError,
    StatusLineTooLong,
    TooManyFragments,
    TooManyHeaders,
    WebSocketException,
    show,
)
from .datastructures import Headers, HeadersLike
from .http11 import Response

__all__ = [
    "AbortHandshake",
    "ConcurrencyError",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
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
    "InvalidProxyStatus",
    "InvalidState",
    "InvalidStatus",
    "InvalidStatusCode",
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
    "WebSocketProtocolError",
    "format_close",
]


def format_close(code: object, reason: object) -> str:
    """
    Describe a close code and a reason for people (RFC 6455 7.4).

    It takes anything and never raises, because it serves in messages of exceptions.
    """
    meaning = "reserved" if code == 1004 else _explain(code).removesuffix(" [internal]")
    because = f"reason = {show(reason)}" if reason else "no reason"
    return f"code = {show(code)} ({meaning}), {because}"


_NOT_GIVEN: Any = object()


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

    @overload
    def __init__(self, code: int, reason: str) -> None: ...

    @overload
    def __init__(
        self, rcvd: Close | None, sent: Close | None, rcvd_then_sent: bool | None = None
    ) -> None: ...

    def __init__(  # type: ignore[misc]  # two parameters have two names
        self,
        code: Any = _NOT_GIVEN,
        reason: Any = _NOT_GIVEN,
        rcvd_then_sent: bool | None = None,
        *,
        rcvd: Any = _NOT_GIVEN,
        sent: Any = _NOT_GIVEN,
    ) -> None:
        self.rcvd: Close | None
        self.sent: Close | None
        self.rcvd_then_sent: bool | None
        self.code: int
        self.reason: str
        self.args: tuple[Any, ...]
        if type(code) is type(reason) is Close and rcvd_then_sent is not None:
            # Nearly all that are made end well.
            self.args = (code, reason, rcvd_then_sent)
            self.rcvd = code
            self.sent = reason
            self.code = code.code
            self.reason = code.reason
            self.rcvd_then_sent = rcvd_then_sent
            return
        if code is _NOT_GIVEN:
            code = rcvd
        if reason is _NOT_GIVEN:
            reason = sent
        if code is _NOT_GIVEN or reason is _NOT_GIVEN:
            raise TypeError("code and reason, or rcvd and sent, are required")
        self.args = (code, reason)
        if code is None or isinstance(code, Close):
            if rcvd_then_sent is not None:
                self.args = (code, reason, rcvd_then_sent)
            self.rcvd = code
            self.sent = reason
            self.code = 1006 if code is None else code.code
            self.reason = "" if code is None else code.reason
        else:
            # RFC 6455 7.4.1: 1006 stands for no close frame.
            self.rcvd = None if code == 1006 else Close(code, reason)
            self.sent = None
            self.code = code
            self.reason = reason
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


def _documented(
    self: ConnectionClosed, code: Any, reason: Any, rcvd_then_sent: bool | None = None
) -> None: ...


# What inspect.signature() and help() tell: the names of frames are others for the same.
ConnectionClosed.__init__.__wrapped__ = _documented  # type: ignore[attr-defined]


def _describe(close: Close) -> str:
    """Return what ``str(close)`` is, made harmless."""
    text = f"{show(close.code)} ({_explain(close.code)})"
    return f"{text} {show(close.reason)}" if close.reason else text


def _explain(code: object) -> str:
    return explain(code) if isinstance(code, int) else "unknown"


class ConnectionClosedError(ConnectionClosed):
    """The connection ended with an error: its code is neither 1000 nor 1001."""


class ConnectionClosedOK(ConnectionClosed):
    """The connection ended as it should: its code is 1000 (OK) or 1001 (going away)."""


class InvalidStatus(InvalidHandshake):
    """
    The server answered with a status other than 101.

    ``response`` is its answer, a :class:`~websockets.http11.Response`; ``status_code`` and
    ``headers`` are those of the response.
    """

    def __init__(self, response: Response) -> None:
        super().__init__(response)
        self.response = response
        self.status_code: int = response.status_code
        self.headers: Headers | None = response.headers

    def __str__(self) -> str:
        return f"server rejected WebSocket connection: HTTP {show(self.status_code)}"


class InvalidStatusCode(InvalidStatus):
    """
    The server answered with a status other than 101.

    Arguments:
        status_code: that status.
        headers: those of the response; None if they aren't known.
        response: the whole response; if it isn't given, it is made from the others.
    """

    def __init__(
        self,
        status_code: int,
        headers: Headers | None = None,
        response: Response | None = None,
    ) -> None:
        self.args: tuple[Any, ...]
        if response is None:
            known = Headers() if headers is None else headers
            super().__init__(Response(status_code, "", known))
            self.args = (status_code, headers)
        else:
            super().__init__(response)
            self.args = (status_code, headers, response)
        self.status_code = status_code
        self.headers = headers


class InvalidProxyStatus(ProxyError):
    """A proxy refused to connect us; ``response`` is its answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response)
        self.response = response

    def __str__(self) -> str:
        return f"proxy rejected connection: HTTP {show(self.response.status_code)}"


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
        sizes = f"{_count(self.headers)} headers, {_count(self.body)} bytes"
        return f"HTTP {show(self.status)}, {sizes}"


def _count(items: object) -> int:
    return len(items) if isinstance(items, Sized) else 0


WebSocketProtocolError = ProtocolError

# Where a class is defined is no business of who reads its name in a traceback or a pickle.
for _name in __all__:
    globals()[_name].__module__ = __name__
