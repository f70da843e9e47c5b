# C types of websockets/_core/blocking.py.

cimport cython

from websockets._core.compiled.draining cimport BlockingWriter
from websockets._core.compiled.endpoint cimport Endpoint

cdef int IN_FRAGMENTS


cdef class BlockingStream(BlockingWriter):
    cdef public unsigned long long reader
    cdef public bint receiving
    cdef public bint streaming
    cdef public long long moves
    cdef public bint watched
    cdef readonly bint eof
    cdef tuple _size
    cdef list _fresh
    cdef object _space

    @cython.locals(mine=bint)
    cpdef recv(self, int form, timeout)
    cpdef bint wait(self, until, timeout) except -1
    @cython.locals(
        me="unsigned long long", mine="unsigned long long", before="unsigned long long",
        late=bint, led=bint, looks=int, deadline=double, left=double, moves="long long",
    )
    cdef _await(self, int form, until, timeout)
    cpdef ident(self)
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
