/*
 * A library that is loaded before the others into a server's process, so that whoever drives the
 * server decides what it finds each time its event loop turns, and how long it computes.
 *
 * Where the event loop would wait and nothing is there for it, the driver is told "i" (idle) over
 * the socket whose number is in the environment variable LOCKSTEP, and says what comes next:
 *
 *     g           look again whether something is there
 *     s           begin to count
 *     d           write down what was counted, and count no more
 *
 * The clock is a microsecond later each time it is read. So the same bytes make the server take
 * the same steps, on an idle machine or a busy one, and under valgrind, which is 50 times slower.
 * What is done in here isn't counted.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#define CALLGRIND_TOGGLE_COLLECT
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS
#endif

static int driver = -1;

__attribute__((constructor)) static void find_driver(void)
{
    const char *number = getenv("LOCKSTEP");
    driver = number ? atoi(number) : -1;
}

static void ask_driver(void)
{
    char order = 0;
    if (write(driver, "i", 1) != 1)
        driver = -1;
    while (driver >= 0 && order != 'g') {
        if (read(driver, &order, 1) != 1)
            driver = -1; /* it is gone: from now on time passes as usual */
        /* Without instrumentation there is nothing to toggle, so that here it has to be made up. */
        if (order == 's') {
            CALLGRIND_START_INSTRUMENTATION;
            CALLGRIND_ZERO_STATS;
            CALLGRIND_TOGGLE_COLLECT;
        } else if (order == 'd') {
            CALLGRIND_TOGGLE_COLLECT;
            CALLGRIND_DUMP_STATS;
            CALLGRIND_STOP_INSTRUMENTATION;
        }
    }
}

int epoll_pwait(int epoll, struct epoll_event *events, int most, int timeout, const sigset_t *mask)
{
    static int (*wait)(int, struct epoll_event *, int, int, const sigset_t *);
    struct pollfd anything = {.fd = epoll, .events = POLLIN};
    if (!wait)
        *(void **)&wait = dlsym(RTLD_NEXT, "epoll_pwait");
    if (timeout) {
        CALLGRIND_TOGGLE_COLLECT;
        while (driver >= 0 && poll(&anything, 1, 0) == 0)
            ask_driver();
        CALLGRIND_TOGGLE_COLLECT;
    }
    return wait(epoll, events, most, timeout, mask);
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
    return epoll_pwait(epoll, events, most, timeout, NULL);
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    static int (*read_clock)(clockid_t, struct timespec *);
    static uint64_t monotonic = 1000000000000; /* nanoseconds */
    if (!read_clock)
        *(void **)&read_clock = dlsym(RTLD_NEXT, "clock_gettime");
    if (driver < 0 || (clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_COARSE))
        return read_clock(clock, time);
    monotonic += 1000;
    time->tv_sec = (time_t)(monotonic / 1000000000);
    time->tv_nsec = (long)(monotonic % 1000000000);
    return 0;
}
