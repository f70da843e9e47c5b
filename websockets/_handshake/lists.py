"""
Arguments of the handshake's functions that are lists.

Owns what isn't taken for one. Key decision: Python looks for parts of a text where it looks for
items of a list, so that a text instead of a list would let in whoever says a part of it.
"""

from __future__ import annotations

from typing import Any

__all__ = ["check_list"]


def check_list(name: str, value: Any) -> None:
    """
    Check that an argument isn't a text.

    Raises:
        TypeError: if it is.
    """
    if isinstance(value, (str, bytes, bytearray, memoryview)):
        raise TypeError(f"{name} must be None or a list, not {value!r}")
