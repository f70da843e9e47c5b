# C types of ext/values.pyx.


cdef class FrameMaker:
    cdef object _cls
    cdef tuple _opcodes

    cpdef make(self, int opcode, data, bint fin)
