# C types of ext/payloads.pyx.

cimport cython

from cpython.ref cimport PyObject

from websockets._core.compiled.utf8 cimport Utf8Validator


cpdef bytes unpack(bytes chunk, Py_ssize_t start, Py_ssize_t stop, long long key, long long offset)
cpdef str unpack_text(bytes chunk, Py_ssize_t start, Py_ssize_t stop, long long key)


@cython.final
cdef class PayloadBuffer:
    cdef PyObject *_buffer
    cdef Py_ssize_t _size
    cdef Py_ssize_t _space
    cdef Utf8Validator _validator

    cpdef Py_ssize_t add(
        self,
        bytes chunk,
        Py_ssize_t start,
        Py_ssize_t stop,
        long long key,
        long long offset,
        long long missing,
        bint ends,
    ) except -2
    cpdef object space(self, long long missing, bint ends, Py_ssize_t arrived=*)
    cpdef Py_ssize_t fill(
        self, Py_ssize_t size, long long key, long long offset, long long missing, bint ends
    ) except -2
    cpdef give_up_text(self)
    cpdef object finish(self)
    cdef int _make_room(self, Py_ssize_t size, long long missing, bint ends) except -1
    cdef int _resize(self, Py_ssize_t size) except -1
