"""
HTTP headers as a mapping that ignores case and keeps duplicates.

This module owns the container, and which characters a value may have. It never knows what a header
means or where it comes from.

Its key decision: the same values are stored twice. A list of pairs keeps what the wire needs, the
order and the spelling of every field; a dict from lower-cased names to values answers look-ups.
Adding touches the end of both; only deleting, which is rare, walks the list. Two of these live as
long as a connection, so that a value is kept in a list only where it isn't alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, Optional, Protocol, TypeVar, Union

from ._errors import InvalidHeaderValue

__all__ = ["Headers", "HeadersLike", "MultipleValuesError"]

H = TypeVar("H", bound="Headers")


# One string serves for each of these names, in all connections, instead of one in each.
USUAL_NAMES = {
    name: (name, name.lower())
    for name in """
        Accept Accept-Encoding Accept-Language Authorization Cache-Control Connection Content-Length
        Content-Type Cookie Date Host Origin Pragma Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site
        Sec-WebSocket-Accept Sec-WebSocket-Extensions Sec-WebSocket-Key Sec-WebSocket-Protocol
        Sec-WebSocket-Version Server Upgrade User-Agent X-Forwarded-For X-Forwarded-Proto X-Real-IP
    """.split()
}

# RFC 9110 5.5: field content with obs-text, that is, the bytes 09, 20-7E and 80-FF. What was read
# as ASCII has the last ones as surrogate escapes.
_is_content = re.compile("[\t\x20-\x7e\x80-\xff\udc80-\udcff]*").fullmatch

# And one for each of these values, of headers whose names are usual.
USUAL_VALUES = {
    value: value
    for value in (
        *("13", "Upgrade", "upgrade", "keep-alive, Upgrade", "websocket", "no-cache"),
        *("permessage-deflate", "permessage-deflate; client_max_window_bits"),
        *("gzip, deflate", "gzip, deflate, br", "gzip, deflate, br, zstd"),
    )
}


class MultipleValuesError(LookupError):
    """
    Raised when one value is asked of a header that has several.

    It isn't a ``KeyError``: the header is there, and ``get()`` must not hide it behind a default.
    """

    def __str__(self) -> str:
        # The words of a KeyError, which this resembles.
        return ascii(self.args[0]) if len(self.args) == 1 else super().__str__()


class _Several(list[str]):
    """All values of a header that doesn't have exactly one."""

    __slots__ = ()


_NONE = _Several()


class Headers(MutableMapping[str, str]):
    """
    HTTP headers: a mapping from names, whatever their case, to values (RFC 9110 5).

    It is built like a ``dict``, from a mapping, from an iterable of ``(name, value)`` pairs or from
    keyword arguments; building it from another ``Headers`` keeps duplicates.

    It behaves like a ``dict`` whose keys are lower-cased, except that:

    * ``headers[name] = value`` adds a value and keeps those that are there, and so does
      ``update()``; a value that can't be sent raises
      :exc:`~websockets.exceptions.InvalidHeaderValue`;
    * ``headers[name]`` raises :exc:`MultipleValuesError` when there is more than one value;
    * ``del headers[name]`` removes all values, in a time proportional to the number of headers.

    ``str(headers)`` is the form of the wire, down to the empty line that ends a head, and
    ``headers.serialize()`` the same as bytes.
    """

    __slots__ = ("_pairs", "_values")

    def __init__(self, /, *args: HeadersLike, **kwargs: str) -> None:
        self._pairs: list[tuple[str, str]] = []
        self._values: dict[str, Union[str, _Several]] = {}
        if args or kwargs:
            self.update(*args, **kwargs)

    # The wire form and the programmer's form.

    def __str__(self) -> str:
        return "".join([f"{name}: {value}\r\n" for name, value in self._pairs]) + "\r\n"

    def serialize(self) -> bytes:
        """Return the form of the wire as bytes."""
        # What was read as ASCII has other bytes as surrogate escapes.
        return str(self).encode("latin-1", "surrogateescape")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._pairs!r})"

    def copy(self: H) -> H:
        """Return a copy that keeps the order, the case of names and the duplicates."""
        return type(self)(self)

    __copy__ = copy

    # What collections.abc.MutableMapping asks for.

    def __getitem__(self, key: str) -> str:
        value = self._values[key.lower()]
        if isinstance(value, _Several):
            raise MultipleValuesError(key)
        return value

    def __setitem__(self, key: str, value: str) -> None:
        # What nearly all values are like is told without the pattern, in half the time.
        if type(value) is not str or not value.isascii() or not value.isprintable():
            check_value(key, value)
        # The short way of set_insecure(), for names that are usual and new.
        usual = USUAL_NAMES.get(key)
        if usual is None or usual[1] in self._values:
            self.set_insecure(key, value)
        else:
            self._values[usual[1]] = value
            self._pairs.append((usual[0], value))

    def __delitem__(self, key: str) -> None:
        lowered = key.lower()
        del self._values[lowered]
        self._pairs = [pair for pair in self._pairs if pair[0].lower() != lowered]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        """Return the number of different names."""
        return len(self._values)

    # What its mixins would answer wrongly or slowly.

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.lower() in self._values

    def __eq__(self, other: object) -> bool:
        """Compare values name by name, in their order; order and case of names don't count."""
        if not isinstance(other, Headers):
            return NotImplemented
        return self._values == other._values

    def update(self, headers: HeadersLike = (), /, **kwargs: str) -> None:
        """
        Add every header of ``headers`` and of ``kwargs``.

        Like ``headers[name] = value``, it adds to the values that are there. The duplicates of a
        ``Headers`` are kept.

        Raises:
            InvalidHeaderValue: as ``headers[name] = value``; what a ``Headers`` holds is taken as
                it is.
        """
        pairs: Iterable[tuple[str, str]]
        if isinstance(headers, Headers):
            # A copy, because headers may be self.
            for name, value in headers._pairs.copy():
                self.set_insecure(name, value)
            pairs = ()
        elif isinstance(headers, Mapping):
            pairs = headers.items()
        elif hasattr(headers, "keys"):
            mapping: Any = headers
            pairs = [(name, mapping[name]) for name in mapping.keys()]  # noqa: SIM118
        else:
            pairs = headers
        for name, value in pairs:
            self[name] = value
        for name, value in kwargs.items():
            self[name] = value

    # What a mapping doesn't have.

    def set_insecure(self, key: str, value: str) -> None:
        """
        Add a value like ``headers[key] = value``, without checking it.

        A value that holds the end of a line becomes several headers on the wire.
        """
        key, lowered = USUAL_NAMES.get(key) or (key, key.lower())
        if lowered not in self._values:
            self._values[lowered] = value
        else:
            known = self._values[lowered]
            if isinstance(known, _Several):
                known.append(value)
            else:
                self._values[lowered] = _Several((known, value))
        self._pairs.append((key, value))

    def _put_new(self, key: str, lowered: str, value: str) -> None:
        """Add a header that isn't there, and whose value needs no check."""
        self._values[lowered] = value
        self._pairs.append((key, value))

    def clear(self) -> None:
        """Remove all headers."""
        self._pairs = []
        self._values = {}

    def get_all(self, key: str) -> list[str]:
        """Return all values of the header called ``key``, in their order; there may be none."""
        value = self._values.get(key.lower(), _NONE)
        return list(value) if isinstance(value, _Several) else [value]

    def _lone(self, lowered: str) -> Optional[str]:
        """Return the value of a header, by its lower-cased name; None unless it has just one."""
        value = self._values.get(lowered)
        return None if isinstance(value, _Several) else value

    def raw_items(self) -> Iterator[tuple[str, str]]:
        """Iterate over all ``(name, value)`` pairs, with names spelled as they were added."""
        return iter(self._pairs)


def headers_of(pairs: list[tuple[str, str]], values: dict[str, Any]) -> Headers:
    """
    Make headers of what they store, without a look at it.

    Arguments:
        pairs: names and values, no name twice.
        values: the same values, by lower-cased names.
    """
    headers: Headers = _new(Headers)
    headers._pairs = pairs
    headers._values = values
    return headers


_new: Any = Headers.__new__


def check_value(name: str, value: Any) -> None:
    """
    Check that a header can have a value, whose ``str()`` is what will be sent.

    Raises:
        InvalidHeaderValue: if it holds a character that isn't one of field content.
    """
    if not _is_content(str(value)):
        error = InvalidHeaderValue(name, value)
        error.sending = True
        raise error


class SupportsKeysAndGetItem(Protocol):
    """What is enough of a mapping to build headers from it."""

    def keys(self) -> Iterable[str]: ...

    def __getitem__(self, key: str, /) -> str: ...


HeadersLike = Union[Headers, Mapping[str, str], Iterable[tuple[str, str]], SupportsKeysAndGetItem]
"""What can be turned into :class:`Headers`."""
