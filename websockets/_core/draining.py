"""
The writing half of a stream of threads: what a socket takes at once, and what has to wait for it.

Owns what the socket didn't take, in order, and who waits until it has. Must never know how messages
are received, nor what else happens on a connection. Key decisions:

- It is a base class of the stream, so that a message which is sent leaves without a step in
  between.
- How much of a piece the socket has taken is noted in the same step, which no signal handler can
  come into: an exception, wherever it comes from, loses and doubles nothing, or ends the
  connection.
- Who waits for room has to read meanwhile, if nobody else does. How, only the stream knows.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Optional

from .constants import FULL, LOST, NOT_SENT, SENT
from .endpoint import Endpoint
from .writer import send_now

__all__ = ["BlockingWriter"]


class BlockingWriter:
    """
    The base of a :class:`~.blocking.BlockingStream`, which sets all attributes.

    Attributes:
        endpoint, mutex, layer, host: see there.
        writing: whether a thread waits until the socket takes more.
        ended: whether the socket isn't used any more.
        heard: set when the socket takes what had to wait: the peer has taken something, then.
        pushed, taken: how many bytes had to wait for the socket, and how many of these it took.
    """

    endpoint: Endpoint
    mutex: Any
    layer: Any
    host: Any
    writing: bool
    ended: bool
    heard: bool
    pushed: int
    taken: int
    _sock: Any
    _system: Any
    _waiters: list[Any]
    _unsent: Any  # of each piece: its bytes, sizes of what was taken of it, where it ends

    def send(self, message: Any) -> int:
        """
        Send a ``str`` or ``bytes``, if nothing is in the way, and wait until the socket has it.

        Returns:
            NOT_SENT, SENT, or LOST if the socket has ended before it took all.
        """
        kind = type(message)
        if not (kind is str or kind is bytes):
            return NOT_SENT
        position = 0  # Compilers don't see that it is always set.
        with self.mutex:
            if self.endpoint.holds & ~FULL:
                return NOT_SENT
            self.endpoint.send_message(message, 0.0)
            if self.push():
                return LOST if self.ended else SENT
            position = self.pushed
        return SENT if self.drain(position) else LOST

    def push(self) -> bool:
        """
        Write what waits in the outbox, as far as the socket takes it, with the mutex.

        Returns:
            False if something is left, which the caller has to :meth:`drain` or have watched.
        """
        try:
            begins = self._keep()
        except BaseException as exc:
            # It may have come from a signal handler, between what was taken and what is kept.
            self.host.broken(exc)
            raise
        if begins:
            self._write()
        return self._unsent is None

    def _keep(self) -> bool:
        """Keep what the socket doesn't take at once; return whether nothing was kept before."""
        pieces = self.endpoint.collect()
        if self.layer is not None:
            pieces = self.layer.encrypt(pieces)
        if self.ended or not pieces:
            return False
        before = self._unsent
        left: Optional[list[Any]] = pieces
        if before is None:
            left = self._send_now(pieces)
            if left is None:
                return False
            self.endpoint.holds |= FULL
            self._unsent = deque()
        for piece in left or ():
            self.pushed += len(piece)
            self._unsent.append((memoryview(piece), [0], self.pushed))
        return before is None

    def _send_now(self, pieces: list[Any]) -> Optional[list[Any]]:
        """Give the socket what it takes, with the mutex; return what is left, or None."""
        left: Optional[list[Any]] = send_now(self._sock, pieces)
        return left

    def has_unsent(self) -> bool:
        """Whether something waits for the socket."""
        return self._unsent is not None

    def write_now(self) -> None:
        """Write what waits, as far as the socket takes it, with the mutex."""
        before = self.taken
        if self._write():
            self.heard = True
        if self._unsent is None:
            self.host.attend()
        if self.taken != before and self._waiters:
            self.wake()

    def _write(self) -> bool:
        """Write what the socket takes of what waits; return whether it takes anything."""
        some = False
        while self._unsent:
            # Wherever an exception comes, the sizes tell how much of the piece the socket has.
            piece, sizes, end = self._unsent[0]
            size = sum(sizes)
            if size == len(piece):
                self.taken = end
                self._unsent.popleft()
                continue
            sizes[:] = (size,)
            try:
                self._system.send_now(self._sock, piece[size:], sizes)
                some = True
            except BlockingIOError:
                return some
            except BaseException as exc:
                if not isinstance(exc, OSError) or exc.errno is None:
                    self.host.watch()  # A signal handler has raised it, and the rest isn't lost.
                    raise
                self.host.broken(exc)
                return some
        if self._unsent is not None:
            self.endpoint.release()
            self._unsent = None
            if self.endpoint.urgent:
                self.push()
        return some

    def give_up(self) -> None:
        """Drop what waits to be written: it can't be. With the mutex."""
        self._unsent = None

    def drain(self, position: int) -> bool:
        """
        Wait until the socket has taken what was pushed up to a position.

        Meanwhile this sees to what arrives, unless another thread does, so that two sides that
        both send don't wait for each other.

        Returns:
            False if it won't.
        """
        mine = False
        waiter: Any = None
        readable = False
        try:
            while True:
                with self.mutex:
                    if mine:
                        mine = self.writing = False
                        if self.ended:
                            self.host.release()
                    elif waiter is not None:
                        self._forget(waiter)
                        waiter = None
                    if readable and self.is_left() and not self.ended:
                        self.read_now()
                    if self._unsent is not None:
                        self.write_now()
                    if self._unsent is None or self.taken >= position or self.ended:
                        self._stop_writing()
                        return self.taken >= position
                    if self.writing:
                        waiter = self._system.lock()
                        waiter.acquire()
                        self._waiters.append(waiter)
                    else:
                        reads = self.is_left()
                        mine = self.writing = True
                if mine:
                    readable = self._system.wait(self._sock, reads, True, None)
                else:
                    readable = False
                    waiter.acquire()
        except BaseException:
            if mine:
                self.writing = False
            with self.mutex:
                if waiter is not None:
                    self._forget(waiter)
                else:
                    self._stop_writing()
            raise

    def _stop_writing(self) -> None:
        """Leave the rest to others, with the mutex."""
        if self._unsent is None or self.writing or self.ended:
            self._leave()
        else:
            self.wake()
            self.host.watch()

    # Who waits, for whatever it may be

    def wake(self) -> None:
        """Let all look again that wait, with the mutex."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.release()

    def _forget(self, waiter: Any) -> None:
        if waiter in self._waiters:
            self._waiters.remove(waiter)

    # What depends on who reads

    def is_left(self) -> bool:
        """Whether something is to be read, and no thread does; with the mutex."""
        raise NotImplementedError

    def read_now(self) -> bool:
        """Read what is there, without waiting; return whether there was something. With mutex."""
        raise NotImplementedError

    def _leave(self) -> None:
        """Leave the socket to others, with the mutex."""
        raise NotImplementedError
