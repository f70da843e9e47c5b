# C types of websockets/_core/messages.py.

cimport cython

from websockets._core.compiled.payloads cimport Gatherer, unpack, unpack_text

cdef int OP_CONT, OP_TEXT
cdef unsigned long long UNLIMITED


cdef class MessageAssembler:
    cdef unsigned long long _max_size
    cdef unsigned long long _max_fragments
    cdef unsigned long long _max_frame
    cdef int _opcode
    cdef bint _final
    cdef unsigned long long _size  # the sum of two lengths of 63 bits fits
    cdef unsigned long long _fragments
    cdef Gatherer _gatherer

    @cython.locals(room="unsigned long long")
    cpdef room(self)
    @cython.locals(size="unsigned long long")
    cpdef begin_frame(self, int opcode, bint fin, unsigned long long length)
    @cython.locals(final=bint, gatherer=Gatherer, text=bint, position=Py_ssize_t)
    cpdef add(
        self,
        bytes chunk,
        Py_ssize_t start,
        Py_ssize_t stop,
        bytes key,
        long long offset,
        long long missing,
    )
    cpdef space(self, long long missing)
    @cython.locals(gatherer=Gatherer)
    cpdef fill(self, Py_ssize_t size, bytes key, long long offset, long long missing)
    @cython.locals(gatherer=Gatherer)
    cdef _gathered(self, Py_ssize_t position, bint final)
    cpdef clear(self)
