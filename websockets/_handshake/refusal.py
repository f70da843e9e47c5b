"""
Requests that don't become connections, and the HTTP responses that tell why (RFC 6455 4.2.2).

Owns the table from exceptions to responses. Must never know how a response is sent.
"""

from __future__ import annotations

from http import HTTPStatus

from ..datastructures import Headers
from ..exceptions import (
    AbortHandshake,
    InvalidHandshake,
    InvalidHeader,
    InvalidHeaderValue,
    InvalidMessage,
    InvalidOrigin,
    InvalidUpgrade,
)

__all__ = ["is_about_the_request", "response_to", "shutting_down", "too_slow"]


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


def status_of(exc: BaseException) -> tuple[int, Headers]:
    """Return the status that tells of a failure, and the headers that this status asks for."""
    headers = Headers()
    if not is_about_the_request(exc):
        return HTTPStatus.INTERNAL_SERVER_ERROR, headers
    if isinstance(exc, InvalidOrigin):
        return HTTPStatus.FORBIDDEN, headers
    if isinstance(exc, InvalidUpgrade):
        # RFC 9110 15.5.22
        headers["Upgrade"] = "websocket"
        return HTTPStatus.UPGRADE_REQUIRED, headers
    if isinstance(exc, InvalidHeader) and exc.name == "Sec-WebSocket-Version":
        # RFC 6455 4.2.2 and 4.4
        headers["Sec-WebSocket-Version"] = "13"
        return HTTPStatus.UPGRADE_REQUIRED, headers
    if isinstance(exc, InvalidHeaderValue) and exc.name == "Host":
        return HTTPStatus.MISDIRECTED_REQUEST, headers
    cause = exc.__cause__ if isinstance(exc, InvalidMessage) else exc
    status = HTTPStatus(getattr(cause, "status", HTTPStatus.BAD_REQUEST))
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = "GET"
    return status, headers


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
