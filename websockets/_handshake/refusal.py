"""
Requests that don't become connections, and the HTTP responses that tell why (RFC 6455 4.2.2).

Owns the table from exceptions to responses. Must never know how a response is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Optional

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

__all__ = ["check_framing", "check_host", "response_to", "shutting_down", "too_slow"]


def shutting_down() -> AbortHandshake:
    """Refuse because the server is closing."""
    body = b"The server is shutting down.\n"
    return AbortHandshake(HTTPStatus.SERVICE_UNAVAILABLE, [], body)


def too_slow() -> AbortHandshake:
    """Refuse because the request isn't complete in time."""
    return AbortHandshake(HTTPStatus.REQUEST_TIMEOUT, [], b"The request took too long.\n")


def check_framing(headers: Headers) -> None:
    """
    Check the parts of a request that frame it in HTTP.

    Raises:
        InvalidHeader: if Host isn't there exactly once (RFC 9112 3.2), or the request has a body:
            it would be taken for frames.
    """
    hosts = headers.get_all("Host")
    if len(hosts) != 1:
        raise InvalidHeader("Host", "more than one Host header found" if hosts else None)
    for name in ("Transfer-Encoding", "Content-Length"):
        for value in headers.get_all(name):
            if name == "Transfer-Encoding" or value.strip("0") or not value:
                raise InvalidHeaderValue(name, value)


def check_host(headers: Headers, allowed_hosts: Optional[Sequence[str]]) -> None:
    """
    Check the name in the Host header against a list; None is a list of all.

    Raises:
        InvalidHeaderValue: if the name isn't in the list.
    """
    if allowed_hosts is None:
        return
    host = headers["Host"].lower()
    # RFC 9110 7.2: uri-host [ ":" port ]; the colons of an IPv6 address stand in brackets.
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if name not in [allowed.lower() for allowed in allowed_hosts]:
        raise InvalidHeaderValue("Host", headers["Host"])


def response_to(exc: Exception) -> tuple[int, Headers, bytes]:
    """Return the HTTP response to a handshake that failed with an exception."""
    headers = Headers()
    if isinstance(exc, AbortHandshake):
        headers.update(exc.headers)
        return int(exc.status), headers, exc.body
    if isinstance(exc, InvalidOrigin):
        status = HTTPStatus.FORBIDDEN
    elif isinstance(exc, InvalidUpgrade):
        status = HTTPStatus.UPGRADE_REQUIRED
        # RFC 9110 15.5.22
        headers["Upgrade"] = "websocket"
    elif isinstance(exc, InvalidHeader) and exc.name == "Sec-WebSocket-Version":
        status = HTTPStatus.UPGRADE_REQUIRED
        # RFC 6455 4.2.2 and 4.4
        headers["Sec-WebSocket-Version"] = "13"
    elif isinstance(exc, InvalidHeaderValue) and exc.name == "Host":
        status = HTTPStatus.MISDIRECTED_REQUEST
    elif isinstance(exc, InvalidHandshake):
        cause = exc.__cause__ if isinstance(exc, InvalidMessage) else exc
        status = HTTPStatus(getattr(cause, "status", HTTPStatus.BAD_REQUEST))
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = "GET"
    else:
        body = b"The server failed to open a WebSocket connection.\nSee its log for the reason.\n"
        return HTTPStatus.INTERNAL_SERVER_ERROR, headers, body
    return status, headers, f"No WebSocket connection was opened: {exc}.\n".encode()
