"""
Transports of our own: the compiled twin of websockets/_core/link.py.

Owns one socket, what is still to be sent by it, and what asyncio documents of transports. Must never
know a frame, nor an event loop but for its call_soon() and its handler of exceptions.

Key decision: what is read goes to the messages of an open connection without a step in Python, and
frames that are sent go to the socket in the same call. The descriptor is known to nobody else, and
closed here: a program that asks for the socket gets a duplicate, which it may close.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.dict cimport PyDict_Size
from cpython.ref cimport PyObject

from websockets._core.compiled.reactor cimport READABLE, WRITABLE, Reactor, Watched, error_of
from websockets._core.compiled.stream cimport MessageStream
from websockets._core.compiled.tls cimport TLSConnection
from websockets._core.compiled.writer cimport Writer

cdef extern from "Python.h":
    object new_bytes "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size)
    PyObject **_PyObject_GetDictPtr(object link)
    object PyUnicode_DecodeFSDefaultAndSize(const char *path, Py_ssize_t size)

cdef extern from "poller.h":
    enum:
        AF_INET
        AF_INET6
        AF_UNIX
    struct iovec:
        void *iov_base
        size_t iov_len
    struct websockets_address:
        int family
        char *host
        int port
        unsigned int flow
        unsigned int scope
        size_t length
    void websockets_peer_of(int descriptor, websockets_place *peer) noexcept
    void websockets_address_of_place(
        websockets_place *place, websockets_address *address
    ) noexcept
    void websockets_address_of_socket(int descriptor, websockets_address *address) noexcept
    void websockets_address_of_peer(int descriptor, websockets_address *address) noexcept
    void websockets_no_delay(int descriptor) noexcept
    Py_ssize_t websockets_receive(int descriptor, void *buffer, size_t size) noexcept
    size_t websockets_readable(int descriptor) noexcept
    bint websockets_would_block(int error) noexcept
    Py_ssize_t websockets_send_some(int descriptor, iovec *pieces, int count) noexcept nogil
    int websockets_end_writing(int descriptor) noexcept
    void websockets_close(int descriptor) noexcept

import warnings
from collections import deque

# What is read is taken out before anything else can be read, so all links share this.
cdef enum:
    SIZE = 262144
cdef char BUFFER[SIZE]

# From here on a read goes into an object of its size at once.
cdef Py_ssize_t LARGE = 16384

# From here on, other threads may run while the system copies.
cdef Py_ssize_t LONG = 65536

cdef enum:
    PIECES = 64

cdef Py_ssize_t HIGH = 65536


cdef inline bint has_attributes(Link link):
    """Tell whether a program has set attributes of a link."""
    cdef PyObject **attributes = _PyObject_GetDictPtr(link)
    return attributes != NULL and attributes[0] != NULL and PyDict_Size(<object> attributes[0]) > 0


cdef object address(websockets_address *found):
    """Return an address as Python has it, None if there is none."""
    if found.family == AF_UNIX:
        if found.length and found.host[0] == 0:
            return found.host[: found.length]
        return PyUnicode_DecodeFSDefaultAndSize(found.host, found.length)
    if found.family == AF_INET:
        return found.host.decode("ascii"), found.port
    if found.family == AF_INET6:
        return found.host.decode("ascii"), found.port, found.flow, found.scope
    return None


cdef class Link(Watched):
    """What carries the bytes of a connection; the pure twin describes the arguments."""

    def __init__(self, Reactor reactor not None, loop, int descriptor, context, dressing):
        cdef websockets_place peer
        websockets_no_delay(descriptor)
        websockets_peer_of(descriptor, &peer)
        self.adopt(reactor, loop, descriptor, context, dressing, peer)

    cdef int adopt(
        self, Reactor reactor, loop, int descriptor, context, dressing, websockets_place peer
    ) except -1:
        """Take over a socket."""
        cdef websockets_address found
        self.reactor = reactor
        self.descriptor = descriptor
        self._loop = loop
        self._context = context
        self._dressing = dressing
        self._high = HIGH
        self._low = HIGH // 4
        self._peer = peer
        if not peer.size:
            # It has a path, and a long one.
            websockets_address_of_peer(descriptor, &found)
            self._remote = address(&found)
        return 0

    def __del__(self):
        if self.descriptor >= 0:
            warnings.warn(f"unclosed transport {self!r}", ResourceWarning, source=self)

    def __dealloc__(self):
        if self.descriptor >= 0:
            websockets_close(self.descriptor)

    def __repr__(self):
        state = "closed" if self.descriptor < 0 else "closing" if self.closing else "open"
        return f"<Link {state} fd={self.descriptor} unsent={self._unsent_size}>"

    @property
    def __class__(self):
        """The class that programs may ask for."""
        return Link if self._dressing is None else self._dressing.transport

    # The protocol

    def begin(self, protocol):
        """Begin: give the protocol this transport, and what comes."""
        self.set_protocol(protocol)
        self.made()

    cpdef made(self):
        """Tell the protocol, and watch the socket."""
        self._protocol.connection_made(self)
        self.look_at_reading()

    cpdef set_protocol(self, protocol):
        """Give what comes to another protocol."""
        self._protocol = protocol
        self._stream = None
        self._tls = protocol if isinstance(protocol, TLSConnection) else None
        self._buffered = not hasattr(protocol, "data_received")

    def get_protocol(self):
        """Return the protocol."""
        return self._protocol

    def carry(self, MessageStream stream not None):
        """Give what comes to a stream of messages, not to the protocol, and messages to this."""
        if not stream.whole:
            self._stream = stream

    def writer(self):
        """Return what frames are written with."""
        cdef LinkWriter writer = LinkWriter.__new__(LinkWriter)
        writer._link = self
        return writer

    def get_extra_info(self, name, default=None):
        """Return the socket, or an address of it."""
        cdef websockets_address found
        result = None
        if name == "peername":
            if self._peer.size:
                websockets_address_of_place(&self._peer, &found)
                result = address(&found)
            else:
                result = self._remote
        elif name == "sockname":
            if self._local is None and self.descriptor >= 0:
                websockets_address_of_socket(self.descriptor, &found)
                self._local = address(&found)
            result = self._local
        elif name == "socket":
            if self._socket is None:
                self._socket, self._duplicate = self._dressing.socket_of(self.descriptor)
            result = self._socket
        return default if result is None else result

    # Reading

    cdef int ready(self, int events, bint idle) except -1:
        """Go on with what can be written, and what can be read."""
        if self._stream is None and (self._tls is None or self._tls._stream is None):
            # What isn't ours may look at its context.
            self._context.run(self.go_on, events)
        else:
            self.do(events, idle)
        return 0

    def go_on(self, events):
        """Go on where who waits for a message has to wait for the event loop, too."""
        self.do(events, False)

    cdef int do(self, int events, bint idle) except -1:
        if events & WRITABLE:
            self.send_unsent()
        if events & READABLE and self.events & READABLE:
            self.receive(idle)
        return 0

    cdef int receive(self, bint idle) except -1:
        """Read once: what is left is still ready."""
        cdef Py_ssize_t count, size
        cdef bytes data
        if self._buffered:
            return self.receive_buffered()
        if self._stream is not None:
            space = self._stream.space()
            if space is not None:
                return self.receive_in_place(space, idle)
        if self._large:
            size = min(<Py_ssize_t> websockets_readable(self.descriptor), SIZE)
            self._large = size >= LARGE
            if self._large:
                data = new_bytes(NULL, size)
                count = websockets_receive(self.descriptor, PyBytes_AS_STRING(data), size)
                if count <= 0:
                    return self.nothing_came(count)
                if count < size:
                    data = data[:count]
                return self.arrived(data, count, idle)
        count = websockets_receive(self.descriptor, BUFFER, SIZE)
        if count <= 0:
            return self.nothing_came(count)
        self._large = count >= LARGE
        return self.arrived(new_bytes(BUFFER, count), count, idle)

    cdef int arrived(self, bytes data, Py_ssize_t count, bint idle) except -1:
        """Hand on what was read: bytes, or None if they are in their place."""
        cdef MessageStream stream = self._stream if self._tls is None else self._tls._stream
        if stream is not None:
            stream.waiter.idle = idle
        try:
            if self._tls is not None:
                self._tls.take(data)
            elif stream is None:
                self._protocol.data_received(data)
            elif data is None:
                stream.filled(count)
            else:
                stream.data_received(data)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self.fail(exc, "data_received() of a protocol raised an exception")
        finally:
            if stream is not None:
                stream.waiter.idle = False
        return 0

    cdef int receive_in_place(self, space, bint idle) except -1:
        """Read into the place of what comes."""
        cdef Py_buffer view
        cdef Py_ssize_t count
        PyObject_GetBuffer(space, &view, PyBUF_WRITABLE)
        count = websockets_receive(self.descriptor, view.buf, view.len)
        PyBuffer_Release(&view)
        if count <= 0:
            return self.nothing_came(count)
        return self.arrived(None, count, idle)

    cdef int receive_buffered(self) except -1:
        """Read into a buffer of the protocol's."""
        cdef Py_buffer view
        cdef Py_ssize_t count
        try:
            buffer = self._protocol.get_buffer(-1)
            PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE)
            if not view.len:
                PyBuffer_Release(&view)
                raise RuntimeError("get_buffer() returned an empty buffer")
            count = websockets_receive(self.descriptor, view.buf, view.len)
            PyBuffer_Release(&view)
            if count <= 0:
                return self.nothing_came(count)
            self._protocol.buffer_updated(count)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self.fail(exc, "get_buffer() or buffer_updated() of a protocol raised an exception")
        return 0

    cdef int nothing_came(self, Py_ssize_t count) except -1:
        """See to the end of what the peer sends, or to an error."""
        if count < 0:
            if not websockets_would_block(<int> -count):
                self.fail(error_of(<int> count), "reading from a socket failed")
            return 0
        self._peer_ended = True
        self.look_at_reading()
        try:
            stay = self._protocol.eof_received()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self.fail(exc, "eof_received() of a protocol raised an exception")
            return 0
        if not stay:
            self.close()
        return 0

    cpdef look_at_reading(self):
        """Watch whether something comes, or don't."""
        if self._paused or self._peer_ended or self.closing:
            self.watch(self.events & WRITABLE)
        else:
            self.watch(self.events | READABLE)

    def is_reading(self):
        """Tell whether the protocol is given what comes."""
        return not self._paused and not self.closing

    def pause_reading(self):
        """Give the protocol nothing for now."""
        if not self.closing:
            self._paused = True
            self.look_at_reading()

    def resume_reading(self):
        """Give the protocol what comes again."""
        if not self.closing:
            self._paused = False
            self.look_at_reading()

    # Writing

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
        cdef iovec vector[PIECES]
        cdef int i, count
        cdef Py_ssize_t size = 0, taken = 0
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
        cdef iovec vector
        cdef Py_ssize_t taken, size = PyBytes_GET_SIZE(data)
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
        cdef iovec vector[PIECES]
        cdef int count = 0
        cdef Py_ssize_t taken, sent = self._sent
        cdef bytes piece
        if self._unsent:
            for piece in self._unsent:
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
            self._unsent_size -= taken
            taken += self._sent
            while self._unsent and taken >= PyBytes_GET_SIZE(self._unsent[0]):
                taken -= PyBytes_GET_SIZE(self._unsent.popleft())
            self._sent = taken
        if self._unsent_size == 0:
            self._unsent = None
            self.watch(self.events & READABLE)
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
        self._ends_writing = True
        if self._unsent_size == 0:
            error = websockets_end_writing(self.descriptor)
            if error < 0:
                raise error_of(error)

    def get_write_buffer_size(self):
        """Return how many bytes wait for room."""
        return self._unsent_size

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

    cdef int tell(self, str method) except -1:
        """Call a method of the protocol, if there still is one."""
        if self._protocol is None:
            return 0
        try:
            getattr(self._protocol, method)()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self.report(exc, f"{method}() of a protocol raised an exception")
        return 0

    # The end

    def is_closing(self):
        """Tell whether it is closing, or closed."""
        return self.closing

    cpdef close(self):
        """End the connection, behind what was written."""
        if self.closing:
            return
        if self._stream is not None:
            self._stream.flush()  # what was held back for others
        self.closing = True
        if self._unsent_size == 0:
            self.end_soon(None)
        else:
            self.look_at_reading()

    def abort(self):
        """End the connection now."""
        if not self.closing and self._stream is not None:
            self._stream.flush()
        self.end_soon(None)

    cdef int fail(self, exc, str message) except -1:
        """End the connection because of an error, and report it unless it is the network's."""
        if not isinstance(exc, OSError):
            self.report(exc, message)
        return self.end_soon(exc)

    cdef int report(self, exc, str message) except -1:
        """Give an error to the event loop's handler."""
        self._loop.call_exception_handler(
            {
                "message": message,
                "exception": exc,
                "transport": self,
                "protocol": self._protocol,
            }
        )
        return 0

    cdef int end_soon(self, exc) except -1:
        """Have the protocol told when the event loop turns, once."""
        if self._over:
            return 0
        self.closing = self._over = True
        self._unsent = None
        self._unsent_size = self._sent = 0
        self.watch(0)
        self._loop.call_soon(self.end, exc, context=self._context)
        return 0

    def end(self, exc):
        """Let the protocol and the socket go."""
        protocol, self._protocol = self._protocol, None
        self._stream = self._tls = None
        try:
            protocol.connection_lost(exc)
        finally:
            self.drop()

    cpdef drop(self):
        """Close the socket."""
        cdef websockets_address found
        cdef int descriptor = self.descriptor
        self.watch(0)
        self.closing = self._over = True
        self._loop = self._protocol = self._stream = self._tls = None
        if descriptor < 0:
            return
        if self._local is None:
            # It may be asked for afterwards, for a log.
            websockets_address_of_socket(descriptor, &found)
            self._local = address(&found)
        self.descriptor = -1
        websockets_close(descriptor)
        if self._duplicate is not None:
            self._duplicate.close()
            self._duplicate = None


cdef class LinkWriter(Writer):
    """Write frames to a link."""

    def __init__(self):
        pass

    def detach(self):
        """Let go of the link: it is gone."""
        self._link = None

    cpdef bint write(self, list pieces) except -1:
        """Write byte strings; return whether the link is still there."""
        if self._link is None or self._link.closing:
            return False
        if not pieces:
            return True
        if has_attributes(self._link):
            # A program has given it another way to write, perhaps, as tests of networks do.
            self._link.write(b"".join(pieces))
        else:
            self._link.put(pieces)
        return True

    cpdef bint write_frame(self, bytes frame) except -1:
        """Write one byte string; return whether the link is still there."""
        if self._link is None or self._link.closing:
            return False
        if has_attributes(self._link):
            self._link.write(frame)
        else:
            self._link.put_one(frame)
        return True

    cpdef int write_before_closing(self, list pieces) except -1:
        """Write what was held back; before it closes, a link asks for that itself."""
        self.write(pieces)
        return 0
