"""
Messages of threads on the shortest way: the compiled twin of websockets/_core/calls.py.

Owns the two calls of a program that receives and sends in a loop. Must never know more than that:
whatever isn't as usual goes the way of all others, in websockets/_core/blocking.py.

Key decision: from the system call to the message and back, nothing here is a call from Python. A
round trip is short enough that each of those could be seen, as what a program has to do afterwards
is rarely in the processor's caches.
"""

from cpython.exc cimport PyErr_CheckSignals, PyErr_SetFromErrno
from cpython.pythread cimport PyThread_get_thread_ident
from cpython.ref cimport PyObject, Py_XDECREF
from libc.errno cimport EINTR, ENOMEM, errno

from websockets._core.compiled.blocking cimport BlockingStream
from websockets._core.compiled.endpoint cimport Endpoint
from websockets._core.compiled.locks cimport Mutex
from websockets._core.compiled.writer cimport send

from .constants import FULL as _FULL, NOT_SENT as _NOT_SENT, SENT as _SENT, LOST as _LOST

cdef extern from "Python.h":
    PyObject *PyBytes_FromStringAndSize(const char *text, Py_ssize_t size)
    char *PyBytes_AS_STRING(PyObject *data)
    int _PyBytes_Resize(PyObject **data, Py_ssize_t size) except -1

cdef extern from "writer.h":
    bint SENDS "WEBSOCKETS_SENDS"

cdef extern from "calls.h":
    enum:
        AVAILABLE "WEBSOCKETS_RECEIVES"
    Py_ssize_t websockets_recv(int descriptor, void *memory, size_t size) noexcept nogil

cdef int FULL = _FULL, NOT_SENT = _NOT_SENT, SENT = _SENT, LOST = _LOST

# What is read is as long as it is from the beginning, unless more of a message is on its way.
cdef enum:
    ON_STACK = 16384

cdef Py_ssize_t LONG = 65536  # as in endpoint.py: what is longer is read into its place


cdef class ThreadStream(BlockingStream):
    """A BlockingStream whose mutex is a Mutex."""

    def __init__(self, Endpoint endpoint, Mutex mutex, sock, layer, system, int size):
        BlockingStream.__init__(self, endpoint, mutex, sock, layer, system, size)
        self._lock = mutex
        self._fileno = sock.fileno

    cpdef recv(self, int form, timeout):
        """Receive the next message; the pure twin's base class describes it."""
        cdef Endpoint endpoint = self.endpoint
        cdef object message = None
        cdef object data
        cdef bint usual
        cdef int descriptor
        self._lock.enter()
        try:
            if not (self.receiving or self.streaming) and form == 0:
                if endpoint.inbox.waiting:
                    message = self._next(form)
                    if message is not None:
                        return message
                usual = (
                    AVAILABLE
                    and timeout is None
                    and self.reader == 0
                    and self.layer is None
                    and not (self.eof or self.ended)
                    and not self._fresh
                    and endpoint.fragments is None
                    and endpoint.is_quiet()
                )
            else:
                usual = False
            if usual:
                descriptor = self._fileno()
                usual = descriptor >= 0 and endpoint._reader.missing < LONG
            if usual:
                self.receiving = True
                self.reader = PyThread_get_thread_ident()
        finally:
            self._lock.leave()
        if not usual:
            return BlockingStream.recv(self, form, timeout)
        while usual:
            data = None
            try:
                data = receive(descriptor, endpoint._reader.missing, self._size[0])
            except BaseException as exc:
                self._lock.enter()
                try:
                    self.reader = 0
                    if not isinstance(exc, OSError) or exc.errno is None:
                        # Not the system has raised it, but a signal handler.
                        self.receiving = False
                        self._leave()
                        raise
                    self._fresh.append(exc)
                finally:
                    self._lock.leave()
                break
            self._lock.enter()
            try:
                self.moves += 1
                self.reader = 0
                if self._fresh or self.ended or not data:
                    # It is the end, or a signal handler was here.
                    if data is not None:
                        self._fresh.append(data)
                    break
                self.take(endpoint, data)
                message = self._next(form)
                usual = (
                    endpoint._reader.missing < LONG and endpoint.is_quiet() and not self.ended
                )
                if message is not None:
                    self.receiving = False
                    if self._waiters or self.ended or not self.watched:
                        self._leave()
                    return message
                if usual:
                    self.reader = PyThread_get_thread_ident()
            except BaseException:
                self.receiving = False
                self._leave()
                raise
            finally:
                self._lock.leave()
        try:
            return self._await(form, None, timeout)
        finally:
            self.receiving = False

    cdef int take(self, Endpoint endpoint, bytes data) except -1:
        """Take what was read, with the mutex."""
        self.heard = True
        try:
            if endpoint.receive(data):
                self.host.attend()
        except BaseException as exc:
            # It may have come from a signal handler, in the middle of what is to be done.
            self.host.broken(exc)
            raise
        return 0

    cdef _read(self):
        """Read, without the mutex; the pure twin's base class describes it."""
        cdef int descriptor = self._fileno()
        if not AVAILABLE or descriptor < 0 or self._space is not None:
            BlockingStream._read(self)
            return
        try:
            data = receive(descriptor, self._size[0], self._size[0])
        except OSError as exc:
            if exc.errno is None:
                raise  # Not the system has raised it, but a signal handler.
            data = exc
        if data is not None:
            self._fresh.append(data)

    cdef list _send_now(self, list pieces):
        """Give the socket what it takes; the pure twin's base class describes it."""
        cdef int descriptor = self._fileno()
        if descriptor < 0 or not SENDS:
            return pieces
        return send(descriptor, pieces)

    cpdef int send(self, message) except -1:
        """Send a message; the pure twin's base class describes it."""
        cdef long long position
        if not (type(message) is str or type(message) is bytes):
            return NOT_SENT
        self._lock.enter()
        try:
            if self.endpoint.holds & ~FULL:
                return NOT_SENT
            self.endpoint.send_message(message, 0.0)
            if self.push():
                return LOST if self.ended else SENT
            position = self.pushed
        finally:
            self._lock.leave()
        return SENT if self.drain(position) else LOST


cdef bytes receive(int descriptor, long long missing, Py_ssize_t size):
    """
    Read from a socket, of which more of a frame is missing; wait if nothing is there.

    Return None if a signal handler was called meanwhile: it may have read as well.
    """
    cdef char short[ON_STACK]
    cdef char *memory = short
    cdef Py_ssize_t count
    cdef PyObject *data = NULL
    if missing > ON_STACK:
        data = PyBytes_FromStringAndSize(NULL, size)
        if data is NULL:
            raise MemoryError
        memory = PyBytes_AS_STRING(data)
    else:
        size = ON_STACK
    try:
        with nogil:
            count = websockets_recv(descriptor, memory, size)
        if count < 0:
            if errno != EINTR:
                PyErr_SetFromErrno(OSError)
            PyErr_CheckSignals()
            Py_XDECREF(data)
            return None
    except BaseException:
        Py_XDECREF(data)
        raise
    try:
        if data is NULL:
            data = PyBytes_FromStringAndSize(short, count)
            if data is NULL:
                raise MemoryError
        else:
            _PyBytes_Resize(&data, count)
    except MemoryError:
        # What was read is lost, and so is the stream: no interrupt leaves that as it was.
        raise OSError(ENOMEM, "there is no memory for what was read") from None
    result = <object>data
    Py_XDECREF(data)
    return result
