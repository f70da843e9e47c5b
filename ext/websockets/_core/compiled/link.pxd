# What Cython modules use of ext/link.pyx.

cimport cython

from websockets._core.compiled.addresses cimport websockets_place
from websockets._core.compiled.reactor cimport Reactor
from websockets._core.compiled.stream cimport MessageStream
from websockets._core.compiled.tls cimport TLSConnection
from websockets._core.compiled.unsent cimport Unsent
from websockets._core.compiled.writer cimport Writer


cdef class Link(Unsent):
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
    cdef websockets_place _peer
    cdef bint _buffered
    cdef bint _large
    cdef bint _paused
    cdef bint _peer_ended
    cdef bint _more

    cdef int adopt(
        self, Reactor reactor, loop, int descriptor, context, dressing, websockets_place peer
    ) except -1
    cpdef made(self)
    cpdef set_protocol(self, protocol)
    cpdef look_at_reading(self)
    cpdef close(self)
    cpdef drop(self)
    cdef bint is_holding(self) noexcept
    cdef bint may_hold(self) noexcept
    cdef int do(self, int events, bint idle) except -1
    cdef int receive(self, bint idle) except -1
    cdef int receive_head(self, Py_ssize_t arrived, bint idle) except -1
    cdef int receive_chunk(self, Py_ssize_t size, bint idle) except -1
    cdef bint came(self, Py_ssize_t count, bint more) except -1
    cdef int arrived(self, bytes data, Py_ssize_t count, bint idle) except -1
    cdef int receive_in_place(self, space, bint idle) except -1
    cdef int receive_buffered(self) except -1
    cdef int nothing_came(self, Py_ssize_t count) except -1
    cdef int report(self, exc, str message) except -1


@cython.final
cdef class LinkWriter(Writer):
    cdef Link _link
