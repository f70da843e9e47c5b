# C types of websockets/_core/gathering.py.

cimport cython

cdef int WAIT, NOW, LATER
cdef double QUICK
cdef Py_ssize_t ENOUGH


cdef class Gathering:
    cdef double _last
    cdef double _first
    cdef bint _waiting

    @cython.locals(pause=double)
    cpdef int decide(self, double now, Py_ssize_t size, bint last_answer) except -1
    cpdef left(self)
