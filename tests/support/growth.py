"""
How the time of work grows with its size.
"""

import time

TRIES = 5


def seconds(run, size):
    start = time.thread_time()
    run(size)
    return time.thread_time() - start


def is_linear(run, size):
    """
    Tell whether a function of a size takes 16 times as long for a size 16 times as large.

    Nothing counts the bytes that C copies, or looks at again, but the time that the processor spends
    on them. It is this thread's alone, and one try in which other programs disturb less is enough:
    work that grows with the square takes 256 times as long, and never comes near the limit.
    """
    return any(seconds(run, 16 * size) < 40 * seconds(run, size) for _ in range(TRIES))
