"""
Locks: the compiled twin of websockets/_core/locks.py.

Owns the lock of the system. Must never know what it guards. Key decision: compiled code takes it
without a call from Python, and waits for it without looking for signals: nobody holds it for long.
"""

from sys import is_finalizing

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

    def __cinit__(self):
        self._lock = PyThread_allocate_lock()
        self._held = False
        if self._lock is NULL:
            raise MemoryError

    def __dealloc__(self):
        if self._lock is not NULL:
            if self._held:
                PyThread_release_lock(self._lock)
            PyThread_free_lock(self._lock)

    cdef int enter(self) except -1:
        """Take it."""
        cdef int outcome
        if not PyThread_acquire_lock(self._lock, 0):
            while True:
                with nogil:
                    outcome = PyThread_acquire_lock_timed(self._lock, SECOND, 0)
                if outcome == ACQUIRED:
                    break
                if is_finalizing():
                    # A daemon's thread may have been stopped for ever while it had it.
                    raise RuntimeError("the interpreter is shutting down")
        self._held = True
        return 0

    cdef int leave(self) except -1:
        """Let go of it."""
        if not self._held:
            raise RuntimeError("release unlocked lock")
        self._held = False
        PyThread_release_lock(self._lock)
        return 0

    def acquire(self, blocking=True, timeout=-1):
        """Take it, or try to; return whether it was taken."""
        cdef long long microseconds = -1
        cdef int outcome
        if not blocking:
            microseconds = 0
        elif timeout >= 0:
            microseconds = <long long>(timeout * 1e6)
        if PyThread_acquire_lock(self._lock, 0):
            outcome = ACQUIRED
        else:
            while True:
                with nogil:
                    outcome = PyThread_acquire_lock_timed(self._lock, microseconds, 1)
                if outcome != INTERRUPTED:
                    break
                PyErr_CheckSignals()
        if outcome == ACQUIRED:
            self._held = True
            return True
        return False

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
