/* The characters of a str, as CPython stores them, to UTF-8 (RFC 3629).
 *
 * Owns the arithmetic, for the three widths in which characters are stored. Must never know Python's
 * objects. Key decision: the size is counted first, in a loop that compilers make vector
 * instructions of, so that the bytes can be written where they belong.
 */

#ifndef WEBSOCKETS_ENCODE_H
#define WEBSOCKETS_ENCODE_H

#include <stddef.h>
#include <stdint.h>

/* NAME_size returns how many bytes n characters take, or SIZE_MAX if a surrogate is among them,
 * which UTF-8 has no bytes for. NAME_write writes them. */
#define WEBSOCKETS_ENCODE(NAME, CHARACTER)                                                         \
    static inline size_t NAME##_size(const CHARACTER *text, size_t n)                              \
    {                                                                                              \
        size_t i, size = n, surrogates = 0;                                                        \
                                                                                                   \
        for (i = 0; i < n; i++) {                                                                  \
            uint32_t c = text[i];                                                                  \
            size += (size_t)(c >= 0x80) + (c >= 0x800) + (c >= 0x10000);                           \
            surrogates += (c & 0xFFFFF800) == 0xD800;                                              \
        }                                                                                          \
        return surrogates ? SIZE_MAX : size;                                                       \
    }                                                                                              \
                                                                                                   \
    static inline void NAME##_write(unsigned char *dst, const CHARACTER *text, size_t n)           \
    {                                                                                              \
        size_t i;                                                                                  \
                                                                                                   \
        for (i = 0; i < n; i++) {                                                                  \
            uint32_t c = text[i];                                                                  \
            if (c < 0x80) {                                                                        \
                *dst++ = (unsigned char)c;                                                         \
                continue;                                                                          \
            }                                                                                      \
            if (c < 0x800)                                                                         \
                *dst++ = (unsigned char)(0xC0 | c >> 6);                                           \
            else {                                                                                 \
                if (c < 0x10000)                                                                   \
                    *dst++ = (unsigned char)(0xE0 | c >> 12);                                      \
                else {                                                                             \
                    *dst++ = (unsigned char)(0xF0 | c >> 18);                                      \
                    *dst++ = (unsigned char)(0x80 | (c >> 12 & 0x3F));                             \
                }                                                                                  \
                *dst++ = (unsigned char)(0x80 | (c >> 6 & 0x3F));                                  \
            }                                                                                      \
            *dst++ = (unsigned char)(0x80 | (c & 0x3F));                                           \
        }                                                                                          \
    }

WEBSOCKETS_ENCODE(websockets_encode1, uint8_t)
WEBSOCKETS_ENCODE(websockets_encode2, uint16_t)
WEBSOCKETS_ENCODE(websockets_encode4, uint32_t)

#endif
