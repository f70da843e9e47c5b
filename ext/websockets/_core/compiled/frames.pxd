# C types of websockets/_core/frames.py.

cimport cython

from websockets._core.compiled.payloads cimport unpack

cdef int OP_BINARY, OP_CLOSE, OP_PONG
cdef long long NO_KEY


cpdef check_opcode(int opcode)
cpdef check_control(bint fin, long long length)
cpdef check_length(unsigned long long length, int form)
@cython.locals(opcode=int)
cpdef check_start(int byte0, int byte1, bint masked, bint any_rsv)


@cython.final
cdef class FrameReader:
    cdef public bint fin
    cdef public int rsv
    cdef public int opcode
    cdef public long long length
    cdef public bint first
    cdef public bint last
    cdef public bytes chunk
    cdef public Py_ssize_t start
    cdef public Py_ssize_t stop
    cdef public long long key
    cdef public long long offset
    cdef public long long missing
    cdef bint _masked
    cdef bint _any_rsv
    cdef object _chunks
    cdef Py_ssize_t _queued

    cpdef bytes payload(self)
    @cython.locals(other=FrameReader)
    cpdef FrameReader copy(self)
    cpdef append(self, bytes data)
    cpdef skip(self, Py_ssize_t size)
    cpdef clear(self)
    cpdef release(self)
    @cython.locals(size="long long")
    cpdef bint next(self) except -1
    @cython.locals(chunk=bytes)
    cdef bint _require(self, long long count) except -1
    @cython.locals(
        chunk=bytes, start=Py_ssize_t, byte0=int, byte1=int, opcode=int, form=int, extended=int,
        size=Py_ssize_t, length="long long", i=Py_ssize_t,
        needed="long long", key="long long",
    )
    cdef bint _read_header(self) except -1
