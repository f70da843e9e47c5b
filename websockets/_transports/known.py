"""
What is known of a transport, asked at any time.

Must never know what it is asked for. Key decision: a connection that has ended is asked like any
other, for a log perhaps, so an answer that is lost with the socket is no error.
"""

from __future__ import annotations

from typing import Any

__all__ = ["extra_info"]


def extra_info(transport: Any, name: str, default: Any = None) -> Any:
    """Return what a transport's ``get_extra_info()`` does, or the default once it can't tell."""
    try:
        return transport.get_extra_info(name, default)
    except (AttributeError, OSError, ValueError):
        # uvloop asks a Unix socket for its addresses, which is gone: each is an error of its own.
        return default
