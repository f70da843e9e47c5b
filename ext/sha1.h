/*
 * SHA-1 of a short message (RFC 3174), of at most SHA1_LONGEST bytes.
 *
 * Key decision: what it is for proves no secret (RFC 6455 10.8), so that speed is all there is to
 * it: for one message of two blocks OpenSSL's interface takes longer than the blocks.
 */

#ifndef WEBSOCKETS_SHA1_H
#define WEBSOCKETS_SHA1_H

#include <stdint.h>
#include <string.h>

/* Two blocks, without the mark of the end and the length that stand behind a message. */
#define SHA1_LONGEST (2 * 64 - 1 - 8)

#define SHA1_LEFT(word, bits) ((word) << (bits) | (word) >> (32 - (bits)))

static void sha1_block(uint32_t state[5], const unsigned char *block)
{
    uint32_t words[80];
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    int i;
    for (i = 0; i < 16; i++, block += 4)
        words[i] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8
                   | block[3];
    for (; i < 80; i++) {
        uint32_t word = words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16];
        words[i] = SHA1_LEFT(word, 1);
    }
#define SHA1_ROUNDS(from, to, function, constant)                                                 \
    for (i = from; i < to; i++) {                                                                 \
        uint32_t next = SHA1_LEFT(a, 5) + (function) + e + words[i] + constant;                   \
        e = d;                                                                                    \
        d = c;                                                                                    \
        c = SHA1_LEFT(b, 30);                                                                     \
        b = a;                                                                                    \
        a = next;                                                                                 \
    }
    SHA1_ROUNDS(0, 20, d ^ (b & (c ^ d)), 0x5A827999)
    SHA1_ROUNDS(20, 40, b ^ c ^ d, 0x6ED9EBA1)
    SHA1_ROUNDS(40, 60, (b & c) | (d & (b | c)), 0x8F1BBCDC)
    SHA1_ROUNDS(60, 80, b ^ c ^ d, 0xCA62C1D6)
#undef SHA1_ROUNDS
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

/* Put the 20 bytes of the digest there; the message has at most SHA1_LONGEST bytes. */
static void sha1_short(const unsigned char *message, size_t size, unsigned char digest[20])
{
    uint32_t state[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    unsigned char blocks[128] = {0};
    size_t whole = size < 64 - 8 ? 64 : 128;
    int i;
    memcpy(blocks, message, size);
    blocks[size] = 0x80;
    blocks[whole - 2] = (unsigned char)(size * 8 >> 8);
    blocks[whole - 1] = (unsigned char)(size * 8);
    sha1_block(state, blocks);
    if (whole == 128)
        sha1_block(state, blocks + 64);
    for (i = 0; i < 20; i++)
        digest[i] = (unsigned char)(state[i / 4] >> (24 - i % 4 * 8));
}

#undef SHA1_LEFT

#endif
