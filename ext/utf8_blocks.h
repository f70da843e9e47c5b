/* Validation of UTF-8 in vectors, after John Keiser and Daniel Lemire, "Validating UTF-8 In Less
 * Than One Instruction Per Byte" (2020).
 *
 * Owns the two loops over blocks of 64 bytes. utf8.h includes it once for each kind of vector, and
 * gives it the vocabulary, which is forgotten at the end.
 *
 * Key decision: what stands before each byte is loaded from memory again, 1, 2 and 3 bytes earlier,
 * so that no state goes from one block to the next.
 */

#ifndef WEBSOCKETS_UTF8_TABLES
#define WEBSOCKETS_UTF8_TABLES

/* All that two bytes in a row can do wrong, as bits. A pair is bad in one of these ways if the
 * first byte's two halves and the second byte's upper half all agree on it. */
enum {
    MISSING = 1 << 0,     /* the beginning of a sequence, or ASCII, where one has to go on */
    STRAY = 1 << 1,       /* a continuation behind ASCII */
    LONG_3 = 1 << 2,      /* E0 80 to E0 9F: three bytes where two are enough */
    BEYOND = 1 << 3,      /* F4 90 and up: above U+10FFFF */
    SURROGATE = 1 << 4,   /* ED A0 to ED BF */
    LONG_2 = 1 << 5,      /* C0 and C1: two bytes where one is enough */
    LONG_4 = 1 << 6,      /* F0 80 to F0 8F; F5 80 and up are found by the same bit */
    TWO = 1 << 7,         /* two continuations, which are right in longer sequences only */
    ANY = MISSING | STRAY | TWO
};

static const unsigned char websockets_utf8_first_high[16] = {
    STRAY, STRAY, STRAY, STRAY, STRAY, STRAY, STRAY, STRAY,
    TWO, TWO, TWO, TWO,
    MISSING | LONG_2,
    MISSING,
    MISSING | LONG_3 | SURROGATE,
    MISSING | LONG_4 | BEYOND,
};

static const unsigned char websockets_utf8_first_low[16] = {
    ANY | LONG_2 | LONG_3 | LONG_4,
    ANY | LONG_2,
    ANY, ANY,
    ANY | BEYOND,
    ANY | BEYOND | LONG_4, ANY | BEYOND | LONG_4, ANY | BEYOND | LONG_4, ANY | BEYOND | LONG_4,
    ANY | BEYOND | LONG_4, ANY | BEYOND | LONG_4, ANY | BEYOND | LONG_4, ANY | BEYOND | LONG_4,
    ANY | BEYOND | LONG_4 | SURROGATE,
    ANY | BEYOND | LONG_4, ANY | BEYOND | LONG_4,
};

static const unsigned char websockets_utf8_second_high[16] = {
    MISSING, MISSING, MISSING, MISSING, MISSING, MISSING, MISSING, MISSING,
    STRAY | TWO | LONG_2 | LONG_3 | LONG_4,
    STRAY | TWO | LONG_2 | LONG_3 | BEYOND,
    STRAY | TWO | LONG_2 | SURROGATE | BEYOND,
    STRAY | TWO | LONG_2 | SURROGATE | BEYOND,
    MISSING, MISSING, MISSING, MISSING,
};

#endif

/* Zero if each byte from p on is right behind the three before it. */
TARGET static inline VECTOR
NAME(websockets_utf8_errors)(const unsigned char *p)
{
    const VECTOR first_high = TABLE(websockets_utf8_first_high);
    const VECTOR first_low = TABLE(websockets_utf8_first_low);
    const VECTOR second_high = TABLE(websockets_utf8_second_high);
    VECTOR first = LOAD(p - 1), second = LOAD(p), errors, third_or_fourth;

    errors = AND(AND(LOOK_UP(first_high, HIGH_NIBBLES(first)),
                     LOOK_UP(first_low, AND(first, SAME(0x0F)))),
                 LOOK_UP(second_high, HIGH_NIBBLES(second)));
    /* The third byte from E0 on and the fourth from F0 on have to be the second continuation, or
     * more, in a row, and no other byte may: the upper bit is left where that is so. */
    third_or_fourth = OR(MINUS(LOAD(p - 2), SAME(0xE0 - 0x80)),
                         MINUS(LOAD(p - 3), SAME(0xF0 - 0x80)));
    return XOR(errors, AND(third_or_fourth, SAME(TWO)));
}

TARGET static inline size_t
NAME(websockets_ascii_blocks)(const unsigned char *p, size_t n)
{
    size_t i, j;

    for (i = 0; i + 64 <= n; i += 64) {
        VECTOR all = LOAD(p + i);
        for (j = sizeof(VECTOR); j < 64; j += sizeof(VECTOR))
            all = OR(all, LOAD(p + i + j));
        if (!IS_ASCII(all))
            break;
    }
    return i;
}

TARGET static inline size_t
NAME(websockets_utf8_blocks)(const unsigned char *p, size_t n)
{
    size_t i = 0, j;
    int length;

    while (i < 3) {
        length = websockets_utf8_sequence(p + i, n - i);
        if (length <= 0)
            return i;
        i += (size_t)length;
    }
    for (; i + 64 <= n; i += 64) {
        VECTOR all, errors;
        if (p[i - 1] < 0x80) {
            all = LOAD(p + i);
            for (j = sizeof(VECTOR); j < 64; j += sizeof(VECTOR))
                all = OR(all, LOAD(p + i + j));
            if (IS_ASCII(all))
                continue;
        }
        errors = NAME(websockets_utf8_errors)(p + i);
        for (j = sizeof(VECTOR); j < 64; j += sizeof(VECTOR))
            errors = OR(errors, NAME(websockets_utf8_errors)(p + i + j));
        if (!IS_ZERO(errors))
            break;
    }
    /* The last character may not be whole: back to its beginning. */
    while ((p[i - 1] & 0xC0) == 0x80)
        i--;
    return p[i - 1] < 0x80 ? i : i - 1;
}

#undef NAME
#undef TARGET
#undef VECTOR
#undef LOAD
#undef TABLE
#undef SAME
#undef AND
#undef OR
#undef XOR
#undef MINUS
#undef HIGH_NIBBLES
#undef LOOK_UP
#undef IS_ZERO
#undef IS_ASCII
