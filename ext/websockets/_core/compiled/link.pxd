# What Cython modules use of ext/link.pyx.

cimport cython

from websockets._core.compiled.reactor cimport Reactor, Watched
from websockets._core.compiled.stream cimport MessageStream
from websockets._core.compiled.tls cimport TLSConnection
from websockets._core.compiled.writer cimport Writer

cdef extern from "poller.h":
    struct websockets_place:
        unsigned int size


cdef class Link(Watched):
    cdef dict __dict__
    cdef object __weakref__
    cdef object _loop
    cdef object _dressing
    cdef object _protocol
    cdef MessageStream _stream
    cdef TLSConnection _tls
    cdef object _socket
    cdef object _duplicate
    cdef object _context
    cdef object _local
    cdef object _remote
    cdef object _unsent
    cdef Py_ssize_t _sent
    cdef Py_ssize_t _unsent_size
    cdef Py_ssize_t _high
    cdef Py_ssize_t _low
    cdef websockets_place _peer
    cdef bint _buffered
    cdef bint _large
    cdef bint _paused
    cdef bint _peer_ended
    cdef bint _full
    cdef bint _ends_writing
    cdef bint closing
    cdef bint _over

    cdef int adopt(
        self, Reactor reactor, loop, int descriptor, context, dressing, websockets_place peer
    ) except -1
    cpdef made(self)
    cpdef set_protocol(self, protocol)
    cpdef look_at_reading(self)
    cpdef close(self)
    cpdef drop(self)
    cdef int do(self, int events, bint idle) except -1
    cdef int receive(self, bint idle) except -1
    cdef int arrived(self, bytes data, Py_ssize_t count, bint idle) except -1
    cdef int receive_in_place(self, space, bint idle) except -1
    cdef int receive_buffered(self) except -1
    cdef int nothing_came(self, Py_ssize_t count) except -1
    cdef int report(self, exc, str message) except -1
    cdef int put(self, list pieces) except -1
    cdef int put_one(self, bytes data) except -1
    cdef int left(self, list pieces, Py_ssize_t taken) except -1
    cdef int keep(self, list pieces, Py_ssize_t taken) except -1
    cdef int send_unsent(self) except -1
    cdef int look_at_room(self) except -1
    cdef int tell(self, str method) except -1
    cdef int fail(self, exc, str message) except -1
    cdef int end_soon(self, exc) except -1


@cython.final
cdef class LinkWriter(Writer):
    cdef Link _link
