"""Today's API for threads: :mod:`.client`, :mod:`.server`, :mod:`.router`, :mod:`.connection`."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["client", "connection", "router", "server"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")
