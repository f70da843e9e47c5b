/* Memory for large messages, which comes and goes with each of them.
 *
 * Must never know whose memory it is.
 *
 * Key decision: glibc learns from the largest block that it was given back (mallopt(3),
 * M_MMAP_THRESHOLD): blocks up to that size no longer come from the system and go back to it each
 * time, and it keeps twice as much of what is free. While that is as much as one message, two of
 * them that take turns still have their pages taken away, and a page that comes anew costs a fault.
 * So it is shown a block for several messages, which nobody touches and which takes no memory. What
 * a program or its environment has set itself stays, as do limits that are higher.
 */

#ifndef WEBSOCKETS_MEMORY_H
#define WEBSOCKETS_MEMORY_H

#include <stdlib.h>

#ifdef __GLIBC__

/* How many messages are to have room: more connections than this rarely fill theirs at one time. */
#define WEBSOCKETS_BLOCKS 8

/* glibc begins with the one, and learns from none that is larger than the other by a bit. */
#define WEBSOCKETS_SMALLEST ((size_t)128 << 10)
#define WEBSOCKETS_LARGEST (sizeof(void *) < 8 ? (size_t)496 << 10 : (size_t)31 << 20)

/* Tell that blocks of a size will come and go. */
static inline void
websockets_expect_blocks(size_t size)
{
    static size_t shown = WEBSOCKETS_SMALLEST;
    void *volatile block; /* or compilers leave out what nobody uses */
    size = size < WEBSOCKETS_LARGEST / WEBSOCKETS_BLOCKS ? size * WEBSOCKETS_BLOCKS
                                                         : WEBSOCKETS_LARGEST;
    if (size <= shown)
        return;
    shown = size;
    block = malloc(size);
    free(block);
}

#else

static inline void
websockets_expect_blocks(size_t size)
{
    (void)size;
}

#endif

#endif
