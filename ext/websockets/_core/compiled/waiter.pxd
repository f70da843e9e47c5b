# C types of websockets/_core/waiter.py.

cimport cython


cdef class Waiter:
    cdef readonly bint waiting
    cdef public bint idle
    cdef unsigned long long _turn
    cdef object _loop
    cdef object _running_loop
    cdef object _task_of
    cdef object _done
    cdef object _callback
    cdef object _context
    cdef public bint _asyncio_future_blocking

    cpdef unsigned long long begin(self) except 0
    cpdef end(self, unsigned long long turn)
    @cython.locals(idle=bint)
    cpdef wake(self, bint at_once)
