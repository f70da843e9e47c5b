# C types of websockets/_core/conversation.py.

from websockets._core.compiled.calls cimport ThreadStream
from websockets._core.compiled.events cimport EventEndpoint

cdef int AS_BYTES, AS_TEXT, NOT_SENT, OP_BINARY, OP_TEXT, SENT, USUAL


cdef class Conversation:
    cdef readonly object _endpoint
    cdef EventEndpoint _events

    cpdef _go_on_with(self, endpoint)


cdef class BlockingConversation:
    cdef public ThreadStream _ws_stream
