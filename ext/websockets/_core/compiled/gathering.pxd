# C types of websockets/_core/gathering.py.

cimport cython

cdef int WAIT, NOW, LATER
cdef double QUICK, RECENT
cdef Py_ssize_t ENOUGH


cdef class Gathering:
    cdef double _last
    cdef double _first
    cdef bint _waiting
    cdef bint _quick

    @cython.locals(pause=double, quick=bint)
    cpdef int decide(
        self, double now, Py_ssize_t size, bint first_answer, bint last_answer
    ) except -1
    cpdef left(self)
