"""
WebSocket URIs, read into what a client needs to connect.

This module owns the grammar of ``ws:`` and ``wss:`` URIs (RFC 6455 3, on top of RFC 3986 and, for
characters outside ASCII, RFC 3987). It never knows how a connection is made.

Its key decision: one pattern splits the URI. The standard library's splitter drops tabs and line
ends and shrugs at junk around brackets, and a lenient reader next to a request line is how headers
are injected. Here, whatever the pattern doesn't describe is an error.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple, Optional, overload
from urllib.parse import quote, unquote

from .exceptions import InvalidURI

__all__ = ["WebSocketURI", "parse_uri"]

# RFC 3986 3 and appendix B. Digits of a port are few, so that they make a small number.
_URI = re.compile(
    r"""
    (?P<scheme> [Ww][Ss][Ss]? ) ://
    (?: (?P<user_info> [^/?]* ) @ )?
    (?: \[ (?P<ipv6> [^/?@\[\]]+ ) \] | (?P<name> [^/?@\[\]:]+ ) )
    (?: : (?P<port> [0-9]{0,5} ) )?
    (?P<path> / [^?]* )?
    (?: \? (?P<query> .* ) )?
    """,
    re.VERBOSE,
)
_NO_HOST = re.compile(r"(?!//) | // (?: [^/?]* @ )? (?: : [0-9]* )? (?: [/?] | $ )", re.VERBOSE)
# The line ends of a request line, and what else has no place in a URI, even an internationalized
# one.
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f]")
# RFC 3986 3.2.2: reg-name, of which an IPv4 address is one.
_REG_NAME = re.compile(r"[a-z0-9\-._~!$&'()*+,;=%]+")
# RFC 3986 2.2: reserved characters keep their meaning, and so do the escapes that are there.
_SAFE = "!$&'()*+,/:;=?@[]%"


class _Parts(NamedTuple):
    secure: bool
    host: str
    port: int
    resource_name: str
    user_info: Optional[tuple[str, str]] = None


class WebSocketURI(_Parts):
    """
    The parts of a WebSocket URI: a named tuple of the first five.

    * ``secure``: whether the connection is over TLS;
    * ``host``: in lower case, in ASCII (RFC 5890), without the brackets of an IPv6 address;
    * ``port``: a number, even when the URI has none;
    * ``resource_name``: path and query, as the request line wants them;
    * ``user_info``: username and password, or ``None``;
    * ``path``, ``query``: those in ``resource_name``, without the question mark;
    * ``username``, ``password``: those in ``user_info``, or ``None``.

    It is built from the first three and either ``resource_name`` and ``user_info``, or ``path`` and
    ``query``, ``username`` and ``password``, in this order or by their names.
    """

    __slots__ = ()

    @overload
    def __new__(
        cls,
        secure: bool,
        host: str,
        port: int,
        resource_name: str,
        user_info: Optional[tuple[str, str]] = None,
    ) -> WebSocketURI: ...

    @overload
    def __new__(
        cls,
        secure: bool,
        host: str,
        port: int,
        path: str,
        query: str,
        username: Optional[str] = None,
        password: Optional[str] = None,
    ) -> WebSocketURI: ...

    def __new__(  # type: ignore[misc]  # two parameters have two names
        cls,
        secure: bool,
        host: str,
        port: int,
        resource_name: str = "/",
        user_info: Any = None,
        username: Optional[str] = None,
        password: Optional[str] = None,
        *,
        path: Optional[str] = None,
        query: Optional[str] = None,
    ) -> WebSocketURI:
        if isinstance(user_info, str):  # the fifth of seven
            query, user_info = user_info, None
        if path is not None:
            resource_name = path
        # RFC 6455 3: the path is at least "/", the question mark comes with a query.
        resource_name = resource_name or "/"
        if query:
            resource_name = f"{resource_name}?{query}"
        if username is not None:
            user_info = (username, password or "")
        return super().__new__(cls, secure, host, port, resource_name, user_info)

    @property
    def path(self) -> str:
        """Path."""
        return self.resource_name.partition("?")[0]

    @property
    def query(self) -> str:
        """Query, without its question mark; empty if there is none."""
        return self.resource_name.partition("?")[2]

    @property
    def username(self) -> Optional[str]:
        """Username, or None."""
        return None if self.user_info is None else self.user_info[0]

    @property
    def password(self) -> Optional[str]:
        """Password, or None."""
        return None if self.user_info is None else self.user_info[1]


def _parse_host(ipv6: str | None, name: str) -> str:
    if ipv6 is not None:
        # RFC 6874 2: the percent sign before the zone is itself escaped.
        address, percent, zone = ipv6.replace("%25", "%").partition("%")
        from ipaddress import IPv6Address

        IPv6Address(address)
        return address.lower() + percent + zone
    # RFC 3987 3.1: the host of an IRI is mapped with IDNA, which leaves ASCII as it is.
    name = name.encode("idna").decode().lower()
    if _REG_NAME.fullmatch(name) is None:
        raise ValueError("the host contains an invalid character")
    return name


def _parse_user_info(user_info: str | None) -> tuple[str, str] | None:
    if not user_info:
        return None
    username, colon, password = user_info.partition(":")
    if not colon:
        raise ValueError("username provided without password")
    username, password = (unquote(part, errors="strict") for part in (username, password))
    if ":" in username:
        # RFC 7617 2: Basic Auth has no way to say it.
        raise ValueError("the username contains a colon")
    return username, password


def _what_is_wrong(uri: str) -> str:
    """Say what keeps a text from being a URI, with what was probably meant."""
    scheme, colon, rest = uri.partition(":")
    scheme = scheme.lower()
    if colon and scheme in ("ws", "wss"):
        if _NO_HOST.match(rest) is not None:
            return "hostname isn't provided"
        return "it doesn't look like ws://host:port/path or wss://host:port/path"
    error = "scheme isn't ws or wss"
    rest = rest[2:] if scheme in ("http", "https") and rest.startswith("//") else uri
    meant = f"wss://{rest}" if scheme == "https" else f"ws://{rest}"
    likely = "//" not in rest and _URI.fullmatch(meant) is not None
    return f"{error}; did you mean {meant}?" if likely else error


def parse_uri(uri: str) -> WebSocketURI:
    """
    Parse a WebSocket URI (RFC 6455 3).

    Characters outside ASCII are encoded: with IDNA in the host, as percent-escaped UTF-8 in the
    path and the query. Escapes that are there are kept, except in the user information, which is
    decoded.

    Raises:
        InvalidURI: if ``uri`` isn't a valid WebSocket URI; it is a :exc:`ValueError`.
        TypeError: if it isn't a ``str``.
    """
    if not isinstance(uri, str):
        raise TypeError(f"uri must be a str such as 'ws://localhost:8765', not {uri!r}")
    if _FORBIDDEN.search(uri) is not None:
        raise InvalidURI(uri, "it contains a space or a control character")
    # RFC 6455 3: fragments mean nothing here and must not be used.
    if "#" in uri:
        raise InvalidURI(uri, "fragment identifier is meaningless")
    match = _URI.fullmatch(uri)
    if match is None:
        raise InvalidURI(uri, _what_is_wrong(uri))
    secure = match["scheme"].lower() == "wss"
    try:
        host = _parse_host(match["ipv6"], match["name"])
        # RFC 3986 3.2.3: a port may be empty, which is the default one; 0 is none.
        port = int(match["port"] or 0) or (443 if secure else 80)
        if port > 65535:
            raise ValueError("the port is greater than 65535")
        path = quote(match["path"] or "/", safe=_SAFE)
        query = quote(match["query"] or "", safe=_SAFE)
        user_info = _parse_user_info(match["user_info"])
    except ValueError as exc:  # a UnicodeError and an AddressValueError are some too
        raise InvalidURI(uri, str(exc)) from exc
    return WebSocketURI(secure, host, port, f"{path}?{query}" if query else path, user_info)
