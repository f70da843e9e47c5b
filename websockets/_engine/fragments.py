"""
Messages that a program sends in fragments.

Owns what may be meant as one: any iterable of its fragments, asynchronous or not. Must never know
how they are sent. Key decision: both kinds are handed on as asynchronous.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from typing import Any

__all__ = ["fragments_of"]


def fragments_of(message: Any) -> AsyncIterable[Any]:
    """
    Return the fragments that a message consists of.

    Raises:
        TypeError: if it is no iterable, or one that it can't be meant as.
    """
    if isinstance(message, Mapping):
        raise TypeError("message can't be a mapping: its keys would be sent as fragments")
    if isinstance(message, AsyncIterable):
        return message
    if isinstance(message, Iterable):
        return _OneByOne(message)
    raise TypeError(
        f"message must be str, bytes-like, or an iterable of these, not {type(message).__name__}"
    )


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
