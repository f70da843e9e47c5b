"""
Which requests a server lets in: how they are framed, for which host they are, and from which origin
(RFC 6455 4.2.1, 4.2.2 and 10.2).

Owns the checks that need nothing but a request's headers and a list. Must never know which of them
a server makes, nor what a refusal looks like.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Optional, cast

from ..datastructures import Headers
from ..exceptions import (
    InvalidHeader,
    InvalidHeaderValue,
    InvalidMethod,
    InvalidOrigin,
    InvalidProtocol,
)
from ..http11 import BODIES
from ..typing import Origin
from .lists import check_list

__all__ = ["check_framing", "check_host", "check_origin", "check_start"]


def check_start(method: str, protocol: str) -> None:
    """
    Check the first line of a request (RFC 6455 4.2.1).

    Raises:
        InvalidMethod: if the method isn't GET.
        InvalidProtocol: if it isn't HTTP/1.1.
    """
    if method != "GET":
        raise InvalidMethod(method)
    if protocol != "HTTP/1.1":
        raise InvalidProtocol(protocol)


def check_framing(headers: Headers) -> None:
    """
    Check the parts of a request that frame it in HTTP.

    Raises:
        InvalidHeader: if Host isn't there exactly once (RFC 9112 3.2), or the request has a body:
            it would be taken for frames.
    """
    values = headers._values
    if type(values.get("host")) is str and BODIES.isdisjoint(values):
        return
    if headers._lone("host") is None:
        several = "Host" in headers
        raise InvalidHeader("Host", "more than one Host header found" if several else None)
    for value in headers.get_all("Transfer-Encoding"):
        raise InvalidHeaderValue("Transfer-Encoding", value)
    for value in headers.get_all("Content-Length"):
        if value.strip("0") or not value:
            raise InvalidHeaderValue("Content-Length", value)


def check_host(headers: Headers, allowed_hosts: Optional[Iterable[str]]) -> None:
    """
    Check the name in the Host header against a list; None is a list of all.

    Raises:
        InvalidHeaderValue: if the name isn't in the list.
        TypeError: if the list is a text.
    """
    check_list("allowed_hosts", allowed_hosts)
    if allowed_hosts is None:
        return
    host = headers["Host"].lower()
    # RFC 9110 7.2: uri-host [ ":" port ]; the colons of an IPv6 address stand in brackets.
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if name not in [allowed.lower() for allowed in allowed_hosts]:
        raise InvalidHeaderValue("Host", headers["Host"])


def check_origin(
    headers: Headers, origins: Any, repeated: str = "more than one Origin header found"
) -> Optional[Origin]:
    """
    Check the Origin header (RFC 6455 4.2.2 and 10.2).

    Arguments:
        headers: headers of the request.
        origins: acceptable values: a collection of ``str``, of compiled regular expressions that
            must match the whole value, and of None, which stands for no such header; None for any.
        repeated: what is said of a header that is there more often than once.

    Returns:
        the origin, None if there is none.

    Raises:
        InvalidOrigin: if the origin isn't acceptable.
        InvalidHeader: if there is more than one.
        TypeError: if ``origins`` is a text.
    """
    if origins is None and "origin" not in headers._values:
        return None
    check_list("origins", origins)
    values = headers.get_all("Origin")
    if len(values) > 1:
        raise InvalidHeader("Origin", repeated)
    origin = cast("Optional[Origin]", values[0] if values else None)
    if origins is None or origin in origins:
        return origin
    if origin is not None and hasattr(origins, "__iter__"):
        for pattern in origins:
            if hasattr(pattern, "fullmatch") and pattern.fullmatch(origin):
                return origin
    raise InvalidOrigin(origin)
