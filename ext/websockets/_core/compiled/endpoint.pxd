# C types of websockets/_core/endpoint.py.

cimport cython

from websockets._core.compiled.closer cimport Closer
from websockets._core.compiled.frames cimport FrameReader
from websockets._core.compiled.inbox cimport Inbox
from websockets._core.compiled.messages cimport (
    Fragment, FragmentAssembler, MessageAssembler, in_form, joined,
)
from websockets._core.compiled.outbox cimport Outbox
from websockets._core.compiled.scout cimport Scout
from websockets._core.compiled.tally cimport Tally

cdef int AWAITING, GONE, OPEN, OWING, TALKING
cdef int OP_CLOSE, OP_PING, OP_PONG
cdef int IN_FRAGMENTS, USUAL
cdef long long NO_KEY, UNLIMITED
cdef Py_ssize_t LONG


cdef class Endpoint(Closer):
    cdef public list pongs
    cdef public bint refilled
    cdef public object work
    cdef readonly bint is_client
    cdef long long _thread_size
    cdef object _extensions
    cdef bint _decoding
    cdef FrameReader _reader
    cdef MessageAssembler _messages
    cdef long long _max_fragments
    cdef readonly list fragments
    cdef bytearray _frame
    cdef bint _stopped
    cdef Scout _scout
    cdef bint _counted
    cdef bint _in_fragments

    cpdef opened(self)
    @cython.locals(piece=bytes)
    cpdef bint receive(self, data) except -1
    @cython.locals(reader=FrameReader)
    cpdef space(self, Py_ssize_t arrived=*)
    @cython.locals(reader=FrameReader)
    cpdef bint fill(self, Py_ssize_t size) except -1
    cdef bint _eventful(self) except -1
    cpdef bint is_eventful(self) except -1
    cpdef take(self, int form=*)
    @cython.locals(fragments=list)
    cdef _formed(self, message, int form)
    cpdef list take_events(self)
    cpdef reject(self, exc)
    @cython.locals(reader=FrameReader)
    cdef _parse(self)
    cdef bint _has_unparsed(self) except -1
    cdef bint _cuts_off_message(self) except -1
    @cython.locals(payload=bytes)
    cdef _look_ahead(self, bytes data)
    cdef _blame(self, exc)
    cdef _fail_for(self, exc)
    cpdef bint eof_received(self) except -1
    cpdef unexpected_end(self)
    cdef _discard(self)
    @cython.locals(reader=FrameReader)
    cdef _decode(self)
    cdef _check_encoded(self, int opcode, long long length)
    cdef _decoded(self, bint fin, int opcode, bytes payload)
    cdef _control(self, int opcode, bytes payload)
