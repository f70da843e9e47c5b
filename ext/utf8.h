/* UTF-8 validation (RFC 3629).
 *
 * Owns what is and what isn't UTF-8. Must never know Python, nor what the text is for.
 *
 * Key decision: vectors, as in utf8_blocks.h, only ever skip text that is good. The first bad byte
 * is always found by the plain rules, in websockets_utf8_sequence. Nothing outside the n bytes is
 * read.
 */

#ifndef WEBSOCKETS_UTF8_H
#define WEBSOCKETS_UTF8_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "simd.h"

/* The length of the sequence at the beginning of p: 1 to 4, or 0 if it isn't UTF-8, or -1 if it's
 * good as far as the n bytes go, but not whole. */
static inline int
websockets_utf8_sequence(const unsigned char *p, size_t n)
{
    unsigned char low = 0x80, high = 0xBF;
    int i, length;

    if (n == 0)
        return -1;
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xC2 || p[0] > 0xF4)
        return 0;
    length = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    switch (p[0]) {
    case 0xE0: low = 0xA0; break;  /* shorter forms exist */
    case 0xED: high = 0x9F; break; /* surrogates */
    case 0xF0: low = 0x90; break;  /* shorter forms exist */
    case 0xF4: high = 0x8F; break; /* beyond U+10FFFF */
    }
    for (i = 1; i < length; i++) {
        if ((size_t)i == n)
            return -1;
        if (p[i] < low || p[i] > high)
            return 0;
        low = 0x80, high = 0xBF;
    }
    return length;
}

/* Whether the 8 bytes at p are ASCII. */
static inline int
websockets_ascii_word(const unsigned char *p)
{
    uint64_t word;

    memcpy(&word, p, 8);
    return (word & UINT64_C(0x8080808080808080)) == 0;
}

#define WEBSOCKETS_JOIN_(a, b) a##b
#define WEBSOCKETS_JOIN(a, b) WEBSOCKETS_JOIN_(a, b)

#if defined(WEBSOCKETS_X86)

#define NAME(name) WEBSOCKETS_JOIN(name, _sse4)
#define TARGET WEBSOCKETS_TARGET("sse4.1")
#define VECTOR __m128i
#define LOAD(p) _mm_loadu_si128((const __m128i *)(p))
#define TABLE(p) LOAD(p)
#define SAME(byte) _mm_set1_epi8((char)(byte))
#define AND(a, b) _mm_and_si128(a, b)
#define OR(a, b) _mm_or_si128(a, b)
#define XOR(a, b) _mm_xor_si128(a, b)
#define MINUS(a, b) _mm_subs_epu8(a, b)
#define HIGH_NIBBLES(a) _mm_and_si128(_mm_srli_epi16(a, 4), SAME(0x0F))
#define LOOK_UP(table, a) _mm_shuffle_epi8(table, a)
#define IS_ZERO(a) _mm_testz_si128(a, a)
#define IS_ASCII(a) (_mm_movemask_epi8(a) == 0)
#include "utf8_blocks.h"

#define NAME(name) WEBSOCKETS_JOIN(name, _avx2)
#define TARGET WEBSOCKETS_TARGET("avx2")
#define VECTOR __m256i
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define TABLE(p) _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(p)))
#define SAME(byte) _mm256_set1_epi8((char)(byte))
#define AND(a, b) _mm256_and_si256(a, b)
#define OR(a, b) _mm256_or_si256(a, b)
#define XOR(a, b) _mm256_xor_si256(a, b)
#define MINUS(a, b) _mm256_subs_epu8(a, b)
#define HIGH_NIBBLES(a) _mm256_and_si256(_mm256_srli_epi16(a, 4), SAME(0x0F))
#define LOOK_UP(table, a) _mm256_shuffle_epi8(table, a)
#define IS_ZERO(a) _mm256_testz_si256(a, a)
#define IS_ASCII(a) (_mm256_movemask_epi8(a) == 0)
#include "utf8_blocks.h"

#elif defined(WEBSOCKETS_NEON)

#define NAME(name) WEBSOCKETS_JOIN(name, _neon)
#define TARGET
#define VECTOR uint8x16_t
#define LOAD(p) vld1q_u8(p)
#define TABLE(p) LOAD(p)
#define SAME(byte) vdupq_n_u8(byte)
#define AND(a, b) vandq_u8(a, b)
#define OR(a, b) vorrq_u8(a, b)
#define XOR(a, b) veorq_u8(a, b)
#define MINUS(a, b) vqsubq_u8(a, b)
#define HIGH_NIBBLES(a) vshrq_n_u8(a, 4)
#define LOOK_UP(table, a) vqtbl1q_u8(table, a)
#define IS_ZERO(a) (vmaxvq_u8(a) == 0)
#define IS_ASCII(a) (vmaxvq_u8(a) < 0x80)
#include "utf8_blocks.h"

#endif

/* How many of the n bytes vectors find to be ASCII, from the beginning. */
static inline size_t
websockets_ascii_blocks(const unsigned char *p, size_t n)
{
#if defined(WEBSOCKETS_X86)
    if (websockets_simd_level() >= WEBSOCKETS_VECTORS_32)
        return websockets_ascii_blocks_avx2(p, n);
    if (websockets_simd_level() >= WEBSOCKETS_VECTORS_16)
        return websockets_ascii_blocks_sse4(p, n);
#elif defined(WEBSOCKETS_NEON)
    if (websockets_simd_level() >= WEBSOCKETS_VECTORS_16)
        return websockets_ascii_blocks_neon(p, n);
#endif
    (void)p, (void)n;
    return 0;
}

/* How many of the n bytes vectors find to be whole characters, from the beginning. */
static inline size_t
websockets_utf8_blocks(const unsigned char *p, size_t n)
{
#if defined(WEBSOCKETS_X86)
    if (websockets_simd_level() >= WEBSOCKETS_VECTORS_32)
        return websockets_utf8_blocks_avx2(p, n);
    if (websockets_simd_level() >= WEBSOCKETS_VECTORS_16)
        return websockets_utf8_blocks_sse4(p, n);
#elif defined(WEBSOCKETS_NEON)
    if (websockets_simd_level() >= WEBSOCKETS_VECTORS_16)
        return websockets_utf8_blocks_neon(p, n);
#endif
    (void)p, (void)n;
    return 0;
}

static inline int
websockets_is_ascii(const unsigned char *p, size_t n)
{
    size_t i = n < 64 ? 0 : websockets_ascii_blocks(p, n);

    for (; i + 8 <= n; i += 8)
        if (!websockets_ascii_word(p + i))
            return 0;
    for (; i < n; i++)
        if (p[i] >= 0x80)
            return 0;
    return 1;
}

/* How many of the n bytes are whole characters, from the beginning. What follows, if anything,
 * isn't UTF-8 or not whole: websockets_utf8_sequence tells which. */
static inline size_t
websockets_utf8_characters(const unsigned char *p, size_t n)
{
    size_t i = n < 64 ? 0 : websockets_utf8_blocks(p, n);
    int length;

    for (;;) {
        while (i + 8 <= n && websockets_ascii_word(p + i))
            i += 8;
        length = websockets_utf8_sequence(p + i, n - i);
        if (length <= 0)
            return i;
        i += (size_t)length;
    }
}

#endif
