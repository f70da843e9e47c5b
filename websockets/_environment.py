"""
What the environment sets for the whole process, read once, when this is imported.

Owns the names of the variables, their defaults, and what a wrong value leads to. Must never know
who keeps to a limit. Key decision: one place, so that every reader of heads has the same limits.
"""

from __future__ import annotations

import os
import sys

from .version import version

__all__ = [
    "MAX_BODY_SIZE",
    "MAX_FRAGMENTS",
    "MAX_LINE_LENGTH",
    "MAX_LOG_SIZE",
    "MAX_NUM_HEADERS",
    "PYTHON_VERSION",
    "SERVER",
    "USER_AGENT",
    "read_float",
    "read_int",
]


def read_int(name: str, default: int) -> int:
    """Return the whole number that ``WEBSOCKETS_{name}`` is set to, or the default."""
    return int(os.environ.get(f"WEBSOCKETS_{name}", default))


def read_float(name: str, default: float) -> float:
    """Return the number that ``WEBSOCKETS_{name}`` is set to, or the default."""
    return float(os.environ.get(f"WEBSOCKETS_{name}", default))


PYTHON_VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"

_PRODUCT = f"Python/{PYTHON_VERSION} websockets/{version}"
SERVER = os.environ.get("WEBSOCKETS_SERVER", _PRODUCT)
USER_AGENT = os.environ.get("WEBSOCKETS_USER_AGENT", _PRODUCT)

MAX_LINE_LENGTH = read_int("MAX_LINE_LENGTH", 8192)  # bytes, with its CRLF
MAX_NUM_HEADERS = read_int("MAX_NUM_HEADERS", 128)
MAX_FRAGMENTS = read_int("MAX_FRAGMENTS", 4096)  # that a message is put together from
MAX_BODY_SIZE = read_int("MAX_BODY_SIZE", 2**20)  # bytes, of a response
MAX_LOG_SIZE = read_int("MAX_LOG_SIZE", 75)  # characters, of a frame's payload
