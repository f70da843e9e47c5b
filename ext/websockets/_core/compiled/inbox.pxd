# C types of websockets/_core/inbox.py.

cimport cython

cdef Py_ssize_t KEPT


@cython.final
cdef class Inbox:
    cdef readonly Py_ssize_t waiting
    cdef long long _high
    cdef long long _low
    cdef object _oldest
    cdef list _arrived
    cdef Py_ssize_t _count
    cdef list _leaving
    cdef Py_ssize_t _next
    cdef Py_ssize_t _end

    cpdef bint is_full(self) except -1
    cpdef bint is_low(self) except -1
    cpdef put(self, message)
    cpdef take(self)
    cpdef list take_all(self)
    cpdef clear(self)
