"""
Incremental UTF-8 validation (RFC 3629): the compiled twin of websockets/_core/utf8.py.

Owns the passage from Python's buffers to the loops in utf8.h, and the character between two pieces.
Must never know what a frame or a message is.

Key decision: the bytes of a character that isn't whole are the only state that is kept.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.string cimport memcpy

cdef extern from "utf8.h":
    int websockets_utf8_sequence(const unsigned char *p, size_t n) noexcept nogil
    size_t websockets_utf8_characters(const unsigned char *p, size_t n) noexcept nogil

cdef extern from "simd.h":
    int websockets_simd_limit(int level) noexcept

# Below this size, giving up the lock and taking it back costs more than others gain by it.
cdef Py_ssize_t UNLOCKED_FROM = 65536


def use_simd(int level):
    """
    For tests: use vector instructions up to ``level``, and return the level that is in use then.

    0 stands for none; simd.h lists the levels. The processor may not have all of them.
    """
    return websockets_simd_limit(level)


cdef class Utf8Validator:
    """Check a text piece by piece; the pure twin describes how."""

    cpdef Py_ssize_t check(self, object data, bint final=False) except -2:
        cdef Py_buffer view
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            if view.len < UNLOCKED_FROM:
                return self.check_bytes(<const unsigned char *> view.buf, view.len, final)
            with nogil:
                return self.check_bytes(<const unsigned char *> view.buf, view.len, final)
        finally:
            PyBuffer_Release(&view)

    cdef Py_ssize_t check_bytes(
        self, const unsigned char *data, Py_ssize_t size, bint final
    ) noexcept nogil:
        cdef Py_ssize_t start = 0, stop
        cdef int length, pending = self._pending
        if pending:
            # Four bytes are enough to complete any character.
            start = min(4 - pending, size)
            memcpy(self._bytes + pending, data, start)
            length = websockets_utf8_sequence(self._bytes, pending + start)
            if length == 0 or (length < 0 and final):
                return self._characters
            if length < 0:
                self._pending = pending + <int> start
                return -1
            start = length - pending
            self._characters += length
        stop = start + <Py_ssize_t> websockets_utf8_characters(data + start, size - start)
        self._characters += stop - start
        if stop < size and (final or websockets_utf8_sequence(data + stop, size - stop) == 0):
            return self._characters
        memcpy(self._bytes, data + stop, size - stop)
        self._pending = <int> (size - stop)
        return -1
