"""
Accepting connections: the compiled twin of websockets/_core/listener.py.

Owns a socket that listens, as long as its owner doesn't close it. Must never know what connections
are for.

Key decision: all that wait are accepted in one turn, up to a batch. Where there is no room for
another, nobody is accepted for a second, because the same would be told again at once.
"""

from websockets._core.compiled.addresses cimport websockets_place
from websockets._core.compiled.link cimport Link
from websockets._core.compiled.reactor cimport READABLE, Reactor, Watched, error_of

cdef extern from "poller.h":
    enum:
        EVENTS "WEBSOCKETS_EVENTS"
    int websockets_listen(int descriptor, int backlog) noexcept
    int websockets_accept(int descriptor, websockets_place *peer) noexcept
    bint websockets_none_left(int error) noexcept
    bint websockets_no_room(int error) noexcept

cdef double PAUSE = 1.0  # seconds


cdef class Listener(Watched):
    """Accept connections; the pure twin describes the arguments."""

    cdef object _loop
    cdef object _socket
    cdef object _factory
    cdef object _context
    cdef object _dressing
    cdef object _timer
    cdef int _backlog

    def __init__(
        self, Reactor reactor not None, loop, sock, int backlog, factory, context, dressing
    ):
        self.reactor = reactor
        self._loop = loop
        self._socket = sock
        self._backlog = backlog
        self._factory = factory
        self._context = context
        self._dressing = dressing

    cdef bint is_own(self) except -1:
        return self._socket.fileno() == self.descriptor

    def start(self):
        """Begin to listen."""
        cdef int error
        self.descriptor = self._socket.fileno()
        error = websockets_listen(self.descriptor, self._backlog)
        if error < 0:
            raise error_of(error)
        self.watch(READABLE)

    def go_on(self):
        """Accept again."""
        self._timer = None
        if self.is_own():
            self.watch(READABLE)

    def close(self):
        """Accept no more."""
        self.watch(0)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    cdef int ready(self, int events, bint idle) except -1:
        cdef websockets_place peer
        cdef Link link
        cdef int i, descriptor
        for i in range(EVENTS):
            if not self.events or not self.is_own():
                self.watch(0)
                return 0
            descriptor = websockets_accept(self.descriptor, &peer)
            if descriptor < 0:
                if not websockets_none_left(-descriptor):
                    self.fail(descriptor)
                return 0
            link = Link.__new__(Link)
            context = self._context.copy()
            link.adopt(self.reactor, self._loop, descriptor, context, self._dressing, peer)
            context.run(self.accepted, link)
        return 0

    def accepted(self, Link link not None):
        """Begin with a connection."""
        try:
            link.set_protocol(self._factory())
            link.made()
        except BaseException as exc:
            link.drop()
            if isinstance(exc, (SystemExit, KeyboardInterrupt)):
                raise
            self.report(exc, "a connection that was accepted couldn't begin")

    cdef int fail(self, int error) except -1:
        """See to an error that isn't that of one connection."""
        self.watch(0)
        if websockets_no_room(-error):
            # Whatever the handler raises, this goes on.
            self._timer = self._loop.call_later(PAUSE, self.go_on)
            self.report(error_of(error), "no connections are accepted for a second: no room")
        else:
            self.report(error_of(error), "no connections are accepted any more")
        return 0

    def report(self, exc, message):
        """Give an error to the event loop's handler."""
        self._loop.call_exception_handler(
            {"message": message, "exception": exc, "socket": self._socket}
        )
