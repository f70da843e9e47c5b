# What Cython modules use of ext/records.pyx.

cdef extern from "records.h":
    ctypedef struct websockets_flow:
        void *rbio
        void *wbio
        size_t kept
        const char *come
        size_t left
        char *place
        size_t room
        size_t size
        bint overflown


cdef class Records:
    cdef void *_ssl
    cdef websockets_flow _flow
    cdef Py_buffer _fed
    cdef bint _holds
    cdef object _tls
    cdef object _incoming
    cdef object _outgoing
    cdef object _more
    cdef object _error
    cdef readonly bint over
    cdef readonly bint refused
    cdef readonly Py_ssize_t done

    cpdef feed(self, data)
    cpdef int settle(self) except -1
    cpdef Py_ssize_t waiting(self) except -1
    cpdef bytes open(self)
    cdef bytes open_few(self)
    cdef bytes open_many(self, Py_ssize_t room)
    cdef bytes opened(self, bytes data, int state)
    cdef object ask(self, size, space)
    cpdef take_error(self)
    cdef bytes open_by_python(self)
    cpdef Py_ssize_t open_into(self, space) except -1
    cpdef bytes seal(self, bytes head, bytes data, Py_ssize_t start)
    cdef bytes seal_few(self, bytes head, bytes data, int *state)
    cdef bytes seal_many(self, bytes head, bytes data, Py_ssize_t room, int *state)
    cdef void seal_into(
        self, char *place, Py_ssize_t room, bytes head, bytes data, int *state
    ) noexcept
    cdef bytes seal_by_python(self, bytes head, bytes data)
    cpdef bint answers(self) except -1
    cpdef bytes answer(self)


cpdef bint has_own(transport, str name) except -1
