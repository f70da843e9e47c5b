"""
Former names of the two sides of a connection without I/O.
"""

from __future__ import annotations

import warnings
from typing import Any

from .client import ClientProtocol
from .server import ServerProtocol

__all__ = ["ClientConnection", "ServerConnection"]


class ClientConnection(ClientProtocol):
    """Deprecated: :class:`ClientProtocol`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _warn("ClientConnection", "ClientProtocol")
        super().__init__(*args, **kwargs)


class ServerConnection(ServerProtocol):
    """Deprecated: :class:`ServerProtocol`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _warn("ServerConnection", "ServerProtocol")
        super().__init__(*args, **kwargs)


def _warn(former: str, name: str) -> None:
    warnings.warn(f"{former} was renamed to {name}", DeprecationWarning, stacklevel=3)
