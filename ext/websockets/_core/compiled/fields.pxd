cpdef Py_ssize_t take_fields(
    bytes data, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t longest, Py_ssize_t most,
    object headers, bint latin=*,
) except -1
