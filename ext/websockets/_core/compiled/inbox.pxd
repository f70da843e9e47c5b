# C types of websockets/_core/inbox.py.


cdef class Inbox:
    cdef readonly Py_ssize_t waiting
    cdef long long _high
    cdef long long _low
    cdef object _oldest
    cdef list _arrived
    cdef list _taken

    cpdef bint is_full(self) except -1
    cpdef bint is_low(self) except -1
    cpdef put(self, message)
    cpdef take(self)
    cpdef list take_all(self)
    cpdef clear(self)
