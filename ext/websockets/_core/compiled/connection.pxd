# C types of websockets/_core/connection.py.

cimport cython

from websockets._core.compiled.frames cimport FrameReader
from websockets._core.compiled.messages cimport MessageAssembler


cdef class Connection:
    cdef public int state
    cdef public object inbox
    cdef public list outbox
    cdef public list pongs
    cdef public object close_code
    cdef public object close_reason
    cdef public bint close_received
    cdef public object failure
    cdef public bint hold_pongs
    cdef public bint is_client
    cdef public object max_queue
    cdef object _extensions
    cdef bint _decoding
    cdef FrameReader _reader
    cdef MessageAssembler _messages
    cdef bytearray _frame
    cdef bytes _held_pong
    cdef bytes _owed_close
    cdef bint _deaf
    cdef bint _overflow

    cpdef receive(self, data)
    cpdef take(self)
    cdef bint _full(self) except -1
    @cython.locals(reader=FrameReader)
    cdef _parse(self, bint ignore_room)
    cdef _add(self, bytes payload, bint last)
    @cython.locals(reader=FrameReader)
    cdef _decode(self)
    cdef _control(self, int opcode, bytes payload)
    cpdef send(self, int opcode, payload, bint fin=*)
    @cython.locals(byte0=int)
    cdef _pack(self, bint fin, int opcode, payload)
