# C types of websockets/_core/compression.py.

cdef int OP_BINARY, OP_CONT, RSV1


cdef class Compression:
    cdef public object sharing_key
    cdef public object thread_size
    cdef object _deflater
    cdef object _inflater
    cdef Py_ssize_t _min_size
    cdef bint _deflating
    cdef bint _inflating

    cpdef bint passes(self, int opcode, int rsv) except -1
    cpdef tuple decode(self, bint fin, int rsv, int opcode, payload, max_size)
    cpdef tuple encode(self, bint fin, int opcode, payload, compress=*)
