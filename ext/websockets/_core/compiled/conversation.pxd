# C types of websockets/_core/conversation.py.

cimport cython

from websockets._core.compiled.events cimport EventEndpoint

cdef int OP_BINARY, OP_TEXT


cdef class Conversation:
    cdef readonly object _endpoint
    cdef EventEndpoint _events

    cpdef _go_on_with(self, endpoint)
