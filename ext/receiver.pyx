"""
Waiting for the next message: the compiled twin of websockets/_core/receiver.py.

Owns the steps from "nothing is there" to a message. Must never know how messages arrive.

Key decision: the object that is iterated is also what each step of the iteration awaits, and a
message that is there already is handed over without an exception, a coroutine or a new object.
"""

from cpython.object cimport PyTypeObject
from cpython.ref cimport PyObject, Py_DECREF, Py_INCREF

from websockets._core.compiled.stream cimport MessageStream

from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

cdef extern from "receiver.h":
    void websockets_set_send(
        PyTypeObject *type, int (*send)(object self, object value, PyObject **result) except -1
    )

# What a step of an awaitable can come to, as CPython's PySendResult numbers it.
cdef enum:
    RETURN = 0
    NEXT = 1


cdef class Receiver:
    """Receive messages; the pure twin describes the arguments."""

    cdef MessageStream _stream
    cdef object _host
    cdef object _waiter  # of the last wait
    cdef bint _iterating

    def __init__(self, MessageStream stream, host):
        self._stream = stream
        self._host = host

    def __await__(self):
        return self

    def __aiter__(self):
        self._iterating = True
        return self

    def __anext__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        cdef PyObject *result = NULL
        cdef int outcome = advance(self, None, &result)
        value = <object> result
        Py_DECREF(value)
        if outcome == NEXT:
            return value
        raise StopIteration(value)

    def throw(self, kind, value=None, traceback=None):
        """Stop waiting, since who waits is cancelled."""
        # Somebody else may have begun to wait since.
        if self._stream.waiter is self._waiter:
            self._stream.waiter = None
        if isinstance(kind, BaseException):
            raise kind
        raise value if isinstance(value, BaseException) else kind

    cdef object receive(self):
        """Take a message, or put a future in the stream and return None."""
        cdef MessageStream stream = self._stream
        cdef bint full
        if stream.waiter is not None:
            if not stream.waiter.done():
                raise RuntimeError(
                    "recv() can't be called while another coroutine is waiting in it"
                )
            stream.waiter = None
        if not stream.connection.waiting:
            # Otherwise the host has nothing to say to that.
            if stream.hindered or not stream.connection.is_quiet():
                self._host.message_missed()
            stream.waiter = stream.new_waiter()
            return None
        full = stream.connection.is_full()
        message = stream.connection.take()
        if full:
            self._host.message_taken()
        return message


cdef int advance(object self, object value, PyObject **result) except -1:
    """Go on until there is a message, or until there is something to wait for."""
    cdef Receiver receiver = <Receiver> self
    try:
        received = receiver.receive()
    except ConnectionClosed as exc:
        if receiver._iterating and (
            isinstance(exc, ConnectionClosedOK) or receiver._host.legacy_recv
        ):
            raise StopAsyncIteration from None
        raise
    if received is not None:
        Py_INCREF(received)
        result[0] = <PyObject *> received
        return RETURN
    waiter = receiver._waiter = receiver._stream.waiter
    # By this mark a task knows that it is to wait for the future.
    waiter._asyncio_future_blocking = True
    Py_INCREF(waiter)
    result[0] = <PyObject *> waiter
    return NEXT


websockets_set_send(<PyTypeObject *> Receiver, advance)
