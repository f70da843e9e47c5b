"""
Reading a clock: the compiled twin of websockets/_core/clock.py.

Must never know what the time is needed for.

Key decision: where the clock is time.monotonic(), the system is asked for what that would say, which
takes a third of the time.
"""

from time import monotonic

cdef extern from *:
    """
    #if defined(__linux__)
    #include <time.h>
    static double websockets_monotonic(void)
    {
        struct timespec now;
        if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
            return -1.0;
        return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    }
    #else
    #define websockets_monotonic() (-1.0)  /* Python knows how it is done elsewhere. */
    #endif
    """
    double websockets_monotonic() noexcept

cdef object MONOTONIC = monotonic


cpdef double read_clock(clock) except? -1.0:
    """Return the seconds that a clock shows."""
    cdef double seconds = -1.0
    if clock is MONOTONIC:
        seconds = websockets_monotonic()
    return clock() if seconds < 0.0 else seconds
