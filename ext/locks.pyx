"""
Locks: the compiled twin of websockets/_core/locks.py.

Owns the lock that connections have in threads. Must never know what it guards. Key decision: who
looks at it has the interpreter's lock, so that a flag is all it takes to have it; only who finds it
taken waits in the system, and without looking for signals where compiled code asks, because nobody
holds it for long.
"""

from sys import is_finalizing
from time import monotonic

from cpython.exc cimport PyErr_CheckSignals
from cpython.pythread cimport (
    PyThread_acquire_lock,
    PyThread_allocate_lock,
    PyThread_free_lock,
    PyThread_release_lock,
    PyThread_type_lock,
)

cdef extern from "pythread.h":
    int ACQUIRED "PY_LOCK_ACQUIRED"
    int INTERRUPTED "PY_LOCK_INTR"
    int PyThread_acquire_lock_timed(
        PyThread_type_lock lock, long long microseconds, int interruptible
    ) noexcept nogil

cdef long long SECOND = 1000000  # microseconds


cdef class Mutex:
    """A lock, as programs know it from ``threading.Lock``."""

    def __dealloc__(self):
        if self._gate is not NULL:
            if not self._open:
                PyThread_release_lock(self._gate)
            PyThread_free_lock(self._gate)

    cdef int enter(self) except -1:
        """Take it."""
        while self._held:
            if not self.wait(SECOND, False) and is_finalizing():
                # A daemon's thread may have been stopped for ever while it had it.
                raise RuntimeError("the interpreter is shutting down")
        self._held = True
        return 0

    cdef int leave(self) except -1:
        """Let go of it."""
        if not self._held:
            raise RuntimeError("release unlocked lock")
        self._held = False
        if self._waiters and not self._open:
            self._open = True
            PyThread_release_lock(self._gate)
        return 0

    cdef bint wait(self, long long microseconds, bint interruptible) except -1:
        """Wait until somebody has let go of it; return False if nobody has in that time."""
        cdef int outcome
        if self._gate is NULL:
            self._gate = PyThread_allocate_lock()
            if self._gate is NULL:
                raise MemoryError
            PyThread_acquire_lock(self._gate, 0)
        self._waiters += 1
        # Whoever lets go of it opens the gate for one, who closes it behind.
        with nogil:
            outcome = PyThread_acquire_lock_timed(self._gate, microseconds, interruptible)
        self._waiters -= 1
        if outcome == ACQUIRED:
            self._open = False
        elif outcome == INTERRUPTED:
            PyErr_CheckSignals()
        return outcome == ACQUIRED

    def acquire(self, blocking=True, timeout=-1):
        """Take it, or try to; return whether it was taken."""
        cdef long long left = -1
        deadline = monotonic() + timeout if blocking and timeout >= 0 else None
        while self._held:
            if not blocking:
                return False
            if deadline is not None:
                left = <long long>((deadline - monotonic()) * SECOND)
                if left <= 0:
                    return False
            self.wait(left, True)
        self._held = True
        return True

    def release(self):
        """Let go of it."""
        self.leave()

    def locked(self):
        """Whether somebody has it."""
        return self._held

    def __enter__(self):
        self.enter()
        return True

    def __exit__(self, *exc_info):
        self.leave()
