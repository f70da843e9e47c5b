# C types of ext/pack.pyx.

cpdef bytes pack_frame(int byte0, payload, bytes key)
cpdef bytes pack_header(int byte0, long long length, bytes key)
cpdef bytes to_bytes(payload)
