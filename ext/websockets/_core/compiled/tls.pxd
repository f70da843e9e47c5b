# C types of websockets/_core/tls.py.

cimport cython

from websockets._core.compiled.records cimport Records, has_own
from websockets._core.compiled.sealing cimport Sealer
from websockets._core.compiled.stream cimport MessageStream
from websockets._core.compiled.writer cimport Writer

cdef int OPEN, CLOSING, CLOSED
cdef Py_ssize_t HEAD, RECORD


cdef class TLSConnection:
    cdef dict __dict__
    cdef object __weakref__
    cdef readonly object _loop
    cdef object _protocol
    cdef readonly object _tcp
    cdef readonly object _tls
    cdef readonly Records _records
    cdef object _shutdown_timeout
    cdef object _timer
    cdef int _state
    cdef object _error
    cdef public object before_closing
    cdef MessageStream _stream
    cdef Sealer _sealer
    cdef bint _peer_ended
    cdef bint _end_told
    cdef bint _stopped
    cdef bint _paused
    cdef bint _choked
    cdef bytes _held
    cdef Py_ssize_t _portion

    cdef take(self, data)
    cdef _work(self)
    cdef _take_in_portions(self, data)
    @cython.locals(records=Records, data=bytes)
    cdef _read(self)
    @cython.locals(records=Records, stream=MessageStream, size=Py_ssize_t)
    cdef bint _read_in_place(self) except -1
    cdef _note_the_end(self)
    cdef _answer(self)
    cdef _hand_on_the_end(self)
    @cython.locals(records=Records)
    cdef _discard(self)
    cdef _stop(self)
    @cython.locals(sealer=Sealer)
    cdef bint put(self, bytes head, bytes data) except -1
    cdef _resend(self)
    cdef _fail(self, exc)
    cdef _say_goodbye(self)


cdef class TLSWriter(Writer):
    cdef TLSConnection _layer

    cpdef bint write(self, list pieces) except -1
    cpdef bint write_frame(self, bytes frame) except -1
    @cython.locals(layer=TLSConnection)
    cdef bint _put(self, bytes head, bytes data) except -1
    cpdef int write_before_closing(self, list pieces) except -1
