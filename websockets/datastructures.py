"""
HTTP headers as a mapping that ignores case and keeps duplicates.

This module owns the container only. It never knows what a header means, which characters it may
hold or where it comes from.

Its key decision: the same values are stored twice. A list of pairs keeps what the wire needs, the
order and the spelling of every field; a dict from lower-cased names to values answers look-ups.
Adding touches the end of both; only deleting, which is rare, walks the list. Two of these live as
long as a connection, so that a value is kept in a list only where it isn't alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import TypeVar, Union

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


class MultipleValuesError(LookupError):
    """
    Raised when one value is asked of a header that has several.

    It isn't a ``KeyError``: the header is there, and ``get()`` must not hide it behind a default.
    """

    def __str__(self) -> str:
        if len(self.args) != 1:
            return super().__str__()
        return f"more than one value for header {self.args[0]!a}"


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
      ``update()``;
    * ``headers[name]`` raises :exc:`MultipleValuesError` when there is more than one value;
    * ``del headers[name]`` removes all values, in a time proportional to the number of headers.

    ``str(headers)`` is the form of the wire, down to the empty line that ends a head.
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

    def set_insecure(self, key: str, value: str) -> None:
        """Add a value like ``headers[key] = value``, without a look at it."""
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

    def __setitem__(self, key: str, value: str) -> None:
        self.set_insecure(key, value)

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
        """
        Compare values name by name, in their order; the order and the case of names don't count.

        A plain mapping equals the headers that would be built from it.
        """
        if not isinstance(other, Mapping):
            return NotImplemented
        if not all(isinstance(key, str) for key in other):
            return False
        return self._values == Headers(other)._values

    def update(self, headers: HeadersLike = (), /, **kwargs: str) -> None:  # type: ignore[override]
        """
        Add every header of a ``Headers``, a mapping or an iterable of pairs, and of ``kwargs``.

        Like ``headers[name] = value``, it adds to the values that are there. The duplicates of a
        ``Headers`` are kept.

        """
        pairs: Iterable[tuple[str, str]]
        if isinstance(headers, Headers):
            # A copy, because headers may be self.
            pairs = headers._pairs.copy()
        elif isinstance(headers, Mapping):
            pairs = headers.items()
        else:
            pairs = headers
        for name, value in pairs:
            self[name] = value
        for name, value in kwargs.items():
            self[name] = value

    # What a mapping doesn't have.

    def clear(self) -> None:
        """Remove all headers."""
        self._pairs = []
        self._values = {}

    def get_all(self, key: str) -> list[str]:
        """Return all values of the header called ``key``, in their order; there may be none."""
        value = self._values.get(key.lower(), _NONE)
        return list(value) if isinstance(value, _Several) else [value]

    def raw_items(self) -> Iterator[tuple[str, str]]:
        """Iterate over all ``(name, value)`` pairs, with names spelled as they were added."""
        return iter(self._pairs)


HeadersLike = Union[Headers, Mapping[str, str], Iterable[tuple[str, str]]]
"""What can be turned into :class:`Headers`."""
