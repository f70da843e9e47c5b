# C types of websockets/_core/outbox.py.

cimport cython

from websockets._core.compiled.gathering cimport Gathering
from websockets._core.compiled.keys cimport masking_key
from websockets._core.compiled.pack cimport append_frame, pack_frame, pack_header, to_bytes
from websockets._core.compiled.tally cimport Tally

cdef long long NO_KEY
cdef int NOW, OP_BINARY, OP_CLOSE, OP_TEXT
cdef Py_ssize_t LARGE


@cython.final
cdef class Outbox:
    cdef bytes _alone
    cdef list _frames
    cdef bytearray _joined
    cdef readonly Py_ssize_t size
    cdef bint _masked
    cdef public draw
    cdef Tally _tally
    cdef object _extensions
    cdef long long _thread_size
    cdef Gathering _gathering
    cdef long long _large
    cdef bint _answering
    cdef bint _fresh

    cpdef note_arrival(self)
    cpdef note_taken(self)
    @cython.locals(first_answer=bint, last_answer=bint)
    cpdef int put_message(self, message, double now, Py_ssize_t waiting, compress=*, int opcode=*) except -1
    @cython.locals(byte0=int)
    cpdef put(self, bint fin, int opcode, payload, compress=*)
    @cython.locals(frame=bytes)
    cpdef put_shared(self, int opcode, payload, dict frames)
    @cython.locals(frame=bytes)
    cpdef bytes share(self, int opcode, payload, dict frames)
    @cython.locals(byte0=int)
    cdef bytes _shared(self, int opcode, payload, dict frames)
    @cython.locals(frames=list)
    cpdef list collect(self)
    @cython.locals(alone=bytes)
    cpdef bytes collect_alone(self)
    cpdef turned(self)
    @cython.locals(key="long long")
    cdef _put_frame(self, int byte0, payload)
    @cython.locals(alone=bytes, joined=bytearray)
    cdef _line_up(self)
    cdef tuple _encode(self, bint fin, int opcode, payload, compress)
    cpdef put_bytes(self, bytes data)
    cpdef put_in_front(self, bytes data)
