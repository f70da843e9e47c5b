# What Cython modules use of ext/writer.pyx.


cdef class Writer:
    cdef object _transport
    cdef object _is_closing
    cdef object _waiting
    cdef object _socket
    cdef object _fileno
    cdef bint _replaceable

    cdef bint is_replaced(self) except -1
    cpdef bint write(self, list pieces) except -1
    cpdef bint write_frame(self, bytes frame) except -1
    cpdef object hold_all(self)
    cpdef int write_before_closing(self, list pieces) except -1


cpdef list send_now(sock, list pieces)
cdef list send(int descriptor, list pieces)
