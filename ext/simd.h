/* Which vector instructions there are.
 *
 * Owns the choice between the variants of a loop, which is made once, when a loop is first
 * needed. Must never know what the loops do.
 *
 * Key decision: extensions are compiled for the plainest processor of their kind. Loops for better
 * ones carry their own target, and are called only where the processor is found to have it.
 */

#ifndef WEBSOCKETS_SIMD_H
#define WEBSOCKETS_SIMD_H

#if defined(__GNUC__) && defined(__x86_64__)
#define WEBSOCKETS_X86
#define WEBSOCKETS_TARGET(name) __attribute__((target(name)))
#include <immintrin.h>
#elif defined(__GNUC__) && defined(__aarch64__)
#define WEBSOCKETS_NEON
#include <arm_neon.h>
#endif

/* The size of the vectors, in bytes: SSE4.1 and NEON have the one, AVX2 the other. */
enum { WEBSOCKETS_PLAIN, WEBSOCKETS_VECTORS_16, WEBSOCKETS_VECTORS_32 };

static inline int
websockets_simd_best(void)
{
#if defined(WEBSOCKETS_X86)
    if (__builtin_cpu_supports("avx2"))
        return WEBSOCKETS_VECTORS_32;
    return __builtin_cpu_supports("sse4.1") ? WEBSOCKETS_VECTORS_16 : WEBSOCKETS_PLAIN;
#elif defined(WEBSOCKETS_NEON)
    return WEBSOCKETS_VECTORS_16;
#else
    return WEBSOCKETS_PLAIN;
#endif
}

/* The level in use, of each extension its own. Threads that find it unset at once set it alike. */
static int websockets_simd = -1;

static inline int
websockets_simd_level(void)
{
    if (websockets_simd < 0)
        websockets_simd = websockets_simd_best();
    return websockets_simd;
}

/* For tests: use nothing better than this level. Returns the level that is in use then. */
static inline int
websockets_simd_limit(int level)
{
    websockets_simd = websockets_simd_best();
    if (websockets_simd > level)
        websockets_simd = level;
    return websockets_simd;
}

#endif
