"""
The short ways of messages between a program's threads and a blocking socket.

Owns who may touch a connection and who reads its socket: one mutex, and one role. Must never know
what else happens on a connection, nor how a system waits: it is given a lock, a socket and
functions for that. How it writes is in draining.py. Key decisions:

- Nothing here or in the endpoint is touched without the mutex, and nothing blocks with it. Methods
  that say so want it held.
- At most one thread reads the socket, which is the one that waits for something: it blocks in
  ``recv()`` itself, one system call for a read, and sees to all that arrives. Others that wait
  sleep, and one of them goes on reading when the reader leaves.
- What was read is kept before it is looked at, in one step that no signal handler can come into: an
  exception, wherever it comes from, loses nothing, or ends the connection.
- A thread that already reads and is interrupted by a signal handler may read in that handler, too.
  Python then goes on with the first read, whatever came meanwhile; compiled code looks first.
"""

from __future__ import annotations

from typing import Any, Callable, Optional

from websockets.exceptions import ConcurrencyError

from .constants import IN_FRAGMENTS
from .draining import BlockingWriter
from .endpoint import Endpoint

__all__ = ["BlockingStream"]

LOOKS = 16  # at what is there behind a deadline

LONGEST = 86400.0  # seconds of one wait for a lock, which can't be told of any time

RUNNING = "cannot call recv while another thread is already running recv or recv_streaming"


class BlockingStream(BlockingWriter):
    """
    The messages of an open connection, for threads.

    Arguments:
        endpoint: the endpoint; it gathers nothing.
        mutex: a lock.
        sock: a blocking socket.
        layer: what encrypts and decrypts, None if nothing does; an object with the methods
            ``decrypt(data)``, ``encrypt(pieces)`` and ``outgoing()``, and the attributes ``ended``
            and ``error``, what ended it if that is an error.
        system: what the system can do, an object with the methods ``ident()``, ``lock()``,
            ``clock()``, ``wait(sock, reads, writes, seconds)``, ``recv_now(sock, size, found)``
            and ``send_now(sock, data, sizes)``, which append what they return to a list.
        size: bytes to read at once.

    Attributes:
        reader: identifier of the thread that reads, 0 if none does.
        receiving: whether a thread waits for a message.
        streaming: whether a message is being taken in fragments, and all of them have to be.
        heard: set when bytes arrive, too.
        moves: how often a thread has read; it tells whether the socket is left alone.
        watched: whether somebody sees to what arrives while no thread reads.
        eof: whether nothing more can be read.
        host: who sees to all else, an object with the methods, all called with the mutex

            - ``attend()``, called when something else than messages has come of bytes;
            - ``before_waiting()``, called when no message is there and the endpoint isn't quiet,
              which raises ConnectionClosed if none will come;
            - ``watch()``, called when nobody reads any more, unless ``watched`` is set, and when
              something is left to write and nobody waits for that;
            - ``eof_received(exc)``, called when nothing more can be read;
            - ``broken(exc)``, called when nothing more can be written;
            - ``release()``, called when nobody uses the socket any more that has ended.
    """

    def __init__(
        self, endpoint: Endpoint, mutex: Any, sock: Any, layer: Any, system: Any, size: int
    ) -> None:
        self.endpoint = endpoint
        self.mutex = mutex
        self.layer = layer
        self.host: Any = None
        self.reader = 0
        self.writing = False
        self.receiving = False
        self.streaming = False
        self.heard = False
        self.moves = 0
        self.watched = False
        self.eof = False
        self.ended = False
        self.pushed = 0
        self.taken = 0
        self._sock = sock
        self._system = system
        self._size = (size,)
        self._waiters: list[Any] = []
        self._fresh: list[Any] = []  # what was read and not looked at
        self._space: Any = None  # where it was read to, if that is the place of a message
        self._unsent: Any = None

    def recv(self, form: int, timeout: Optional[float]) -> Any:
        """
        Receive the next message, or what the form asks for.

        Arguments:
            form: as for :meth:`~.endpoint.Endpoint.take`.
            timeout: seconds to wait; None for ever.

        Returns:
            the message, or None if none came in time.

        Raises:
            ConnectionClosed: if none will come.
            ConcurrencyError: if another thread receives.
        """
        mine = False
        try:
            with self.mutex:
                if self.receiving or (self.streaming and form != IN_FRAGMENTS):
                    raise ConcurrencyError(RUNNING)
                if self.endpoint.inbox.waiting:
                    message = self._next(form)
                    if message is not None:
                        return message
                mine = self.receiving = True
            return self._await(form, None, timeout)
        finally:
            if mine:
                self.receiving = False

    def wait(self, until: Callable[[], bool], timeout: Optional[float]) -> bool:
        """
        Wait until something is true, and see to what arrives meanwhile.

        Arguments:
            until: a function that tells; it is called with the mutex.
            timeout: seconds to wait; None for ever.

        Returns:
            False if it isn't true in time, or the socket has ended before.
        """
        return self._await(0, until, timeout) is not None

    def _await(self, form: int, until: Any, timeout: Optional[float]) -> Any:
        system = self._system
        me: int = system.ident()
        mine = before = 0
        waiter: Any = None
        late = led = False
        looks = 0
        deadline = -1.0
        try:
            while True:
                with self.mutex:
                    if mine:
                        self.reader = before
                        mine = 0
                        self.moves += 1
                    elif waiter is not None:
                        self._forget(waiter)
                        waiter = None
                    if self._fresh:
                        self._feed()
                    if until is None:
                        found = self._next(form)
                    else:
                        found = True if until() else None
                    if found is not None or late or (self.ended and until is not None):
                        if led:
                            self._leave()
                        return found
                    if timeout is not None and deadline < 0:
                        deadline = system.clock() + max(timeout, 0.0)
                    if self._may_read(me, until is None):
                        before = self.reader
                        led = True
                        self._space = self.endpoint.space() if self.layer is None else None
                        mine = self.reader = me
                    else:
                        if self.reader == me:
                            return None  # A signal handler, in the middle of a large message.
                        waiter = system.lock()
                        waiter.acquire()
                        self._waiters.append(waiter)
                if mine:
                    if deadline < 0:
                        self._read()
                    else:
                        left = deadline - system.clock()
                        if left <= 0 and timeout > 0:  # type: ignore[operator]
                            # Whoever is late may be this process: it still reads what is there.
                            looks += 1
                        moves = self.moves
                        late = looks > LOOKS or not system.wait(
                            self._sock, True, False, max(left, 0.0)
                        )
                        # What was there a signal handler may have read; to read now could block.
                        if not late and self.moves == moves:
                            self._read()
                elif deadline < 0:
                    waiter.acquire()
                else:
                    left = max(deadline - system.clock(), 0.0)
                    late = not waiter.acquire(True, min(left, LONGEST)) and left <= LONGEST
        finally:
            if mine:
                # An exception came: whoever is next may read, mutex or not.
                if not self._fresh:
                    self._space = None  # Nothing was read there, and others read elsewhere.
                self.reader = before
                with self.mutex:
                    self._leave()
            elif waiter is not None:
                with self.mutex:
                    self._forget(waiter)

    def ident(self) -> int:
        """Return the identifier of the thread that asks."""
        ident: int = self._system.ident()
        return ident

    def is_left(self) -> bool:
        """Whether something is to be read, and no thread does; with the mutex."""
        return not (self.reader or self.eof or self.endpoint.stalled)

    def _may_read(self, me: int, wants_message: bool) -> bool:
        """Whether this thread may read, with the mutex."""
        if self.eof:
            return False
        if self.reader:
            return self.reader == me and self._space is None
        # What nobody takes from the inbox must not become more.
        return wants_message or not self.endpoint.stalled

    def _read(self) -> None:
        """Read, without the mutex."""
        # All in one call from Python, so that no signal handler comes between the system call and
        # the list: what it raised would lose what was read.
        try:
            if self._space is not None:
                self._fresh.extend(map(self._sock.recv_into, (self._space,)))
            else:
                self._fresh.extend(map(self._sock.recv, self._size))
        except OSError as exc:
            if exc.errno is None:
                raise  # Not the system has raised it, but a signal handler.
            self._fresh.append(exc)

    def read_now(self) -> bool:
        """Read what is there, without waiting; return whether there was something. With mutex."""
        if self.eof:
            return False
        self.moves += 1
        try:
            self._system.recv_now(self._sock, self._size[0], self._fresh)
        except BlockingIOError:
            return False
        except OSError as exc:
            if exc.errno is None:
                raise
            self._fresh.append(exc)
        self._feed()
        return True

    def _feed(self) -> None:
        """Take what was read, with the mutex."""
        endpoint = self.endpoint
        try:
            while self._fresh:
                piece = self._fresh.pop(0)
                space, self._space = self._space, None
                if self.ended or self.eof:
                    continue
                if isinstance(piece, OSError):
                    self._end(piece)
                elif not piece:
                    self._end(None)
                else:
                    self.heard = True
                    if space is not None:
                        eventful = endpoint.fill(piece)
                    elif self.layer is None:
                        eventful = endpoint.receive(piece)
                    else:
                        eventful = self._decrypt(piece)
                    if eventful:
                        self.host.attend()
        except BaseException as exc:
            # It may have come from a signal handler, in the middle of the endpoint's work.
            self._fresh.clear()
            self.host.broken(exc)
            raise

    def _decrypt(self, data: bytes) -> bool:
        """Take bytes through the layer, with the mutex."""
        layer = self.layer
        try:
            data = layer.decrypt(data)
        except OSError as exc:
            self._end(exc)
            return False
        if layer.outgoing:
            self.push()
        eventful = self.endpoint.receive(data) if data else False
        if layer.ended:
            if eventful:
                self.host.attend()
            if not self.ended:
                self._end(layer.error)
            return False
        return eventful

    def _end(self, exc: Any) -> None:
        """Read no more, with the mutex."""
        self.eof = True
        self.host.eof_received(exc)

    def _next(self, form: int) -> Any:
        """Take a message, or return None; with the mutex."""
        endpoint = self.endpoint
        while endpoint.inbox.waiting or (form == IN_FRAGMENTS and endpoint.fragments):
            message = endpoint.take(form)
            if endpoint.refilled:
                endpoint.refilled = False
                self.host.attend()
                if not (self.watched or self.reader or self.ended):
                    self.host.watch()
            if message is not None:
                return message
        if not endpoint.is_quiet():
            self.host.before_waiting()
        return None

    def _leave(self) -> None:
        """Leave the socket to others, with the mutex."""
        if self._waiters:
            self.wake()
        if self.ended:
            self.host.release()
        elif not (self.watched or self.reader):
            self.host.watch()
