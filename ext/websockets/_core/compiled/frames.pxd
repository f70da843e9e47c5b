# C types of websockets/_core/frames.py.

cimport cython

from websockets._core.compiled.mask cimport apply_mask


cpdef check_opcode(int opcode)
cpdef check_control(bint fin, long long length)
@cython.locals(opcode=int)
cpdef check_start(int byte0, int byte1, bint masked, bint any_rsv)


cdef class FrameReader:
    cdef public bint fin
    cdef public int rsv
    cdef public int opcode
    cdef public long long length
    cdef public bytes payload
    cdef public bint first
    cdef public bint last
    cdef bint _masked
    cdef bint _any_rsv
    cdef bytes _key
    cdef long long _missing
    cdef bytes _chunk
    cdef Py_ssize_t _position
    cdef object _chunks
    cdef Py_ssize_t _queued

    cpdef feed(self, bytes data)
    cpdef clear(self)
    @cython.locals(start=Py_ssize_t, stop=Py_ssize_t, size=Py_ssize_t, payload=bytes)
    cpdef bint next(self) except -1
    @cython.locals(chunk=bytes)
    cdef bint _require(self, Py_ssize_t count) except -1
    @cython.locals(
        chunk=bytes, start=Py_ssize_t, byte0=int, byte1=int, opcode=int, form=int, extended=int,
        size=Py_ssize_t, length="long long",
    )
    cdef bint _read_header(self) except -1
