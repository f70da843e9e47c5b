"""
What ASGI says of WebSocket, as functions: scopes, headers, which event may come when.

Owns the form of scopes and events (the ASGI specification, WebSocket, spec_version 2.4), and the
words for what an application does wrong. Must never know a connection, nor which server hosts it.
"""

from __future__ import annotations

import http
from collections.abc import Iterable
from typing import Any, Optional, Union
from urllib.parse import quote, unquote

from .._core import NOT_OPEN
from .._handshake.negotiation import offered_subprotocols
from .._handshake.responses import REASONS
from ..datastructures import Headers
from ..headers import check_headers
from ..http11 import Request, Response
from .orderly import OrderlySession

__all__ = [
    "EventSession",
    "add_headers",
    "address_of",
    "check_type",
    "client_of",
    "close_of",
    "disconnect",
    "message_of",
    "path_of",
    "response_of",
    "scope_of",
    "status_of",
]

Address = Optional[tuple[str, Optional[int]]]
Event = dict[str, Any]

ACCEPT = "websocket.accept"
CLOSE = "websocket.close"
SEND = "websocket.send"
START = "websocket.http.response.start"
BODY = "websocket.http.response.body"

# What an application may send, by what it has sent before.
OPENING = f"Expected ASGI message '{ACCEPT}', '{CLOSE}' or '{START}' but got '%s'."
OPENED = f"Expected ASGI message '{SEND}' or '{CLOSE}', but got '%s'."
ANSWERING = f"Expected ASGI message '{BODY}' but got '%s'."
DONE = f"Unexpected ASGI message '%s', after sending '{CLOSE}' or response already completed."

ALLOWED = {OPENING: (ACCEPT, CLOSE, START), OPENED: (SEND, CLOSE), ANSWERING: (BODY,), DONE: ()}

# Headers that say how long a body is: it is known whole, and the connection ends behind it.
LENGTHS = {"connection", "content-length", "transfer-encoding"}


class EventSession(OrderlySession):
    """An open connection that says it has ended as soon as no message will come."""

    __slots__ = ()

    def before_waiting(self) -> None:
        """Raise ConnectionClosed, if the closing handshake has begun."""
        super().before_waiting()
        if self.endpoint.holds & NOT_OPEN:
            raise self.closed_exc()


# Scopes


def address_of(name: Any) -> Address:
    """Return what ``getsockname()`` and ``getpeername()`` tell, as scopes have it."""
    if isinstance(name, (tuple, list)) and len(name) >= 2:
        return str(name[0]), int(name[1])
    if isinstance(name, bytes):
        name = name.decode(errors="surrogateescape")
    return (name, None) if isinstance(name, str) and name else None


def scope_of(
    request: Request,
    root_path: str,
    secure: bool,
    server: Address,
    client: Address,
    version: str,
    state: dict[str, Any],
) -> dict[str, Any]:
    """
    Return the scope of a connection.

    Arguments:
        request: a valid request of the opening handshake.
        root_path: where the application is mounted, as the server has been told.
        secure: whether the connection uses TLS.
        server, client: addresses of both ends.
        version: the version of ASGI that the application speaks.
        state: what the application has kept in its lifespan.
    """
    path, _, query = request.path.partition("?")
    return {
        "type": "websocket",
        "asgi": {"version": version, "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "wss" if secure else "ws",
        "server": server,
        "client": client,
        "root_path": root_path,
        "path": root_path + unquote(path),
        "raw_path": encode(root_path + path),
        "query_string": encode(query),
        "headers": [
            (encode(name.lower()), encode(value)) for name, value in request.headers.raw_items()
        ],
        "subprotocols": list(offered_subprotocols(request.headers)),
        "state": state,
        "extensions": {"websocket.http.response": {}},
    }


def encode(text: str) -> bytes:
    """Return the bytes that a part of a request was read from."""
    return text.encode("latin-1", "surrogateescape")


def path_of(scope: dict[str, Any]) -> str:
    """Return path and query as logs tell them."""
    path = quote(scope["path"])
    query = scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def client_of(scope: dict[str, Any]) -> str:
    """Return the client's address as logs tell it, "" if it isn't known."""
    client = scope.get("client")
    return "%s:%d" % tuple(client) if client and client[1] is not None else ""


# Events


def check_type(expected: str, event: Event) -> str:
    """
    Return the type of an event that an application has sent.

    Arguments:
        expected: OPENING, OPENED, ANSWERING or DONE.

    Raises:
        RuntimeError: if it may not come now.
    """
    kind: str = event["type"]
    if kind not in ALLOWED[expected]:
        raise RuntimeError(expected % kind)
    return kind


def message_of(event: Event) -> Union[str, bytes, bytearray, memoryview]:
    """
    Return the message of a "websocket.send".

    Raises:
        TypeError: if there is none, or one of another type.
    """
    data, text = event.get("bytes"), event.get("text")
    if data is not None:
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"'bytes' of '{SEND}' must be bytes, not {type(data).__name__}")
        return data
    if text is None:
        raise TypeError(f"'{SEND}' must have 'text' or 'bytes'")
    if not isinstance(text, str):
        raise TypeError(f"'text' of '{SEND}' must be str, not {type(text).__name__}")
    return text


def close_of(event: Event) -> tuple[int, str]:
    """Return code and reason of a "websocket.close"."""
    code = event.get("code")
    return 1000 if code is None else code, event.get("reason") or ""


def disconnect(code: int, reason: Optional[str] = None) -> Event:
    """Return the event that tells an application of the end; without a close frame, no reason."""
    event = {"type": "websocket.disconnect", "code": code}
    return event if reason is None else {**event, "reason": reason}


# Responses


def add_headers(headers: Headers, added: Iterable[tuple[bytes, bytes]]) -> None:
    """
    Add headers as applications give them.

    Raises:
        TypeError: if names and values aren't bytes.
        InvalidHeaderValue, ValueError: if they can't be sent.
    """
    for name, value in added:
        if not (isinstance(name, bytes) and isinstance(value, bytes)):
            raise TypeError(f"names and values of headers must be bytes, not {(name, value)!r}")
        headers[name.decode("latin-1")] = value.decode("latin-1")
    check_headers(headers)


def status_of(event: Event) -> int:
    """
    Return the status of a response.

    Raises:
        RuntimeError: if it is none that ends a request.
    """
    status = event["status"]
    if not (isinstance(status, int) and 200 <= status <= 599):
        raise RuntimeError(f"Invalid HTTP status code '{status}' in response.")
    return status


def response_of(start: Event, usual: Iterable[tuple[bytes, bytes]], body: bytes) -> Response:
    """
    Return the response that an application gives in place of a connection.

    Arguments:
        start: "websocket.http.response.start".
        usual: headers of all responses, unless the application has its own.
        body: its body.
    """
    status = status_of(start)
    headers = Headers()
    add_headers(headers, start.get("headers") or ())
    for name in LENGTHS:
        headers.pop(name, None)
    add_headers(headers, [field for field in usual if field[0].decode("latin-1") not in headers])
    headers["Connection"] = "close"
    if status not in (http.HTTPStatus.NO_CONTENT, http.HTTPStatus.NOT_MODIFIED):
        headers["Content-Length"] = str(len(body))
    return Response(status, REASONS.get(status, ""), headers, body)
