"""
Requests that don't become connections, and the HTTP responses that tell why (RFC 6455 4.2.2).

Owns the table from exceptions to responses. Must never know how a response is sent.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Optional

from .._errors import show
from ..datastructures import Headers
from ..exceptions import (
    AbortHandshake,
    HeaderLineTooLong,
    InvalidHandshake,
    InvalidHeader,
    InvalidHeaderValue,
    InvalidMessage,
    InvalidMethod,
    InvalidOrigin,
    InvalidProtocol,
    InvalidUpgrade,
    RequestLineTooLong,
    TooManyHeaders,
)
from ..http11 import Response
from .responses import http_date

__all__ = [
    "explanation",
    "is_about_the_request",
    "rejection",
    "response_to",
    "shutting_down",
    "status_for",
    "too_slow",
]

BROWSERS = (
    "\nYou cannot access a WebSocket server directly with a browser. You need a WebSocket client.\n"
)


# What a failure is answered with, if it isn't 400; statuses have their older names in Python 3.9.
TABLE: list[tuple[Any, HTTPStatus, dict[str, str]]] = [
    (InvalidMethod, HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET"}),
    (InvalidProtocol, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, {}),
    # RFC 9110 15.5.22: Upgrade says to what.
    (InvalidUpgrade, HTTPStatus.UPGRADE_REQUIRED, {"Upgrade": "websocket"}),
    (InvalidOrigin, HTTPStatus.FORBIDDEN, {}),
    (RequestLineTooLong, HTTPStatus.REQUEST_URI_TOO_LONG, {}),
    (HeaderLineTooLong, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, {}),
    (TooManyHeaders, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, {}),
]


def shutting_down() -> AbortHandshake:
    """Refuse because the server is closing."""
    body = b"The server is shutting down.\n"
    return AbortHandshake(HTTPStatus.SERVICE_UNAVAILABLE, [], body)


def too_slow() -> AbortHandshake:
    """Refuse because the request isn't complete in time."""
    return AbortHandshake(HTTPStatus.REQUEST_TIMEOUT, [], b"The request took too long.\n")


def is_about_the_request(exc: BaseException) -> bool:
    """Tell whether a handshake failed for what the client has sent, not for the program's sake."""
    if isinstance(exc, InvalidHeaderValue) and exc.sending:
        return False
    return isinstance(exc, InvalidHandshake)


def status_for(exc: BaseException) -> tuple[int, Headers]:
    """Return the status that tells of a failure, and the headers that this status asks for."""
    if not is_about_the_request(exc):
        return HTTPStatus.INTERNAL_SERVER_ERROR, Headers()
    for cls, status, fields in TABLE:
        if isinstance(exc, cls):
            return status, Headers(fields)
    return HTTPStatus.BAD_REQUEST, Headers()


def status_of(exc: BaseException) -> tuple[int, Headers]:
    """Return what :func:`status_for` does, where reader and checks are stricter and tell more."""
    if is_about_the_request(exc):
        if isinstance(exc, InvalidHeader) and exc.name == "Sec-WebSocket-Version":
            # RFC 6455 4.2.2 and 4.4
            return HTTPStatus.UPGRADE_REQUIRED, Headers({"Sec-WebSocket-Version": "13"})
        if isinstance(exc, InvalidHeaderValue) and exc.name == "Host":
            return HTTPStatus.MISDIRECTED_REQUEST, Headers()
        cause = exc.__cause__ if isinstance(exc, InvalidMessage) else exc
        status = getattr(cause, "status", None)
        if status is not None:
            allow = {"Allow": "GET"} if status == HTTPStatus.METHOD_NOT_ALLOWED else ()
            return HTTPStatus(status), Headers(allow)
    return status_for(exc)


def explanation(exc: BaseException) -> str:
    """Return the text that tells a client why its handshake failed, with what led to that."""
    if not is_about_the_request(exc):
        # What a program raises is for its log, not for the peer.
        return "Failed to open a WebSocket connection.\nSee server log for more information.\n"
    words = []
    cause: Optional[BaseException] = exc
    while cause is not None:
        # What our own exceptions say is harmless already.
        text = str(cause)
        words.append(text if isinstance(cause, InvalidHandshake) else show(text))
        cause = cause.__cause__
    text = f"Failed to open a WebSocket connection: {'; '.join(words)}.\n"
    return text + BROWSERS if isinstance(exc, InvalidUpgrade) else text


def rejection(status: int, text: str, seconds: float) -> Response:
    """
    Return a response with a body of text, behind which the connection ends.

    Arguments:
        status: its status.
        text: its body.
        seconds: the time, for Date.

    Raises:
        ValueError: if nobody knows the status.
    """
    body = text.encode()
    headers = Headers(
        [
            ("Date", http_date(int(seconds))),
            ("Connection", "close"),
            ("Content-Length", str(len(body))),
            ("Content-Type", "text/plain; charset=utf-8"),
        ]
    )
    known = HTTPStatus(status)
    return Response(known.value, known.phrase, headers, body)


def response_to(exc: BaseException) -> tuple[int, Headers, bytes]:
    """Return the HTTP response to a handshake that failed with an exception."""
    if isinstance(exc, AbortHandshake):
        return int(exc.status), Headers(exc.headers), exc.body
    status, headers = status_of(exc)
    if is_about_the_request(exc):
        text = f"No WebSocket connection was opened: {exc}.\n"
    else:
        # What a program raises is for its log, not for the peer.
        text = "The server failed to open a WebSocket connection.\nSee its log for the reason.\n"
    return status, headers, text.encode()
