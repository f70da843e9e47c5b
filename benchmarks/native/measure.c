/*
 * The clock, and what is counted: messages and how long each of them took.
 */

#include "load.h"

#include <stdarg.h>
#include <time.h>

/* 64 buckets for each power of two of nanoseconds: percentiles are right to 2 %. */
enum { BUCKETS = 64 * 58 };

static uint64_t count, histogram[BUCKETS];

void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static unsigned bucket(uint64_t latency)
{
    unsigned power = latency < 64 ? 0 : 57 - (unsigned)__builtin_clzll(latency);
    return power * 64 + (unsigned)((latency >> power) & 63);
}

/* Relaxed atomics cost little, and handshakes are recorded by several threads. */
void record(uint64_t latency)
{
    __atomic_fetch_add(&histogram[bucket(latency)], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
}

uint64_t recorded(void)
{
    return __atomic_load_n(&count, __ATOMIC_RELAXED);
}

static double percentile(double share, const uint64_t *before)
{
    uint64_t total = 0, seen = 0;
    for (unsigned i = 0; i < BUCKETS; i++)
        total += histogram[i] - before[i];
    for (unsigned i = 0; i < BUCKETS; i++) {
        seen += histogram[i] - before[i];
        if (seen && (double)seen >= share * (double)total)
            return (double)((64 + (uint64_t)i % 64) << (i / 64)) / 1000;
    }
    return 0;
}

/* Seconds that a process has computed; 0 is this one. */
static double processor_time(unsigned process)
{
    struct timespec time = {0, 0};
    clockid_t clock;
    if (!clock_getcpuclockid((pid_t)process, &clock))
        clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void measure(void (*work_until)(uint64_t end))
{
    static uint64_t before[BUCKETS];
    work_until(now() + (uint64_t)(options.warmup * 1e9));
    memcpy(before, histogram, sizeof before);
    uint64_t count_before = recorded(), start = now();
    double load = processor_time(0), server = processor_time(options.server);
    work_until(start + (uint64_t)(options.seconds * 1e9));
    uint64_t messages = recorded() - count_before;
    double seconds = (double)(now() - start) / 1e9;
    printf("{\"messages\": %llu, \"seconds\": %.6f, \"rate\": %.2f, \"p50_us\": %.2f, "
           "\"p99_us\": %.2f, \"load_cpu\": %.4f, \"cpu\": %.4f}\n",
           (unsigned long long)messages, seconds, (double)messages / seconds,
           percentile(0.5, before), percentile(0.99, before),
           (processor_time(0) - load) / seconds,
           (processor_time(options.server) - server) / seconds);
    fflush(stdout);
}
