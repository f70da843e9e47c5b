"""
Incremental UTF-8 validation (RFC 3629), for text that arrives in pieces: the pure twin of
ext/utf8.pyx.

Owns the state between two pieces. Must never know what a frame or a message is. Key decision: the
first byte that can't be valid is refused when it is seen (RFC 6455 8.1), not at the end; text that
arrives whole doesn't come here, ``bytes.decode`` checks it while it decodes.
"""

from __future__ import annotations

import codecs
from typing import Any

__all__ = ["Utf8Validator"]

new_decoder = codecs.getincrementaldecoder("utf-8")


class Utf8Validator:
    """Check a text piece by piece."""

    def __init__(self) -> None:
        self._decoder = new_decoder()
        self._valid = 0  # bytes accepted so far
        self._pending = 0  # bytes at their end that don't make a character yet

    def check(self, data: Any, final: bool = False) -> int:
        """
        Check the next piece; with ``final``, check as well that the text doesn't end half-way.

        ``data`` is any C-contiguous bytes-like object; TypeError or BufferError is raised for
        anything else.

        Returns:
            -1 if all is well so far, else the offset, counted in bytes from the beginning of the
            text, of the byte sequence that isn't UTF-8. The validator is then unusable.
        """
        try:
            self._decoder.decode(data, final)
        except UnicodeDecodeError as exc:
            return self._valid - self._pending + exc.start
        self._valid += memoryview(data).nbytes
        pending = self._decoder.getstate()[0]
        self._pending = len(pending)
        # CPython waits for all of a surrogate, U+D800 to U+DFFF, since some programs let them pass.
        if b"\xed\xa0" <= pending < b"\xee":
            return self._valid - self._pending
        return -1
