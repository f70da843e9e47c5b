# C types of ext/clock.pyx.

cpdef double read_clock(clock) except? -1.0
