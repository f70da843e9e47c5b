"""
Messages that a program sends or takes in fragments.

Owns what may be meant as one: any iterable of its fragments, asynchronous or not; the words for
what isn't; and the form in which a program gets those that arrive. Must never know how they are
sent and received. Key decision: both kinds of iterables are handed on as asynchronous.
"""

from __future__ import annotations

import codecs
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from typing import Any, Optional

from ..framing import OP_TEXT, prepare_data

__all__ = ["FragmentDecoder", "fragments_of", "payload_of"]

new_decoder = codecs.getincrementaldecoder("utf-8")


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
        fragments: the iterable that it came from, as the program gave it.

    Raises:
        TypeError: if it is neither ``str`` nor bytes-like, or not of the kind of the first.
    """
    opcode, payload = None, None
    if isinstance(fragment, (str, bytes, bytearray, memoryview)):
        opcode, payload = prepare_data(fragment)
    if opcode is None or (first is not None and opcode != first):
        made_so = isinstance(fragments, _OneByOne) or not isinstance(fragments, AsyncIterable)
        kind = "iterable" if made_so else "async iterable"
        what = "bytes or str" if first is None else "uniform types"
        raise TypeError(f"{kind} must contain {what}")
    return opcode, payload


class FragmentDecoder:
    """
    Give the fragments of one message the form that a program asks for.

    Arguments:
        decode: True for ``str`` and False for ``bytes``, whatever the message is.

    Attributes:
        begun: whether there was a fragment.
    """

    def __init__(self, decode: Optional[bool]) -> None:
        self.begun = False
        self._decode = decode
        self._decoder: Any = None

    def decode(self, fragment: Any) -> Any:
        """
        Return the data of the next fragment.

        Raises:
            UnicodeDecodeError: if it should be text and isn't.
        """
        if not self.begun:
            self.begun = True
            text = fragment.opcode == OP_TEXT if self._decode is None else self._decode
            if text:
                self._decoder = new_decoder()
        data = fragment.data
        if type(data) is str:
            return data.encode() if self._decoder is None else data
        return data if self._decoder is None else self._decoder.decode(data, fragment.fin)


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
