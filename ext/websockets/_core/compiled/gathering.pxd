# C types of websockets/_core/gathering.py.

cimport cython

cdef int NOW, LATER, SEVERAL
cdef double QUICK, RECENT


@cython.final
cdef class Gathering:
    cdef Py_ssize_t _enough
    cdef double _last
    cdef double _first
    cdef bint _waiting
    cdef bint _quick
    cdef int _count
    cdef bint _called

    @cython.locals(pause=double, quick=bint, due=int)
    cpdef int decide(
        self, double now, Py_ssize_t size, bint first_answer, bint last_answer, bint in_burst
    ) except -1
    cpdef done(self, double now)
    cpdef left(self)
    cpdef turned(self)
