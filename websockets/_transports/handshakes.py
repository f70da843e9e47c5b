"""
The TLS handshakes of a server that aren't complete: connections that don't exist yet.

Owns the set of them. Must never know a record. Key decision: a server that closes doesn't wait for
them.
"""

from __future__ import annotations

from typing import Any, Optional

__all__ = ["Handshakes"]


class Handshakes:
    """The TLS handshakes of a server that aren't complete."""

    def __init__(self) -> None:
        self._layers: set[Any] = set()
        self._over = False

    def begun(self, layer: Any) -> None:
        """Note that a handshake begins."""
        self._layers.add(layer)
        if self._over:
            layer.abort()

    def ended(self, layer: Any, exc: Optional[Exception]) -> None:
        """Note that a handshake has ended, with an exception if it has failed."""
        self._layers.discard(layer)
        if exc is not None:
            layer.get_protocol()._ws_logger.debug("the TLS handshake failed: %s", exc)

    def abort(self) -> None:
        """End them, and all that come."""
        self._over = True
        for layer in list(self._layers):
            layer.abort()
