"""
Transports of our own: the compiled twin of websockets/_core/link.py.

Owns one socket, how it is read and how it ends, and what asyncio documents of transports; the half
that writes is in unsent.pyx. Must never know a frame, nor an event loop but for its call_soon() and
its handler of exceptions.

Key decision: what is read goes to the messages of an open connection without a step in Python, and
frames that are sent go to the socket in the same call. The descriptor is known to nobody else, and
closed here: a program that asks for the socket gets a duplicate, which it may close.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.dict cimport PyDict_Size
from cpython.ref cimport PyObject

from websockets._core.compiled.addresses cimport (
    address_of_peer,
    address_of_place,
    address_of_socket,
    websockets_place,
)
from websockets._core.compiled.reactor cimport MORE, ONCE, READABLE, WRITABLE, Reactor, error_of
from websockets._core.compiled.stream cimport MessageStream
from websockets._core.compiled.tls cimport TLSConnection
from websockets._core.compiled.unsent cimport Unsent
from websockets._core.compiled.writer cimport Writer

cdef extern from "Python.h":
    object new_bytes "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size)
    PyObject **_PyObject_GetDictPtr(object link)

cdef extern from "poller.h":
    void websockets_peer_of(int descriptor, websockets_place *peer) noexcept
    bint websockets_takes_all(const websockets_place *peer) noexcept
    void websockets_no_delay(int descriptor) noexcept
    Py_ssize_t websockets_receive(int descriptor, void *buffer, size_t size) noexcept
    size_t websockets_readable(int descriptor) noexcept
    bint websockets_would_block(int error) noexcept
    void websockets_close(int descriptor) noexcept

import warnings

# What is read is taken out before anything else can be read, so all links share this.
cdef enum:
    SIZE = 262144
cdef char BUFFER[SIZE]

# From here on a read goes into an object of its size at once.
cdef Py_ssize_t LARGE = 16384

# So much is read first where more than SIZE has come: of a large message the rest goes into its place.
cdef Py_ssize_t HEAD = 4096


cdef inline bint has_attributes(Link link):
    """Tell whether a program has set attributes of a link."""
    cdef PyObject **attributes = _PyObject_GetDictPtr(link)
    return attributes != NULL and attributes[0] != NULL and PyDict_Size(<object> attributes[0]) > 0


cdef class Link(Unsent):
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
        self.reactor = reactor
        self.descriptor = descriptor
        self._loop = loop
        self._context = context
        self._dressing = dressing
        self._peer = peer
        if not peer.size:
            # It has a path, and a long one.
            self._remote = address_of_peer(descriptor)
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

    cdef inline bint is_holding(self) noexcept:
        """Tell whether the reactor lets go of those that hold something back."""
        return self.reactor.answering == <PyObject *> self or self.reactor.holds_all

    cdef bint may_hold(self) noexcept:
        """Tell whether messages may wait for each other."""
        cdef MessageStream stream = self._stream if self._tls is None else self._tls._stream
        return stream is not None and stream.endpoint.outbox._gathering is not None

    cdef bint has_more(self) noexcept:
        cdef MessageStream stream = self._stream if self._tls is None else self._tls._stream
        return stream is not None and stream.endpoint.inbox.waiting > 0

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

    def get_extra_info(self, name, default=None):
        """Return the socket, or an address of it."""
        result = None
        if name == "peername":
            result = address_of_place(&self._peer) if self._peer.size else self._remote
        elif name == "sockname":
            if self._local is None and self.descriptor >= 0:
                self._local = address_of_socket(self.descriptor)
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
            self._more = events & MORE != 0
            try:
                self.receive(idle)
            except MemoryError as exc:
                # What was read may be lost, and so is what comes behind it.
                self.fail(exc, "there was no memory for what was read")
        return 0

    cdef int receive(self, bint idle) except -1:
        """Read once, and be told again if more may be there."""
        cdef Py_ssize_t count, size
        if self._buffered:
            return self.receive_buffered()
        if self._stream is not None:
            space = self._stream.space()
            if space is not None:
                return self.receive_in_place(space, idle)
        if self._large:
            size = <Py_ssize_t> websockets_readable(self.descriptor)
            self._large = size >= LARGE
            if size > SIZE and self._stream is not None:
                return self.receive_head(size, idle)
            if self._large:
                return self.receive_chunk(min(size, SIZE), idle)
        count = websockets_receive(self.descriptor, BUFFER, SIZE)
        if not self.came(count, count == SIZE):
            return 0
        self._large = count >= LARGE
        return self.arrived(new_bytes(BUFFER, count), count, idle)

    cdef int receive_head(self, Py_ssize_t arrived, bint idle) except -1:
        """Read the head of a lot, and the rest into its place if it has one."""
        cdef Py_ssize_t count = websockets_receive(self.descriptor, BUFFER, HEAD)
        if not self.came(count, False):
            return 0
        self.arrived(new_bytes(BUFFER, count), count, idle)
        if not self.events & READABLE:
            return 0
        arrived -= count
        space = None if self._stream is None else self._stream.space(arrived)
        if space is None:
            return self.receive_chunk(min(arrived, SIZE), idle)
        return self.receive_in_place(space, idle)

    cdef int receive_chunk(self, Py_ssize_t size, bint idle) except -1:
        """Read so much of what has come."""
        cdef bytes data = new_bytes(NULL, size)
        cdef Py_ssize_t count = websockets_receive(self.descriptor, PyBytes_AS_STRING(data), size)
        # Of what has come since they were counted, the poller tells.
        if not self.came(count, size == SIZE):
            return 0
        return self.arrived(data if count == size else data[:count], count, idle)

    cdef bint came(self, Py_ssize_t count, bint more) except -1:
        """Tell whether a read has given bytes, and see to what it gave otherwise."""
        if count <= 0:
            self.nothing_came(count)
            return False
        if more or self._more:
            self.reactor.again(self)
        return True

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
        return self.arrived(None, count, idle) if self.came(count, count == view.len) else 0

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
            if self.came(count, count == view.len):
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
            self.watch(self.events | READABLE | (ONCE if websockets_takes_all(&self._peer) else 0))

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
        self.let_go()
        self.closing = True
        if self._unsent_size == 0:
            self.end_soon(None)
        else:
            self.look_at_reading()

    def abort(self):
        """End the connection now."""
        if not self.closing and self._stream is not None:
            self._stream.flush()
        self.let_go()
        self.end_soon(None)

    cdef int fail(self, exc, str message) except -1:
        """End the connection because of an error, and report it unless it is the network's."""
        self.end_soon(exc)  # whatever the handler of errors raises
        return 0 if isinstance(exc, OSError) else self.report(exc, message)

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
        self.forget_unsent()
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
        cdef int descriptor = self.descriptor
        self.watch(0)
        self.closing = self._over = True
        self._loop = self._protocol = self._stream = self._tls = None
        if descriptor < 0:
            return
        if self._local is None:
            # It may be asked for afterwards, for a log.
            self._local = address_of_socket(descriptor)
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
        elif self._link.is_holding() and self._link.may_hold():
            self._link.hold(frame)
        else:
            self._link.put_one(frame)
        return True

    cpdef object hold_all(self):
        """Have this reactor's links hold back what they write; the pure twin describes it."""
        if self._link is None or self._link.reactor.holds_all:
            return None
        self._link.reactor.hold_all()
        return self._link.reactor

    cpdef int write_before_closing(self, list pieces) except -1:
        """Write what was held back; before it closes, a link asks for that itself."""
        self.write(pieces)
        return 0
