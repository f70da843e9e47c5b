"""
Header fields, from bytes to strings (RFC 9112 5): the pure twin of ext/fields.pyx.

Owns the grammar of one line. Must never know the start line, what any field means, or what happens
to a line that it doesn't take: that is left where it is, for whoever knows the limits to refuse.

Key decision: all fields that are there are taken in one call.
"""

from __future__ import annotations

import re

from websockets._grammar import CONTENT, TOKEN
from websockets.datastructures import Headers

__all__ = ["take_fields"]

match_field = re.compile(rf"({TOKEN}):({CONTENT})\r\n".encode()).match


def take_fields(
    data: bytes,
    start: int,
    stop: int,
    longest: int,
    most: int,
    headers: Headers,
    latin: bool = False,
) -> int:
    """
    Add the well-formed fields at the beginning of ``data[start:stop]`` to ``headers``.

    Arguments:
        longest: size of the longest line to take, in bytes, with its CRLF.
        most: number of fields that the headers may have.
        latin: whether values are decoded as ISO-8859-1 rather than as ASCII with surrogate escapes.

    Returns:
        the position behind the last field that was taken.
    """
    while len(headers._pairs) < most:
        match = match_field(data, start, stop)
        if match is None or match.end() - start > longest:
            break
        name, value = match.groups()
        value = value.strip(b" \t")
        text = value.decode("latin-1") if latin else value.decode("ascii", "surrogateescape")
        headers.set_insecure(name.decode("ascii"), text)
        start = match.end()
    return start
