"""
A blocking socket as something that is closed step by step.

Owns how TCP, and TLS on it, ends: half-closed, closed behind what waits, or at once. Must never
know why. Key decision: a thread that reads is woken by shutting the socket down, and ends the
connection itself; its descriptor is closed only when nobody uses it any more.
"""

from __future__ import annotations

import socket
from typing import Any

__all__ = ["Transport"]


class Transport:
    """
    The end of a socket; all methods are called with the connection's mutex.

    Arguments:
        session: the connection, an object with the attributes ``sock`` and ``stream`` and the
            method ``lost(exc)``.
    """

    __slots__ = ("_closing", "_session", "_wants_eof")

    def __init__(self, session: Any) -> None:
        self._session: Any = session
        self._closing = False
        self._wants_eof = False

    def is_closing(self) -> bool:
        """Whether it is closed, or closing."""
        return self._closing

    def can_write_eof(self) -> bool:
        """Return True: TLS has a way to say so, too."""
        return True

    def write_eof(self) -> None:
        """End our side, behind what waits to be written."""
        self._wants_eof = True
        self.written()

    def close(self) -> None:
        """End both sides, behind what waits to be written."""
        self._closing = True
        self.written()

    def abort(self) -> None:
        """End both sides at once."""
        self._closing = True
        session = self._session
        if session is None or session.stream.ended:
            return
        stream = session.stream
        stream.give_up()
        if stream.reader and not stream.eof and stream.reader != stream.ident():
            self.shut_down()
        else:
            session.lost(None)

    def written(self) -> None:
        """Take notice that nothing waits to be written."""
        session = self._session
        if session is None or not (self._wants_eof or self._closing):
            return
        stream = session.stream
        if stream.ended or stream.has_unsent():
            return
        ends, self._wants_eof = self._wants_eof, False
        if stream.layer is not None:
            stream.layer.end()
            stream.push()
            if stream.ended:
                return  # The peer is gone.
        if self._closing:
            self.abort()
        elif ends:
            self.shut_down(socket.SHUT_WR)

    def shut_down(self, how: int = socket.SHUT_RDWR) -> None:
        """Let those who wait for the socket know that it ends."""
        try:
            self._session.sock.shutdown(how)
        except OSError:
            pass  # The peer was first.

    def detach(self) -> None:
        """Let go of the connection: it has ended."""
        self._session = None
