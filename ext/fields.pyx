"""
Header fields, from bytes to strings and back (RFC 9112 5): the compiled twin of
websockets/_core/fields.py.

Owns the grammar of one line. Must never know what a start line or any field means, or what happens
to a line that it doesn't take.

Key decision: a name that is new among the headers goes into their stores directly. What is kept of
a name that is there already is left to the headers themselves, and what isn't ASCII, or can't be
sent, to them and their rules.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.unicode cimport PyUnicode_DecodeASCII, PyUnicode_DecodeLatin1
from libc.string cimport memchr, memcpy

from string import ascii_letters, digits

from websockets.datastructures import USUAL_NAMES, USUAL_VALUES
from websockets.headers import check_headers

cdef extern from "Python.h":
    bytes new_bytes "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size)
    bint PyUnicode_CheckExact(object text)
    bint PyUnicode_IS_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    void *PyUnicode_DATA(object text)

ctypedef unsigned char byte

cdef dict usual_names = USUAL_NAMES
cdef dict usual_values = USUAL_VALUES
cdef Py_ssize_t LONGEST_USUAL = max(map(len, USUAL_VALUES))

# RFC 9110 5.6.2: token.
cdef byte in_token[256]
for char in f"!#$%&'*+-.^_`|~{digits}{ascii_letters}".encode():
    in_token[char] = True


cpdef Py_ssize_t take_fields(
    bytes data, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t longest, Py_ssize_t most,
    object headers, bint latin=False,
) except -1:
    """
    Add the well-formed fields at the beginning of ``data[start:stop]`` to ``headers``.

    The pure twin describes the arguments.
    """
    cdef const byte *text = data
    cdef list pairs = headers._pairs
    cdef dict values = headers._values
    cdef Py_ssize_t colon, first, last, end, different
    cdef const byte *line_feed
    cdef tuple usual
    cdef str name, lowered, value
    start = max(start, 0)
    stop = min(stop, len(data))
    while len(pairs) < most:
        colon = start
        while colon < stop and in_token[text[colon]]:
            colon += 1
        if colon == start or colon >= stop or text[colon] != b":":
            break
        line_feed = <const byte *> memchr(text + colon, b"\n", stop - colon)
        if line_feed == NULL:
            break
        end = line_feed - text + 1
        if end - start > longest or text[end - 2] != b"\r":
            break
        first = colon + 1
        last = end - 2
        if not is_content(text + first, last - first):
            break
        while first < last and is_blank(text[first]):
            first += 1
        while first < last and is_blank(text[last - 1]):
            last -= 1
        name = PyUnicode_DecodeASCII(<const char *> text + start, colon - start, NULL)
        if latin:
            value = PyUnicode_DecodeLatin1(<const char *> text + first, last - first, NULL)
        else:
            value = PyUnicode_DecodeASCII(
                <const char *> text + first, last - first, "surrogateescape"
            )
        usual = usual_names.get(name)
        if usual is None:
            lowered = name.lower()
        else:
            name, lowered = usual
            if last - first <= LONGEST_USUAL:
                value = usual_values.get(value, value)
        different = len(values)
        values.setdefault(lowered, value)
        if len(values) > different:
            pairs.append((name, value))
        else:
            headers.set_insecure(name, value)
        start = end
    return start


def make_head(str start_line, headers):
    """Return a head as it is sent; the pure twin describes the arguments."""
    head = usual_head(start_line, headers)
    if head is None:
        check_headers(headers)
        head = f"{start_line}\r\n{headers}".encode(errors="surrogateescape")
    return head


cpdef usual_head(str start_line, headers):
    """Return a head as it is sent, None if it isn't in ASCII or something is wrong with it."""
    cdef list pairs = headers._pairs
    cdef Py_ssize_t size = 4
    cdef char *place
    cdef bint usual = is_ascii(start_line)
    for name, value in pairs:
        usual = usual and is_token(name) and is_ascii(value)
        usual = usual and is_content(<const byte *> PyUnicode_DATA(value), length_of(value))
        if not usual:
            break
        size += length_of(name) + length_of(value) + 4
    if not usual:
        return None
    head = new_bytes(NULL, size + length_of(start_line))
    place = append(PyBytes_AS_STRING(head), start_line)
    for name, value in pairs:
        memcpy(place, b"\r\n", 2)
        place = append(place + 2, name)
        memcpy(place, b": ", 2)
        place = append(place + 2, value)
    memcpy(place, b"\r\n\r\n", 4)
    return head


cdef inline bint is_ascii(text):
    return PyUnicode_CheckExact(text) and PyUnicode_IS_ASCII(text)


cdef inline Py_ssize_t length_of(text):
    return PyUnicode_GET_LENGTH(text)


cdef inline char *append(char *place, text):
    """Copy what is ASCII; return the place behind it."""
    memcpy(place, PyUnicode_DATA(text), length_of(text))
    return place + length_of(text)


cdef bint is_token(text):
    """Tell whether it is a name of a field in ASCII (RFC 9110 5.6.2)."""
    cdef const byte *name
    cdef Py_ssize_t i
    if not is_ascii(text) or not length_of(text):
        return False
    name = <const byte *> PyUnicode_DATA(text)
    for i in range(length_of(text)):
        if not in_token[name[i]]:
            return False
    return True


cdef inline bint is_blank(byte char) noexcept:
    return char == b" " or char == b"\t"


# RFC 9110 5.5: field content with obs-text. Without a way out of the loop, compilers vectorize it.
cdef bint is_content(const byte *text, Py_ssize_t size) noexcept:
    cdef byte wrong = 0
    cdef Py_ssize_t i
    for i in range(size):
        wrong |= (text[i] < 0x20) & (text[i] != 0x09) | (text[i] == 0x7F)
    return not wrong
