# What Cython modules use of ext/unsent.pyx.

from websockets._core.compiled.reactor cimport Watched


cdef class Unsent(Watched):
    cdef bytes _held
    cdef list _held_too
    cdef object _unsent
    cdef Py_ssize_t _sent
    cdef Py_ssize_t _unsent_size
    cdef Py_ssize_t _high
    cdef Py_ssize_t _low
    cdef bint _full
    cdef bint _ends_writing
    cdef bint closing
    cdef bint _over

    cdef int hold(self, bytes data) except -1
    cdef int put(self, list pieces) except -1
    cdef int put_one(self, bytes data) except -1
    cdef int left(self, list pieces, Py_ssize_t taken) except -1
    cdef int keep(self, list pieces, Py_ssize_t taken) except -1
    cdef int send_unsent(self) except -1
    cdef int forget_unsent(self) except -1
    cdef int look_at_room(self) except -1
    cdef int tell(self, str method) except -1
    cdef int fail(self, exc, str message) except -1
    cdef int end_soon(self, exc) except -1
