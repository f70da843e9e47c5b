"""
Payloads from the wire to their final objects: the compiled twin of websockets/_core/payloads.py.

Owns the copy of each received byte, which is made once. Must never know headers, opcodes or limits.

Key decision: text is unmasked straight into a new str, which is right if it turns out to be ASCII
and is the input of the decoder if not. What comes in pieces is gathered in a bytes object that
grows with what has arrived, never with what was only announced.
"""

from cpython.buffer cimport PyBuffer_FillInfo
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.ref cimport Py_INCREF, Py_XDECREF, PyObject
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from websockets._core.compiled.utf8 cimport Utf8Validator

ctypedef unsigned char byte

cdef extern from "Python.h":
    const Py_ssize_t PY_SSIZE_T_MAX
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 maxchar)
    byte *PyUnicode_1BYTE_DATA(object text)
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size) except NULL
    int resize_bytes "_PyBytes_Resize"(PyObject **data, Py_ssize_t size) except -1

cdef extern from "mask.h":
    enum:
        NO_KEY "WEBSOCKETS_NO_KEY"
    void websockets_mask_by(
        byte *dst, const byte *src, size_t n, uint32_t key, size_t offset
    ) noexcept nogil

cdef extern from "memory.h":
    void websockets_expect_blocks(size_t size) noexcept

cdef extern from "utf8.h":
    bint websockets_is_ascii(const byte *p, size_t n) noexcept nogil

# What is unmasked and then looked at stays in the fastest cache.
cdef Py_ssize_t BLOCK = 4096

# Room that the first piece gets in any case.
cdef Py_ssize_t LEAST = 128


cdef inline int check(bytes chunk, Py_ssize_t start, Py_ssize_t stop, long long key) except -1:
    if not 0 <= start <= stop <= PyBytes_GET_SIZE(chunk):
        raise IndexError("the payload isn't inside the chunk")
    if not NO_KEY <= key < 1LL << 32:
        raise OverflowError("a masking key has 32 bits")
    return 0


cdef inline void copy(
    byte *dst, const byte *src, Py_ssize_t size, long long key, long long offset
) noexcept:
    if key != NO_KEY:
        # Of the offset, what is left of a division by 4 counts: any integer type holds that.
        websockets_mask_by(dst, src, size, <uint32_t> key, <size_t> offset)
    else:
        memcpy(dst, src, size)


cpdef bytes unpack(bytes chunk, Py_ssize_t start, Py_ssize_t stop, long long key, long long offset):
    """Return ``chunk[start:stop]`` unmasked; the pure twin describes the arguments."""
    cdef bytes data
    check(chunk, start, stop, key)
    if start == 0 and stop == PyBytes_GET_SIZE(chunk) and key == NO_KEY:
        return chunk
    data = PyBytes_FromStringAndSize(NULL, stop - start)
    copy(
        <byte *> PyBytes_AS_STRING(data),
        <const byte *> PyBytes_AS_STRING(chunk) + start,
        stop - start,
        key,
        offset,
    )
    return data


cpdef str unpack_text(bytes chunk, Py_ssize_t start, Py_ssize_t stop, long long key):
    """Return a whole text; the pure twin describes the arguments."""
    cdef const byte *src
    cdef byte *dst
    cdef Py_ssize_t size = stop - start, done = 0, step
    cdef bint ascii = True
    check(chunk, start, stop, key)
    src = <const byte *> PyBytes_AS_STRING(chunk) + start
    if size == 0:
        return ""
    if key == NO_KEY:
        if not websockets_is_ascii(src, size):
            return PyUnicode_DecodeUTF8(<const char *> src, size, NULL)
        text = PyUnicode_New(size, 127)
        memcpy(PyUnicode_1BYTE_DATA(text), src, size)
        return <str> text
    text = PyUnicode_New(size, 127)
    dst = PyUnicode_1BYTE_DATA(text)
    while done < size:
        step = min(size - done, BLOCK)
        websockets_mask_by(dst + done, src + done, step, <uint32_t> key, done)
        ascii = ascii and websockets_is_ascii(dst + done, step)
        done += step
    if ascii:
        return <str> text
    return PyUnicode_DecodeUTF8(<const char *> dst, size, NULL)


cdef class PayloadBuffer:
    """Gather a payload that arrives in pieces; the pure twin describes the arguments."""

    def __init__(self, bint text):
        self._validator = Utf8Validator() if text else None

    def __dealloc__(self):
        Py_XDECREF(self._buffer)

    cpdef Py_ssize_t add(
        self,
        bytes chunk,
        Py_ssize_t start,
        Py_ssize_t stop,
        long long key,
        long long offset,
        long long missing,
        bint ends,
    ) except -2:
        cdef Py_ssize_t size = stop - start
        cdef byte *dst
        check(chunk, start, stop, key)
        self._space = 0
        self._make_room(size, missing, ends)
        dst = <byte *> PyBytes_AS_STRING(<object> self._buffer) + self._size
        copy(dst, <const byte *> PyBytes_AS_STRING(chunk) + start, size, key, offset)
        self._size += size
        if self._validator is None:
            return -1
        return self._validator.check_bytes(dst, size, ends and missing == 0)

    cpdef object space(self, long long missing, bint ends, Py_ssize_t arrived=0):
        """Return memory for the next bytes; the pure twin describes the arguments."""
        cdef Py_ssize_t space
        arrived = <Py_ssize_t> min(max(arrived, 1), missing)
        self._make_room(arrived, missing - arrived, ends)
        space = PyBytes_GET_SIZE(<object> self._buffer) - self._size
        self._space = <Py_ssize_t> missing if missing < space else space
        return memoryview(self)

    cpdef Py_ssize_t fill(
        self, Py_ssize_t size, long long key, long long offset, long long missing, bint ends
    ) except -2:
        """Take bytes that were put in that memory; the pure twin describes the arguments."""
        cdef byte *dst
        if not 0 <= size <= self._space:
            raise ValueError("there was no room for so much")
        check(b"", 0, 0, key)
        self._space = 0
        dst = <byte *> PyBytes_AS_STRING(<object> self._buffer) + self._size
        if key != NO_KEY:
            websockets_mask_by(dst, dst, size, <uint32_t> key, <size_t> offset)
        self._size += size
        if self._validator is None:
            return -1
        return self._validator.check_bytes(dst, size, ends and missing == 0)

    def __getbuffer__(self, Py_buffer *view, int flags):
        if self._space == 0:
            raise BufferError("there is no memory to fill")
        whole = <object> self._buffer
        PyBuffer_FillInfo(
            view, self, PyBytes_AS_STRING(whole) + self._size, self._space, False, flags
        )
        # The memory stays where it is for as long as somebody has it.
        Py_INCREF(whole)
        view.internal = <PyObject *> whole

    def __releasebuffer__(self, Py_buffer *view):
        Py_XDECREF(<PyObject *> view.internal)

    cpdef give_up_text(self):
        """Go on with bytes, which needn't be UTF-8."""
        self._validator = None

    cpdef object finish(self):
        """Return the whole, and be of no more use."""
        cdef object whole
        self._resize(self._size)
        whole = <object> self._buffer
        if self._validator is None:
            return whole
        return PyUnicode_DecodeUTF8(PyBytes_AS_STRING(whole), self._size, NULL)

    cdef int _make_room(self, Py_ssize_t size, long long missing, bint ends) except -1:
        # The frame's length is the peer's word: it may be more than any object's size.
        cdef long long needed = <long long> self._size + size, more
        if self._buffer is not NULL and needed <= PyBytes_GET_SIZE(<object> self._buffer):
            return 0
        # At most eight times what has arrived.
        more = missing if missing < 7 * needed else 7 * needed
        if not ends:
            # An eighth makes many small frames cheap. Room that isn't used in the end costs more
            # than it looks: to shrink a large block can make the system take it back each time.
            more = max(more, needed >> 3)
        return self._resize(<Py_ssize_t> max(min(needed + more, PY_SSIZE_T_MAX), LEAST))

    cdef int _resize(self, Py_ssize_t size) except -1:
        # A bytes object can be resized as long as nobody else has it: hence the bare reference.
        cdef PyObject *old = self._buffer
        websockets_expect_blocks(size)
        if old is NULL:
            if self._size:
                raise MemoryError  # There was no room before, and what had come is gone.
            self._buffer = new_bytes(NULL, size)
        elif size == PyBytes_GET_SIZE(<object> old):
            return 0
        elif old.ob_refcnt == 1:
            resize_bytes(&self._buffer, size)
        else:
            self._buffer = new_bytes(NULL, size)
            memcpy(
                PyBytes_AS_STRING(<object> self._buffer),
                PyBytes_AS_STRING(<object> old),
                self._size,
            )
            Py_XDECREF(old)
        return 0
