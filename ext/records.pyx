"""
Records of TLS, sealed and opened: the compiled twin of websockets/_core/records.py.

Owns what OpenSSL is asked after the handshake. Must never know what the bytes mean, nor where they
come from and go.

Key decision: OpenSSL's own functions are called, those of the library that Python's ssl has, on the
SSL that Python's object has, and read and write where the bytes are and belong. Only what is plain
is done so: bytes came of it, or more are needed first. In all other cases the object is asked the
same again, with OpenSSL's errors as they are, so that it says what it always says. Where it isn't
sure that an object is what it should be, it is asked from the start, as the pure twin does.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_Contains, PyDict_Size
from cpython.ref cimport PyObject
from libc.limits cimport INT_MAX

cdef extern from "Python.h":
    object new_bytes "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size)
    PyObject *raw_bytes "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size)
    char *raw_string "PyBytes_AS_STRING"(PyObject *data)
    int resize "_PyBytes_Resize"(PyObject **data, Py_ssize_t size) except -1
    PyObject **_PyObject_GetDictPtr(object transport)

cdef extern from "openssl.h":
    enum:
        SIZE "WEBSOCKETS_RECORD"
    bint WEBSOCKETS_OPENSSL
    object owned "websockets_taken_over"(PyObject *reference)
    int websockets_find_openssl(const char *path, unsigned long version) noexcept
    void *websockets_find_ssl(
        PyObject *tls, PyObject *context, PyObject *incoming, PyObject *outgoing
    ) noexcept
    # These may call Python, which deals with its exceptions itself.
    size_t websockets_open(
        void *ssl, websockets_flow *flow, char *place, size_t room, int *state
    ) noexcept
    size_t websockets_seal(
        void *ssl,
        websockets_flow *flow,
        const char *head,
        size_t first,
        const char *data,
        size_t whole,
        size_t start,
        int records,
        int *state,
    ) noexcept
    int ssl_pending "openssl.SSL_pending"(void *ssl) noexcept
    void *get_rbio "openssl.SSL_get_rbio"(void *ssl) noexcept
    void *get_wbio "openssl.SSL_get_wbio"(void *ssl) noexcept
    size_t websockets_pending(void *bio) noexcept
    int bio_read "openssl.BIO_read"(void *bio, void *buffer, int size) noexcept
    int bio_write "openssl.BIO_write"(void *bio, const void *data, int size) noexcept

import sys

RECORD = 2**14
RECORDS = 5

cdef enum:
    MOST = 5  # RECORDS
    AROUND = 128  # bytes around what a record carries; if there are more, they go another way
    SHORT = 1024

# Whether the functions are there; -1 as long as nobody has looked.
cdef int found = -1


cdef bint find() except -1:
    """Find the functions that Python's ssl uses; return whether they are there."""
    global found
    cdef object module, path
    if found < 0:
        found = 0
        module = sys.modules.get("_ssl")
        path = getattr(module, "__file__", None)
        version = str(getattr(module, "OPENSSL_VERSION", ""))
        # Others say "OpenSSL 1.1.1 (compatible; ...)".
        is_its_own = version.startswith("OpenSSL ") and "compatible" not in version
        if type(path) is str and is_its_own and is_usual():
            found = websockets_find_openssl(path.encode(), module.OPENSSL_VERSION_NUMBER)
    return found


cdef bint is_usual() except -1:
    """Tell whether this is an interpreter whose objects are known."""
    return sys.implementation.name == "cpython" and (3, 9) <= sys.version_info[:2] <= (3, 14)


cdef class Records:
    """The records of a connection; the pure twin describes the arguments."""

    def __init__(self, tls, incoming, outgoing, more, bint direct):
        self._tls = tls
        self._incoming = incoming
        self._outgoing = outgoing
        self._more = more
        if direct and WEBSOCKETS_OPENSSL and find() and is_plain(tls, incoming, outgoing):
            context = tls.context
            self._ssl = websockets_find_ssl(
                <PyObject *> tls, <PyObject *> context, <PyObject *> incoming, <PyObject *> outgoing
            )
            if self._ssl != NULL:
                self._flow.rbio = get_rbio(self._ssl)
                self._flow.wbio = get_wbio(self._ssl)
                self._flow.kept = websockets_pending(self._flow.rbio)

    @property
    def direct(self):
        """Whether OpenSSL is called directly."""
        return self._ssl != NULL

    def __dealloc__(self):
        if self._holds:
            PyBuffer_Release(&self._fed)

    cpdef feed(self, data):
        """Take bytes from the peer, which have to stay as they are up to settle()."""
        self.settle()
        if self._ssl == NULL:
            self._incoming.write(data)
            return
        PyObject_GetBuffer(data, &self._fed, PyBUF_SIMPLE)
        self._holds = True
        self._flow.come = <char *> self._fed.buf
        self._flow.left = self._fed.len

    cpdef int settle(self) except -1:
        """Have OpenSSL keep what it didn't look at."""
        cdef int size
        if not self._holds:
            return 0
        while self._flow.left:
            size = <int> min(self._flow.left, <size_t> INT_MAX)
            if bio_write(self._flow.rbio, self._flow.come, size) != size:
                raise MemoryError("OpenSSL has no room for what comes")
            self._flow.come += size
            self._flow.left -= size
            self._flow.kept += size
        self._holds = False
        PyBuffer_Release(&self._fed)
        return 0

    cpdef Py_ssize_t waiting(self) except -1:
        """Return how many bytes are still to be looked at."""
        if self._ssl == NULL:
            return self._incoming.pending
        return self._flow.kept + self._flow.left

    cpdef bytes open(self):
        """Open all records that are complete; return what they carry."""
        cdef bytes opened, more
        if self._ssl == NULL:
            return self.open_by_python()
        if not self.waiting() and not ssl_pending(self._ssl):
            return b""
        # What OpenSSL has of a record that wasn't complete comes on top.
        if self.waiting() <= SIZE:
            return self.open_few()
        return self.open_many(self.waiting() + SIZE)

    cdef bytes open_few(self):
        """Open records that are short."""
        cdef char opened[2 * SIZE]
        cdef int state
        cdef size_t size = websockets_open(self._ssl, &self._flow, opened, sizeof(opened), &state)
        return self.opened(new_bytes(opened, size), state)

    cdef bytes open_many(self, Py_ssize_t room):
        """Open records into an object that has room for all."""
        cdef PyObject *data = raw_bytes(NULL, room)
        cdef int state
        cdef size_t size
        if data == NULL:
            raise MemoryError
        size = websockets_open(self._ssl, &self._flow, raw_string(data), room, &state)
        resize(&data, size)
        return self.opened(owned(data), state)

    cdef bytes opened(self, bytes data, int state):
        """Return what was opened, with what Python's object makes of the rest if it has to."""
        if state < 0:
            return data + (self.ask(SIZE, None) or b"")
        return data

    cdef object ask(self, size, space):
        """Have Python's object do it again, and say what it has to; return what it does, or None."""
        self.settle()
        try:
            opened = self._tls.read(size) if space is None else self._tls.read(size, space)
        except self._more:
            return None
        except Exception as exc:
            self.over, self._error = True, exc
            return None
        finally:
            if self._ssl != NULL:
                self._flow.kept = websockets_pending(self._flow.rbio)
        if not opened:
            self.over = True
            return None
        return opened

    cpdef take_error(self):
        """Return what was wrong with what the peer sent, once; None if it has ended TLS itself."""
        error, self._error = self._error, None
        return error

    cdef bytes open_by_python(self):
        """Open records as the pure twin does."""
        pieces = []
        more = self._incoming.pending or self._tls.pending()
        while more:
            piece = self.ask(SIZE, None)
            if piece is None:
                break
            pieces.append(piece)
            more = self._incoming.pending
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    cpdef Py_ssize_t open_into(self, space) except -1:
        """Open records; return how many bytes were put into that memory."""
        cdef Py_buffer view
        cdef Py_ssize_t size = 0
        cdef int state = 1
        if self._ssl == NULL:
            size = self.ask(len(space), space) or 0
            return size
        if not self.waiting():
            return 0
        PyObject_GetBuffer(space, &view, PyBUF_WRITABLE)
        size = websockets_open(self._ssl, &self._flow, <char *> view.buf, view.len, &state)
        PyBuffer_Release(&view)
        if state < 0:
            size += self.ask(len(space) - size, space[size:]) or 0
        return size

    cpdef bytes seal(self, bytes head, bytes data, Py_ssize_t start):
        """Seal bytes, in as many records as are to leave together; return those."""
        cdef Py_ssize_t whole = PyBytes_GET_SIZE(head) + PyBytes_GET_SIZE(data)
        cdef Py_ssize_t size = min(whole - start, <Py_ssize_t> (MOST * SIZE))
        cdef bytes sealed
        cdef int state
        self.refused = False
        self.done = start
        if self._ssl == NULL or self._flow.place != NULL:
            # Whoever speaks while OpenSSL calls the program has what it says in the same place.
            return self.seal_by_python(head, data)
        if size <= SHORT - AROUND:
            sealed = self.seal_few(head, data, &state)
        else:
            sealed = self.seal_many(head, data, size + MOST * AROUND, &state)
        self.refused = state == 0
        if self._flow.overflown:
            return sealed + self.answer()
        if state < 0 and not sealed:
            # Otherwise it fails again where the next begins.
            return self.seal_by_python(head, data)
        return sealed

    cdef bytes seal_few(self, bytes head, bytes data, int *state):
        """Seal what makes few bytes."""
        cdef char place[SHORT]
        self.seal_into(place, SHORT, head, data, state)
        return new_bytes(place, self._flow.size)

    cdef bytes seal_many(self, bytes head, bytes data, Py_ssize_t room, int *state):
        """Seal into an object that has room for all."""
        cdef PyObject *sealed = raw_bytes(NULL, room)
        if sealed == NULL:
            raise MemoryError
        self.seal_into(raw_string(sealed), room, head, data, state)
        resize(&sealed, self._flow.size)
        return owned(sealed)

    cdef void seal_into(
        self, char *place, Py_ssize_t room, bytes head, bytes data, int *state
    ) noexcept:
        """Seal into a place."""
        cdef Py_ssize_t first = PyBytes_GET_SIZE(head)
        self._flow.place = place
        self._flow.room = room
        self._flow.size = 0
        self.done = websockets_seal(
            self._ssl,
            &self._flow,
            PyBytes_AS_STRING(head),
            first,
            PyBytes_AS_STRING(data),
            first + PyBytes_GET_SIZE(data),
            self.done,
            MOST,
            state,
        )
        self._flow.place = NULL

    cdef bytes seal_by_python(self, bytes head, bytes data):
        """Seal as the pure twin does."""
        cdef Py_ssize_t first = PyBytes_GET_SIZE(head), whole = first + PyBytes_GET_SIZE(data)
        cdef Py_ssize_t start
        cdef list pieces = []
        try:
            while self.done < whole and len(pieces) < MOST:
                start = self.done - first
                if start < 0:
                    part = (head + data[:SIZE])[self.done : self.done + SIZE]
                else:
                    part = memoryview(data)[start : start + SIZE]
                self.done += self._tls.write(part)
                pieces.append(self.answer())
        except self._more:
            self.refused = True
        except Exception:
            if not pieces:
                raise
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    cpdef bint answers(self) except -1:
        """Tell whether OpenSSL has something to say."""
        if self._ssl == NULL:
            return self._outgoing.pending > 0
        return websockets_pending(self._flow.wbio) > 0

    cpdef bytes answer(self):
        """Return what OpenSSL has to say."""
        cdef Py_ssize_t size
        cdef bytes data
        if self._ssl == NULL:
            return self._outgoing.read()
        size = websockets_pending(self._flow.wbio)
        data = new_bytes(NULL, size)
        if size:
            bio_read(self._flow.wbio, PyBytes_AS_STRING(data), <int> size)
        return data


cdef bint is_plain(tls, incoming, outgoing) except -1:
    """Tell whether these are objects of Python's own ssl, and nobody watches what they do."""
    module = sys.modules["_ssl"]
    if type(tls) is not module._SSLSocket or not isinstance(tls.context, module._SSLContext):
        return False
    if type(incoming) is not module.MemoryBIO or type(outgoing) is not module.MemoryBIO:
        return False
    # What a callback raises, only Python's objects can tell.
    context = tls.context
    return context._msg_callback is None and getattr(context, "keylog_filename", None) is None


cpdef bint has_own(transport, str name) except -1:
    """Tell whether a program has set an attribute of an object that its class has as well."""
    cdef PyObject **attributes = _PyObject_GetDictPtr(transport)
    return (
        attributes != NULL
        and attributes[0] != NULL
        and PyDict_Size(<object> attributes[0]) > 0
        and PyDict_Contains(<object> attributes[0], name)
    )
