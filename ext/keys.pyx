"""
Masking keys: the compiled twin of websockets/_core/keys.py.

Owns the stock of random bytes. Key decision: a key is taken while this thread has the interpreter's
lock, which nothing between the look at the stock and the step behind the key lets go of.
"""

import os

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

cdef Py_ssize_t BLOCK = 2048  # bytes drawn at once

cdef bytes stock = b""
cdef Py_ssize_t used = 0


cpdef long long masking_key() except -1:
    """Return 32 unpredictable bits that no other frame is masked with."""
    global stock, used
    cdef bytes fresh
    cdef uint32_t key
    if used == PyBytes_GET_SIZE(stock):
        # Meanwhile another thread may have done the same; then some bytes are never used.
        fresh = os.urandom(BLOCK)
        stock = fresh
        used = 0
    used += 4
    memcpy(&key, PyBytes_AS_STRING(stock) + used - 4, 4)
    return key


def _forget():
    global used
    used = PyBytes_GET_SIZE(stock)


if hasattr(os, "register_at_fork"):
    # A forked child must not mask with the keys of its parent.
    os.register_at_fork(after_in_child=_forget)
