"""
Sockets that a program has made itself, and that aren't the system's: an :class:`ssl.SSLSocket`, or
any object with the methods of a socket.

Owns the way to read them while another thread writes. Must never know a connection. Key decisions:
OpenSSL can't be used by two threads at once, and it has the socket itself; so it never blocks, each
call has a lock, and waiting is done on the socket beside it. Of other objects only the methods are
called that everybody calls, ``recv()``, ``sendall()``, ``shutdown()`` and ``close()``, in a way in
which they don't block. What they have read or written when an exception comes out of them, nobody
knows: they aren't read or written any more, so that the connection ends.
"""

from __future__ import annotations

import errno
import ssl
import threading
from typing import Any, Callable, Optional

from .system import SHORT, System

__all__ = ["ForeignSocket", "ForeignTLS"]


class Foreign(System):
    """
    What both kinds have in common.

    Attributes:
        selectable: what can be waited for.
    """

    _torn = False
    selectable: Any

    def fileno(self) -> int:
        """Return a negative number: nobody may read or write there but the object."""
        return -1

    def wait(  # type: ignore[override]
        self, sock: Any, reads: bool, writes: bool, seconds: Optional[float]
    ) -> bool:
        """Wait for the socket, see :meth:`System.wait`."""
        return self._torn or System.wait(self.selectable, reads, writes, seconds)

    def _whole(self, function: Callable[[Any], Any], argument: Any) -> Any:
        """Call what reads or writes, unless an exception has come out of that before."""
        if self._torn:
            raise OSError(errno.ECONNABORTED, "a read or write was interrupted")
        try:
            return function(argument)
        except BlockingIOError:
            raise
        except BaseException as exc:
            if not isinstance(exc, OSError) or exc.errno is None:
                self._torn = True  # Not the system has raised it, but a signal handler.
            raise


class ForeignTLS(Foreign):
    """
    Such a socket, and what the system can do with it.

    Arguments:
        sock: the socket.
    """

    def __init__(self, sock: ssl.SSLSocket) -> None:
        sock.settimeout(0)
        self._ssl = self.selectable = sock
        self._mutex = threading.Lock()

    # A socket

    def recv(self, size: int) -> Any:
        """Read, and wait if nothing is there."""
        return self._wait_for(self._recv, size)

    def recv_into(self, space: memoryview) -> Any:
        """Read into memory, and wait if nothing is there."""
        return self._wait_for(self._recv_into, space)

    def _wait_for(self, function: Callable[[Any], Any], argument: Any) -> Any:
        while True:
            try:
                return self._whole(function, argument)
            except BlockingIOError:
                System.wait(self._ssl, True, False, None)

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
        return super().wait(sock, reads, writes, seconds)

    def recv_now(  # type: ignore[override]
        self, sock: Any, size: int, found: list[Any]
    ) -> None:
        """Read what is there, see :meth:`System.recv_now`."""
        found.extend(map(self._whole, (self._recv,), (size,)))

    def send_now(  # type: ignore[override]
        self, sock: Any, data: memoryview, sizes: list[int]
    ) -> None:
        """Write as much as the socket takes, see :meth:`System.send_now`."""
        sizes.extend(map(self._whole, (self._send,), (data,)))

    def _send(self, data: memoryview) -> int:
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

    def _recv_into(self, space: memoryview) -> int:
        data = self._recv(len(space))
        space[: len(data)] = data
        return len(data)


class ForeignSocket(Foreign):
    """
    An object that has the methods of a socket, and what the system can do with it.

    Arguments:
        sock: the object; its ``fileno()`` tells what can be waited for.
    """

    def __init__(self, sock: Any) -> None:
        self._sock = self.selectable = sock
        self.shutdown = sock.shutdown
        self.close = sock.close

    # A socket

    def recv(self, size: int) -> Any:
        """Read, and wait if nothing is there."""
        return self._whole(self._sock.recv, size)

    def recv_into(self, space: memoryview) -> Any:
        """Read into memory, and wait if nothing is there."""
        return self._whole(self._recv_into, space)

    def _recv_into(self, space: memoryview) -> int:
        data = self._sock.recv(len(space))
        space[: len(data)] = data
        return len(data)

    # The system

    def recv_now(  # type: ignore[override]
        self, sock: Any, size: int, found: list[Any]
    ) -> None:
        """Read what is there, see :meth:`System.recv_now`."""
        if not self.wait(sock, True, False, 0):
            raise BlockingIOError
        found.extend(map(self.recv, (size,)))

    def send_now(  # type: ignore[override]
        self, sock: Any, data: memoryview, sizes: list[int]
    ) -> None:
        """Write as much as is surely taken, see :meth:`System.send_now`."""
        if not self.wait(sock, False, True, 0):
            raise BlockingIOError
        sizes.extend(map(self._whole, (self._send,), (data[:SHORT],)))

    def _send(self, data: memoryview) -> int:
        self._sock.sendall(data)
        return len(data)
