# C types of ext/pack.pyx.

cpdef bytes pack_frame(int byte0, payload, long long key)
cpdef Py_ssize_t append_frame(bytearray frames, int byte0, payload, long long key) except -1
cpdef bytes pack_header(int byte0, long long length, long long key)
cpdef bytes to_bytes(payload)
