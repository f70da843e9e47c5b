"""
Redirects: where a client may follow a server's answer, and what it doesn't take along.

Owns these rules (RFC 6455 4.1 lets clients follow redirects, RFC 9110 15.4 tells what they are).
Must never know how a connection is made, nor count. Key decision: functions of URIs, headers and
names alone, so that every face follows the same rules, whatever carries its bytes.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Collection
from typing import NamedTuple, Optional, Union

from ..datastructures import Headers, HeadersLike
from ..exceptions import (
    InvalidHeader,
    InvalidStatus,
    InvalidURI,
    RedirectRefused,
    SecurityError,
)
from ..uri import WebSocketURI, parse_uri

__all__ = ["Redirect", "follow", "for_another_server", "judge", "redirect_location"]

# RFC 9110 15.4: those whose Location is where the client should go. In 300 it is the server's
# choice; 304, 305 and 306 don't redirect.
STATUSES = (300, 301, 302, 303, 307, 308)

# Headers that are meant for one server only: its secrets, and its name.
FOR_ONE_SERVER = ("Authorization", "Cookie", "Host", "Proxy-Authorization")

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")  # RFC 3986 3.1


class Redirect(NamedTuple):
    """
    Where to go next.

    * ``uri``: the URI;
    * ``wsuri``: its parts;
    * ``same_origin``: whether that is where the client was (RFC 6454 4), so that it may take along
      what is meant for that server.
    """

    uri: str
    wsuri: WebSocketURI
    same_origin: bool


def redirect_location(status: int, headers: Headers) -> Optional[str]:
    """
    Return where a response redirects a client, or None if it doesn't.

    Raises:
        InvalidHeader: if the response names several places.
    """
    if status not in STATUSES:
        return None
    locations = headers.get_all("Location")
    # RFC 9110 5.3: only what is defined as a list may come in several lines.
    if len(locations) > 1:
        raise InvalidHeader("Location", "more than one Location header found")
    return locations[0] if locations else None


def follow(
    uri: str, location: str, given: Collection[str] = (), *, as_http: bool = False
) -> Redirect:
    """
    Find out where a redirect leads, and whether it may be followed.

    Arguments:
        uri: URI that was tried.
        location: value of the Location header, which may be relative to that.
        given: which of "sock", "stream", "unix", "host", "port" and "address" the program has given
            to say where the connection goes, instead of the URI.
        as_http: whether "http" and "https" in ``location`` stand for "ws" and "wss".

    Raises:
        InvalidURI: if the location isn't a valid URI.
        SecurityError: if it would give up TLS.
        RedirectRefused: if it can't be followed in the way that the program has given.
    """
    new_uri = _resolve(uri, location)
    if as_http:
        new_uri = _in_terms_of_websocket(new_uri)
    old, new = parse_uri(uri), parse_uri(new_uri)
    for name, what in (("sock", "socket"), ("stream", "stream")):
        if name in given:
            # It has been used.
            raise RedirectRefused(f"cannot follow redirect to {new_uri} with a preexisting {what}")
    if old.secure and not new.secure:
        raise SecurityError(f"cannot follow redirect to non-secure URI {new_uri}")
    # RFC 6454 5: scheme, host and port.
    same_origin = (old.secure, old.host, old.port) == (new.secure, new.host, new.port)
    if not same_origin:
        how = None
        if "unix" in given:
            how = "a Unix socket"
        elif "host" in given or "port" in given:
            how = "an explicit host or port"
        elif "address" in given:
            how = "an explicit host and port"
        if how is not None:
            raise RedirectRefused(f"cannot follow cross-origin redirect to {new_uri} with {how}")
    elif new.user_info is None:
        new = new._replace(user_info=old.user_info)
    return Redirect(new_uri, new, same_origin)


def judge(exc: Exception, uri: str, given: Collection[str]) -> Union[Redirect, Exception]:
    """
    Tell what to do about an opening handshake that failed.

    Arguments:
        exc: the exception.
        uri, given: as for :func:`follow`.

    Returns:
        where to go next; ``exc`` if it redirects nowhere, or another exception to raise instead.

    Raises:
        InvalidURI: if the location isn't a valid URI.
    """
    if not isinstance(exc, InvalidStatus):
        return exc
    location = redirect_location(exc.response.status_code, exc.response.headers)
    if location is None:
        return exc
    try:
        return follow(uri, location, given)
    except InvalidURI:
        raise
    except Exception as refused:
        return refused


def for_another_server(headers: Optional[HeadersLike]) -> Headers:
    """Return a copy of the headers of a request, without those meant for the server it went to."""
    copy = Headers(() if headers is None else headers)
    for name in FOR_ONE_SERVER:
        if name in copy:
            del copy[name]
    return copy


def _resolve(uri: str, location: str) -> str:
    # urljoin() drops some control characters in silence, where a URI has none.
    if not location.isprintable() or " " in location:
        raise InvalidURI(location)
    # RFC 9110 10.2.2: a reference, relative to the URI that was asked for. RFC 3986 5.2.2: it isn't
    # relative if it has a scheme, even the same one, of which urljoin() isn't sure.
    if _SCHEME.match(location) is not None:
        return location
    try:
        return urllib.parse.urljoin(uri, location)
    except ValueError as exc:
        raise InvalidURI(location) from exc


def _in_terms_of_websocket(uri: str) -> str:
    """Servers often say where the service is in terms of HTTP."""
    for http_scheme, ws_scheme in (("http://", "ws://"), ("https://", "wss://")):
        if uri.lower().startswith(http_scheme):
            return ws_scheme + uri[len(http_scheme) :]
    return uri
