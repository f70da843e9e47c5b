# C types of websockets/_core/sender.py.

cimport cython

from websockets._core.compiled.inbox cimport Inbox
from websockets._core.compiled.outbox cimport Outbox
from websockets._core.compiled.tally cimport Tally

cdef int CLOSED, CLOSING, FULL, OP_CLOSE, OP_CONT, OP_PONG, OPEN
cdef Py_ssize_t CROWD


cdef class Sender:
    cdef readonly int state
    cdef public int holds
    cdef readonly Py_ssize_t urgent
    cdef readonly bint unfinished
    cdef readonly Inbox inbox
    cdef readonly Outbox outbox
    cdef readonly Tally tally
    cdef bytes _held_pong

    cpdef send_frame(self, int opcode, payload, bint fin=*, compress=*)
    cpdef send_data(self, int opcode, data, bint fin)
    cpdef send_control(self, int opcode, data)
    cpdef int send_message(self, message, double now, compress=*, int opcode=*) except -1
    cpdef send_shared(self, int opcode, payload, dict frames)
    cpdef bytes share(self, int opcode, payload, dict frames)
    cpdef list collect(self)
    @cython.locals(frame=bytes)
    cpdef bytes collect_alone(self)
    cdef _pong(self, bytes payload)
    cdef _answer_held(self)
    cdef _answer(self, int opcode, bytes payload)
    cdef int _check_open(self) except -1
