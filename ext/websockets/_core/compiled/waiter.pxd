# What Cython modules use of ext/waiter.pyx.

cimport cython


cdef class Waiter


cdef class Stepping:
    cdef bint step(self, Waiter waiter, callback) except -1


@cython.final
cdef class Waiter:
    cdef readonly bint waiting
    cdef public bint idle
    cdef bint _blocking
    cdef unsigned long long _turn
    cdef void *_call
    cdef object _loop
    cdef object _loop_of
    cdef object _running_loop
    cdef object _task_of
    cdef object _done
    cdef object _callback
    cdef object _context
    cdef Stepping _steps
    cdef bint _cancelled

    cpdef unsigned long long begin(self) except 0
    cpdef end(self, unsigned long long turn)
    cpdef wake(self, bint at_once)
    cdef bint nothing_runs(self) except -1
    cdef int go_on(self, callback, context) except -1
