"""
A former name of :mod:`websockets.protocol`, where ``Connection`` is called ``Protocol``.
"""

from __future__ import annotations

import warnings
from typing import Any

from . import protocol

NAMES = {"Connection": "Protocol", "SEND_EOF": "SEND_EOF", "Side": "Side", "State": "State"}

warnings.warn(
    "websockets.connection was renamed to websockets.protocol and Connection was renamed to "
    "Protocol",
    DeprecationWarning,
    stacklevel=2,
)


def __getattr__(name: str) -> Any:
    if name in NAMES:
        return getattr(protocol, NAMES[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
