# What Cython modules use of ext/locks.pyx.

from cpython.pythread cimport PyThread_type_lock


cdef class Mutex:
    cdef PyThread_type_lock _lock
    cdef bint _held

    cdef int enter(self) except -1
    cdef int leave(self) except -1
