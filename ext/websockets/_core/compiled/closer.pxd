# C types of websockets/_core/closer.py.

from websockets._core.compiled.sender cimport Sender

cdef int AWAITING, CLOSED, CLOSING, NOT_OPEN, OP_CLOSE, OPEN, OVER, OWING, TALKING, UNUSUAL


cdef class Closer(Sender):
    cdef readonly int phase
    cdef public bint holds_close
    cdef readonly object close_rcvd
    cdef readonly object close_sent
    cdef readonly object close_rcvd_then_sent
    cdef public object failure
    cdef bint _listening
    cdef bytes _owed_close

    cpdef bint is_quiet(self) except -1
    cdef _peer_closed(self, bytes payload)
    cdef _owe_close(self, bytes payload)
    cdef _send_close(self, bytes payload, int phase)
    cdef _enter(self, int phase)
    cdef int _first_code(self) except? -1
    cdef bint _has_unparsed(self) except -1
    cdef _look_ahead(self, bytes data)
    cdef bint _cuts_off_message(self) except -1
    cdef _discard(self)
