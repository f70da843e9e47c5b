# C types of websockets/_core/stream.py.

cimport cython

from websockets._core.compiled.clock cimport read_clock
from websockets._core.compiled.endpoint cimport Endpoint
from websockets._core.compiled.waiter cimport Waiter
from websockets._core.compiled.writer cimport Writer

cdef int FULL, LATER, NOW, NOT_SENT, SENT, SENT_WAIT


@cython.final
cdef class MessageStream:
    cdef readonly Endpoint endpoint
    cdef readonly Waiter waiter
    cdef public bint heard
    cdef public bint streaming
    cdef public bint whole
    cdef public bint reading_paused
    cdef public object read_limit
    cdef public object read_buffer
    cdef public object host
    cdef Writer _writer
    cdef object _loop
    cdef object _clock
    cdef bint _filling

    cpdef data_received(self, data)
    cpdef get_buffer(self)
    cpdef buffer_updated(self, Py_ssize_t size)
    cpdef space(self, Py_ssize_t arrived=*)
    cpdef filled(self, Py_ssize_t size)
    @cython.locals(endpoint=Endpoint)
    cdef _arrived(self, bint eventful)
    @cython.locals(endpoint=Endpoint, due=int)
    cpdef int try_send(self, message) except -1
    @cython.locals(now=double)
    cpdef int send(self, message, compress=*, int opcode=*) except -1
    cdef int _leave(self, int due) except -1
    @cython.locals(endpoint=Endpoint, frame=bytes)
    cpdef bint share_held(self, int opcode, payload, dict frames, list held) except -1
    cpdef bint try_share(self, int opcode, payload, dict frames) except -1
    @cython.locals(endpoint=Endpoint, frame=bytes, written=bint)
    cpdef bint flush(self) except -1
    cpdef _turned(self)


@cython.locals(left=list, held=list, stream=MessageStream)
cpdef list share_among(tuple receivers, way, int opcode, payload, dict frames)
@cython.locals(held=list, stream=MessageStream)
cpdef share_with(tuple connections, int opcode, payload, dict frames, failed)
