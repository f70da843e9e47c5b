"""
Messages that a program sends in fragments.

Owns what may be meant as one: any iterable of its fragments, asynchronous or not; and the words for
what isn't. Must never know how they are sent. Key decision: both kinds are handed on as
asynchronous.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from typing import Any, Optional

from ..framing import prepare_data

__all__ = ["fragments_of", "payload_of"]


def fragments_of(message: Any) -> AsyncIterable[Any]:
    """
    Return the fragments that a message consists of.

    Raises:
        TypeError: if it is no iterable, or one that it can't be meant as.
    """
    if isinstance(message, Mapping):
        raise TypeError("data is a dict-like object")
    if isinstance(message, AsyncIterable):
        return message
    if isinstance(message, Iterable):
        return _OneByOne(message)
    raise TypeError("data must be str, bytes, iterable, or async iterable")


def payload_of(fragment: Any, first: Optional[int], fragments: Any) -> tuple[int, Any]:
    """
    Return the opcode and the payload of a fragment, as if it were a message.

    Arguments:
        fragment: the fragment.
        first: opcode of the first one of the message, None if this is the first.
        fragments: the iterable that it came from.

    Raises:
        TypeError: if it is neither ``str`` nor bytes-like, or not of the kind of the first.
    """
    opcode, payload = None, None
    if isinstance(fragment, (str, bytes, bytearray, memoryview)):
        opcode, payload = prepare_data(fragment)
    if opcode is None or (first is not None and opcode != first):
        kind = "iterable" if isinstance(fragments, _OneByOne) else "async iterable"
        what = "bytes or str" if first is None else "uniform types"
        raise TypeError(f"{kind} must contain {what}")
    return opcode, payload


class _OneByOne:
    """Make an iterable asynchronous; unlike a generator, it can be left in the middle."""

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = iter(items)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        for item in self._items:
            return item
        raise StopAsyncIteration
