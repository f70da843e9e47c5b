"""
Sockets before and behind a connection: bytes within a time, and their end.

Owns what is the same for sockets with TLS and without. Must never know a connection.
"""

from __future__ import annotations

import _socket
import socket
from typing import Any

from .deadline import Deadline
from .system import SYSTEM

__all__ = ["end_of", "half_close", "plain_of", "recv_within", "send_within", "wait_for_eof"]


def plain_of(sock: Any, system: Any) -> tuple[Any, Any, Any]:
    """
    Return what a connection reads and writes, what encrypts on the way or None, and the system.

    Arguments:
        sock: a socket of any kind.
        system: what the system can do with plain sockets.
    """
    layer = sock if hasattr(sock, "decrypt") else None
    while hasattr(sock, "decrypt"):
        sock = sock.sock
    if hasattr(sock, "pending"):
        from .foreign import ForeignTLS

        encrypted = ForeignTLS(sock)
        return encrypted, layer, encrypted
    sock.settimeout(None)
    if not is_the_systems(sock):
        from .foreign import ForeignSocket

        foreign = ForeignSocket(sock)
        return foreign, layer, foreign
    return sock, layer, system


def is_the_systems(sock: Any) -> bool:
    """Whether a socket is the system's, with nothing of a program's own in between."""
    if not isinstance(sock, _socket.socket):
        return False
    kind = type(sock)
    return kind is socket.socket or all(
        getattr(kind, name) is getattr(_socket.socket, name)
        for name in ("recv", "recv_into", "send", "sendall", "shutdown")
    )


def end_of(sock: Any) -> None:
    """End TCP at once."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except (OSError, ValueError):
        pass  # It isn't connected any more.
    sock.close()


def half_close(sock: Any) -> None:
    """End our side of TCP, and TLS on it."""
    try:
        if hasattr(sock, "decrypt"):
            sock.end()
            sock.send_within(b"", Deadline(0.1))
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # The peer was first.


def wait_for_eof(sock: Any, deadline: Deadline) -> None:
    """Drop what comes until the peer ends its side, or the time is over."""
    try:
        while recv_within(sock, 65536, deadline):
            pass
    except OSError:
        pass


def recv_within(sock: Any, size: int, deadline: Deadline) -> bytes:
    """Read from a socket, blocking or not, within a time; return b"" at the end."""
    if hasattr(sock, "recv_within"):
        data: bytes = sock.recv_within(size, deadline)
        return data
    if hasattr(sock, "pending"):
        sock.settimeout(deadline.timeout())
        return sock.recv(size)  # type: ignore[no-any-return]
    while True:
        seconds = deadline.to_read()
        if seconds is not None and not SYSTEM.wait(sock, True, False, seconds):
            raise TimeoutError("timed out")
        try:
            return sock.recv(size)  # type: ignore[no-any-return]
        except BlockingIOError:
            pass


def send_within(sock: Any, data: bytes, deadline: Deadline) -> None:
    """Write to a socket, blocking or not, within a time."""
    if hasattr(sock, "send_within"):
        sock.send_within(data, deadline)
        return
    if not is_the_systems(sock) or hasattr(sock, "pending"):
        sock.settimeout(deadline.timeout())
        sock.sendall(data)
        return
    view, sizes = memoryview(data), [0]
    while view:
        try:
            SYSTEM.send_now(sock, view, sizes)
            view = view[sizes.pop() :]
        except BlockingIOError:
            if not SYSTEM.wait(sock, False, True, deadline.timeout()):
                raise TimeoutError("timed out") from None
