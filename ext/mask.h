/* XOR with a masking key (RFC 6455 5.3).
 *
 * Owns the loop over the bytes, for every extension that masks. Must never know Python.
 *
 * Key decision: words go through memcpy, so that any alignment will do and compilers make vector
 * instructions of the loop. Nothing outside the n bytes is read or written.
 */

#ifndef WEBSOCKETS_MASK_H
#define WEBSOCKETS_MASK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* dst and src are the same n bytes or don't overlap. offset is the number of bytes of the payload
 * that are done already: it tells where in the key to go on. */
static inline void
websockets_mask(unsigned char *dst, const unsigned char *src, size_t n, const unsigned char *key,
                size_t offset)
{
    unsigned char pattern[8];
    uint64_t wide, word;
    size_t i;

    for (i = 0; i < 8; i++)
        pattern[i] = key[(offset + i) & 3];
    memcpy(&wide, pattern, 8);
    for (i = 0; i + 8 <= n; i += 8) {
        memcpy(&word, src + i, 8);
        word ^= wide;
        memcpy(dst + i, &word, 8);
    }
    for (; i < n; i++)
        dst[i] = src[i] ^ pattern[i & 7];
}

#endif
