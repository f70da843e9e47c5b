# C types of ext/receiver.pyx, for those who make something else of what is received.

cimport cython

from cpython.ref cimport PyObject

from websockets._core.compiled.stream cimport MessageStream


@cython.final
cdef class Receiver:
    cdef MessageStream _stream
    cdef object _end
    cdef int _form
    cdef bint _iterating
    cdef bint _stepping  # somebody was given this for a step, and hasn't gone through with it
    cdef bint _suspended
    cdef unsigned long long _turn  # of this in the waiter, which mustn't keep alive what is forgotten

    cdef int end(self) except -1
    cdef object next_message(self)
    cdef bint ends_well(self) except -1


cdef int advance(object self, object value, PyObject **result) except -1
