"""
Masking keys (RFC 6455 section 5.3: "derived from a strong source of entropy"): the pure twin of
ext/keys.pyx.

Owns the stock of random bytes. Key decision: keys come from the operating system's CSPRNG, and are
drawn a block at a time because a system call a frame would cost more than masking the frame.
"""

from __future__ import annotations

import os
from struct import iter_unpack
from typing import Iterator

__all__ = ["masking_key"]

BLOCK = 512  # keys drawn at once

_keys: Iterator[tuple[int]] = iter(())


def masking_key() -> int:
    """Return 32 unpredictable bits that no other frame is masked with."""
    global _keys
    # Taking from the iterator is atomic, so that threads never get the same key.
    for (key,) in _keys:
        return key
    _keys = iter_unpack("=I", os.urandom(4 * BLOCK))
    return masking_key()


def _forget() -> None:  # pragma: no cover (runs in forked children, where nothing is measured)
    global _keys
    _keys = iter(())


if hasattr(os, "register_at_fork"):  # pragma: no branch (Windows has no fork)
    # A forked child must not mask with the keys of its parent.
    os.register_at_fork(after_in_child=_forget)
