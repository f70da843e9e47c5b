# C types of websockets/_core/keys.py.

cpdef bytes masking_key()
