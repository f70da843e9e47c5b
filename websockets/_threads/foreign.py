"""
Sockets that a program has made itself, and that aren't the system's: an :class:`ssl.SSLSocket`, or
any object with the methods of a socket.

Owns the way to read them while another thread writes. Must never know a connection. Key decisions:
OpenSSL can't be used by two threads at once, and it has the socket itself; so it never blocks, each
call has a lock, and waiting is done on the socket beside it. Of other objects only the methods are
called that everybody calls, ``recv()``, ``sendall()``, ``shutdown()`` and ``close()``, in a way in
which they don't block.
"""

from __future__ import annotations

import ssl
import threading
from typing import Any, Optional

from .system import SHORT, System

__all__ = ["ForeignSocket", "ForeignTLS"]


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


class ForeignSocket(System):
    """
    An object that has the methods of a socket, and what the system can do with it.

    Arguments:
        sock: the object; its ``fileno()`` tells what can be waited for.
    """

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self.selectable = sock
        self.recv = sock.recv
        self.shutdown = sock.shutdown
        self.close = sock.close

    # A socket

    def fileno(self) -> int:
        """Return a negative number: nobody may read or write there without the object."""
        return -1

    def recv_into(self, space: memoryview) -> int:
        """Read into memory, and wait if nothing is there."""
        data = self.recv(len(space))
        space[: len(data)] = data
        return len(data)

    # The system

    def wait(  # type: ignore[override]
        self, sock: Any, reads: bool, writes: bool, seconds: Optional[float]
    ) -> bool:
        """Wait for the object, see :meth:`System.wait`."""
        return System.wait(self._sock, reads, writes, seconds)

    def recv_now(self, sock: Any, size: int) -> bytes:  # type: ignore[override]
        """Read what is there; BlockingIOError if nothing is."""
        if not System.wait(self._sock, True, False, 0):
            raise BlockingIOError
        data: bytes = self.recv(size)
        return data

    def send_now(self, sock: Any, data: memoryview) -> int:  # type: ignore[override]
        """Write as much as is surely taken; BlockingIOError if that is nothing."""
        if not System.wait(self._sock, False, True, 0):
            raise BlockingIOError
        data = data[:SHORT]
        self._sock.sendall(data)
        return len(data)
