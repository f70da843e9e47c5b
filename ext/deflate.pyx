"""
DEFLATE streams for messages (RFC 1951, RFC 7692 7.2): the compiled twin of
websockets/_core/deflate.py.

Owns the passage from Python's buffers to zlib and back. Must never know frames, opcodes or what was
negotiated.

Key decision: zlib's states are reset, not made anew. Without context takeover a message borrows one
from a pool that all connections share, and gives it back when it ends, so that a connection holds
none between messages. Another library is a table of its functions, see libraries.h.
"""

import os
from zlib import error

from websockets.exceptions import PayloadTooBig

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from cpython.ref cimport PyObject, Py_XDECREF

ctypedef unsigned char byte

cdef extern from "Python.h":
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size) except NULL
    int resize_bytes "_PyBytes_Resize"(PyObject **data, Py_ssize_t size) except -1
    const Py_ssize_t PY_SSIZE_T_MAX
    Py_ssize_t clamp "PyNumber_AsSsize_t"(object number, void *error) except? -1

cdef extern from "memory.h":
    void websockets_expect_blocks(size_t size) noexcept

cdef extern from "zlib.h":
    ctypedef struct z_stream:
        const byte *next_in
        unsigned int avail_in
        byte *next_out
        unsigned int avail_out
        const char *msg
        void *(*zalloc)(void *, unsigned int, unsigned int) noexcept nogil
        void (*zfree)(void *, void *) noexcept nogil

    const int Z_OK, Z_STREAM_END, Z_BUF_ERROR, Z_STREAM_ERROR, Z_MEM_ERROR
    const int Z_NO_FLUSH, Z_SYNC_FLUSH, Z_DEFLATED

cdef extern from "libraries.h":
    ctypedef struct functions:
        const char *version
        int size  # of a z_stream
        int (*deflate_init)(z_stream *, int, int, int, int, int, const char *, int) noexcept
        int (*deflate)(z_stream *, int) noexcept nogil
        int (*deflate_reset)(z_stream *) noexcept
        int (*deflate_end)(z_stream *) noexcept
        int (*inflate_init)(z_stream *, int, const char *, int) noexcept
        int (*inflate)(z_stream *, int) noexcept nogil
        int (*inflate_reset)(z_stream *) noexcept
        int (*inflate_end)(z_stream *) noexcept

    functions ZLIB
    bint find_zlib_ng(const char *path, functions *found) noexcept

# The pure twin says what these are.
cdef bytes TAIL = b"\x00\x00\xff\xff"
cdef bytes EMPTY = b"\x00"
cdef int MAX_STREAMS = 16
cdef int LOOKAHEAD = 262

# Below this size, giving up the lock and taking it back costs more than others gain by it.
cdef Py_ssize_t UNLOCKED_FROM = 65536

# zlib counts in unsigned int.
cdef Py_ssize_t MOST = 1 << 30

# States of a kind that the pool keeps. A thread needs one at a time, unless messages are fragmented.
cdef int POOLED = 4


cdef void *allocate(void *opaque, unsigned int items, unsigned int size) noexcept nogil:
    return PyMem_RawMalloc(<size_t> items * size)


cdef void release(void *opaque, void *memory) noexcept nogil:
    PyMem_RawFree(memory)


cdef int check(int code, z_stream *z) except -1:
    if code >= 0 or code == Z_BUF_ERROR:  # which says that there was nothing to do
        return 0
    if code == Z_MEM_ERROR:
        raise MemoryError
    reason = z.msg.decode() if z.msg is not NULL else "inconsistent state"
    raise error(f"Error {code} while decompressing data: {reason}")


cdef class Library:
    """What compresses, and the states of it that all connections share."""

    cdef functions call
    cdef dict deflate_pools
    cdef dict inflate_pools

    def __cinit__(self):
        self.call = ZLIB
        self.deflate_pools = {}
        self.inflate_pools = {}


cdef Library STANDARD = Library()


def find_functions(module):
    """Return the functions in C of a module, or None; the pure twin says more."""
    cdef Library library = Library()
    path = getattr(module, "__file__", None)
    if isinstance(path, str) and find_zlib_ng(os.fsencode(path), &library.call):
        return library
    return None


cdef class DeflateStream:
    """One of zlib's states for compression: of a Deflater, or in a pool."""

    cdef z_stream z
    cdef int (*end)(z_stream *) noexcept

    def __cinit__(self, Library library not None, int bits, int level, int mem_level, int strategy):
        cdef functions *call = &library.call
        cdef int code
        self.end = call.deflate_end
        self.z.zalloc = allocate
        self.z.zfree = release
        code = call.deflate_init(
            &self.z, level, Z_DEFLATED, -bits, mem_level, strategy, call.version, call.size
        )
        if code == Z_STREAM_ERROR:
            raise ValueError("Invalid initialization option")
        check(code, &self.z)

    def __dealloc__(self):
        if self.end is not NULL:
            self.end(&self.z)


cdef class InflateStream:
    """One of zlib's states for decompression: of an Inflater, or in a pool."""

    cdef z_stream z
    cdef int (*end)(z_stream *) noexcept

    def __cinit__(self, Library library not None, int bits):
        cdef functions *call = &library.call
        self.end = call.inflate_end
        self.z.zalloc = allocate
        self.z.zfree = release
        check(call.inflate_init(&self.z, -bits, call.version, call.size), &self.z)

    def __dealloc__(self):
        if self.end is not NULL:
            self.end(&self.z)


cdef int get_buffer(data, Py_buffer *view, bint *busy) except -1:
    """Get the data, and the stream for one thread alone."""
    PyObject_GetBuffer(data, view, PyBUF_SIMPLE)
    if busy[0]:
        PyBuffer_Release(view)
        raise RuntimeError("a stream is in use by another thread")
    busy[0] = True
    return 0


cdef struct Output:
    PyObject *whole  # a bytes object, which can be resized as long as nobody else has it
    Py_ssize_t size  # of what is in it
    Py_ssize_t most  # that it may grow to


cdef inline PyObject *new_output(long long size) except NULL:
    size = min(size, PY_SSIZE_T_MAX)
    websockets_expect_blocks(<size_t> size)
    return new_bytes(NULL, <Py_ssize_t> size)


cdef int run(
    int (*step)(z_stream *, int) noexcept nogil,
    z_stream *z,
    const byte *data,
    Py_ssize_t size,
    Output *output,
) except -1:
    """Feed data until it is used up, the stream ends or the output is as large as it may get."""
    cdef Py_ssize_t capacity = PyBytes_GET_SIZE(<object> output.whole), room
    cdef int code = Z_OK, flush
    z.next_in = <byte *> data
    z.avail_in = 0
    while output.size < output.most:
        if output.size == capacity:
            capacity += min(capacity, output.most - capacity)
            websockets_expect_blocks(capacity)
            resize_bytes(&output.whole, capacity)
        if z.avail_in == 0:
            z.avail_in = <unsigned int> min(size, MOST)
            size -= z.avail_in
        room = min(capacity - output.size, MOST)
        z.next_out = <byte *> PyBytes_AS_STRING(<object> output.whole) + output.size
        z.avail_out = <unsigned int> room
        flush = Z_NO_FLUSH if size else Z_SYNC_FLUSH
        if room < UNLOCKED_FROM and <Py_ssize_t> z.avail_in < UNLOCKED_FROM:
            code = step(z, flush)
        else:
            with nogil:
                code = step(z, flush)
        output.size += room - z.avail_out
        check(code, z)
        if code == Z_STREAM_END or (size == 0 and z.avail_in == 0 and z.avail_out):
            break
    return code


cdef class Deflater:
    """Compress messages; the pure twin describes the arguments."""

    cdef readonly long long messages
    cdef readonly long long size
    cdef readonly long long compressed_size
    cdef int _bits
    cdef int _level
    cdef int _mem_level
    cdef int _strategy
    cdef bint _takeover
    cdef bint _busy
    cdef Library _library
    cdef DeflateStream _stream
    cdef list _pools  # for each power of two that is enough for a message
    cdef list _pool  # that the stream is from

    def __init__(
        self,
        int bits,
        bint takeover,
        int level=-1,
        int mem_level=0,
        int strategy=0,
        Library library=None,
    ):
        self._bits = bits
        self._takeover = takeover
        self._level = level
        self._mem_level = mem_level
        self._strategy = strategy
        self._library = STANDARD if library is None else library
        if not takeover:
            self._pools = self._library.deflate_pools.setdefault(
                (bits, level, mem_level, strategy), [[] for _ in range(16)]
            )

    def compress(self, data, bint final=True):
        """Compress a message, or the next piece of one; ``final`` tells that it is the last."""
        cdef Py_buffer view
        cdef Output output
        cdef bytes result
        get_buffer(data, &view, &self._busy)
        output.whole = NULL
        try:
            if view.len == 0:
                result = EMPTY if final else EMPTY + TAIL
            else:
                if self._stream is None:
                    self._open(view.len if final else 1 << 15)
                # As much as incompressible data gets, so that it never has to grow.
                output.whole = new_output(
                    <long long> view.len + (view.len >> 3) + (view.len >> 6) + 32
                )
                output.size = 0
                output.most = PY_SSIZE_T_MAX
                run(
                    self._library.call.deflate,
                    &self._stream.z,
                    <const byte *> view.buf,
                    view.len,
                    &output,
                )
                resize_bytes(&output.whole, output.size - (4 if final else 0))
                result = <bytes> <object> output.whole
            if final:
                self.messages += 1
                if self._pool is not None:
                    self._close()
            self.size += view.len
            self.compressed_size += PyBytes_GET_SIZE(result)
            return result
        except BaseException:
            self._stream = None
            self._pool = None
            raise
        finally:
            self._busy = False
            Py_XDECREF(output.whole)
            PyBuffer_Release(&view)

    cdef int _open(self, Py_ssize_t size) except -1:
        cdef int enough = 9, mem_level = self._mem_level
        if self._takeover:
            self._stream = DeflateStream(
                self._library,
                self._bits,
                self._level,
                mem_level or max(self._bits - 7, 3),
                self._strategy,
            )
            return 0
        # What is said isn't fitted to the message.
        while enough < 15 and (mem_level or (size + LOOKAHEAD) >> enough):
            enough += 1
        self._pool = self._pools[enough]
        if self._pool:
            self._stream = self._pool.pop()
            self._library.call.deflate_reset(&self._stream.z)
        else:
            self._stream = DeflateStream(
                self._library,
                min(enough, self._bits),
                self._level,
                mem_level or min(enough - 5, 8),
                self._strategy,
            )
        return 0

    cdef int _close(self) except -1:
        if len(self._pool) < POOLED:
            self._pool.append(self._stream)
        self._stream = None
        self._pool = None
        return 0


cdef class Inflater:
    """Decompress messages; the pure twin describes the arguments."""

    cdef readonly long long messages
    cdef readonly long long size
    cdef readonly long long compressed_size
    cdef int _bits
    cdef bint _takeover
    cdef bint _inside
    cdef bint _busy
    cdef Library _library
    cdef InflateStream _stream
    cdef list _pool

    def __init__(self, int bits, bint takeover, Library library=None):
        self._bits = max(bits, 9)
        self._takeover = takeover
        self._library = STANDARD if library is None else library
        self._pool = self._library.inflate_pools.setdefault(self._bits, [])

    def decompress(self, data, max_size=None, bint final=True):
        """Decompress a message, or the next piece of one; the pure twin says more."""
        cdef Py_buffer view
        cdef Output output
        cdef Py_ssize_t done = 0, most = PY_SSIZE_T_MAX - 1
        cdef int streams = 0
        if max_size is not None and max_size < most:
            # Whatever it says of itself, it can be no more than this.
            most = min(max(clamp(max_size, NULL), 0), most)
        get_buffer(data, &view, &self._busy)
        output.whole = NULL
        try:
            # One byte more than is allowed tells that there is more.
            output.most = most + 1
            output.size = 0
            output.whole = new_output(
                min(min(8 * <long long> view.len, view.len + 65536) + 512, output.most)
            )
            # RFC 7692 7.2.3.5: a peer may end its DEFLATE stream; then another one follows.
            while done < view.len:
                if streams == MAX_STREAMS:
                    raise error(f"more than {MAX_STREAMS} DEFLATE streams in a frame")
                done += self._feed(<const byte *> view.buf + done, view.len - done, &output)
                streams += 1
            # After a stream's end, the tail of the message belongs to none.
            if final and self._inside:
                self._feed(<const byte *> PyBytes_AS_STRING(TAIL), 4, &output)
                self._inside = False
            resize_bytes(&output.whole, output.size)
            if final:
                self.messages += 1
                if not self._takeover and self._stream is not None:
                    if len(self._pool) < POOLED:
                        self._pool.append(self._stream)
                    self._stream = None
            self.size += output.size
            self.compressed_size += view.len
            return <object> output.whole
        except BaseException:
            self._stream = None
            self._inside = False
            raise
        finally:
            self._busy = False
            Py_XDECREF(output.whole)
            PyBuffer_Release(&view)

    cdef Py_ssize_t _feed(self, const byte *data, Py_ssize_t size, Output *output) except -1:
        """Return how much of the data went into the stream: all of it unless the stream ends."""
        cdef z_stream *z
        if self._stream is None:
            if self._pool and not self._takeover:
                self._stream = self._pool.pop()
                self._library.call.inflate_reset(&self._stream.z)
            else:
                self._stream = InflateStream(self._library, self._bits)
        z = &self._stream.z
        self._inside = run(self._library.call.inflate, z, data, size, output) != Z_STREAM_END
        if output.size == output.most:
            raise PayloadTooBig(None, output.most - 1)
        if not self._inside:
            self._library.call.inflate_reset(z)
        return z.next_in - data
