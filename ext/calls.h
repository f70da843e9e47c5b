/* A read from a socket that may block.
 *
 * Must never know whose socket it is.
 */

#ifndef WEBSOCKETS_CALLS_H
#define WEBSOCKETS_CALLS_H

#include <stddef.h>

#include "system.h"

#if !WEBSOCKETS_POSIX

#define WEBSOCKETS_RECEIVES 0

/* A descriptor is another thing there. */
static inline ptrdiff_t
websockets_recv(int descriptor, void *memory, size_t size)
{
    (void)descriptor;
    (void)memory;
    (void)size;
    return -1;
}

#else

#include <sys/socket.h>
#include <sys/types.h>

#define WEBSOCKETS_RECEIVES 1

static inline ptrdiff_t
websockets_recv(int descriptor, void *memory, size_t size)
{
    return recv(descriptor, memory, size, 0);
}

#endif

#endif
