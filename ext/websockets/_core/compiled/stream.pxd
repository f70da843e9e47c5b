# C types of websockets/_core/stream.py.

cimport cython

from websockets._core.compiled.connection cimport Connection

cdef int OPEN, LATER, NOW, NOT_SENT, SENT, SENT_WAIT


cdef class MessageStream:
    cdef readonly Connection connection
    cdef public object waiter
    cdef public bint hindered
    cdef public bint full
    cdef readonly object new_waiter
    cdef object _write
    cdef object _is_closing
    cdef object _call_soon
    cdef object _clock

    cpdef bint feed(self, data) except -1
    cpdef wake(self)
    cpdef int send(self, message) except -1
    @cython.locals(due=int)
    cpdef int post(self, message, compress=*) except -1
    @cython.locals(frames=list)
    cpdef bint flush(self) except -1
    cdef bint _gone(self) except -1
