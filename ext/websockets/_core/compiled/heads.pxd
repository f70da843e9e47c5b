# C types of websockets/_core/heads.py.

cimport cython

from websockets._core.compiled.fields cimport take_fields


cpdef str decode(bytes data)


cdef class HeadReader:
    cdef public object headers
    cdef public str path
    cdef public int status
    cdef public str reason
    cdef public bytes rest
    cdef bint _response
    cdef bytes _buffer
    cdef Py_ssize_t _size
    cdef bint _started

    @cython.locals(text=bytes, start=Py_ssize_t, end=Py_ssize_t)
    cpdef bint feed(self, data) except -1
    @cython.locals(end=Py_ssize_t, stop=Py_ssize_t)
    cdef Py_ssize_t _end_of_line(self, bytes text, Py_ssize_t start) except -1
    @cython.locals(path=str)
    cdef _start_line(self, bytes line)
    @cython.locals(taken=Py_ssize_t)
    cdef Py_ssize_t _fields(self, bytes text, Py_ssize_t start, Py_ssize_t end) except -1
