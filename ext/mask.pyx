"""
XOR with a masking key (RFC 6455 5.3): the compiled twin of websockets/_core/mask.py.

Owns the passage from Python's buffers to the loops in mask.h. Must never know what is masked, when,
or where keys come from.

Key decision: buffers of every kind are taken through the buffer protocol, and a large one is masked
without the global interpreter lock.
"""

from cpython.buffer cimport (
    PyBUF_FULL_RO,
    PyBuffer_IsContiguous,
    PyBuffer_Release,
    PyObject_CheckBuffer,
    PyObject_GetBuffer,
)
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy

ctypedef unsigned char byte

cdef extern from "mask.h":
    void websockets_mask(
        byte *dst, const byte *src, size_t n, const byte *key, size_t offset
    ) noexcept nogil

cdef extern from "simd.h":
    int websockets_simd_limit(int level) noexcept

# Below this size, giving up the lock and taking it back costs more than others gain by it.
cdef Py_ssize_t UNLOCKED_FROM = 65536


cpdef bytes apply_mask(object data, object key, long long offset=0):
    """
    Return the bytes of ``data``, XORed with the 4 bytes of ``key``, as a new object.

    The pure twin describes the arguments and the errors.
    """
    cdef Py_buffer view
    # The usual data skips the buffer protocol, which takes a fifth of the time of 32 bytes.
    if type(data) is bytes:
        return masked(<byte *> PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), key, offset)
    if is_steady(data, key):
        return masked(
            <byte *> PyByteArray_AS_STRING(data), PyByteArray_GET_SIZE(data), key, offset
        )
    get_contiguous(data, &view)
    try:
        return masked(<byte *> view.buf, view.len, key, offset)
    finally:
        PyBuffer_Release(&view)


def mask_in_place(object buffer, object key, long long offset=0):
    """
    Like apply_mask, but overwrite ``buffer``; BufferError is raised when it isn't writable.
    """
    cdef Py_buffer view
    cdef byte key_bytes[4]
    cdef byte *data
    if is_steady(buffer, key):
        get_key(key, key_bytes)
        data = <byte *> PyByteArray_AS_STRING(buffer)
        mask(data, data, PyByteArray_GET_SIZE(buffer), key_bytes, offset)
        return
    get_contiguous(buffer, &view)
    try:
        if view.readonly:
            raise BufferError("a writable buffer is required")
        get_key(key, key_bytes)
        mask(<byte *> view.buf, <byte *> view.buf, view.len, key_bytes, offset)
    finally:
        PyBuffer_Release(&view)


def use_simd(int level):
    """
    For tests: use vector instructions up to ``level``, and return the level that is in use then.

    0 stands for none; simd.h lists the levels. The processor may not have all of them.
    """
    return websockets_simd_limit(level)


cdef inline bint is_steady(object data, object key) noexcept:
    """Tell whether data is a bytearray that nothing can resize before it is masked."""
    return (
        type(data) is bytearray
        and type(key) is bytes
        and PyByteArray_GET_SIZE(data) < UNLOCKED_FROM
    )


cdef bytes masked(const byte *data, Py_ssize_t size, object key, long long offset):
    cdef byte key_bytes[4]
    cdef bytes copy
    get_key(key, key_bytes)
    copy = PyBytes_FromStringAndSize(NULL, size)
    mask(<byte *> PyBytes_AS_STRING(copy), data, size, key_bytes, offset)
    return copy


cdef void mask(
    byte *dst, const byte *src, Py_ssize_t n, const byte *key, long long offset
) noexcept:
    if n < UNLOCKED_FROM:
        websockets_mask(dst, src, n, key, <size_t> offset)
    else:
        with nogil:
            websockets_mask(dst, src, n, key, <size_t> offset)


cdef int get_contiguous(object data, Py_buffer *view) except -1:
    if not PyObject_CheckBuffer(data):
        raise TypeError(f"a bytes-like object is required, not {type(data).__name__!r}")
    PyObject_GetBuffer(data, view, PyBUF_FULL_RO)
    if not PyBuffer_IsContiguous(view, b"C"):
        PyBuffer_Release(view)
        raise BufferError("a C-contiguous buffer is required")
    return 0


cdef int get_key(object key, byte *key_bytes) except -1:
    cdef Py_buffer view
    # The usual key skips it, too.
    if type(key) is bytes and PyBytes_GET_SIZE(key) == 4:
        memcpy(key_bytes, PyBytes_AS_STRING(key), 4)
        return 0
    get_contiguous(key, &view)
    try:
        if view.len != 4:
            raise ValueError(f"a masking key has 4 bytes, not {view.len}")
        memcpy(key_bytes, view.buf, 4)
    finally:
        PyBuffer_Release(&view)
    return 0
