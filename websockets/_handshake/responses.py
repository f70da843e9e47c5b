"""
What a server sends in the opening handshake: HTTP responses (RFC 9112 4, RFC 6455 4.2.2).

Owns the headers that every response has, and its form on the wire. Must never know why a response
is sent, nor what time it is.
"""

from __future__ import annotations

import functools
import http
import time
from typing import Any, Optional

from .._core import accept_key, make_head, usual_head
from .._replaced import replaced
from ..datastructures import Headers, headers_of
from ..http11 import Response

__all__ = [
    "accepting",
    "add_usual_headers",
    "dated",
    "http_date",
    "serialize_any",
    "serialize_response",
    "switching",
]

DAYS = "Mon Tue Wed Thu Fri Sat Sun".split()
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()

REASONS = {int(status): status.phrase for status in http.HTTPStatus}


def accepting(key: str, extensions: Optional[str], subprotocol: Optional[str]) -> Headers:
    """
    Build the headers of the response that opens a connection.

    Arguments:
        key: what ``check_request()`` returned.
        extensions: the header of the chosen extensions, if there are any.
        subprotocol: the chosen subprotocol, if there is one.
    """
    accept = accept_key(key)
    headers = headers_of(
        [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)],
        {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-accept": accept},
    )
    add_choice(headers, extensions, subprotocol)
    return headers


def dated(
    seconds: float, accept: str, extensions: Optional[str], subprotocol: Optional[str]
) -> Headers:
    """
    Build the same headers, behind the time.

    Arguments:
        seconds: the time, for Date.
        accept: what answers the request's key.
        extensions, subprotocol: as for :func:`accepting`.
    """
    date = http_date(int(seconds))
    headers = headers_of(
        [
            ("Date", date),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", accept),
        ],
        {
            "date": date,
            "upgrade": "websocket",
            "connection": "Upgrade",
            "sec-websocket-accept": accept,
        },
    )
    add_choice(headers, extensions, subprotocol)
    return headers


def switching(headers: Headers) -> Response:
    """Make the response that opens a connection, of its headers."""
    response: Response = _new(Response)
    response.status_code = 101
    response.reason_phrase = "Switching Protocols"
    response.headers = headers
    return response


_new: Any = object.__new__


def add_choice(headers: Headers, extensions: Optional[str], subprotocol: Optional[str]) -> None:
    """Add what was chosen for a connection."""
    if extensions is not None:
        headers.set_insecure("Sec-WebSocket-Extensions", extensions)
    if subprotocol is not None:
        headers["Sec-WebSocket-Protocol"] = subprotocol


def http_date(seconds: int) -> str:
    """Return a time as a Date header tells it (RFC 9110 6.6.1); many responses tell the same."""
    formatdate = replaced("email.utils", "formatdate")
    return usual_date(seconds) if formatdate is None else formatdate(seconds, usegmt=True)


@functools.lru_cache(maxsize=1)
def usual_date(seconds: int) -> str:
    """Return the same, as nobody has replaced it."""
    # The standard library's function would load what takes longer than a thousand of these.
    year, month, day, hour, minute, second, weekday = time.gmtime(seconds)[:7]
    date = f"{DAYS[weekday]}, {day:02} {MONTHS[month - 1]} {year}"
    return f"{date} {hour:02}:{minute:02}:{second:02} GMT"


def add_usual_headers(headers: Headers, seconds: float, server: Optional[str]) -> None:
    """
    Add what each response has, unless it is there.

    Arguments:
        seconds: the time, for Date.
        server: value of the Server header, None for no such header.
    """
    if "date" not in headers._values:
        headers._put_new("Date", "date", http_date(int(seconds)))
    if server is not None and "server" not in headers._values:
        headers._put_new("Server", "server", server)


def serialize_response(status: int, headers: Headers, body: Optional[bytes] = None) -> bytes:
    """
    Return a response as it is sent.

    Raises:
        ValueError, TypeError: if a header can't be sent.
    """
    head: bytes = make_head(f"HTTP/1.1 {status} {REASONS.get(status, '')}", headers)
    return head if body is None else head + body


def serialize_any(response: Response, line: str) -> bytes:
    """
    Return a response of a program's own as it is sent; what is in it is the program's affair.

    Arguments:
        line: its first line.
    """
    if type(response) is Response and type(response.headers) is Headers:
        head: Optional[bytes] = usual_head(line, response.headers)
        if head is not None:
            return head + response.body if response.body else head
    return response.serialize()
