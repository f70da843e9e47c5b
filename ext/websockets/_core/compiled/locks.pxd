# What Cython modules use of ext/locks.pyx.

from cpython.pythread cimport PyThread_type_lock


cdef class Mutex:
    cdef PyThread_type_lock _gate
    cdef bint _held
    cdef bint _open
    cdef int _waiters

    cdef int enter(self) except -1
    cdef int leave(self) except -1
    cdef bint wait(self, long long microseconds, bint interruptible) except -1
