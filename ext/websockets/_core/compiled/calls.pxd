# C types of ext/calls.pyx.

from websockets._core.compiled.blocking cimport BlockingStream
from websockets._core.compiled.endpoint cimport Endpoint
from websockets._core.compiled.locks cimport Mutex


cdef class ThreadStream(BlockingStream):
    cdef Mutex _lock
    cdef object _fileno

    cdef int take(self, Endpoint endpoint, bytes data) except -1
