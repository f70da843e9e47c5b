# C types of websockets/_core/stream.py.

cimport cython

from websockets._core.compiled.connection cimport Connection
from websockets._core.compiled.waiter cimport Waiter
from websockets._core.compiled.writer cimport Writer

cdef int OPEN, LATER, NOW, NOT_SENT, SENT, SENT_WAIT


cdef class MessageStream:
    cdef readonly Connection connection
    cdef readonly Waiter waiter
    cdef public bint hindered
    cdef public bint full
    cdef Writer _writer
    cdef object _call_soon
    cdef object _clock

    cpdef bint feed(self, data) except -1
    cpdef bint fill(self, Py_ssize_t size) except -1
    cdef bint _arrived(self, bint eventful) except -1
    cpdef int send(self, message) except -1
    @cython.locals(due=int)
    cpdef int post(self, message, compress=*) except -1
    cpdef bint share(self, int opcode, payload, dict frames) except -1
    cpdef bint flush(self) except -1
