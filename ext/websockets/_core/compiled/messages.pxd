# C types of websockets/_core/messages.py.


cdef class MessageAssembler:
    cdef public object max_size
    cdef public object max_fragments
    cdef int _opcode
    cdef bint _final
    cdef unsigned long long _size  # the sum of two lengths of 63 bits fits
    cdef long long _fragments
    cdef bytearray _buffer
    cdef object _validator

    cpdef room(self)
    cpdef begin_frame(self, int opcode, bint fin, long long length)
    cpdef add(self, bytes payload, bint last)
    cdef _finish(self, payload)
