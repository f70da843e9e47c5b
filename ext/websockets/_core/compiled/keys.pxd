# C types of websockets/_core/keys.py.

cpdef long long masking_key() except -1
