"""
What some of trio's streams can do beyond what all do.

Owns the list of kinds that are known, and how a stream's end is told. Must never know what is
written. Key decision: whatever isn't on the list is used as any stream; nothing is guessed.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any, Optional

import trio

__all__ = ["GONE", "address_of", "close_at_once", "quick_socket"]

# What streams raise when they can't be used any more.
GONE = (trio.BrokenResourceError, trio.ClosedResourceError)

READ_SIZE = 65536  # bytes


class QuickSocket:
    """
    What can be done at once with a stream that is nothing but a socket.

    Nobody else may be writing, and the reading is all done here.
    """

    __slots__ = ("_fileno",)

    def __init__(self, stream: trio.SocketStream) -> None:
        # A number outlives its file, so it is asked for each time; a closed socket's is -1.
        self._fileno = stream.socket.fileno

    def write(self, data: bytes) -> int:
        """Write as much as the socket takes, and return how many bytes that is."""
        try:
            return os.write(self._fileno(), data)
        except BlockingIOError:  # pragma: no cover (it is hardly ever full to the byte)
            return 0
        except OSError as exc:
            raise trio.BrokenResourceError(f"socket connection broken: {exc}") from exc

    async def readable(self) -> None:
        """Wait until there is something to read."""
        if self._fileno() < 0:
            raise trio.ClosedResourceError("this socket was already closed")
        await trio.lowlevel.wait_readable(self._fileno())

    def read(self) -> Optional[bytes]:
        """Read what is there, b"" at the end of TCP; None if there is nothing."""
        try:
            return os.read(self._fileno(), READ_SIZE)
        except BlockingIOError:  # pragma: no cover (it is hardly ever in vain)
            return None
        except OSError as exc:
            raise trio.BrokenResourceError(f"socket connection broken: {exc}") from exc

    def read_into(self, space: memoryview) -> Optional[int]:
        """Read what is there into memory, and return how many bytes that is, otherwise the same."""
        try:
            return os.readv(self._fileno(), [space])
        except BlockingIOError:  # pragma: no cover (it is hardly ever in vain)
            return None
        except OSError as exc:
            raise trio.BrokenResourceError(f"socket connection broken: {exc}") from exc


def quick_socket(stream: Any) -> Optional[QuickSocket]:
    """Return what can be done at once with a stream, None if it isn't known to be a socket."""
    if type(stream) is not trio.SocketStream or os.name == "nt":
        return None
    return QuickSocket(stream)


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
