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

from ..framing import OP_CONT, OP_TEXT, prepare_data

__all__ = ["RUNNING", "FragmentDecoder", "FragmentEncoder", "fragments_of"]

# What is said to who wants a message while another gets one, or the rest of one.
RUNNING = "cannot call {} while another {} is already running recv or recv_streaming"

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


class FragmentEncoder:
    """
    Give the fragments of one message that a program sends the form of frames.

    Arguments:
        fragments: the iterable that they come from, as the program gave it.
        opcode: OP_TEXT or OP_BINARY; 0 for what the fragments are.

    Attributes:
        came: whether there was a fragment, though it may not have been one.
    """

    def __init__(self, fragments: Any, opcode: int) -> None:
        self.came = False
        self._fragments = fragments
        self._opcode = opcode
        self._kind: Optional[int] = None

    def encode(self, fragment: Any) -> tuple[int, Any]:
        """
        Return the opcode and the payload of the next fragment's frame.

        Raises:
            TypeError: if it is neither ``str`` nor bytes-like, or not of the kind of the first.
        """
        self.came = True
        first = self._kind
        kind, payload = None, None
        if isinstance(fragment, (str, bytes, bytearray, memoryview)):
            kind, payload = prepare_data(fragment)
        if kind is None or (first is not None and kind != first):
            given = self._fragments
            made_so = isinstance(given, _OneByOne) or not isinstance(given, AsyncIterable)
            source = "iterable" if made_so else "async iterable"
            what = "bytes or str" if first is None else "uniform types"
            raise TypeError(f"{source} must contain {what}")
        if first is not None:
            return OP_CONT, payload
        self._kind = kind
        return self._opcode or kind, payload


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
