# C types of websockets/_core/heads.py.

cimport cython

from websockets._core.compiled.fields cimport take_fields

cdef long long UNLIMITED


cpdef str decode(bytes data)


cdef class HeadReader:
    cdef public object headers
    cdef public str method
    cdef public str protocol
    cdef public str path
    cdef public int status
    cdef public str reason
    cdef public bytes rest
    cdef readonly bint started
    cdef bint _response
    cdef bint _latin
    cdef bytes _buffer
    cdef long long _most
    cdef Py_ssize_t _size

    @cython.locals(text=bytes, start=Py_ssize_t, end=Py_ssize_t)
    cpdef bint feed(self, data) except -1
    @cython.locals(end=Py_ssize_t, stop=Py_ssize_t)
    cdef Py_ssize_t _end_of_line(self, bytes text, Py_ssize_t start) except -1
    @cython.locals(path=str)
    cdef bint _usual_start(self, bytes line) except -1
    cdef _start_line(self, bytes line)
    @cython.locals(stop=Py_ssize_t, taken=Py_ssize_t)
    cdef Py_ssize_t _fields(self, bytes text, Py_ssize_t start, Py_ssize_t end) except -1
    cdef _line_too_long(self, Py_ssize_t size)
    cdef _too_many_fields(self)
    cdef _malformed_field(self, bytes line)


cdef class MessageHeadReader(HeadReader):
    cdef bint _older

    cdef _start_line(self, bytes line)
    cdef _line_too_long(self, Py_ssize_t size)
    cdef _too_many_fields(self)
    cdef _malformed_field(self, bytes line)
