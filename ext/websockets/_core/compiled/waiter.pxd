# C types of websockets/_core/waiter.py.


cdef class Waiter:
    cdef readonly object who
    cdef object _call_soon
    cdef readonly object get_loop
    cdef object _current_task
    cdef object _done
    cdef object _callback
    cdef object _context
    cdef public bint _asyncio_future_blocking

    cpdef begin(self, who)
    cpdef end(self, who)
    cpdef wake(self, bint at_once)
