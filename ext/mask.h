/* XOR with a masking key (RFC 6455 5.3).
 *
 * Owns the loops over the bytes, for every extension that masks. Must never know Python.
 *
 * Key decision: a short payload is done right there, by words, a long one by the widest vectors
 * that the processor has. Any alignment will do; nothing outside the n bytes is read or written.
 */

#ifndef WEBSOCKETS_MASK_H
#define WEBSOCKETS_MASK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "simd.h"

/* From this size on, choosing a loop and aligning it costs less than it gains. */
#define WEBSOCKETS_LONG_MASK 128

/* Vectors of up to 32 bytes are stored where they don't cross lines of the cache. */
#define WEBSOCKETS_MASK_ALIGNMENT 32

/* The key twice in a row, from its byte offset % 4 on. */
static inline uint64_t
websockets_wide_key(const unsigned char *key, size_t offset)
{
    unsigned int shift = 8 * (offset & 3);
    uint32_t word;
    uint64_t wide;

    memcpy(&word, key, 4);
    wide = word * UINT64_C(0x100000001);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return wide << shift | wide >> ((64 - shift) & 63);
#else
    return wide >> shift | wide << ((64 - shift) & 63);
#endif
}

static inline void
websockets_mask_words(unsigned char *dst, const unsigned char *src, size_t n, uint64_t wide)
{
    unsigned char pattern[8];
    uint64_t word;
    uint32_t half;
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        memcpy(&word, src + i, 8);
        word ^= wide;
        memcpy(dst + i, &word, 8);
    }
    if (n & 4) {
        memcpy(&half, src + i, 4);
        half ^= (uint32_t)wide;
        memcpy(dst + i, &half, 4);
        i += 4;
    }
    memcpy(pattern, &wide, 8);
    for (; i < n; i++)
        dst[i] = src[i] ^ pattern[i & 3];
}

/* The loops for long payloads return how many bytes they have done, a multiple of 4. */

#if defined(WEBSOCKETS_X86)

static inline size_t
websockets_mask_sse(unsigned char *dst, const unsigned char *src, size_t n, uint64_t wide)
{
    const __m128i key = _mm_set1_epi64x((int64_t)wide);
    size_t i, j;

    for (i = 0; i + 64 <= n; i += 64)
        for (j = i; j < i + 64; j += 16) {
            __m128i block = _mm_loadu_si128((const __m128i *)(src + j));
            _mm_storeu_si128((__m128i *)(dst + j), _mm_xor_si128(block, key));
        }
    return i;
}

WEBSOCKETS_TARGET("avx2") static inline size_t
websockets_mask_avx2(unsigned char *dst, const unsigned char *src, size_t n, uint64_t wide)
{
    const __m256i key = _mm256_set1_epi64x((int64_t)wide);
    size_t i, j;

    for (i = 0; i + 128 <= n; i += 128)
        for (j = i; j < i + 128; j += 32) {
            __m256i block = _mm256_loadu_si256((const __m256i *)(src + j));
            _mm256_storeu_si256((__m256i *)(dst + j), _mm256_xor_si256(block, key));
        }
    return i;
}

#elif defined(WEBSOCKETS_NEON)

static inline size_t
websockets_mask_neon(unsigned char *dst, const unsigned char *src, size_t n, uint64_t wide)
{
    const uint8x16_t key = vreinterpretq_u8_u64(vdupq_n_u64(wide));
    size_t i, j;

    for (i = 0; i + 64 <= n; i += 64)
        for (j = i; j < i + 64; j += 16)
            vst1q_u8(dst + j, veorq_u8(vld1q_u8(src + j), key));
    return i;
}

#endif

static inline size_t
websockets_mask_vectors(unsigned char *dst, const unsigned char *src, size_t n, uint64_t wide)
{
#if defined(WEBSOCKETS_X86)
    if (websockets_simd_level() >= WEBSOCKETS_VECTORS_32)
        return websockets_mask_avx2(dst, src, n, wide);
    if (websockets_simd_level() >= WEBSOCKETS_VECTORS_16)
        return websockets_mask_sse(dst, src, n, wide);
#elif defined(WEBSOCKETS_NEON)
    if (websockets_simd_level() >= WEBSOCKETS_VECTORS_16)
        return websockets_mask_neon(dst, src, n, wide);
#endif
    (void)dst, (void)src, (void)n, (void)wide;
    return 0;
}

/* dst and src are the same n bytes or don't overlap. offset is the number of bytes of the payload
 * that are done already: it tells where in the key to go on. */
static inline void
websockets_mask(unsigned char *dst, const unsigned char *src, size_t n, const unsigned char *key,
                size_t offset)
{
    size_t done;

    if (n >= WEBSOCKETS_LONG_MASK) {
        done = (0 - (uintptr_t)dst) % WEBSOCKETS_MASK_ALIGNMENT;
        websockets_mask_words(dst, src, done, websockets_wide_key(key, offset));
        offset += done;
        done += websockets_mask_vectors(dst + done, src + done, n - done,
                                        websockets_wide_key(key, offset));
        dst += done, src += done, n -= done;
    }
    websockets_mask_words(dst, src, n, websockets_wide_key(key, offset));
}

/* A key as a number, its first byte on top; or none. */
#define WEBSOCKETS_NO_KEY (-1)

static inline void
websockets_write_key(unsigned char *place, uint32_t key)
{
    place[0] = (unsigned char)(key >> 24);
    place[1] = (unsigned char)(key >> 16);
    place[2] = (unsigned char)(key >> 8);
    place[3] = (unsigned char)key;
}

static inline void
websockets_mask_by(unsigned char *dst, const unsigned char *src, size_t n, uint32_t key,
                   size_t offset)
{
    unsigned char bytes[4];

    websockets_write_key(bytes, key);
    websockets_mask(dst, src, n, bytes, offset);
}

#endif
