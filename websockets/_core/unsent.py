"""
Writing to a socket that is watched: the pure twin of ext/unsent.pyx, which writes nothing.

Owns nothing; see reactor.py.
"""

from __future__ import annotations

__all__: list[str] = []
