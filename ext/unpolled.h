/* What poller.h has on a system without a poller that we know.
 *
 * Key decision: these are functions, not macros, so that compilers hold them against their calls.
 * None of them is called there: the event loop's own transports serve.
 */

#ifndef WEBSOCKETS_UNPOLLED_H
#define WEBSOCKETS_UNPOLLED_H

#include <stddef.h>
#include <stdint.h>

struct websockets_event;

struct websockets_span {
    void *iov_base;
    size_t iov_len;
};

struct websockets_place {
    unsigned int size;
};

struct websockets_address {
    int family;
    char host[1];
    int port;
    unsigned int flow;
    unsigned int scope;
    size_t length;
};

static inline int
websockets_poller_open(void)
{
    return -1;
}

static inline int
websockets_poller_watch(int poller, int descriptor, int before, int after, uint64_t token)
{
    (void)poller, (void)descriptor, (void)before, (void)after, (void)token;
    return -1;
}

static inline int
websockets_poller_take(int poller, struct websockets_event *events, int most)
{
    (void)poller, (void)events, (void)most;
    return -1;
}

static inline void
websockets_no_delay(int descriptor)
{
    (void)descriptor;
}

static inline int
websockets_listen(int descriptor, int backlog)
{
    (void)descriptor, (void)backlog;
    return -1;
}

static inline int
websockets_accept(int descriptor, struct websockets_place *peer)
{
    (void)descriptor;
    peer->size = 0;
    return -1;
}

static inline int
websockets_none_left(int error)
{
    (void)error;
    return 1;
}

static inline int
websockets_no_room(int error)
{
    (void)error;
    return 0;
}

static inline int
websockets_would_block(int error)
{
    (void)error;
    return 0;
}

static inline ptrdiff_t
websockets_receive(int descriptor, void *buffer, size_t size)
{
    (void)descriptor, (void)buffer, (void)size;
    return -1;
}

static inline size_t
websockets_readable(int descriptor)
{
    (void)descriptor;
    return 0;
}

static inline ptrdiff_t
websockets_send_some(int descriptor, struct websockets_span *pieces, int count)
{
    (void)descriptor, (void)pieces, (void)count;
    return -1;
}

static inline int
websockets_end_writing(int descriptor)
{
    (void)descriptor;
    return -1;
}

static inline void
websockets_close(int descriptor)
{
    (void)descriptor;
}

static inline void
websockets_peer_of(int descriptor, struct websockets_place *peer)
{
    (void)descriptor;
    peer->size = 0;
}

static inline int
websockets_takes_all(const struct websockets_place *peer)
{
    (void)peer;
    return 0;
}

static inline void
websockets_address_of_place(struct websockets_place *place, struct websockets_address *address)
{
    (void)place;
    address->family = 0;
}

static inline void
websockets_address_of_socket(int descriptor, struct websockets_address *address)
{
    (void)descriptor;
    address->family = 0;
}

static inline void
websockets_address_of_peer(int descriptor, struct websockets_address *address)
{
    (void)descriptor;
    address->family = 0;
}

#endif
