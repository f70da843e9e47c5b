"""
What nearly all requests that open a connection are like, and the key that answers them: the
compiled twin of websockets/_core/upgrading.py.

Owns a short way, for requests that need no closer look. Must never know what is wrong with others.
"""

from libc.string cimport memcpy

import binascii
import hashlib

cdef extern from "Python.h":
    bint PyUnicode_CheckExact(object text)
    bint PyUnicode_IS_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    void *PyUnicode_DATA(object text)
    str PyUnicode_New(Py_ssize_t size, Py_UCS4 highest)

cdef extern from "sha1.h":
    enum: SHA1_LONGEST
    void sha1_short(const unsigned char *message, size_t size, unsigned char *digest) noexcept

ctypedef unsigned char byte

# RFC 6455 1.3: what a server mixes into the key to prove that it speaks WebSocket.
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

cdef enum:
    GUID_SIZE = 36

# What browsers and most libraries send.
USUAL_CONNECTIONS = frozenset({"Upgrade", "upgrade", "keep-alive, Upgrade", "Upgrade, keep-alive"})
USUAL_UPGRADES = frozenset({"websocket", "WebSocket"})
cdef frozenset usual_connections = USUAL_CONNECTIONS
cdef frozenset usual_upgrades = USUAL_UPGRADES

cdef const byte *letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
cdef byte in_base64[256]
for letter in letters[:64]:
    in_base64[letter] = True


def usual_key(dict values):
    """Return the key of a request that asks for an upgrade as nearly all do, None for others."""
    upgrade, connection = values.get("upgrade"), values.get("connection")
    if (
        not PyUnicode_CheckExact(upgrade)
        or not PyUnicode_CheckExact(connection)
        or upgrade not in usual_upgrades
        or connection not in usual_connections
        or values.get("sec-websocket-version") != "13"
    ):
        return None
    key = values.get("sec-websocket-key")
    return key if is_key(key) else None


cdef bint is_key(key):
    """Tell whether it is what 16 bytes are in Base64."""
    cdef const byte *text
    cdef int i
    if not PyUnicode_CheckExact(key) or not PyUnicode_IS_ASCII(key):
        return False
    if PyUnicode_GET_LENGTH(key) != 24:
        return False
    text = <const byte *> PyUnicode_DATA(key)
    for i in range(22):
        if not in_base64[text[i]]:
            return False
    return text[22] == b"=" and text[23] == b"="


def accept_key(str key not None):
    """Return the ``Sec-WebSocket-Accept`` that answers a ``Sec-WebSocket-Key`` (RFC 6455 4.2.2)."""
    cdef byte message[SHA1_LONGEST]
    cdef byte digest[21]
    cdef byte *place
    cdef unsigned int bits
    cdef Py_ssize_t size = PyUnicode_GET_LENGTH(key)
    cdef int i
    if not PyUnicode_IS_ASCII(key) or size + GUID_SIZE > SHA1_LONGEST:
        # SHA-1 proves no secret here; systems that ban it for secrets must still let us compute it.
        whole = hashlib.sha1((key + GUID).encode(), usedforsecurity=False).digest()
        return binascii.b2a_base64(whole, newline=False).decode()
    memcpy(message, PyUnicode_DATA(key), size)
    memcpy(message + size, PyUnicode_DATA(GUID), GUID_SIZE)
    sha1_short(message, size + GUID_SIZE, digest)
    digest[20] = 0
    accept = PyUnicode_New(28, 127)
    place = <byte *> PyUnicode_DATA(accept)
    for i in range(7):
        bits = digest[3 * i] << 16 | digest[3 * i + 1] << 8 | digest[3 * i + 2]
        place[4 * i] = letters[bits >> 18]
        place[4 * i + 1] = letters[bits >> 12 & 63]
        place[4 * i + 2] = letters[bits >> 6 & 63]
        place[4 * i + 3] = letters[bits & 63]
    place[27] = b"="  # 20 bytes are one less than 7 times 3.
    return accept
