"""
Header fields, from bytes to strings and back (RFC 9112 5): the pure twin of ext/fields.pyx.

Owns the grammar of one line. Must never know what a start line or any field means, or what happens
to a line that it doesn't take: that is left where it is, for whoever knows the limits to refuse.

Key decision: all fields that are there are taken in one call, and a head is made in one.
"""

from __future__ import annotations

import re
from typing import Optional

from websockets._grammar import CONTENT, TOKEN
from websockets.datastructures import USUAL_VALUES, Headers
from websockets.headers import check_headers

__all__ = ["make_head", "take_fields", "usual_head"]

is_token = re.compile(TOKEN).fullmatch
is_content = re.compile(CONTENT).fullmatch
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
        headers.set_insecure(name.decode("ascii"), USUAL_VALUES.get(text, text))
        start = match.end()
    return start


def make_head(start_line: str, headers: Headers) -> bytes:
    """
    Return a head as it is sent.

    Arguments:
        start_line: its first line, without the CRLF.

    Raises:
        ValueError, TypeError: if a header can't be sent.
    """
    head = usual_head(start_line, headers)
    if head is None:
        check_headers(headers)
        head = f"{start_line}\r\n{headers}".encode(errors="surrogateescape")
    return head


def usual_head(start_line: str, headers: Headers) -> Optional[bytes]:
    """Return a head as it is sent, None if it isn't in ASCII or something is wrong with it."""
    if not start_line.isascii():
        return None
    for name, value in headers._pairs:
        if type(name) is not str or type(value) is not str:
            return None
        if not is_token(name) or not value.isascii() or not is_content(value):
            return None
    return f"{start_line}\r\n{headers}".encode()
