"""
The keeper: one thread for all connections of a process that no thread waits for.

Owns that thread, the timers of all connections and the set of sockets that are watched. Must never
know what a connection does when it is called. Key decisions:

- It sleeps in one system call until a socket that is left alone has something, or a timer is due;
  nothing wakes it regularly.
- Only this thread begins to watch a socket; whoever closes one takes it out first. A descriptor may
  be another connection's by the time its event is looked at: so connections look for themselves,
  without waiting.
- No lock of this module is held while a connection is called, and connections may hold theirs while
  they call this module.
- It starts with the first timer and ends when nothing has been left for a second. It is a daemon:
  no program waits for it at its end. A forked child gets a new one, which knows no connection of
  the parent until the child uses it: two processes must not read the same socket unasked.
"""

from __future__ import annotations

import heapq
import os
import selectors
import socket
import sys
import threading
from _thread import allocate_lock, get_ident
from typing import Any, Callable, Optional

from .system import LONGEST, SYSTEM

__all__ = ["READ", "WRITE", "Keeper", "Timer", "keeper"]

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

LINGER = 1.0  # seconds without anything to do, after which the thread ends
STALE = 64  # cancelled timers that may be kept, if they aren't the most

NEVER = float("inf")


class Timer:
    """
    A function to be called later, with a connection's mutex.

    Arguments:
        when: time of the clock.
        owner: the connection, an object with the attribute ``mutex``.
        function, args: what to call.
    """

    __slots__ = ("_args", "_function", "_owner", "when")

    def __init__(self, when: float, owner: Any, function: Callable[..., Any], args: Any) -> None:
        self.when = when
        self._owner = owner
        self._function: Optional[Callable[..., Any]] = function
        self._args = args

    def __lt__(self, other: Timer) -> bool:
        return self.when < other.when

    def cancel(self) -> None:
        """Let it not be called, and let go of everything; with the connection's mutex."""
        if self._function is not None:
            self._owner = self._function = self._args = None
            keeper().timer_cancelled()

    def is_cancelled(self) -> bool:
        """Whether it won't be called."""
        return self._function is None

    def run(self) -> None:
        """Call the function, unless it was cancelled meanwhile."""
        owner = self._owner
        if owner is None:
            return
        with owner.mutex:
            function, args = self._function, self._args
            self._owner = self._function = self._args = None
            if function is not None:
                function(*args)

    def disown(self) -> None:
        """Let the connection know that this process doesn't keep it yet."""
        if self._owner is not None:
            self._owner.left()


class Keeper:
    """The thread, and what it does next."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._working = allocate_lock()  # held while connections are called
        self._selector: Any = None
        self._waker: Any = None
        self._timers: list[Timer] = []
        self._stale = 0
        self._watched = 0
        self._wakes_at = -NEVER  # when the thread wakes up; while it is awake, before everything
        self.thread: Optional[threading.Thread] = None

    # Called by connections, with their mutexes

    def call_at(
        self, when: float, owner: Any, function: Callable[..., Any], args: Any = ()
    ) -> Timer:
        """Call a function at a time, with a connection's mutex."""
        timer = Timer(when, owner, function, args)
        with self._lock:
            heapq.heappush(self._timers, timer)
            wake = when < self._wakes_at
            if self.thread is None:
                self._start()
            elif wake:
                self._wakes_at = -NEVER
        if wake:
            self._waker.wake()
        return timer

    def timer_cancelled(self) -> None:
        """Take notice that a timer isn't wanted any more."""
        with self._lock:
            self._stale += 1
            if self._stale > STALE and self._stale > len(self._timers) // 2:
                self._timers = [timer for timer in self._timers if not timer.is_cancelled()]
                heapq.heapify(self._timers)
                self._stale = 0

    def set_events(self, session: Any, events: int) -> None:
        """
        Watch the socket of a connection for events, READ and WRITE, from now on; in this thread.

        The connection's ``ready(events)`` is called when there are some.

        Raises:
            ValueError, OSError: if the program has closed the socket.
        """
        with self._lock:
            before, session.events = session.events, events
            if self._selector is None or before == events:
                return
            if not before:
                session.events = 0  # until it is sure that it is a socket still
                self._register(session, events)
                session.events = events
                self._watched += 1
            elif not events:
                self._unregister(session)
            else:
                self._selector.modify(session.selectable, events, session)

    def forget(self, session: Any) -> None:
        """Watch the socket of a connection no more; in any thread, before it is closed."""
        with self._lock:
            if session.events:
                session.events = 0
                if self._selector is not None:
                    self._unregister(session)

    def _register(self, session: Any, events: int) -> None:
        try:
            self._selector.register(session.selectable, events, session)
        except KeyError:
            # Its number was that of a socket which the program of another connection has closed.
            other = self._selector.unregister(session.selectable.fileno()).data
            other.events = 0
            self._watched -= 1
            heapq.heappush(self._timers, Timer(SYSTEM.clock(), other, other.lost, (None,)))
            self._selector.register(session.selectable, events, session)

    def _unregister(self, session: Any) -> None:
        self._watched -= 1
        try:
            self._selector.unregister(session.selectable)
        except (KeyError, ValueError, OSError):
            pass  # The program has closed it, and the system has forgotten it.

    # The thread

    def _start(self) -> None:
        if self._selector is None:
            self._selector = selectors.DefaultSelector()
            self._waker = Waker()
            self._selector.register(self._waker, READ, None)
        thread = threading.Thread(target=self._run, name="websockets-keeper", daemon=True)
        self.thread = thread
        try:
            thread.start()
        except RuntimeError:
            # The interpreter is ending, or there is no room for a thread: who waits, waits itself.
            self.thread = None

    def _run(self) -> None:
        goes_on = True
        try:
            while goes_on:
                try:
                    goes_on = self._turn()
                except MemoryError:
                    pass  # What was ready still is, and there may be room again.
        except BaseException:
            if not sys.is_finalizing():
                with self._lock:
                    self.thread = None  # Whoever needs one begins another.
                raise

    def _turn(self) -> bool:
        """Do what is due, then sleep; return False if there is nothing left."""
        with self._working:
            # What is due later comes behind a look at the sockets.
            now = SYSTEM.clock()
            while True:
                timer = self._next_due(now)
                if timer is None:
                    break
                guarded(timer.run)
        with self._lock:
            now = SYSTEM.clock()
            idle = not self._timers and not self._watched
            self._wakes_at = self._timers[0].when if self._timers else NEVER
            if idle:
                self._wakes_at = now + LINGER
            seconds = None
            if self._wakes_at != NEVER:
                seconds = min(max(self._wakes_at - now, 0.0), LONGEST)
        events = self._selector.select(seconds)
        with self._lock:
            self._wakes_at = -NEVER
            if idle and not (events or self._timers or self._watched):
                self.thread = None
                self._close()
                return False
        with self._working:
            for key, found in events:
                if key.data is None:
                    self._waker.clear()
                else:
                    guarded(key.data.ready, found)
        return True

    def _next_due(self, now: float) -> Optional[Timer]:
        with self._lock:
            while self._timers:
                if self._timers[0].is_cancelled():
                    heapq.heappop(self._timers)
                    self._stale -= 1
                elif self._timers[0].when <= now:
                    return heapq.heappop(self._timers)
                else:
                    break
        return None

    # Forks

    def before_fork(self) -> bool:
        """Wait until no connection is called, so that none is locked; return whether it worked."""
        thread = self.thread
        if thread is None or thread.ident == get_ident():
            return False
        # Who forks with a connection's mutex has to go on without that.
        return self._working.acquire(True, 1.0)

    def after_fork(self, worked: bool) -> None:
        """Go on in the parent."""
        if worked:
            self._working.release()

    def disown(self) -> None:
        """Let go of all connections, in a child."""
        for timer in self._timers:
            timer.disown()
        if self._selector is not None:
            for key in list((self._selector.get_map() or {}).values()):
                if key.data is not None:
                    key.data.left()
            self._close()

    def _close(self) -> None:
        self._selector.close()
        self._waker.close()
        self._selector = self._waker = None


class Waker:
    """What wakes a thread that waits with a selector."""

    def __init__(self) -> None:
        if sys.platform == "win32":  # pragma: no cover
            # Only sockets can be waited for there.
            self._sockets = socket.socketpair()
            for sock in self._sockets:
                sock.setblocking(False)
        else:
            self._reads, self._writes = os.pipe()
            os.set_blocking(self._reads, False)
            os.set_blocking(self._writes, False)

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        if sys.platform == "win32":  # pragma: no cover
            return self._sockets[0].fileno()
        return self._reads

    def wake(self) -> None:
        """Wake it; any thread may."""
        try:
            if sys.platform == "win32":  # pragma: no cover
                self._sockets[1].send(b"\0")
            else:
                os.write(self._writes, b"\0")
        except BlockingIOError:
            pass  # It will wake up anyway.

    def clear(self) -> None:
        """Take notice of it."""
        if sys.platform == "win32":  # pragma: no cover
            self._sockets[0].recv(4096)
        else:
            os.read(self._reads, 4096)

    def close(self) -> None:
        """Close it."""
        if sys.platform == "win32":  # pragma: no cover
            for sock in self._sockets:
                sock.close()
        else:
            os.close(self._reads)
            os.close(self._writes)


def guarded(function: Callable[..., Any], *args: Any) -> None:
    """Call a connection; what goes wrong with one must not end the others."""
    try:
        function(*args)
    except Exception:
        if not sys.is_finalizing():
            import logging

            logging.getLogger("websockets").error("unexpected internal error", exc_info=True)


_keeper = Keeper()
_forking = False


def keeper() -> Keeper:
    """Return the keeper of this process."""
    return _keeper


def _before_fork() -> None:
    global _forking
    _forking = _keeper.before_fork()


def _after_in_parent() -> None:
    _keeper.after_fork(_forking)


def _after_in_child() -> None:  # pragma: no cover (nothing is measured in forked children)
    global _keeper
    before, _keeper = _keeper, Keeper()
    before.disown()


if hasattr(os, "register_at_fork"):  # pragma: no branch (Windows has no fork)
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_in_parent,
        after_in_child=_after_in_child,
    )
