# C types of ext/utf8.pyx, for the extensions that check text without going through Python.


cdef class Utf8Validator:
    cdef Py_ssize_t _characters
    cdef int _pending
    cdef unsigned char _bytes[4]

    cdef Py_ssize_t check_bytes(
        self, const unsigned char *data, Py_ssize_t size, bint final
    ) noexcept nogil
    cpdef Py_ssize_t check(self, object data, bint final=*) except -2
