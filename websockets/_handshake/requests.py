"""
What a client sends in the opening handshake: a GET request (RFC 6455 4.1).

Owns its headers, their order, and its form on the wire. Must never know where it goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from .._core import make_head
from ..datastructures import Headers, HeadersLike
from ..headers import (
    build_authorization_basic,
    build_host,
    build_subprotocol,
)
from ..typing import Subprotocol
from ..uri import WebSocketURI
from .negotiation import offer_extensions
from .upgrade import build_request

__all__ = ["asking", "replace_headers", "serialize_request"]


def asking(
    wsuri: WebSocketURI,
    origin: Optional[str],
    factories: Optional[Sequence[Any]],
    subprotocols: Optional[Sequence[Subprotocol]],
    key: Optional[str] = None,
) -> tuple[Headers, str]:
    """
    Build the headers of a request.

    Arguments:
        wsuri: the URI to connect to.
        origin: value of the Origin header, None for no such header.
        factories: factories of extensions to offer, the preferred first.
        subprotocols: subprotocols to offer, the preferred first.
        key: the key to send; a new one by default.

    Returns:
        ``(headers, key)``; the key is what ``check_response()`` needs.
    """
    headers = Headers()
    headers["Host"] = build_host(wsuri.host, wsuri.port, wsuri.secure)
    if wsuri.user_info is not None:
        headers["Authorization"] = build_authorization_basic(*wsuri.user_info)
    if origin is not None:
        headers["Origin"] = origin
    key = build_request(headers, key)
    if factories:
        headers.set_insecure("Sec-WebSocket-Extensions", offer_extensions(factories))
    if subprotocols:
        headers.set_insecure("Sec-WebSocket-Protocol", build_subprotocol(subprotocols))
    return headers, key


def replace_headers(headers: Headers, others: HeadersLike) -> None:
    """Add headers in place of those of the same names."""
    others = Headers(others)
    for name in others:
        if name in headers:
            del headers[name]
    headers.update(others)


def serialize_request(path: str, headers: Headers) -> bytes:
    """
    Return a request as it is sent.

    Raises:
        ValueError, TypeError: if a header can't be sent.
    """
    head: bytes = make_head(f"GET {path} HTTP/1.1", headers)
    return head
