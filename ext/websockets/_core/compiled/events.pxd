# C types of websockets/_core/events.py.

cimport cython

from websockets._core.compiled.endpoint cimport Endpoint
from websockets._core.compiled.messages cimport FragmentAssembler
from websockets._core.compiled.payloads cimport PayloadBuffer, unpack
from websockets._core.compiled.values cimport FrameMaker

cdef int AWAITING, CLOSING, GONE, NOT_OPEN, OPEN, OVER, OWING, TALKING
cdef int OP_CLOSE, OP_PING, OP_PONG
cdef long long UNLIMITED


cdef class FrameAssembler(FragmentAssembler):
    cdef FrameMaker _maker

    @cython.locals(payload=PayloadBuffer)
    cpdef add(
        self,
        bytes chunk,
        Py_ssize_t start,
        Py_ssize_t stop,
        long long key,
        long long offset,
        long long missing,
    )
    cpdef size(self)
    @cython.locals(opcode=int, fin=bint)
    cdef _complete(self, data)


cdef class EventEndpoint(Endpoint):
    cdef readonly bint ended
    cdef readonly bint eof_sent
    cdef FrameMaker _maker
    cdef FrameAssembler _frames

    cpdef use(self, extensions)
    cpdef bint receive(self, data) except -1
    cpdef list take_events(self)
    cdef _check_encoded(self, int opcode, long long length)
    cdef _control(self, int opcode, bytes payload)
    cdef _peer_closed(self, bytes payload)
    cdef _owe_close(self, bytes payload)
    cdef _enter(self, int phase)
    cpdef send_eof(self)
