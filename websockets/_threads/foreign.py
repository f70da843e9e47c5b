"""
An :class:`ssl.SSLSocket` that a program has made itself.

Owns the way to read it while another thread writes. Must never know a connection. Key decision:
OpenSSL can't be used by two threads at once, and it has the socket itself; so it never blocks, each
call has a lock, and waiting is done on the socket beside it.
"""

from __future__ import annotations

import ssl
import threading
from typing import Any, Optional

from .system import System

__all__ = ["ForeignTLS"]


class ForeignTLS(System):
    """
    Such a socket, and what the system can do with it.

    Arguments:
        sock: the socket.
    """

    def __init__(self, sock: ssl.SSLSocket) -> None:
        sock.settimeout(0)
        self._ssl = sock
        self._mutex = threading.Lock()
        self.selectable = sock

    # A socket

    def fileno(self) -> int:
        """Return a negative number: nobody may read or write there without OpenSSL."""
        return -1

    def recv(self, size: int) -> bytes:
        """Read, and wait if nothing is there."""
        while True:
            try:
                return self._recv(size)
            except BlockingIOError:
                System.wait(self._ssl, True, False, None)

    def recv_into(self, space: memoryview) -> int:
        """Read into memory, and wait if nothing is there."""
        data = self.recv(len(space))
        space[: len(data)] = data
        return len(data)

    def shutdown(self, how: int) -> None:
        """End TCP in one or both directions; TLS isn't ended."""
        super(ssl.SSLSocket, self._ssl).shutdown(how)

    def close(self) -> None:
        """Close it."""
        self._ssl.close()

    # The system

    def wait(  # type: ignore[override]
        self, sock: Any, reads: bool, writes: bool, seconds: Optional[float]
    ) -> bool:
        """Wait for the socket, see :meth:`System.wait`."""
        if reads and self._ssl.pending():
            return True
        return System.wait(self._ssl, reads, writes, seconds)

    def recv_now(self, sock: Any, size: int) -> bytes:  # type: ignore[override]
        """Read what is there; BlockingIOError if nothing is."""
        return self._recv(size)

    def send_now(self, sock: Any, data: memoryview) -> int:  # type: ignore[override]
        """Write as much as the socket takes; BlockingIOError if that is nothing."""
        with self._mutex:
            try:
                return self._ssl.send(data)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise BlockingIOError from None

    def _recv(self, size: int) -> bytes:
        with self._mutex:
            try:
                return self._ssl.recv(size)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise BlockingIOError from None
            except ssl.SSLZeroReturnError:
                return b""
