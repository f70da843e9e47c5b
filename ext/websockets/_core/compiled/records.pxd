# What Cython modules use of ext/records.pyx.


cdef class Records:
    cdef void *_ssl
    cdef void *_rbio
    cdef void *_wbio
    cdef Py_ssize_t _waiting
    cdef Py_buffer _fed
    cdef bint _holds
    cdef Py_ssize_t _put
    cdef object _tls
    cdef object _incoming
    cdef object _outgoing
    cdef object _more
    cdef object _error
    cdef readonly bint over
    cdef readonly bint refused

    cpdef feed(self, data)
    cpdef int settle(self) except -1
    cdef int put_some(self) except -1
    cdef int put(self, const void *data, Py_ssize_t size) except -1
    cpdef Py_ssize_t waiting(self) except -1
    cpdef bytes open(self)
    cdef bytes open_one(self)
    cdef object ask(self, size, space)
    cpdef take_error(self)
    cdef int read(self, void *place, int size) except -2
    cdef bytes open_large(self)
    cdef bytes open_by_python(self)
    cpdef Py_ssize_t open_into(self, space) except -1
    cpdef Py_ssize_t seal(
        self, bytes head, bytes data, Py_ssize_t start, list sealed
    ) except -1
    cdef int seal_one(self, bytes data, Py_ssize_t start, Py_ssize_t size) except? -1
    cpdef bint answers(self) except -1
    cpdef bytes answer(self)


cpdef bint has_own(transport, str name) except -1
