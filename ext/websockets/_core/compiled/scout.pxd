# C types of websockets/_core/scout.py.

cimport cython

from websockets._core.compiled.frames cimport FrameReader

cdef int OP_CLOSE
cdef Py_ssize_t KEPT


cdef class Scout:
    cdef FrameReader _reader
    cdef FrameReader _ahead
    cdef bint _lacking

    cpdef append(self, bytes data)
    @cython.locals(ahead=FrameReader)
    cpdef bytes find(self)
