"""
What some of trio's streams can do beyond what all do.

Owns the list of kinds that are known, and how a stream's end is told. Must never know what is
written. Key decision: whatever isn't on the list is used as any stream; nothing is guessed.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any, Callable, Optional

import trio

__all__ = ["GONE", "address_of", "close_at_once", "name_of", "quick_write"]

# What streams raise when they can't be used any more.
GONE = (trio.BrokenResourceError, trio.ClosedResourceError)

Write = Callable[[bytes], int]


def quick_write(stream: Any) -> Optional[Write]:
    """
    Return a function that writes at once as much as a stream takes; None where there is none.

    It returns how many bytes that is, and raises BrokenResourceError. Nobody else may be writing.
    """
    if type(stream) is not trio.SocketStream or os.name == "nt":
        return None
    # A number outlives its file, so it is asked for each time; a closed socket's is -1.
    fileno = stream.socket.fileno

    def write(data: bytes) -> int:
        try:
            return os.write(fileno(), data)
        except BlockingIOError:
            return 0
        except OSError as exc:
            raise trio.BrokenResourceError(f"socket connection broken: {exc}") from exc

    return write


async def close_at_once(*resources: trio.abc.AsyncResource) -> None:
    """Close streams or listeners without waiting for anybody, whoever is cancelled."""
    # Without the shield, a cancellation around it would come out behind the first of them.
    with trio.CancelScope(shield=True):
        for resource in resources:
            with contextlib.suppress(*GONE):
                await trio.aclose_forcefully(resource)


def address_of(stream: Any, ask: str) -> Any:
    """Return what a stream's socket answers to such a method, None if there is no socket."""
    stream = getattr(stream, "transport_stream", stream)  # below TLS
    sock = getattr(stream, "socket", None)
    if sock is None:
        return None
    try:
        return getattr(sock, ask)()
    except OSError:
        return None


def name_of(address: Any) -> str:
    """Return an address as logs tell it."""
    if isinstance(address, tuple):
        host, port = address[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return str(address)
