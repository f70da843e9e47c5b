"""
The grammars of the headers of a WebSocket handshake, read and written.

This module owns the syntax of Connection, Upgrade, Sec-WebSocket-Extensions and -Protocol, Host,
Authorization and WWW-Authenticate, and the check of every field that we send. It never knows which
values are wanted, nor where a header comes from.

Its key decision: the parsers are functions of ``(header, pos)`` that step over the text with
compiled patterns and never go back, so that any input costs time in proportion to its length and
an error can tell its position. Headers of a peer are ASCII where other bytes are surrogate escapes:
no pattern takes these, so they are errors like any other.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from ._errors import InvalidHeaderFormat, InvalidHeaderValue, show
from ._grammar import TOKEN
from .datastructures import USUAL_NAMES, Headers
from .typing import (
    ConnectionOption,
    ExtensionHeader,
    ExtensionParameter,
    Subprotocol,
    UpgradeProtocol,
)

__all__ = [
    "build_authorization_basic",
    "build_extension",
    "build_host",
    "build_subprotocol",
    "build_www_authenticate_basic",
    "check_header",
    "check_headers",
    "parse_authorization_basic",
    "parse_connection",
    "parse_extension",
    "parse_subprotocol",
    "parse_upgrade",
    "validate_subprotocols",
]

T = TypeVar("T")

Item = Callable[[str, str, int], "tuple[T, int]"]
"""A parser of one element: takes the header's name, its value and a position."""

# RFC 9110 5.6.3: OWS, 5.6.4: quoted-string.
_TOKEN = re.compile(TOKEN)
_OWS = re.compile(r"[ \t]*")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_ESCAPE = re.compile(r"\\(.)")
# RFC 9110 5.6.1.2: empty elements of a list are tolerated.
_COMMAS = re.compile(r"[ \t,]*")
# RFC 9110 7.8: protocol.
_PROTOCOL = re.compile(rf"{_TOKEN.pattern}(?:/{_TOKEN.pattern})?")
# RFC 9110 11.2: token68.
_TOKEN68 = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
# RFC 9110 5.5: characters that a field value can't hold; a tab is fine.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

# What browsers offer, as the grammar reads it.
_USUAL_EXTENSIONS: dict[str, ExtensionHeader] = {
    "permessage-deflate": ("permessage-deflate", []),
    "permessage-deflate; client_max_window_bits": (
        "permessage-deflate",
        [("client_max_window_bits", None)],
    ),
}


# Reading.


def _skip(pattern: re.Pattern[str], header: str, pos: int) -> int:
    """Return the position after ``pattern``, which may match nothing."""
    match = pattern.match(header, pos)
    return match.end() if match else pos


def _expect(
    pattern: re.Pattern[str], what: str, name: str, header: str, pos: int
) -> tuple[str, int]:
    """Return the text that matches ``pattern`` and the position after it."""
    match = pattern.match(header, pos)
    if match is None:
        raise InvalidHeaderFormat(name, f"expected {what}", header, pos)
    return match.group(), match.end()


def _parse_token(name: str, header: str, pos: int) -> tuple[str, int]:
    return _expect(_TOKEN, "token", name, header, pos)


def _parse_protocol(name: str, header: str, pos: int) -> tuple[UpgradeProtocol, int]:
    protocol, pos = _expect(_PROTOCOL, "protocol", name, header, pos)
    return UpgradeProtocol(protocol), pos


def _parse_value(name: str, header: str, pos: int) -> tuple[str, int]:
    """Parse the value of a parameter: a token, bare or quoted."""
    if header[pos : pos + 1] != '"':
        return _parse_token(name, header, pos)
    quoted, end = _expect(_QUOTED, "quoted string", name, header, pos)
    value = _ESCAPE.sub(r"\1", quoted[1:-1])
    # RFC 6455 9.1: a quoted value must be a token once it is unescaped.
    if _TOKEN.fullmatch(value) is None:
        raise InvalidHeaderFormat(name, "invalid quoted header content", header, pos)
    return value, end


def _parse_extension(name: str, header: str, pos: int) -> tuple[ExtensionHeader, int]:
    """Parse an extension and its parameters (RFC 6455 9.1)."""
    extension, pos = _parse_token(name, header, pos)
    parameters: list[ExtensionParameter] = []
    pos = _skip(_OWS, header, pos)
    while header[pos : pos + 1] == ";":
        parameter, pos = _parse_token(name, header, _skip(_OWS, header, pos + 1))
        value: str | None = None
        pos = _skip(_OWS, header, pos)
        if header[pos : pos + 1] == "=":
            value, pos = _parse_value(name, header, _skip(_OWS, header, pos + 1))
            pos = _skip(_OWS, header, pos)
        parameters.append((parameter, value))
    return (extension, parameters), pos


def _parse_list(item: Item[T], name: str, header: str) -> list[T]:
    """Parse a list of at least one element, all of ``header`` (RFC 9110 5.6.1: 1#element)."""
    items: list[T] = []
    pos = _skip(_COMMAS, header, 0)
    while pos < len(header) or not items:
        element, pos = item(name, header, pos)
        items.append(element)
        pos = _skip(_OWS, header, pos)
        if pos < len(header) and header[pos] != ",":
            raise InvalidHeaderFormat(name, "expected comma", header, pos)
        pos = _skip(_COMMAS, header, pos)
    return items


def parse_connection(header: str) -> list[ConnectionOption]:
    """
    Parse a ``Connection`` header into its options, spelled as they are (RFC 9110 7.6.1).

    Raises:
        InvalidHeaderFormat: if it isn't a list of tokens.
    """
    return [ConnectionOption(option) for option in _parse_list(_parse_token, "Connection", header)]


def parse_upgrade(header: str) -> list[UpgradeProtocol]:
    """
    Parse an ``Upgrade`` header into its protocols, such as ``websocket`` or ``HTTP/2.0``.

    See RFC 9110 7.8.

    Raises:
        InvalidHeaderFormat: if it isn't a list of protocols.
    """
    return _parse_list(_parse_protocol, "Upgrade", header)


def parse_extension(header: str) -> list[ExtensionHeader]:
    """
    Parse a ``Sec-WebSocket-Extensions`` header (RFC 6455 9.1).

    Returns:
        pairs of an extension's name and the list of its parameters, themselves pairs of a name and
        a value; the value is ``None`` when there is none.

    Raises:
        InvalidHeaderFormat: if it doesn't follow the grammar.
    """
    usual = _USUAL_EXTENSIONS.get(header)
    if usual is not None:
        return [(usual[0], list(usual[1]))]
    return _parse_list(_parse_extension, "Sec-WebSocket-Extensions", header)


def parse_subprotocol(header: str) -> list[Subprotocol]:
    """
    Parse a ``Sec-WebSocket-Protocol`` header into the names it lists (RFC 6455 4.3).

    Raises:
        InvalidHeaderFormat: if it isn't a list of tokens.
    """
    names = _parse_list(_parse_token, "Sec-WebSocket-Protocol", header)
    return [Subprotocol(name) for name in names]


def parse_authorization_basic(header: str) -> tuple[str, str]:
    """
    Parse an ``Authorization`` header for HTTP Basic Auth (RFC 7617 2).

    Returns:
        the username and the password.

    Raises:
        InvalidHeaderFormat: if it isn't a scheme followed by credentials.
        InvalidHeaderValue: if the scheme isn't Basic, or if the credentials aren't a username, a
            colon and a password, in Base64. What isn't UTF-8 in them becomes surrogate escapes.
    """
    name = "Authorization"
    scheme, pos = _parse_token(name, header, 0)
    # RFC 9110 11.1: the scheme is case-insensitive.
    if scheme.lower() != "basic":
        raise InvalidHeaderValue(name, f"unsupported scheme: {scheme}")
    if header[pos : pos + 1] != " ":
        raise InvalidHeaderFormat(name, "expected space after scheme", header, pos)
    credentials, pos = _expect(_TOKEN68, "token68", name, header, _skip(_OWS, header, pos))
    if pos != len(header):
        raise InvalidHeaderFormat(name, "trailing data", header, pos)
    # The messages below leave the credentials out: they end in logs.
    try:
        user_pass = base64.b64decode(credentials, validate=True)
    except ValueError:
        raise InvalidHeaderValue(name, "expected base64-encoded credentials") from None
    username, colon, password = user_pass.decode(errors="surrogateescape").partition(":")
    if not colon:
        raise InvalidHeaderValue(name, "expected username:password credentials")
    return username, password


# Writing. What is wrong here is our program's fault, not the peer's, hence ValueError.


def _check_token(what: str, token: str) -> str:
    if _TOKEN.fullmatch(token) is None:
        raise ValueError(f"{what} isn't a token: {token!a}")
    return token


def check_header(name: str, value: str) -> None:
    """
    Check that a header can be sent, that is, that it can't smuggle in another one.

    Raises:
        ValueError: if the name isn't a token (RFC 9110 5.1) or if the value holds a control
            character other than a tab (RFC 9110 5.5).
        TypeError: if one of them isn't a string.
    """
    if not isinstance(name, str):
        raise TypeError(f"header name must be a str, not {type(name).__name__}: {name!a}")
    if not isinstance(value, str):
        raise TypeError(f"value of header {name!a} must be a str, not {type(value).__name__}")
    _check_token("header name", name)
    if _CONTROL.search(value) is not None:
        raise ValueError(f"value of header {name} contains a control character: {value!a}")


def check_headers(headers: Headers) -> None:
    """Check every header with :func:`check_header`."""
    for name, value in headers.raw_items():
        # What is usual and printable needs no closer look; what isn't may still be right.
        if name not in USUAL_NAMES or type(value) is not str or not value.isprintable():
            check_header(name, value)


def _build_parameter(parameter: ExtensionParameter) -> str:
    name, value = parameter
    _check_token("name of extension parameter", name)
    if value is None:
        return f"; {name}"
    # Numbers are natural values of parameters, and str() makes tokens of them.
    return f"; {name}={_check_token(f'value of extension parameter {name}', str(value))}"


def build_extension(extensions: Sequence[ExtensionHeader]) -> str:
    """
    Build a ``Sec-WebSocket-Extensions`` header (RFC 6455 9.1), the reverse of
    :func:`parse_extension`.

    Raises:
        ValueError: if a name or a value isn't a token.
    """
    return ", ".join(
        _check_token("name of extension", name) + "".join(map(_build_parameter, parameters))
        for name, parameters in extensions
    )


def build_subprotocol(protocols: Sequence[Subprotocol]) -> str:
    """
    Build a ``Sec-WebSocket-Protocol`` header (RFC 6455 4.1), the reverse of
    :func:`parse_subprotocol`.

    Raises:
        TypeError: if ``protocols`` is a string: its characters aren't subprotocols.
        ValueError: if a name isn't a token.
    """
    if isinstance(protocols, (str, bytes)):
        raise TypeError(f"subprotocols must be a list of str, not {protocols!a}")
    return ", ".join(_check_token("subprotocol", protocol) for protocol in protocols)


def validate_subprotocols(subprotocols: Sequence[Subprotocol]) -> None:
    """
    Check a list of subprotocols.

    Raises:
        TypeError: if it isn't a list of str.
        ValueError: if a name isn't a token.
    """
    if not isinstance(subprotocols, Sequence):
        raise TypeError("subprotocols must be a list")
    if isinstance(subprotocols, str):
        raise TypeError("subprotocols must be a list, not a str")
    for subprotocol in subprotocols:
        if not isinstance(subprotocol, str):
            raise TypeError(f"subprotocols must be a list of str, not of {subprotocol!a}")
        if _TOKEN.fullmatch(subprotocol) is None:
            raise ValueError(f"invalid subprotocol: {show(subprotocol)}")


def build_host(host: str, port: int, secure: bool, *, always_include_port: bool = False) -> str:
    """
    Build a ``Host`` header (RFC 9110 7.2, RFC 6455 4.1).

    Arguments:
        host: name, IPv4 address, or IPv6 address with or without its brackets.
        port: left out of the header when it is the default, 80 or 443.
        secure: whether the connection is over TLS.
        always_include_port: keep the port in any case, as CONNECT needs it (RFC 9110 9.3.6).
    """
    if ":" in host and not host.startswith("["):
        # The zone of a link-local address has no meaning for another machine.
        host = f"[{host.partition('%')[0]}]"
    is_default = port == (443 if secure else 80)
    return host if is_default and not always_include_port else f"{host}:{port}"


def build_www_authenticate_basic(realm: str) -> str:
    """
    Build a ``WWW-Authenticate`` header for HTTP Basic Auth (RFC 7617 2 and 2.1).

    Arguments:
        realm: scope of protection, best in ASCII.

    Raises:
        ValueError: if the realm holds a control character.
    """
    if _CONTROL.search(realm) is not None:
        raise ValueError(f"realm contains a control character: {realm!a}")
    # RFC 9110 5.6.4: quoted-pair.
    quoted = realm.replace("\\", "\\\\").replace('"', '\\"')
    return f'Basic realm="{quoted}", charset="UTF-8"'


def build_authorization_basic(username: str, password: str) -> str:
    """
    Build an ``Authorization`` header for HTTP Basic Auth (RFC 7617 2), the reverse of
    :func:`parse_authorization_basic`.

    Raises:
        ValueError: if the username holds a colon: the colon ends the username.
    """
    if ":" in username:
        raise ValueError(f"username contains a colon: {username!a}")
    user_pass = f"{username}:{password}".encode(errors="surrogateescape")
    return "Basic " + base64.b64encode(user_pass).decode()


# Other names of the same.
parse_extension_list = parse_extension
build_extension_list = build_extension
parse_subprotocol_list = parse_subprotocol
build_subprotocol_list = build_subprotocol
