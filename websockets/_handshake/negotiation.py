"""
Which extensions and which subprotocol a connection has (RFC 6455 1.9, 4.1, 4.2.2 and 9.1).

Owns how an offer is made, what a server chooses of it, and how the choice is checked. Must never
know what an extension does. Key decision: a factory decides by itself whether an offer or an answer
suits it; here are only names and their order.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any, Optional

from ..datastructures import Headers
from ..exceptions import InvalidHeader, NegotiationError
from ..headers import build_extension, parse_extension, parse_subprotocol
from ..typing import ExtensionHeader, Subprotocol
from .lists import check_list

__all__ = [
    "agreed_extensions",
    "agreed_subprotocol",
    "choose_extensions",
    "choose_required_subprotocol",
    "choose_subprotocol",
    "offer_extensions",
    "offered_subprotocols",
]

EXTENSIONS = "Sec-WebSocket-Extensions"
SUBPROTOCOL = "Sec-WebSocket-Protocol"


# Extensions


def offer_extensions(factories: Iterable[Any]) -> str:
    """Build a client's header, which offers extensions, the preferred first."""
    return build_extension([(factory.name, factory.get_request_params()) for factory in factories])


def choose_extensions(
    headers: Headers, factories: Optional[Sequence[Any]]
) -> tuple[Optional[str], list[Any]]:
    """
    Choose extensions among a client's offers, in their order.

    Arguments:
        headers: headers of the request.
        factories: what the server supports, the preferred first.

    Returns:
        ``(header, extensions)``: the header of the response or None, and the extensions.

    Raises:
        InvalidHeader: if the client's header is malformed.
    """
    if not factories or "sec-websocket-extensions" not in headers._values:
        return None, []
    offers = headers.get_all(EXTENSIONS)
    answers: list[ExtensionHeader] = []
    extensions: list[Any] = []
    for name, params in parse_extension(", ".join(offers)):
        for factory in factories:
            if factory.name != name:
                continue
            try:
                answer, extension = factory.process_request_params(params, extensions)
            except NegotiationError:
                continue  # The offer is declined; the next one may do.
            answers.append((name, answer))
            extensions.append(extension)
            break
    return shared(build_extension(answers)) if answers else None, extensions


@functools.lru_cache(maxsize=64)
def shared(text: str) -> str:
    """Return a text; while it is remembered, all who ask for an equal one have the same."""
    return text


def agreed_extensions(headers: Headers, factories: Optional[Sequence[Any]]) -> list[Any]:
    """
    Make the extensions that a server accepted, in its order.

    Arguments:
        headers: headers of the response.
        factories: what the client offered.

    Raises:
        NegotiationError: if it accepted what wasn't offered.
        InvalidHeader: if its header is malformed.
    """
    extensions: list[Any] = []
    values = headers.get_all(EXTENSIONS)
    if not values:
        return extensions
    if not factories:
        raise NegotiationError("no extensions supported")
    for name, params in parse_extension(", ".join(values)):
        error: Optional[NegotiationError] = None
        for factory in factories:
            if factory.name != name:
                continue
            try:
                extensions.append(factory.process_response_params(params, extensions))
            except NegotiationError as exc:
                error = exc
            else:
                break
        else:
            # RFC 6455 9.1: what wasn't offered, or not like that, fails the connection.
            raise NegotiationError(
                f"Unsupported extension: name = {name}, params = {params}"
            ) from error
    return extensions


# Subprotocols


def offered_subprotocols(headers: Headers) -> list[Subprotocol]:
    """
    Return the subprotocols that a client offers, the preferred first.

    Raises:
        InvalidHeader: if its header is malformed.
    """
    if "sec-websocket-protocol" not in headers._values:
        return []
    return parse_subprotocol(", ".join(headers.get_all(SUBPROTOCOL)))


def choose_subprotocol(
    offered: Sequence[Subprotocol], supported: Iterable[Subprotocol]
) -> Optional[Subprotocol]:
    """
    Choose the subprotocol whose places in both lists add up to the least.

    The server's preference decides between equals; None means that there is none in common.
    """
    check_list("subprotocols", supported)
    names = list(supported)
    common = [
        (place + offered.index(name), place) for place, name in enumerate(names) if name in offered
    ]
    return names[min(common)[1]] if common else None


def choose_required_subprotocol(
    offered: Sequence[Subprotocol], supported: Sequence[Subprotocol]
) -> Subprotocol:
    """
    Choose the subprotocol that the server prefers, and insist that there is one.

    Raises:
        NegotiationError: if none is offered, or none that is supported.
    """
    if not offered:
        raise NegotiationError("missing subprotocol")
    for name in supported:
        if name in offered:
            return name
    raise NegotiationError(f"invalid subprotocol; expected one of {', '.join(supported)}")


def agreed_subprotocol(
    headers: Headers, offered: Optional[Sequence[Subprotocol]]
) -> Optional[Subprotocol]:
    """
    Return the subprotocol that a server chose, None if it chose none.

    Arguments:
        headers: headers of the response.
        offered: what the client offered.

    Raises:
        NegotiationError: if it wasn't offered.
        InvalidHeader: if there is more than one, or the header is malformed.
    """
    values = headers.get_all(SUBPROTOCOL)
    if not values:
        return None
    if not offered:
        raise NegotiationError("no subprotocols supported")
    chosen = parse_subprotocol(", ".join(values))
    if len(chosen) != 1:
        raise InvalidHeader(SUBPROTOCOL, f"multiple values: {', '.join(chosen)}")
    check_list("subprotocols", offered)
    # RFC 6455 4.1: a subprotocol that wasn't offered fails the connection.
    if chosen[0] not in offered:
        raise NegotiationError(f"unsupported subprotocol: {chosen[0]}")
    return chosen[0]
