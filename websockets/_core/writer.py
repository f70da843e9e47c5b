"""
Frames to the transport: the pure twin of ext/writer.pyx.

Owns the question of whether bytes can still leave. Must never know frames. Key decision: where the
transport would only hand bytes to its socket, the compiled twin does that itself.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Optional

__all__ = ["Writer", "send_now"]

LARGE = 262144  # bytes


class Writer:
    """
    Write to a transport.

    Arguments:
        transport: what is written to.
        sock: what has its file descriptor, if nothing has to be done to the bytes on the way
            there, or None; the method ``fileno()`` of its class tells the descriptor, or a negative
            number once that may be another file's.
    """

    def __init__(self, transport: Any, sock: Any) -> None:
        self._transport = transport
        self._socket = sock

    def detach(self) -> None:
        """Let go of the transport: it is gone."""
        self._transport = self._socket = None

    def write(self, pieces: list[bytes]) -> bool:
        """Write byte strings; return whether the transport is still there."""
        # Python 3.9's TLS transport can't be asked once it is lost.
        if self._transport is None or self._transport.is_closing():
            return False
        hand_over(pieces, self._transport)
        return True

    def write_frame(self, frame: bytes) -> bool:
        """Write one byte string; return whether the transport is still there."""
        return self.write([frame])

    def hold_all(self) -> Any:
        """
        Hold back what is written to this transport and those like it, if that makes it faster.

        Returns:
            None, or an object whose method ``let_all_go()`` has all of it sent, at once or with
            what is held back next, if more is about to come.
        """
        return None

    def write_before_closing(self, pieces: list[bytes]) -> None:
        """
        Write what was held back, and then the program closed the transport itself.

        A transport takes nothing then, but its socket is there until the event loop turns, and has
        most probably room.
        """
        if not self.write(pieces) and self._socket is not None:
            if self._transport.get_write_buffer_size() == 0:
                descriptor = type(self._socket).fileno(self._socket)
                if descriptor >= 0:
                    try:
                        if sys.platform == "win32":  # pragma: no cover
                            # A socket's descriptor is no file's there.
                            self._socket.send(b"".join(pieces))
                        else:
                            os.write(descriptor, b"".join(pieces))
                    except OSError:
                        pass  # The peer is gone as well.


def hand_over(pieces: list[Any], transport: Any) -> None:
    """Give a transport what it is to write: in one piece, unless to join it would take longer."""
    # Some versions of asyncio's writelines() never make senders wait (CVE-2024-12254).
    if len(pieces) > 1 and sum(map(len, pieces)) < LARGE:
        pieces = [b"".join(pieces)]
    for piece in pieces:
        transport.write(piece)


def send_now(sock: Any, pieces: list[Any]) -> Optional[list[Any]]:
    """
    Give a socket what it takes without waiting.

    Every error is told as "nothing was taken": whoever sends the rest meets it again.

    Arguments:
        sock: the socket, whose descriptor is asked for at each call.
        pieces: byte strings.

    Returns:
        what is left, or None.
    """
    return pieces
