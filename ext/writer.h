/* Several pieces of memory to a socket, in one system call.
 *
 * Must never know whose socket it is. Key decision: every error is told as "nothing was taken", so
 * that whoever owns the socket meets it again and deals with it in its own way.
 */

#ifndef WEBSOCKETS_WRITER_H
#define WEBSOCKETS_WRITER_H

#include <stddef.h>

#include "system.h"

#define WEBSOCKETS_PIECES 64

#if !WEBSOCKETS_POSIX

struct websockets_piece {
    void *iov_base;
    size_t iov_len;
};

/* A descriptor is another thing there. */
#define WEBSOCKETS_SENDS 0

static inline ptrdiff_t
websockets_send(int descriptor, struct websockets_piece *pieces, int count)
{
    (void)descriptor;
    (void)pieces;
    (void)count;
    return 0;
}

#else

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#define websockets_piece iovec
#define WEBSOCKETS_SENDS 1

/* Where this isn't known, Python has SIGPIPE ignored. */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

static inline ptrdiff_t
websockets_send(int descriptor, struct iovec *pieces, int count)
{
    ssize_t taken;
    if (count == 1) {
        taken = send(
            descriptor, pieces->iov_base, pieces->iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    else {
        struct msghdr message = {.msg_iov = pieces};
        message.msg_iovlen = (size_t)count;
        taken = sendmsg(descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    return taken < 0 ? 0 : taken;
}

#endif

#endif
