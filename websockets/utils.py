"""
Small helpers of the opening handshake and of frames, for programs that do those by themselves.

Owns nothing: each is a face of where the library itself does it. Must never know a connection.
"""

from __future__ import annotations

import socket
from typing import Any

from ._handshake.upgrade import GUID, accept_key, generate_key
from .frames import apply_mask

__all__ = ["GUID", "accept_key", "apply_mask", "generate_key", "get_socket_name"]


def get_socket_name(sock: Any) -> str:
    """Return where a socket listens: ``host:port``, or the path of a Unix socket."""
    name = sock.getsockname()
    if sock.family == socket.AF_INET:
        return f"{name[0]}:{name[1]}"
    if sock.family == socket.AF_INET6:
        return f"[{name[0]}]:{name[1]}"
    return str(name)
