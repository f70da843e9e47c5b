"""
Waiting for the next message: the compiled twin of websockets/_core/receiver.py.

Owns the steps from "nothing is there" to a message. Must never know how messages arrive.

Key decision: the object that is iterated is also what each step of the iteration awaits, and a
message that is there already is handed over without an exception, a coroutine or a new object. Only
who asks for a message while another step is under way gets an object of its own. A step is what a
coroutine is to those who drive it: it can be sent to, thrown into and closed.
"""

from cpython.object cimport PyTypeObject
from cpython.ref cimport PyObject, Py_INCREF

from websockets._core.compiled.endpoint cimport GONE, Endpoint
from websockets._core.compiled.stream cimport MessageStream
from websockets._core.compiled.waiter cimport Waiter

cdef extern from "receiver.h":
    object websockets_next(object self)
    void websockets_set_step(
        PyTypeObject *type, int (*step)(object self, object value, PyObject **result) except -1
    )

cdef extern from "Python.h":
    PyObject *PyExc_StopAsyncIteration
    void PyErr_SetNone(PyObject *kind)

# What a step of an awaitable can come to, as CPython's PySendResult numbers it.
cdef enum:
    RETURN = 0
    NEXT = 1


from websockets._core.compiled import constants
from websockets.exceptions import ConcurrencyError, ConnectionClosed, ConnectionClosedOK

cdef int IN_FRAGMENTS = constants.IN_FRAGMENTS


cdef class Receiver:
    """Receive messages; the pure twin describes the arguments."""

    def __cinit__(self, MessageStream stream not None, end, int form=0):
        self._stream = stream
        self._end = end
        self._form = form

    def __dealloc__(self):
        self.end()

    def __await__(self):
        return self

    def __aiter__(self):
        self._iterating = True
        return self

    def __anext__(self):
        cdef Receiver step = self
        if self._stepping:
            step = Receiver(self._stream, self._end, self._form)
        step._iterating = step._stepping = True
        return step

    def __iter__(self):
        return self

    def __next__(self):
        return websockets_next(self)

    def send(self, value):
        """Go on; the value has no meaning."""
        return websockets_next(self)

    def throw(self, kind, value=None, traceback=None):
        """Stop waiting, since who waits is cancelled."""
        self.end()
        raise kind, value, traceback

    def close(self):
        """Stop waiting, since who waits is given up."""
        self.end()

    cdef int end(self) except -1:
        """Stop waiting."""
        self._stepping = False
        if self._suspended:
            self._suspended = False
            # What the garbage collector frees may have let go of its parts already.
            if self._stream is not None and self._stream.waiter is not None:
                self._stream.waiter.end(self._turn)
        return 0

    cdef object next_message(self):
        """Take a message, or return None."""
        cdef MessageStream stream = self._stream
        cdef Endpoint endpoint = stream.endpoint
        cdef int form = self._form
        while endpoint.inbox.waiting or (form == IN_FRAGMENTS and endpoint.fragments is not None):
            message = endpoint.take(form)
            if endpoint.refilled:
                endpoint.refilled = False
                if stream.reading_paused or endpoint.is_eventful():
                    stream.host.after_refilling()
            if message is not None:
                return message
        if not endpoint.is_quiet():
            stream.host.before_waiting()
        return None

    cdef bint ends_well(self) except -1:
        """
        Tell whether this is the end of an iteration without anything being wrong, as most are, once
        the connection is gone.

        Then nobody sees the exception that tells so, and it isn't made.
        """
        cdef Endpoint endpoint = self._stream.endpoint
        if not self._iterating:
            return False
        if endpoint.inbox.waiting or endpoint.work is not None or self._form == IN_FRAGMENTS:
            return False
        if self._end is not ConnectionClosedOK and self._end is not ConnectionClosed:
            return False
        rcvd, sent = endpoint.close_rcvd, endpoint.close_sent
        if rcvd is None or sent is None:
            return False
        # Of these codes it is true in each generation of the API.
        return rcvd.code in (1000, 1001) and sent.code in (1000, 1001)


cdef int advance(object self, object value, PyObject **result) except -1:
    """Go on until there is a message, or until there is something to wait for."""
    cdef Receiver receiver = <Receiver> self
    cdef Waiter waiter = receiver._stream.waiter
    if waiter.waiting or (receiver._stream.streaming and receiver._form != IN_FRAGMENTS):
        raise ConcurrencyError(
            "cannot call recv while another coroutine is already running recv or recv_streaming"
        )
    receiver._stepping = receiver._suspended = False
    if receiver._stream.endpoint.phase == GONE and receiver.ends_well():
        PyErr_SetNone(PyExc_StopAsyncIteration)
        return -1
    try:
        received = receiver.next_message()
    except Exception as exc:
        if receiver._iterating and isinstance(exc, receiver._end):
            raise StopAsyncIteration from None
        raise
    if received is not None:
        Py_INCREF(received)
        result[0] = <PyObject *> received
        return RETURN
    receiver._turn = waiter.begin()
    receiver._stepping = receiver._suspended = True
    Py_INCREF(waiter)
    result[0] = <PyObject *> waiter
    return NEXT


websockets_set_step(<PyTypeObject *> Receiver, advance)
