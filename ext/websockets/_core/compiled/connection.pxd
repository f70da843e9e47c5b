# C types of websockets/_core/connection.py.

cimport cython

from websockets._core.compiled.frames cimport FrameReader
from websockets._core.compiled.gathering cimport Gathering
from websockets._core.compiled.keys cimport masking_key
from websockets._core.compiled.messages cimport MessageAssembler
from websockets._core.compiled.pack cimport pack_frame, pack_header, to_bytes

cdef int OPEN, CLOSING, CLOSED, NOW, OP_BINARY, OP_CLOSE, OP_PING, OP_PONG, OP_TEXT
cdef long long UNLIMITED
cdef Py_ssize_t CROWD, LARGE, LONG


cdef class Connection:
    cdef public int state
    cdef public list outbox
    cdef public list pongs
    cdef public object close_code
    cdef public object close_reason
    cdef public bint close_received
    cdef public object failure
    cdef public bint hold_pongs
    cdef public object work
    cdef public bint is_client
    cdef readonly Py_ssize_t waiting
    cdef list _arrived
    cdef list _taken
    cdef long long _max_queue
    cdef Py_ssize_t _outbox_size
    cdef Gathering _gathering
    cdef bint _answering
    cdef bint _fresh
    cdef object _extensions
    cdef long long _thread_size
    cdef bint _decoding
    cdef FrameReader _reader
    cdef MessageAssembler _messages
    cdef bytearray _frame
    cdef bytes _held_pong
    cdef bytes _owed_close
    cdef bint _deaf
    cdef bint _overflow

    cpdef bint receive(self, data) except -1
    @cython.locals(reader=FrameReader)
    cpdef space(self)
    @cython.locals(reader=FrameReader)
    cpdef bint fill(self, Py_ssize_t size) except -1
    cdef bint _eventful(self) except -1
    cpdef take(self)
    cpdef bint is_full(self) except -1
    cpdef bint is_quiet(self) except -1
    @cython.locals(reader=FrameReader)
    cdef _parse(self, bint ignore_room)
    cdef _blame(self, exc)
    cdef _deliver(self, message)
    @cython.locals(reader=FrameReader)
    cdef _decode(self)
    cdef _decoded(self, bint fin, int opcode, bytes payload)
    cdef _control(self, int opcode, bytes payload)
    cpdef send(self, int opcode, payload, bint fin=*, compress=*)
    @cython.locals(first_answer=bint, last_answer=bint)
    cpdef int post(self, message, double now, compress=*) except -1
    @cython.locals(byte0=int)
    cpdef share(self, int opcode, payload, dict frames)
    @cython.locals(frames=list)
    cpdef list collect(self)
    @cython.locals(byte0=int)
    cdef _pack(self, bint fin, int opcode, payload, compress=*)
    cdef _put_frame(self, int byte0, payload)
    cdef tuple _encode(self, bint fin, int opcode, payload, compress)
    cdef _put(self, bytes data)
