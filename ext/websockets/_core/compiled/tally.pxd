# C types of websockets/_core/tally.py.

cimport cython


@cython.final
cdef class Tally:
    cdef public long long messages_received
    cdef public long long messages_sent
    cdef public long long bytes_received
    cdef public long long bytes_sent
    cdef public long long opened
    cdef public long long keepalive_timeouts
    cdef public dict answers
    cdef public dict ends

    cpdef answer(self, status)
    cpdef end(self, int code)
