"""
The headers that turn HTTP into WebSocket, built and checked (RFC 6455 sections 4.1 and 4.2).

Owns Upgrade, Connection and the headers of key, answer and version. Must never know methods, status
codes, origins, extensions or subprotocols: those have rooms of their own. Key decision: headers are
any mapping. Servers with an HTTP parser of their own call these functions with their own
containers, so nothing but ``get_all()``, if there is one, and item access is used.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping, MutableMapping
from typing import Optional

from .._core import GUID, USUAL_CONNECTIONS, USUAL_UPGRADES, accept_key, usual_key
from .._replaced import replaced
from ..datastructures import Headers
from ..exceptions import InvalidHeader, InvalidHeaderValue, InvalidUpgrade
from ..headers import parse_connection, parse_upgrade

__all__ = [
    "GUID",
    "accept_key",
    "build_answer",
    "build_request",
    "build_response",
    "check_request",
    "check_response",
    "generate_key",
]


def generate_key() -> str:
    """Return a ``Sec-WebSocket-Key``: random, and new for each connection (RFC 6455 4.1)."""
    drawn = (replaced("secrets", "token_bytes") or os.urandom)(16)
    return base64.b64encode(drawn).decode()


def _adder(headers: MutableMapping[str, str]) -> Callable[[str, str], None]:
    """Return what adds a header whose value needs no check, as those that are made here."""
    return getattr(headers, "set_insecure", headers.__setitem__)


def build_request(headers: MutableMapping[str, str], key: Optional[str] = None) -> str:
    """
    Add the headers of a handshake request to ``headers`` (RFC 6455 4.1).

    Arguments:
        key: what ``generate_key()`` returned; a new one by default.

    Returns:
        the key that :func:`check_response` needs.
    """
    key = key or generate_key()
    add = _adder(headers)
    add("Upgrade", "websocket")
    add("Connection", "Upgrade")
    add("Sec-WebSocket-Key", key)
    add("Sec-WebSocket-Version", "13")
    return key


def check_request(headers: Mapping[str, str], repeated: Optional[str] = None) -> str:
    """
    Check the headers of a handshake request (RFC 6455 4.2.1).

    The method, the version of HTTP, ``Host`` and ``Origin`` are left to the caller.

    Arguments:
        headers: headers of the request.
        repeated: what is said of a header that is there more often than once; by default, just
            that.

    Returns:
        the key that :func:`build_response` needs.

    Raises:
        InvalidHandshake: if the request is invalid; its answer is 400 Bad Request.
    """
    if type(headers) is Headers:
        usual: Optional[str] = usual_key(headers._values)
        if usual is not None:
            return usual
    _check_upgrade(headers)
    key = _get_one(headers, "Sec-WebSocket-Key", repeated)
    # RFC 6455 4.2.1: 16 bytes in Base64.
    try:
        size = len(base64.b64decode(key, validate=True))
    except ValueError as exc:
        raise InvalidHeaderValue("Sec-WebSocket-Key", key) from exc
    if size != 16:
        raise InvalidHeaderValue("Sec-WebSocket-Key", key)
    version = _get_one(headers, "Sec-WebSocket-Version", repeated)
    # RFC 6455 4.2.1: the version is 13.
    if version != "13":
        raise InvalidHeaderValue("Sec-WebSocket-Version", version)
    return key


def build_response(headers: MutableMapping[str, str], key: str) -> None:
    """
    Add the headers of a handshake response to ``headers`` (RFC 6455 4.2.2).

    Arguments:
        key: what :func:`check_request` returned.
    """
    build_answer(headers, accept_key(key))


def build_answer(headers: MutableMapping[str, str], accept: str) -> None:
    """Add the headers of a handshake response, given what :func:`accept_key` returned."""
    add = _adder(headers)
    add("Upgrade", "websocket")
    add("Connection", "Upgrade")
    add("Sec-WebSocket-Accept", accept)


def check_response(headers: Mapping[str, str], key: str, repeated: Optional[str] = None) -> None:
    """
    Check the headers of a handshake response (RFC 6455 4.1).

    The version of HTTP and the status code are left to the caller.

    Arguments:
        key: what :func:`build_request` returned.
        repeated: as for :func:`check_request`.

    Raises:
        InvalidHandshake: if the response is invalid.
    """
    _check_upgrade(headers)
    accept = _get_one(headers, "Sec-WebSocket-Accept", repeated)
    if accept != accept_key(key):
        raise InvalidHeaderValue("Sec-WebSocket-Accept", accept)


def _check_upgrade(headers: Mapping[str, str]) -> None:
    """Check what requests and responses share (RFC 6455 4.2.1 and 4.1)."""
    connection = _get_list(headers, "Connection")
    # What most send is told without the grammar, whose answer it is.
    if connection not in USUAL_CONNECTIONS:
        if "upgrade" not in [option.lower() for option in parse_connection(connection)]:
            raise InvalidUpgrade("Connection", connection)
    upgrade = _get_list(headers, "Upgrade")
    if upgrade not in USUAL_UPGRADES:
        if [protocol.lower() for protocol in parse_upgrade(upgrade)] != ["websocket"]:
            raise InvalidUpgrade("Upgrade", upgrade)


def _get_all(headers: Mapping[str, str], name: str) -> list[str]:
    """Return all values of a header in any kind of mapping."""
    get_all = getattr(headers, "get_all", None)
    if get_all is not None:
        values = get_all(name)
        # email.message.Message answers None.
        return values if type(values) is list else list(values or ())
    try:
        return [headers[name]]
    except KeyError:
        return []


def _get_list(headers: Mapping[str, str], name: str) -> str:
    """Return the value of a header that is a list and decides on the upgrade."""
    values = _get_all(headers, name)
    if not values:
        raise InvalidUpgrade(name)
    # RFC 9110 5.3: lines of one name make one list.
    return ", ".join(values)


def _get_one(headers: Mapping[str, str], name: str, repeated: Optional[str]) -> str:
    """Return the value of a header that must be there once (RFC 6455 11.3)."""
    values = _get_all(headers, name)
    if not values:
        raise InvalidHeader(name)
    if len(values) > 1:
        raise InvalidHeader(name, repeated or f"more than one {name} header found")
    return values[0]
