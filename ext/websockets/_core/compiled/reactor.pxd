# What Cython modules use of ext/reactor.pyx.

cimport cython

from cpython.ref cimport PyObject
from libc.stdint cimport uint32_t

from websockets._core.compiled.gathering cimport Gathering

cdef extern from "poller.h":
    enum:
        READABLE "WEBSOCKETS_READABLE"
        WRITABLE "WEBSOCKETS_WRITABLE"
        ONCE "WEBSOCKETS_ONCE"
        MORE "WEBSOCKETS_MORE"


cdef object error_of(int number)
cdef int count_of_forks() noexcept


cdef class Watched:
    cdef Reactor reactor
    cdef int descriptor
    cdef int events
    cdef Py_ssize_t place
    cdef uint32_t serial

    cdef int ready(self, int events, bint idle) except -1
    cdef int let_go(self) except -1
    cdef bint has_more(self) noexcept
    cdef bint is_own(self) except -1
    cdef int watch(self, int events) except -1


@cython.final
cdef class Reactor:
    cdef int _poller
    cdef object _loop
    cdef object _task_of
    cdef list _watched
    cdef list _free
    cdef uint32_t _serial
    cdef readonly Py_ssize_t full_batches
    cdef bint _holds
    cdef int forks  # at the time when it was made
    cdef PyObject *answering  # whose bytes are being taken, if what is said to them may be held back
    cdef list held
    cdef Gathering _gathering  # of messages to many that a program sends of its own accord
    cdef bint holds_all
    cdef PyObject *_current  # who goes on
    cdef double _began  # when the latest message to many was begun
    cdef double _shared_since
    cdef object __weakref__

    cdef void close_poller(self) noexcept
    cdef int release(self) except -1
    cdef int release_all(self, list held) except -1
    cdef int change(self, Watched watched, int events) except -1
    cdef int again(self, Watched watched) except -1
    cdef int ask(self, Watched watched, int events) except? -1
    cdef int go_round(self, int most, bint idle) except -1
    cdef int add(self, Watched watched) except -1
    cdef int hold_all(self) except -1
