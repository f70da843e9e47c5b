# C types of websockets/_core/blocking.py.

cimport cython

from websockets._core.compiled.endpoint cimport Endpoint
from websockets._core.compiled.writer cimport send_now

cdef int FULL, IN_FRAGMENTS, LOST, NOT_SENT, SENT


cdef class BlockingStream:
    cdef readonly Endpoint endpoint
    cdef readonly object mutex
    cdef readonly object layer
    cdef public object host
    cdef public unsigned long long reader
    cdef public bint writing
    cdef public bint receiving
    cdef public bint streaming
    cdef public bint heard
    cdef public long long moves
    cdef public bint watched
    cdef readonly bint eof
    cdef public bint ended
    cdef readonly long long pushed
    cdef readonly long long taken
    cdef object _sock
    cdef object _system
    cdef tuple _size
    cdef list _waiters
    cdef list _fresh
    cdef object _space
    cdef object _unsent

    @cython.locals(mine=bint)
    cpdef recv(self, int form, timeout)
    cpdef bint wait(self, until, timeout) except -1
    @cython.locals(
        me="unsigned long long", mine="unsigned long long", before="unsigned long long",
        late=bint, led=bint, looks=int, deadline=double, left=double,
    )
    cdef _await(self, int form, until, timeout)
    cpdef bint is_left(self) except -1
    cdef bint _may_read(self, unsigned long long me, bint wants_message) except -1
    cdef _read(self)
    cpdef bint read_now(self) except -1
    @cython.locals(eventful=bint)
    cdef _feed(self)
    @cython.locals(eventful=bint)
    cdef bint _decrypt(self, data) except -1
    cdef _end(self, exc)
    @cython.locals(endpoint=Endpoint)
    cdef _next(self, int form)
    cdef _leave(self)
    cpdef wake(self)
    cdef _forget(self, waiter)
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
    @cython.locals(size=Py_ssize_t)
    cdef _write(self)
    cpdef give_up(self)
    cpdef ident(self)
    @cython.locals(mine=bint, readable=bint, reads=bint)
    cpdef bint drain(self, long long position) except -1
    cdef _stop_writing(self)
