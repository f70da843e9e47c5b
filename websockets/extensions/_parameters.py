"""
The four parameters of permessage-deflate, and how both sides agree on them (RFC 7692 7.1).

Owns what may stand in an offer and in an answer, and what comes of the two. Must never know what
compresses. Key decision: one function reads the parameters for both sides; what a server answers,
and what a client makes of that, are pure functions of what each has configured.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional, Union

from ..exceptions import (
    DuplicateParameter,
    InvalidParameterName,
    InvalidParameterValue,
    NegotiationError,
)
from ..typing import ExtensionParameter

__all__ = ["Parameters", "agreed", "answered", "check_windows", "serialize"]

WINDOW_BITS = {str(bits): bits for bits in range(8, 16)}


class Parameters(NamedTuple):
    """The four parameters of RFC 7692 7.1; True is a parameter without a value."""

    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: Optional[int] = None
    client_max_window_bits: Union[int, bool, None] = None


def check_windows(parameters: Parameters, own_side: str) -> None:
    """
    Check what is configured; ``own_side`` is the side that will compress here.

    Raises:
        ValueError: if a window can't be had.
    """
    for name in ("server_max_window_bits", "client_max_window_bits"):
        bits = getattr(parameters, name)
        if bits is None:
            continue
        # Only in an offer may this one stand without a value.
        if bits is True and name == "client_max_window_bits" and own_side == "client":
            continue
        # zlib can't compress raw DEFLATE with a window of 256 bytes.
        lowest = 9 if name.startswith(own_side) else 8
        if isinstance(bits, bool) or not isinstance(bits, int) or not lowest <= bits <= 15:
            raise ValueError(f"{name} must be between {lowest} and 15, not {bits!r}")


def serialize(parameters: Parameters) -> list[ExtensionParameter]:
    """Return parameters in the form in which they stand in a header."""
    return [
        (name, None if value is True else str(value))
        for name, value in zip(Parameters._fields, parameters)
        if value
    ]


def parse(params: Sequence[ExtensionParameter], *, is_offer: bool) -> Parameters:
    """
    Check the parameters of an offer or of an answer.

    Raises:
        NegotiationError: if a name is unknown or repeated, or a value isn't acceptable
            (RFC 7692 7.1: such an offer is declined, such an answer fails the connection).
    """
    found: dict[str, Any] = {}
    for name, value in params:
        if name not in Parameters._fields:
            raise InvalidParameterName(name)
        if name in found:
            raise DuplicateParameter(name)
        if name.endswith("_no_context_takeover"):
            if value is not None:
                raise InvalidParameterValue(name, value)
            found[name] = True
        elif value is None:
            # RFC 7692 7.1.2.2: only the client's window can be offered without a value.
            if not (is_offer and name == "client_max_window_bits"):
                raise InvalidParameterValue(name, value)
            found[name] = True
        elif value in WINDOW_BITS:
            found[name] = WINDOW_BITS[value]
        else:
            raise InvalidParameterValue(name, value)
    return Parameters(**found)


# Most clients offer the same: a browser's offer takes a third of the time when it is known.
@functools.lru_cache(maxsize=64)
def answered(
    configured: Parameters, required: bool, params: tuple[ExtensionParameter, ...]
) -> tuple[Parameters, list[ExtensionParameter]]:
    """
    Return a server's answer to an offer, also in the form in which it stands in a header.

    Arguments:
        configured: what the server wants.
        required: whether it has to be able to limit the client's window.
        params: the offer.

    Raises:
        NegotiationError: if the offer has to be declined.
    """
    offer = parse(params, is_offer=True)
    # RFC 7692 7.1.2.1: the smaller of what is asked for and what is configured.
    server_bits = smallest(offer.server_max_window_bits, configured.server_max_window_bits)
    if server_bits == 8:
        # We can't compress with so small a window: see check_windows.
        raise NegotiationError("unsupported server_max_window_bits = 8, use 9")
    # 7.1.2.2: the answer can limit the client's window only if the offer said that it may.
    client_bits: Optional[int] = None
    if offer.client_max_window_bits is not None:
        offered = offer.client_max_window_bits
        client_bits = smallest(
            None if offered is True else offered, configured.client_max_window_bits
        )
    elif required:
        raise NegotiationError("required client_max_window_bits")
    answer = Parameters(
        # 7.1.1.1 and 7.1.1.2: what either side asks for is done.
        bool(configured.server_no_context_takeover or offer.server_no_context_takeover),
        bool(configured.client_no_context_takeover or offer.client_no_context_takeover),
        server_bits,
        client_bits,
    )
    return answer, serialize(answer)


def agreed(offer: Parameters, params: Sequence[ExtensionParameter]) -> Parameters:
    """
    Return what both sides will do, of a client's offer and a server's answer.

    Raises:
        NegotiationError: if the answer doesn't fit the offer.
    """
    answer = parse(params, is_offer=False)
    # RFC 7692 7.1.1.1: the server must agree to that.
    if offer.server_no_context_takeover and not answer.server_no_context_takeover:
        raise NegotiationError("server didn't accept server_no_context_takeover")
    # 7.1.2.1: it must agree to a window that is as small or smaller.
    server_bits = answer.server_max_window_bits
    if offer.server_max_window_bits is not None:
        if server_bits is None:
            raise NegotiationError("server didn't accept server_max_window_bits")
        if server_bits > offer.server_max_window_bits:
            raise InvalidParameterValue("server_max_window_bits", str(server_bits))
    client_bits, limit = answer.client_max_window_bits, offer.client_max_window_bits
    # 7.1.2.2: it may limit our window only if we said that it may.
    if client_bits is not None and limit is None:
        raise InvalidParameterName("client_max_window_bits")
    if client_bits == 8:
        # We can't compress with so small a window: see check_windows.
        raise NegotiationError("unsupported client_max_window_bits = 8, use 9")
    if limit is not None and limit is not True:
        if client_bits is not None and client_bits > limit:
            raise InvalidParameterValue("client_max_window_bits", str(client_bits))
        client_bits = smallest(client_bits, limit)
    return Parameters(
        answer.server_no_context_takeover,
        # 7.1.1.2: we may do so even if the server doesn't ask for it.
        bool(offer.client_no_context_takeover or answer.client_no_context_takeover),
        server_bits,
        client_bits,
    )


def smallest(one: Optional[int], other: Optional[int]) -> Optional[int]:
    """Return the smaller of two values, the other one where one is None."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
