"""
Addresses of sockets: the pure twin of ext/addresses.pyx, where nobody asks for any.

Owns nothing; see reactor.py.
"""

from __future__ import annotations

__all__: list[str] = []
