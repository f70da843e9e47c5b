# C types of websockets/_core/sealing.py.

cimport cython

from websockets._core.compiled.records cimport Records
from websockets._core.compiled.writer cimport Writer


cdef class Sealer:
    cdef object protocol
    cdef bint tcp_full
    cdef bint tcp_ended
    cdef object error
    cdef object unsent
    cdef object _tcp
    cdef Writer _writer
    cdef Records _records
    cdef Py_ssize_t _unsent_size
    cdef bint _full
    cdef object _high
    cdef object _low

    cdef detach(self)
    @cython.locals(rest=bytes)
    cdef put(self, bytes head, bytes data)
    @cython.locals(data=bytes, rest=bytes)
    cdef resend(self)
    @cython.locals(records=Records, size=Py_ssize_t, done=Py_ssize_t, sealed=bytes)
    cdef bytes _seal(self, bytes head, bytes data)
    cdef flush(self)
    @cython.locals(full=bint)
    cdef tell_whether_full(self)
    cdef size(self)
    cdef set_limits(self, high, low)
    cdef limits(self)
