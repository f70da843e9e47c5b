"""
Writing to a socket that is watched: the compiled twin of websockets/_core/unsent.py.

Owns what the socket didn't take yet, and its limits. Must never know a protocol, nor who reads.

Key decision: what is written goes to the socket in the same call, and is kept only where that has
no room; or one short piece is held back for a moment, if others are about to be written to their
sockets: then the system wakes a process that has several of the other ends once, and not for each.
It is a base of links, because as an object of its own each connection would have one more.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from websockets._core.compiled.reactor cimport WRITABLE, Watched, count_of_forks, error_of

cdef extern from "poller.h":
    struct span "websockets_span":
        void *iov_base
        size_t iov_len
    bint websockets_would_block(int error) noexcept
    Py_ssize_t websockets_send_some(int descriptor, span *pieces, int count) noexcept nogil
    int websockets_end_writing(int descriptor) noexcept

from collections import deque

# What is longer isn't held back.
cdef Py_ssize_t SHORT = 16384

# From here on, other threads may run while the system copies.
cdef Py_ssize_t LONG = 65536

cdef enum:
    PIECES = 64

cdef Py_ssize_t HIGH = 65536


cdef class Unsent(Watched):
    """What writes to its socket: a subclass says what to do at its end, and whom to tell."""

    def __cinit__(self):
        self._high = HIGH
        self._low = HIGH // 4

    cdef int tell(self, str method) except -1:
        """Call "pause_writing" or "resume_writing" of who writes."""
        raise NotImplementedError

    cdef int fail(self, exc, str message) except -1:
        """End because of an error."""
        raise NotImplementedError

    cdef int end_soon(self, exc) except -1:
        """End: all is sent that was written before it was closed."""
        raise NotImplementedError

    cdef int forget_unsent(self) except -1:
        """Send nothing of what waits for room."""
        self._held = self._held_too = self._unsent = None
        self._unsent_size = self._sent = 0
        return 0

    cdef int hold(self, bytes data) except -1:
        """Send one byte string when the reactor lets go of those who hold something back."""
        if self._unsent_size or PyBytes_GET_SIZE(data) > SHORT:
            return self.put([data])
        if self._held is None:
            self._held = data
            self.reactor.held.append(self)
        elif not self.reactor.holds_all:
            return self.put([data])
        elif self._held_too is None:
            self._held_too = [data]
        else:
            self._held_too.append(data)
        return 0

    cdef int let_go(self) except -1:
        held, self._held = self._held, None
        others, self._held_too = self._held_too, None
        # What was held back before a fork is the parent's to send.
        if held is None or self.reactor.forks != count_of_forks():
            return 0
        return self.put_one(held) if others is None else self.put([held, *others])

    def write(self, data):
        """Send bytes, now or as soon as there is room."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data must be bytes, bytearray or memoryview, not {type(data)!r}")
        if self._ends_writing:
            raise RuntimeError("nothing can be written after write_eof()")
        if len(data) and not self._over:
            self.put([data if type(data) is bytes else bytes(data)])

    def writelines(self, pieces):
        """Send several byte strings."""
        self.write(b"".join(pieces))

    cdef int put(self, list pieces) except -1:
        """Send byte strings, now or as soon as there is room."""
        cdef span vector[PIECES]
        cdef int i, count
        cdef Py_ssize_t size = 0, taken = 0
        if self._held is not None:
            self.let_go()
        if self._unsent_size == 0:
            if len(pieces) > PIECES:
                pieces = [b"".join(pieces)]
            count = <int> len(pieces)
            for i in range(count):
                vector[i].iov_base = PyBytes_AS_STRING(pieces[i])
                vector[i].iov_len = PyBytes_GET_SIZE(pieces[i])
                size += PyBytes_GET_SIZE(pieces[i])
            if size < LONG:
                taken = websockets_send_some(self.descriptor, vector, count)
            else:
                with nogil:
                    taken = websockets_send_some(self.descriptor, vector, count)
            if taken == size:
                return 0
        return self.left(pieces, taken)

    cdef int left(self, list pieces, Py_ssize_t taken) except -1:
        """See to what the socket didn't take, or to an error."""
        if taken < 0:
            if not websockets_would_block(<int> -taken):
                return self.fail(error_of(<int> taken), "writing to a socket failed")
            taken = 0
        return self.keep(pieces, taken)

    cdef int put_one(self, bytes data) except -1:
        """Send one byte string, now or as soon as there is room."""
        cdef span vector
        cdef Py_ssize_t taken, size = PyBytes_GET_SIZE(data)
        if self._held is not None:
            self.let_go()
        if self._unsent_size or size >= LONG:
            return self.put([data])
        vector.iov_base = PyBytes_AS_STRING(data)
        vector.iov_len = size
        taken = websockets_send_some(self.descriptor, &vector, 1)
        return 0 if taken == size else self.left([data], taken)

    cdef int keep(self, list pieces, Py_ssize_t taken) except -1:
        """Keep what the socket doesn't take now."""
        cdef bytes piece
        if self._unsent is None:
            self._unsent = deque()
        for piece in pieces:
            if taken >= PyBytes_GET_SIZE(piece):
                taken -= PyBytes_GET_SIZE(piece)
                continue
            if taken:
                self._sent = taken  # of the first that is kept
            self._unsent.append(piece)
            self._unsent_size += PyBytes_GET_SIZE(piece) - taken
            taken = 0
        self.watch(self.events | WRITABLE)
        return self.look_at_room()

    cdef int send_unsent(self) except -1:
        """Send what has waited for room."""
        cdef span vector[PIECES]
        cdef int count = 0
        cdef Py_ssize_t taken, sent = self._sent
        cdef bytes piece
        unsent = self._unsent  # It is held while other threads run, whatever they do.
        if unsent:
            for piece in unsent:
                vector[count].iov_base = PyBytes_AS_STRING(piece) + sent
                vector[count].iov_len = PyBytes_GET_SIZE(piece) - sent
                sent = 0
                count += 1
                if count == PIECES:
                    break
            with nogil:
                taken = websockets_send_some(self.descriptor, vector, count)
            if taken < 0:
                if not websockets_would_block(<int> -taken):
                    return self.fail(error_of(<int> taken), "writing to a socket failed")
                return 0
            if self._over:
                return 0
            self._unsent_size -= taken
            taken += self._sent
            while unsent and taken >= PyBytes_GET_SIZE(unsent[0]):
                taken -= PyBytes_GET_SIZE(unsent.popleft())
            self._sent = taken
        if self._unsent_size == 0:
            self._unsent = None
            self.watch(self.events & ~WRITABLE)
        self.look_at_room()
        if self._unsent_size == 0:
            if self.closing:
                self.end_soon(None)
            elif self._ends_writing:
                websockets_end_writing(self.descriptor)
        return 0

    def can_write_eof(self):
        """Tell that our side of the connection can end alone."""
        return True

    def write_eof(self):
        """End our side of the connection, behind what was written."""
        if self.closing or self._ends_writing:
            return
        self.let_go()
        self._ends_writing = True
        if self._unsent_size == 0:
            error = websockets_end_writing(self.descriptor)
            if error < 0:
                raise error_of(error)

    def get_write_buffer_size(self):
        """Return how many bytes wait for room."""
        if self._held is None:
            return self._unsent_size
        return self._unsent_size + len(self._held) + sum(map(len, self._held_too or ()))

    def get_write_buffer_limits(self):
        """Return the sizes at which writing goes on, and pauses."""
        return self._low, self._high

    def set_write_buffer_limits(self, high=None, low=None):
        """Set the sizes, in bytes, at which writing pauses, and goes on."""
        if high is None:
            high = HIGH if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        # What is out of reach is as good as no limit.
        self._high = min(high, 2**62) if sizeof(Py_ssize_t) > 4 else min(high, 2**30)
        self._low = min(low, self._high)
        self.look_at_room()

    cdef int look_at_room(self) except -1:
        """Let the protocol know when it should pause writing, and when to go on."""
        if self._unsent_size > self._high and not self._full:
            self._full = True
            return self.tell("pause_writing")
        if self._full and self._unsent_size <= self._low:
            self._full = False
            return self.tell("resume_writing")
        return 0
