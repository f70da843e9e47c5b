# C types of websockets/_core/draining.py.

cimport cython

from websockets._core.compiled.endpoint cimport Endpoint
from websockets._core.compiled.writer cimport send_now

cdef int FULL, LOST, NOT_SENT, SENT


cdef class BlockingWriter:
    cdef readonly Endpoint endpoint
    cdef readonly object mutex
    cdef readonly object layer
    cdef public object host
    cdef public bint writing
    cdef public bint ended
    cdef public bint heard
    cdef readonly long long pushed
    cdef readonly long long taken
    cdef object _sock
    cdef object _system
    cdef list _waiters
    cdef object _unsent

    @cython.locals(position="long long")
    cpdef int send(self, message) except -1
    @cython.locals(begins=bint)
    cpdef bint push(self) except -1
    @cython.locals(pieces=list, left=list)
    cdef bint _keep(self) except -1
    cdef list _send_now(self, list pieces)
    cpdef bint has_unsent(self) except -1
    @cython.locals(before="long long")
    cpdef write_now(self)
    @cython.locals(size=Py_ssize_t, some=bint)
    cdef bint _write(self) except -1
    cpdef give_up(self)
    @cython.locals(mine=bint, readable=bint, reads=bint)
    cpdef bint drain(self, long long position) except -1
    cdef _stop_writing(self)
    cpdef wake(self)
    cdef _forget(self, waiter)
    cpdef bint is_left(self) except -1
    cpdef bint read_now(self) except -1
    cdef _leave(self)
