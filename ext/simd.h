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

/* From the plainest to the fastest; every one includes those before it on the same processor. */
enum { WEBSOCKETS_PLAIN, WEBSOCKETS_HAS_NEON, WEBSOCKETS_HAS_SSE4, WEBSOCKETS_HAS_AVX2 };

static inline int
websockets_simd_best(void)
{
#if defined(WEBSOCKETS_X86)
    if (__builtin_cpu_supports("avx2"))
        return WEBSOCKETS_HAS_AVX2;
    return __builtin_cpu_supports("sse4.1") ? WEBSOCKETS_HAS_SSE4 : WEBSOCKETS_PLAIN;
#elif defined(WEBSOCKETS_NEON)
    return WEBSOCKETS_HAS_NEON;
#else
    return WEBSOCKETS_PLAIN;
#endif
}

/* The level in use, for each extension its own; threads that find it unset at once set it alike. */
static int websockets_simd = -1;

static inline int
websockets_simd_level(void)
{
    if (websockets_simd < 0)
        websockets_simd = websockets_simd_best();
    return websockets_simd;
}

#endif
