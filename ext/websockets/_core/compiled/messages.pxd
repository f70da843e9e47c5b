# C types of websockets/_core/messages.py.

cimport cython

from websockets._core.compiled.payloads cimport PayloadBuffer, unpack, unpack_text

cdef int OP_BINARY, OP_CONT, OP_TEXT
cdef int AS_BYTES, AS_TEXT, IN_FRAGMENTS, USUAL
cdef unsigned long long UNLIMITED


cdef class Fragment:
    cdef readonly int opcode
    cdef readonly object data
    cdef readonly bint fin


cdef class MessageAssembler:
    cdef unsigned long long _max_size
    cdef unsigned long long _max_fragments
    cdef unsigned long long _max_frame
    cdef int _opcode
    cdef int _frame_opcode
    cdef bint _final
    cdef unsigned long long _size  # the sum of two lengths of 63 bits fits
    cdef unsigned long long _fragments
    cdef PayloadBuffer _payload

    @cython.locals(room="unsigned long long")
    cpdef room(self)
    cpdef largest(self)
    @cython.locals(limit="long long")
    cpdef check_size(self, unsigned long long length)
    cpdef begin_frame(self, int opcode, bint fin, unsigned long long length)
    @cython.locals(payload=PayloadBuffer, text=bint)
    cpdef add(
        self,
        bytes chunk,
        Py_ssize_t start,
        Py_ssize_t stop,
        long long key,
        long long offset,
        long long missing,
    )
    cpdef space(self, long long missing, Py_ssize_t arrived)
    @cython.locals(payload=PayloadBuffer)
    cpdef fill(self, Py_ssize_t size, long long key, long long offset, long long missing)
    @cython.locals(payload=PayloadBuffer)
    cdef _gathered(self, Py_ssize_t position, long long missing)
    cdef bint is_between(self) except -1
    cpdef clear(self)


cdef class FragmentAssembler(MessageAssembler):
    @cython.locals(payload=PayloadBuffer, text=bint)
    cpdef add(
        self,
        bytes chunk,
        Py_ssize_t start,
        Py_ssize_t stop,
        long long key,
        long long offset,
        long long missing,
    )
    @cython.locals(payload=PayloadBuffer)
    cdef _gathered(self, Py_ssize_t position, long long missing)
    @cython.locals(opcode=int, fin=bint)
    cdef _complete(self, data)


cpdef in_form(message, int form)
@cython.locals(text=bint, fragment=Fragment)
cpdef joined(list fragments, int form)
