"""
Today's API on trio: :mod:`.client`, :mod:`.server`, :mod:`.router`, :mod:`.connection`.

It needs the package ``trio``, which ``pip install 'cywebsockets[trio]'`` installs as well.
"""

from __future__ import annotations

import importlib
from typing import Any

try:
    import trio as _trio  # noqa: F401
except ImportError:
    raise ImportError(
        "websockets.trio requires trio; install it with: pip install 'cywebsockets[trio]'"
    ) from None

__all__ = ["client", "connection", "router", "server"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")
