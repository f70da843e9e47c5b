"""
What an ASGI application calls on a connection: the compiled twin of websockets/_core/application.py.

Owns the short way of a message as an event. Must never know the order of events.

Key decision: no coroutine for a message. Both functions are bound methods, which Python calls
without a tuple of arguments; what receive() gives is one object for all calls, unless another is
under way, and so is what send() gives for a message that has left. Both are what a coroutine is to
those who drive it, so that they can be made tasks of, too.
"""

from cpython.dict cimport PyDict_CheckExact, PyDict_GetItem, PyDict_Size
from cpython.object cimport PyTypeObject
from cpython.ref cimport PyObject, Py_INCREF

from websockets._core.compiled.receiver cimport Receiver, advance
from websockets._core.compiled.stream cimport MessageStream

from websockets._core.compiled import constants

cdef extern from "receiver.h":
    object websockets_next(object self)
    object websockets_owned(PyObject *reference)
    void websockets_set_done(PyTypeObject *type)
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
cdef str SEND = "websocket.send"

# To copy a dict takes half the time of making one.
cdef dict A_TEXT = {TYPE: "websocket.receive", TEXT: ""}
cdef dict SOME_BYTES = {TYPE: "websocket.receive", BYTES: b""}


cdef class Channel:
    """The two functions that an application calls; the pure twin describes the arguments."""

    cdef object _next_event
    cdef object _take
    cdef object _written
    cdef object _end
    cdef object _ended
    cdef Step _step
    cdef MessageStream _from
    cdef MessageStream _to

    def __init__(self, next_event, take, written, end, ended):
        self._next_event = next_event
        self._take = take
        self._written = written
        self._end = end
        self._ended = ended

    def open_out(self, MessageStream stream not None):
        """Let messages leave by a stream."""
        self._to = stream

    def open_in(self, MessageStream stream not None):
        """Take messages of a stream as the next events."""
        self._from = stream
        self._step = Step(stream, self._end, self._ended)

    def receive(self):
        """Give what is awaited for the next event."""
        cdef Step step = self._step
        if step is None:
            return self._next_event()
        if step.given:
            step = Step(self._from, self._end, self._ended)
        step.given = True
        return step

    def send(self, event):
        """Take an event."""
        cdef int outcome = NOT_SENT
        cdef object message
        if self._to is not None and PyDict_CheckExact(event) and value(event, TYPE) == SEND:
            message = value(event, TEXT)
            # Without a third key there are no bytes.
            if type(message) is not str or PyDict_Size(event) > 2:
                data = value(event, BYTES)
                if data is not None or type(message) is not str:
                    message = data if type(data) is bytes else None
            if message is not None:
                outcome = self._to.try_send(message)
        if outcome == SENT:
            return GONE
        if outcome == NOT_SENT:
            return self._take(event)
        return self._written()


cdef object value(event, str key):
    """Return what a dict has for a key, or None."""
    cdef PyObject *found = PyDict_GetItem(event, key)
    return None if found is NULL else <object> found


cdef class Step:
    """What is awaited for an event that is a message, or the end."""

    cdef Receiver _receiver
    cdef object _end
    cdef object _ended
    cdef bint given  # to somebody, who hasn't gone through with it

    def __init__(self, MessageStream stream, end, ended):
        self._receiver = Receiver(stream, end)
        self._end = end
        self._ended = ended

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
        self.given = False
        self._receiver.end()


cdef int receive(object self, object value, PyObject **result) except -1:
    """Go on until there is an event, or until there is something to wait for."""
    cdef Step step = <Step> self
    cdef PyObject *received = NULL
    cdef object message
    cdef dict event
    step.given = False
    try:
        if advance(step._receiver, None, &received) != RETURN:
            step.given = True
            result[0] = received
            return 1
    except step._end:
        ended = step._ended()
        Py_INCREF(ended)
        result[0] = <PyObject *> ended
        return RETURN
    message = websockets_owned(received)
    if type(message) is str:
        event = A_TEXT.copy()
        event[TEXT] = message
    else:
        event = SOME_BYTES.copy()
        event[BYTES] = message
    Py_INCREF(event)
    result[0] = <PyObject *> event
    return RETURN


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

websockets_set_step(<PyTypeObject *> Step, receive)
websockets_set_done(<PyTypeObject *> Gone)
