"""
What an ASGI application calls on a connection: the compiled twin of websockets/_core/application.py.

Owns the short way of a message as an event. Must never know the order of events.

Key decision: no coroutine for a message. What receive() is called on is also what is awaited, as it
is for a Receiver, and only who calls it while another call is under way gets an object of its own;
what send() gives for a message that has left is one object for all. Both are what a coroutine is to
those who drive it, so that they can be made tasks of, too.
"""

from cpython.dict cimport PyDict_CheckExact, PyDict_GetItem
from cpython.object cimport PyTypeObject
from cpython.ref cimport PyObject, Py_INCREF

from websockets._core.compiled.receiver cimport Receiver, advance
from websockets._core.compiled.stream cimport MessageStream

from websockets._core.compiled import constants

cdef extern from "receiver.h":
    object websockets_next(object self)
    void websockets_set_step(
        PyTypeObject *type, int (*step)(object self, object value, PyObject **result) except -1
    )

cdef enum:
    RETURN = 0

cdef int SENT = constants.SENT
cdef int NOT_SENT = constants.NOT_SENT

cdef str TYPE = "type"
cdef str TEXT = "text"
cdef str BYTES = "bytes"
cdef str RECEIVE = "websocket.receive"
cdef str SEND = "websocket.send"


cdef class Receive:
    """What an application calls for the next event; the pure twin describes the arguments."""

    cdef object _otherwise
    cdef object _end
    cdef object _ended
    cdef MessageStream _stream
    cdef Receiver _receiver
    cdef bint _given  # to somebody for a call, who hasn't gone through with it

    def __init__(self, otherwise, end, ended):
        self._otherwise = otherwise
        self._end = end
        self._ended = ended

    def begin(self, MessageStream stream not None):
        """Go on with messages: the connection is open."""
        self._stream = stream
        self._receiver = Receiver(stream, self._end)

    def __call__(self):
        cdef Receive step = self
        if self._receiver is None:
            return self._otherwise()
        if self._given:
            step = Receive(self._otherwise, self._end, self._ended)
            step.begin(self._stream)
        step._given = True
        return step

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return websockets_next(self)

    def send(self, value):
        """Go on; the value has no meaning."""
        return websockets_next(self)

    def throw(self, kind, value=None, traceback=None):
        """Stop waiting, since who waits is cancelled."""
        self.close()
        raise kind, value, traceback

    def close(self):
        """Stop waiting, since who waits is given up."""
        self._given = False
        self._receiver.end()


cdef int receive(object self, object value, PyObject **result) except -1:
    """Go on until there is an event, or until there is something to wait for."""
    cdef Receive step = <Receive> self
    cdef PyObject *received = NULL
    cdef int outcome
    cdef object message, event
    try:
        outcome = advance(step._receiver, None, &received)
    except step._end:
        step._given = False
        event = step._ended()
        Py_INCREF(event)
        result[0] = <PyObject *> event
        return RETURN
    except BaseException:
        step._given = False
        raise
    if outcome != RETURN:
        result[0] = received
        return outcome
    step._given = False
    message = owned(received)
    event = {TYPE: RECEIVE, (TEXT if type(message) is str else BYTES): message}
    Py_INCREF(event)
    result[0] = <PyObject *> event
    return RETURN


cdef extern from *:
    """
    /* Takes over a reference that is ours already. */
    #define websockets_owned(reference) (reference)
    """
    object owned "websockets_owned" (PyObject *reference)


cdef class Send:
    """What an application calls with an event; the pure twin describes the arguments."""

    cdef object _otherwise
    cdef object _written
    cdef MessageStream _stream

    def __init__(self, otherwise, written):
        self._otherwise = otherwise
        self._written = written

    def begin(self, MessageStream stream not None):
        """Go on with messages: the connection is open."""
        self._stream = stream

    def __call__(self, event):
        cdef int outcome = NOT_SENT
        cdef object message
        if self._stream is not None and PyDict_CheckExact(event):
            if value(event, TYPE) == SEND:
                message = value(event, BYTES)
                if message is None:
                    message = value(event, TEXT)
                    if type(message) is str:
                        outcome = self._stream.try_send(message)
                elif type(message) is bytes:
                    outcome = self._stream.try_send(message)
        if outcome == SENT:
            return GONE
        if outcome == NOT_SENT:
            return self._otherwise(event)
        return self._written()


cdef object value(event, str key):
    """Return what a dict has for a key, or None."""
    cdef PyObject *found = PyDict_GetItem(event, key)
    return None if found is NULL else <object> found


cdef class Gone:
    """What is awaited for a message that has left: it is done."""

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration

    def send(self, value):
        """End, as a coroutine does."""
        raise StopIteration

    def throw(self, kind, value=None, traceback=None):
        """Raise it: there is nothing to stop."""
        raise kind, value, traceback

    def close(self):
        """Do nothing."""


cdef Gone GONE = Gone()

websockets_set_step(<PyTypeObject *> Receive, receive)
