"""
Frames to the transport: the compiled twin of websockets/_core/writer.py.

Owns the question of whether bytes can still leave. Must never know frames.

Key decision: while the transport holds nothing back, bytes go to its socket from here, which spares
them its buffers, and several pieces go in one system call. What the socket doesn't take is the
transport's, and so is every error. A descriptor is another file's once its own is closed: so the
socket that has it is asked for it each time.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from cpython.method cimport PyMethod_Check, PyMethod_GET_SELF
from cpython.ref cimport PyObject

cdef extern from "writer.h":
    enum:
        PIECES "WEBSOCKETS_PIECES"
    struct websockets_piece:
        void *iov_base
        size_t iov_len
    bint AVAILABLE "WEBSOCKETS_SENDS"
    Py_ssize_t websockets_send(int descriptor, websockets_piece *pieces, int count) noexcept nogil

# From this size on, other threads may run while the system copies.
cdef Py_ssize_t LONG = 65536

# What is shorter than this is joined before the transport gets it.
cdef Py_ssize_t LARGE = 262144


cdef class Writer:
    """Write to a transport; the pure twin describes the arguments."""

    def __init__(self, transport, sock):
        self._transport = transport
        self._is_closing = transport.is_closing
        self._socket = sock
        # To look at its __dict__ would make that, which slows each of its attributes.
        self._replaceable = sock is not None and type(transport).__dictoffset__ != 0
        if sock is not None:
            self._fileno = type(sock).fileno
            self._waiting = transport.get_write_buffer_size

    def detach(self):
        """Let go of the transport: it is gone."""
        self._transport = self._is_closing = self._waiting = self._socket = self._fileno = None

    cpdef bint write(self, list pieces) except -1:
        """Write byte strings; return whether the transport is still there."""
        cdef int descriptor
        # Python 3.9's TLS transport can't be asked once it is lost.
        if self._is_closing is None or self._is_closing():
            return False
        if not pieces:
            return True
        if self._socket is not None and self._waiting() == 0 and not self.is_replaced():
            descriptor = self._fileno(self._socket)
            if descriptor >= 0:
                pieces = send(descriptor, pieces)
                if pieces is None:
                    return True
        hand_over(pieces, self._transport)
        return True

    cpdef bint write_frame(self, bytes frame) except -1:
        """Write one byte string; return whether the transport is still there."""
        return self.write([frame])

    cpdef object hold_all(self):
        """Hold nothing back; the pure twin describes it."""
        return None

    cdef bint is_replaced(self) except -1:
        """Whether a program has given the transport another way to write, as tests of networks do."""
        if not self._replaceable:
            return False
        method = self._transport.write
        return not PyMethod_Check(method) or PyMethod_GET_SELF(method) != <PyObject *> self._transport

    cpdef int write_before_closing(self, list pieces) except -1:
        """Write what was held back, and then the program closed the transport itself."""
        cdef int descriptor
        if not self.write(pieces) and self._socket is not None and self._waiting() == 0:
            descriptor = self._fileno(self._socket)
            if descriptor >= 0:
                if AVAILABLE:
                    send(descriptor, pieces)
                else:
                    send_by_method(self._socket, pieces)
        return 0


cpdef list send_now(sock, list pieces):
    """Give a socket what it takes without waiting; the pure twin describes it."""
    cdef int descriptor = sock.fileno()
    if descriptor < 0 or not AVAILABLE:
        return pieces
    return send(descriptor, pieces)


cdef int send_by_method(sock, list pieces) except -1:
    """Send what the socket takes; every error is told as above."""
    try:
        sock.send(b"".join(pieces))
    except OSError:
        pass
    return 0


cdef list send(int descriptor, list pieces):
    """Send what the socket takes; return what is left, or None."""
    cdef websockets_piece vector[PIECES]
    cdef int count = <int> min(len(pieces), PIECES), i = 0
    cdef long long size = 0
    cdef Py_ssize_t taken, length
    for i in range(count):
        if not PyBytes_CheckExact(pieces[i]):
            return pieces
        vector[i].iov_base = PyBytes_AS_STRING(pieces[i])
        vector[i].iov_len = PyBytes_GET_SIZE(pieces[i])
        size += PyBytes_GET_SIZE(pieces[i])
    if size < LONG:
        taken = websockets_send(descriptor, vector, count)
    else:
        with nogil:
            taken = websockets_send(descriptor, vector, count)
    if taken == size:
        return pieces[count:] if count < len(pieces) else None
    for i in range(count):
        length = PyBytes_GET_SIZE(pieces[i])
        if taken < length:
            break
        taken -= length
    return [memoryview(pieces[i])[taken:], *pieces[i + 1 :]]


cdef int hand_over(list pieces, transport) except -1:
    """Give a transport what it is to write: in one piece, unless to join it would take longer."""
    # Some versions of asyncio's writelines() never make senders wait (CVE-2024-12254).
    if len(pieces) > 1 and sum(map(len, pieces)) < LARGE:
        pieces = [b"".join(pieces)]
    for piece in pieces:
        transport.write(piece)
    return 0
