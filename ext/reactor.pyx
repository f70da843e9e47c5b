"""
Watching many sockets as one: the compiled twin of websockets/_core/reactor.py.

Owns a poller of the operating system, and who is watched by it. Must never know what is read or
written, nor an event loop: the loop watches the poller, as one descriptor among its own.

Key decision: what the event loop does for an event is done once for a batch of them, and from there
to the one that is ready no Python runs. A batch is small, so that the loop has its turn; what is
left is still ready. Who is watched is found by a token, never by a descriptor or a pointer: an event
may be older than what its number stands for by now.
"""

from cpython.list cimport PyList_GET_SIZE
from cpython.ref cimport PyObject
from libc.stdint cimport uint32_t, uint64_t

from websockets._core.compiled.clock cimport read_clock
from websockets._core.compiled.gathering cimport LATER, NOW, Gathering

cdef extern from "poller.h":
    enum:
        EVENTS "WEBSOCKETS_EVENTS"
        EVENTS_OF_ONE "WEBSOCKETS_EVENTS_OF_ONE"
        POLLS "WEBSOCKETS_POLLS"
        FORGETS "WEBSOCKETS_FORGETS"
    struct websockets_event:
        uint64_t token
        int ready
    int websockets_poller_open() noexcept
    int websockets_poller_watch(
        int poller, int descriptor, int before, int after, uint64_t token
    ) noexcept
    int websockets_poller_take(int poller, websockets_event *events, int most) noexcept
    void websockets_close(int descriptor) noexcept

import os
from time import monotonic

AVAILABLE = bool(POLLS)

# Seconds of a turn of the event loop in which those who are ready again may go on.
cdef double AGAIN = 0.001

# Seconds of a batch in which answers may be held back; every few events it is seen whether it is over.
cdef double HOLD = 0.0005
cdef enum:
    FEW = 4

# How often this process was made by a fork.
cdef int forks = 0


cdef int count_of_forks() noexcept:
    return forks


def _count_fork():
    global forks
    forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)


cdef object error_of(int number):
    """Make the exception for an error of the operating system."""
    return OSError(-number, os.strerror(-number))


cdef inline Watched find(list places, uint64_t token):
    """Return who is watched by that token, None if nobody is any more."""
    cdef uint32_t place = <uint32_t> token
    if place >= <size_t> PyList_GET_SIZE(places):
        return None
    watched = places[place]  # Nobody else puts anything there, so that it needs no test.
    if watched is None or (<Watched> watched).serial != <uint32_t> (token >> 32):
        return None
    return <Watched> watched


cdef class Watched:
    """What is watched: a subclass says what to do when it is ready."""

    def __cinit__(self):
        self.descriptor = -1
        self.place = -1

    cdef int ready(self, int events, bint idle) except -1:
        """
        Go on.

        Arguments:
            events: READABLE, WRITABLE or both.
            idle: whether the event loop runs, and no task in it.
        """
        raise NotImplementedError

    cdef int let_go(self) except -1:
        """Send what it has held back since it was put among the held."""
        raise NotImplementedError

    cdef bint has_more(self) noexcept:
        """Tell whether the program will be given more of what has come."""
        return False

    cdef bint is_own(self) except -1:
        """Tell whether the descriptor is still what it was."""
        return self.descriptor >= 0

    cdef int watch(self, int events) except -1:
        """Be called for these events from now on; for none if they are 0."""
        if events == self.events:
            return 0
        self.reactor.change(self, events)
        return 0


cdef class Reactor:
    """Watch the sockets of one event loop; the pure twin describes the arguments."""

    def __cinit__(self):
        self._poller = -1

    def __init__(self, loop, task_of, bint holds):
        self._loop = loop
        self._task_of = task_of
        self._holds = holds
        self.held = []
        self._gathering = Gathering(1)  # Nobody counts the bytes here.
        self.forks = forks
        self._watched = []
        self._free = []
        self._poller = websockets_poller_open()
        if self._poller < 0:
            raise error_of(self._poller)

    def __dealloc__(self):
        self.close_poller()

    def fileno(self):
        """Return the descriptor that is readable when one of the watched is ready."""
        return self._poller

    def lap(self):
        """Return how many batches will have been full when all had a turn that are ready now."""
        return self.full_batches + len(self._watched) * EVENTS_OF_ONE // EVENTS + 1

    def close(self):
        """Watch nothing any more."""
        self.close_poller()

    cdef void close_poller(self) noexcept:
        if self._poller >= 0:
            websockets_close(self._poller)
            self._poller = -1

    def run(self):
        """Let some of those go on that are ready."""
        cdef int count, left
        cdef double until = read_clock(monotonic) + AGAIN
        cdef bint idle
        cdef Watched watched
        if self._poller < 0:
            return
        idle = self._task_of(self._loop) is None
        if FORGETS and len(self._watched) == 1:
            watched = self._watched[0]
            if watched is not None and not watched.events & WRITABLE:
                # The only one, as in most clients: there is no need to ask who is ready.
                watched.ready(READABLE, idle)
                return
        count = self.go_round(EVENTS, idle)
        self.full_batches += count == EVENTS
        left = EVENTS - count
        # The peers of the first of several have answered by now, perhaps. To look takes less than a
        # turn of the loop; the peer of one has hardly had the time.
        while count > 1 and left and read_clock(monotonic) < until:
            count = self.go_round(left, idle)
            left -= count

    cdef int go_round(self, int most, bint idle) except -1:
        """Let those go on that are ready, or so many of them; return their number."""
        cdef websockets_event events[EVENTS]
        cdef Watched watched
        cdef int i, count
        cdef double until = 0
        if self._poller < 0:
            return 0
        count = websockets_poller_take(self._poller, events, most)
        if count < 0:
            raise error_of(count)
        # There is nobody else for whom one alone could be held back.
        if self._holds and count > 1:
            until = read_clock(monotonic) + HOLD
        i = 0
        try:
            while i < count:
                # Whoever went before may have let this one go, or changed what it waits for.
                watched = find(self._watched, events[i].token)
                if watched is not None:
                    self._current = <PyObject *> watched
                    self.answering = self._current if until else NULL
                    watched.ready(events[i].ready & (watched.events | MORE), idle)
                i += 1
                if until and i % FEW == 0 and self.held and read_clock(monotonic) > until:
                    self.release()
                    until = read_clock(monotonic) + HOLD
        except BaseException:
            # An interrupt of the program; the others won't be told again that they are ready.
            while i < count:
                watched = find(self._watched, events[i].token)
                if watched is not None:
                    self.again(watched)
                i += 1
            raise
        finally:
            self._current = NULL
            self.release()
        return count

    cdef int release(self) except -1:
        """Let those go that were held back, one right after the other."""
        self.answering = NULL
        self._shared_since = 0
        if self.held:
            self._gathering.left()
            held, self.held = self.held, []
            held.reverse()
            self.release_all(held)
        return 0

    cdef int release_all(self, list held) except -1:
        cdef Watched watched
        try:
            while held:
                watched = held.pop()
                watched.let_go()
        finally:
            if held:
                # An interrupt of the program came between, which holds up no other.
                self.release_all(held)
        return 0

    cdef int hold_all(self) except -1:
        """Hold back what links write until let_all_go()."""
        self._began = read_clock(monotonic)
        self.holds_all = True
        return 0

    def let_all_go(self):
        """End what Writer.hold_all() began; the pure twin describes it."""
        cdef int due
        self.holds_all = False
        if self._current != NULL and (self._holds or (<Watched> self._current).has_more()):
            # The next message may go to the same ones.
            if self._shared_since == 0:
                self._shared_since = self._began
            if read_clock(monotonic) > self._shared_since + HOLD:
                self.release()
            return
        due = self._gathering.decide(self._began, 0, False, False, False)
        if due & LATER:
            try:
                self._loop.call_soon(self._turned)
            except BaseException:
                self._turned()  # Nobody else will.
                raise
        if due & NOW:
            self.release()
        # To write to many takes longer than a program does that is quick.
        self._gathering.done(read_clock(monotonic))

    def _turned(self):
        """Send what still waits when the event loop turns."""
        self._gathering.turned()
        self.release()

    cdef int change(self, Watched watched, int events) except -1:
        """Change what one is watched for."""
        cdef int error
        if watched.events == 0:
            self.add(watched)
        error = self.ask(watched, events)
        watched.events = 0 if error < 0 else events
        if watched.events == 0:
            self._watched[watched.place] = None
            self._free.append(watched.place)
            watched.place = -1
        if error < 0 and events:
            raise error_of(error)
        return 0

    cdef int again(self, Watched watched) except -1:
        """Tell one once more that it is ready, if it still is."""
        cdef int error = self.ask(watched, watched.events) if watched.events else 0
        if error < 0:
            raise error_of(error)
        return 0

    cdef int ask(self, Watched watched, int events) except? -1:
        """Ask the system for these events of one; return 0, or a negative number for an error."""
        # A process that was forked has the poller of its parent, and must not change that. A
        # descriptor that was closed elsewhere is forgotten by the system, and may be another's.
        if not watched.is_own() or forks != self.forks or self._poller < 0:
            return 0
        return websockets_poller_watch(
            self._poller,
            watched.descriptor,
            watched.events,
            events,
            (<uint64_t> watched.serial << 32) | <uint64_t> watched.place,
        )

    cdef int add(self, Watched watched) except -1:
        """Give one a place."""
        self._serial += 1
        watched.serial = self._serial
        if self._free:
            watched.place = self._free.pop()
            self._watched[watched.place] = watched
        else:
            watched.place = len(self._watched)
            self._watched.append(watched)
        return 0
