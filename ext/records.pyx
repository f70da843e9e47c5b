"""
Records of TLS, sealed and opened: the compiled twin of websockets/_core/records.py.

Owns what OpenSSL is asked after the handshake. Must never know what the bytes mean, nor where they
come from and go.

Key decision: OpenSSL's own functions are called, those of the library that Python's ssl has, on the
SSL that Python's object has. Only what is plain is done so: bytes came of it, or more are needed
first. In all other cases the object is asked the same again, with OpenSSL's errors as they are, so
that it says what it always says. Where it isn't sure that an object is what it should be, it is
asked from the start, as the pure twin does.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_Contains, PyDict_Size
from cpython.ref cimport PyObject
from libc.string cimport memcpy

cdef extern from "Python.h":
    object new_bytes "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size)
    PyObject *raw_bytes "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size)
    char *raw_string "PyBytes_AS_STRING"(PyObject *data)
    int resize "_PyBytes_Resize"(PyObject **data, Py_ssize_t size) except -1
    PyObject **_PyObject_GetDictPtr(object transport)

cdef extern from "openssl.h":
    bint WEBSOCKETS_OPENSSL
    object owned "websockets_taken_over"(PyObject *reference)
    int websockets_find_openssl(const char *path, unsigned long version) noexcept
    void *websockets_find_ssl(
        PyObject *tls, PyObject *context, PyObject *incoming, PyObject *outgoing
    ) noexcept
    long websockets_pending(void *bio) noexcept
    # These may call Python, which deals with its exceptions itself.
    int websockets_ssl_read(void *ssl, void *buffer, int size) noexcept
    int websockets_ssl_write(void *ssl, const void *data, int size) noexcept
    bint websockets_wants_more(void *ssl, int result) noexcept
    int ssl_pending "openssl.SSL_pending"(void *ssl) noexcept
    void *get_rbio "openssl.SSL_get_rbio"(void *ssl) noexcept
    void *get_wbio "openssl.SSL_get_wbio"(void *ssl) noexcept
    int bio_read "openssl.BIO_read"(void *bio, void *buffer, int size) noexcept
    int bio_write "openssl.BIO_write"(void *bio, const void *data, int size) noexcept

import sys

RECORD = 2**14
RECORDS = 5

cdef enum:
    SIZE = 16384  # RECORD, as a number of C
    CHUNK = 16640  # a record, and what is around what it carries
    MOST = 5  # RECORDS
    SHORT = 1024

# What a record carries, until it is taken out a moment later.
cdef char OPENED[SIZE]

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
        if type(path) is str and version.startswith("OpenSSL ") and is_usual():
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
                self._rbio = get_rbio(self._ssl)
                self._wbio = get_wbio(self._ssl)
                self._waiting = websockets_pending(self._rbio)

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
        elif PyBytes_CheckExact(data) and PyBytes_GET_SIZE(data) <= CHUNK:
            self.put(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        else:
            PyObject_GetBuffer(data, &self._fed, PyBUF_SIMPLE)
            self._holds = True
            self._put = 0
            self.put_some()

    cpdef int settle(self) except -1:
        """Have OpenSSL keep what it didn't look at."""
        while self._holds:
            self.put_some()
        return 0

    cdef int put(self, const void *data, Py_ssize_t size) except -1:
        """Give bytes to OpenSSL, which isn't told to wait."""
        if size and bio_write(self._rbio, data, <int> size) != size:
            raise MemoryError("OpenSSL has no room for what comes")
        self._waiting += size
        return 0

    cdef int put_some(self) except -1:
        """Give OpenSSL as much as a record has: its buffer never shrinks."""
        cdef Py_ssize_t size = min(self._fed.len - self._put, <Py_ssize_t> CHUNK)
        self.put(<char *> self._fed.buf + self._put, size)
        self._put += size
        if self._put == self._fed.len:
            self._holds = False
            PyBuffer_Release(&self._fed)
        return 0

    cpdef Py_ssize_t waiting(self) except -1:
        """Return how many bytes are still to be looked at."""
        if self._ssl == NULL:
            return self._incoming.pending
        if not self._holds:
            return self._waiting
        return self._waiting + self._fed.len - self._put

    cpdef bytes open(self):
        """Open all records that are complete; return what they carry."""
        cdef list pieces = None
        cdef bytes piece, first = None
        if self._ssl == NULL:
            return self.open_by_python()
        if self.waiting() > SIZE:
            return self.open_large()
        if not self._waiting and not ssl_pending(self._ssl):
            return b""
        while True:
            piece = self.open_one()
            if piece is None:
                break
            if first is None:
                first = piece
            elif pieces is None:
                pieces = [first, piece]
            else:
                pieces.append(piece)
            if not self._waiting:
                break
        if pieces is not None:
            return b"".join(pieces)
        return b"" if first is None else first

    cdef int read(self, void *place, int size) except -2:
        """
        Open a record, or a part of it; return how many bytes it carries.

        Return 0 if more is needed for that, -1 if Python's object has to be asked.
        """
        cdef int count
        while True:
            count = websockets_ssl_read(self._ssl, place, size)
            if count <= 0:
                count = 0 if websockets_wants_more(self._ssl, count) else -1
            self._waiting = websockets_pending(self._rbio)
            if count < 0 or self._waiting or not self._holds:
                return count
            self.put_some()
            if count:
                return count

    cdef bytes open_one(self):
        """Open a record; return what it carries, None if there is none, nor will be for now."""
        cdef int size = self.read(OPENED, SIZE)
        if size > 0:
            return new_bytes(OPENED, size)
        return self.ask(SIZE, None) if size else None

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
                self._waiting = websockets_pending(self._rbio)
        if not opened:
            self.over = True
            return None
        return opened

    cpdef take_error(self):
        """Return what was wrong with what the peer sent, once; None if it has ended TLS itself."""
        error, self._error = self._error, None
        return error

    cdef bytes open_large(self):
        """Open records into an object that has room for all."""
        # What OpenSSL has of a record that wasn't complete comes on top.
        cdef Py_ssize_t room = self.waiting() + SIZE, size = 0
        cdef int count = 1
        cdef PyObject *data = raw_bytes(NULL, room)
        cdef bytes result
        if data == NULL:
            raise MemoryError
        try:
            while size < room:
                count = self.read(raw_string(data) + size, <int> (room - size))
                if count <= 0:
                    break
                size += count
                if not self._waiting:
                    break
        finally:
            resize(&data, size)
            result = owned(data)
        if count < 0:
            result += self.ask(SIZE, None) or b""
        return result

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
        cdef int count = 1
        if self._ssl == NULL:
            size = self.ask(len(space), space) or 0
            return size
        PyObject_GetBuffer(space, &view, PyBUF_WRITABLE)
        try:
            while size < view.len and self._waiting:
                count = self.read(<char *> view.buf + size, <int> min(view.len - size, 2**30))
                if count <= 0:
                    break
                size += count
        finally:
            PyBuffer_Release(&view)
        if count < 0:
            size += self.ask(len(space) - size, space[size:]) or 0
        return size

    cpdef Py_ssize_t seal(
        self, bytes head, bytes data, Py_ssize_t start, list sealed
    ) except -1:
        """Seal bytes, in as many records as are to leave together; return how far it came."""
        cdef Py_ssize_t first = PyBytes_GET_SIZE(head), whole = first + PyBytes_GET_SIZE(data)
        cdef bytes part
        self.refused = False
        while start < whole and len(sealed) < MOST:
            if start < first:
                part = (head + data[:SIZE])[start : start + SIZE]
                start += self.seal_one(part, 0, PyBytes_GET_SIZE(part))
            else:
                start += self.seal_one(
                    data, start - first, min(whole - start, <Py_ssize_t> SIZE)
                )
            if self.refused:
                break
            sealed.append(self.answer())
        return start

    cdef int seal_one(self, bytes data, Py_ssize_t start, Py_ssize_t size) except? -1:
        """Seal a record; return how much went into it."""
        cdef int count
        if self._ssl != NULL:
            count = websockets_ssl_write(self._ssl, PyBytes_AS_STRING(data) + start, <int> size)
            if count > 0:
                return count
            if websockets_wants_more(self._ssl, count):
                self.refused = True
                return 0
        try:
            return self._tls.write(memoryview(data)[start : start + size])
        except self._more:
            self.refused = True
            return 0

    cpdef bint answers(self) except -1:
        """Tell whether OpenSSL has something to say."""
        if self._ssl == NULL:
            return self._outgoing.pending > 0
        return websockets_pending(self._wbio) > 0

    cpdef bytes answer(self):
        """Return what OpenSSL has to say."""
        cdef long size
        cdef int count
        cdef bytes data
        cdef char short[SHORT]
        if self._ssl == NULL:
            return self._outgoing.read()
        count = bio_read(self._wbio, short, SHORT)
        if count < SHORT:
            return new_bytes(short, max(count, 0))
        size = websockets_pending(self._wbio)
        data = new_bytes(NULL, SHORT + size)
        memcpy(PyBytes_AS_STRING(data), short, SHORT)
        if size:
            bio_read(self._wbio, PyBytes_AS_STRING(data) + SHORT, <int> size)
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
