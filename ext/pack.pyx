"""
Frames to bytes: header, masking key and payload in one allocation; the compiled twin of
websockets/_core/pack.py.

Must never know what an opcode means or where a key comes from.

Key decision: the payload goes from where it is to where it belongs in the frame, be it the
characters of a str or a buffer of any layout, and is masked on the way.
"""

from cpython.buffer cimport (
    PyBUF_FULL_RO,
    PyBuffer_IsContiguous,
    PyBuffer_Release,
    PyBuffer_ToContiguous,
    PyObject_GetBuffer,
)
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.ref cimport PyObject
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

ctypedef unsigned char byte

cdef extern from *:
    """
    /* Before Python 3.12, extensions can make strings that have no characters yet. */
    #if PY_VERSION_HEX < 0x030C0000
    #define websockets_get_ready(text) PyUnicode_READY(text)
    #else
    #define websockets_get_ready(text) 0
    #endif
    """
    int websockets_get_ready(object text) except -1

cdef extern from "Python.h":
    const Py_ssize_t PY_SSIZE_T_MAX
    object PyBytes_FromObject(object buffer)
    bytes PyUnicode_AsUTF8String(object text)
    int PyUnicode_KIND(object text)
    void *PyUnicode_DATA(object text)
    bint PyUnicode_IS_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)

# Large frames of clients, which are copies that live no longer than a write, are made in memory that
# is kept: many systems have blocks of this size come from them and go back to them each time, and to
# get one anew takes longer than to mask it.
cdef Py_ssize_t LARGE = 131072
cdef Py_ssize_t SPARE_MOST = 4194304 + 14  # with a header
cdef bytes spare = None
cdef Py_ssize_t spare_room = 0

cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
    #define websockets_references(object) 2  /* another thread may take it */
    #else
    #define websockets_references(object) Py_REFCNT(object)
    #endif

    #ifdef __GNUC__
    #pragma GCC diagnostic push
    #pragma GCC diagnostic ignored "-Wdeprecated-declarations"  /* nothing else forgets a hash */
    #endif
    static void websockets_resize(PyObject *bytes, Py_ssize_t size)
    {
        Py_SET_SIZE((PyVarObject *) bytes, size);
        PyBytes_AS_STRING(bytes)[size] = 0;
        ((PyBytesObject *) bytes)->ob_shash = -1;
    }
    #ifdef __GNUC__
    #pragma GCC diagnostic pop
    #endif
    """
    # Pointers, because Cython counts a reference more while it hands on an object.
    Py_ssize_t websockets_references(PyObject *object)
    void websockets_resize(PyObject *bytes, Py_ssize_t size)

cdef extern from "memory.h":
    void websockets_expect_blocks(size_t size) noexcept

cdef extern from "mask.h":
    enum:
        NO_KEY "WEBSOCKETS_NO_KEY"
    void websockets_write_key(byte *place, uint32_t key) noexcept nogil
    void websockets_mask_by(
        byte *dst, const byte *src, size_t n, uint32_t key, size_t offset
    ) noexcept nogil

cdef extern from "encode.h":
    size_t websockets_encode1_size(const void *text, size_t n) noexcept nogil
    size_t websockets_encode2_size(const void *text, size_t n) noexcept nogil
    size_t websockets_encode4_size(const void *text, size_t n) noexcept nogil
    void websockets_encode1_write(byte *dst, const void *text, size_t n) noexcept nogil
    void websockets_encode2_write(byte *dst, const void *text, size_t n) noexcept nogil
    void websockets_encode4_write(byte *dst, const void *text, size_t n) noexcept nogil


cpdef bytes pack_frame(int byte0, payload, long long key):
    """Build a whole frame; the pure twin describes the arguments."""
    if type(payload) is bytes:
        return pack_plain(
            byte0, <const byte *> PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload), key
        )
    if type(payload) is str and PyUnicode_IS_ASCII(payload):
        return pack_plain(
            byte0, <const byte *> PyUnicode_DATA(payload), PyUnicode_GET_LENGTH(payload), key
        )
    if isinstance(payload, str):
        return pack_text(byte0, payload, key)
    return pack_buffer(byte0, payload, key)


cpdef Py_ssize_t append_frame(bytearray frames, int byte0, payload, long long key) except -1:
    """Build a whole frame behind others; the pure twin describes the arguments."""
    cdef byte header[14]
    cdef byte *place
    cdef const byte *data
    cdef bytes frame
    cdef int size
    cdef Py_ssize_t length, start = PyByteArray_GET_SIZE(frames)
    if type(payload) is bytes:
        data = <const byte *> PyBytes_AS_STRING(payload)
        length = PyBytes_GET_SIZE(payload)
    elif type(payload) is str and PyUnicode_IS_ASCII(payload):
        data = <const byte *> PyUnicode_DATA(payload)
        length = PyUnicode_GET_LENGTH(payload)
    else:
        frame = pack_frame(byte0, payload, key)
        frames += frame
        return PyBytes_GET_SIZE(frame)
    size = write_header(header, byte0, length, key)
    if length > PY_SSIZE_T_MAX - size - start:
        raise OverflowError("the frames would be larger than anything can be")
    PyByteArray_Resize(frames, start + size + length)
    place = <byte *> PyByteArray_AS_STRING(frames) + start
    memcpy(place, header, size)
    if key != NO_KEY:
        websockets_mask_by(place + size, data, length, <uint32_t> key, 0)
    else:
        memcpy(place + size, data, length)
    return size + length


cpdef bytes pack_header(int byte0, long long length, long long key):
    """Build the header of a frame; the pure twin describes the arguments."""
    cdef byte header[14]
    cdef int size = write_header(header, byte0, length, key)
    return PyBytes_FromStringAndSize(<char *> header, size)


cpdef bytes to_bytes(payload):
    """Return the bytes of a payload; of a ``str``, its encoding in UTF-8."""
    if type(payload) is bytes:
        return payload
    # Subclasses may have an encode() or a __bytes__() of their own: those don't count.
    if isinstance(payload, str):
        return PyUnicode_AsUTF8String(payload)
    return PyBytes_FromObject(memoryview(payload))


cdef int write_header(byte *header, int byte0, long long length, long long key) except -1:
    """Write a header, of at most 14 bytes, and return its size."""
    cdef int size = 2
    cdef byte mask_bit = 0x80 if key != NO_KEY else 0
    header[0] = <byte> byte0
    if length < 126:
        header[1] = mask_bit | <byte> length
    elif length < 65536:
        header[1] = mask_bit | 126
        header[2] = <byte> (length >> 8)
        header[3] = <byte> length
        size = 4
    else:
        header[1] = mask_bit | 127
        for size in range(2, 10):
            header[size] = <byte> (length >> 8 * (9 - size))
        size = 10
    if mask_bit:
        if not 0 <= key < 1LL << 32:
            raise OverflowError("a masking key has 32 bits")
        websockets_write_key(header + size, <uint32_t> key)
        size += 4
    return size


cdef bytes large_frame(Py_ssize_t size, bint is_masked):
    """Make a frame in the memory of one that nobody has any more, if that may be and there is one."""
    global spare, spare_room
    websockets_expect_blocks(size)
    if not is_masked or size > SPARE_MOST:
        return PyBytes_FromStringAndSize(NULL, size)
    if spare is None or websockets_references(<PyObject *> spare) > 1 or not size <= spare_room <= 4 * size:
        spare = PyBytes_FromStringAndSize(NULL, size)
        spare_room = size
    else:
        websockets_resize(<PyObject *> spare, size)
    return spare


cdef bytes new_frame(int byte0, Py_ssize_t length, long long key, byte **payload):
    """Make a frame without its payload, and tell where that goes."""
    cdef byte header[14]
    cdef int size = write_header(header, byte0, length, key)
    cdef bytes frame
    if length > PY_SSIZE_T_MAX - 14:
        raise OverflowError("the frame would be larger than anything can be")
    if length < LARGE:
        frame = PyBytes_FromStringAndSize(NULL, size + length)
    else:
        frame = large_frame(size + length, key != NO_KEY)
    memcpy(PyBytes_AS_STRING(frame), header, size)
    payload[0] = <byte *> PyBytes_AS_STRING(frame) + size
    return frame


cdef inline void mask_in_place(byte *payload, Py_ssize_t length, long long key) noexcept:
    if key != NO_KEY:
        websockets_mask_by(payload, payload, length, <uint32_t> key, 0)


cdef bytes pack_plain(int byte0, const byte *data, Py_ssize_t length, long long key):
    """Pack bytes that lie side by side."""
    cdef byte *payload
    cdef bytes frame = new_frame(byte0, length, key, &payload)
    if key != NO_KEY:
        websockets_mask_by(payload, data, length, <uint32_t> key, 0)
    else:
        memcpy(payload, data, length)
    return frame


cdef bytes pack_text(int byte0, text, long long key):
    """Pack characters that aren't all ASCII."""
    cdef byte *payload
    cdef bytes frame
    cdef int kind
    cdef const void *data
    cdef size_t n, size
    websockets_get_ready(text)
    kind = PyUnicode_KIND(text)
    data = PyUnicode_DATA(text)
    n = PyUnicode_GET_LENGTH(text)
    if kind == 1:
        size = websockets_encode1_size(data, n)
    elif kind == 2:
        size = websockets_encode2_size(data, n)
    else:
        size = websockets_encode4_size(data, n)
    if size == <size_t> -1:
        # This raises what says where, and not what a subclass has in the place of encode().
        return pack_buffer(byte0, PyUnicode_AsUTF8String(text), key)
    frame = new_frame(byte0, <Py_ssize_t> min(size, <size_t> PY_SSIZE_T_MAX), key, &payload)
    if kind == 1:
        websockets_encode1_write(payload, data, n)
    elif kind == 2:
        websockets_encode2_write(payload, data, n)
    else:
        websockets_encode4_write(payload, data, n)
    mask_in_place(payload, size, key)
    return frame


cdef bytes pack_buffer(int byte0, payload, long long key):
    """Pack a buffer of any layout."""
    cdef Py_buffer view
    cdef byte *copied
    cdef bytes frame
    PyObject_GetBuffer(payload, &view, PyBUF_FULL_RO)
    try:
        if PyBuffer_IsContiguous(&view, b"C"):
            return pack_plain(byte0, <const byte *> view.buf, view.len, key)
        frame = new_frame(byte0, view.len, key, &copied)
        PyBuffer_ToContiguous(copied, &view, view.len, b"C")
        mask_in_place(copied, view.len, key)
        return frame
    finally:
        PyBuffer_Release(&view)
