# C types of websockets/_core/conversation.py.

from websockets._core.compiled.calls cimport ThreadStream
from websockets._core.compiled.events cimport EventEndpoint

cdef int AS_BYTES, AS_TEXT, NOT_SENT, OP_BINARY, OP_TEXT, SENT, USUAL


cdef class Conversation:
    cdef readonly object _endpoint
    cdef EventEndpoint _events
    cdef public object logger
    cdef public object origin
    cdef public object subprotocol
    cdef public object handshake_exc
    cdef public object max_message_size
    cdef public object max_fragment_size
    cdef public object available_extensions
    cdef public object _agreed
    cdef public bint debug
    cdef public bint accept_called
    cdef public bint _takes_over

    cpdef _go_on_with(self, endpoint)


cdef class BlockingConversation:
    cdef public ThreadStream _ws_stream
