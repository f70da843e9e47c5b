/* Sockets and the poller of the operating system: what the reactor and its links ask of it.
 *
 * Must never know Python. Key decisions: every function returns a number, negative for an error, of
 * which it is the negated errno; and a poller gives back the token that a descriptor was watched
 * with, because a number may be another file by the time that its event is looked at.
 */

#ifndef WEBSOCKETS_POLLER_H
#define WEBSOCKETS_POLLER_H

/* accept4() isn't in POSIX yet; Python's own header asks for this as well. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE 1
#endif

#include <stddef.h>
#include <stdint.h>

#include "system.h"

#define WEBSOCKETS_READABLE 1
#define WEBSOCKETS_WRITABLE 2

/* Readable is told once for what has arrived, not for as long as some of it is there: epoll then
 * looks at a socket once for each message, and not twice. Whoever leaves something asks again; where
 * that can't be known, as of Unix sockets, it is told for as long as something is there. While
 * writable is watched as well, and by kqueue, it is told for as long. */
#define WEBSOCKETS_ONCE 4

/* Told with readable: a read may leave something, because it stops at urgent bytes, at the end and
 * at an error, whatever is behind. */
#define WEBSOCKETS_MORE 8

/* So many events are taken at once, so that the event loop has its turn in between: asyncio's own
 * takes all that there are, and libuv 1024. */
#define WEBSOCKETS_EVENTS 128

/* So many events may be of one descriptor: kqueue tells apart that it is readable and writable. */
#define WEBSOCKETS_EVENTS_OF_ONE (1 + WEBSOCKETS_KQUEUE)

struct websockets_event {
    uint64_t token;
    int ready;
};

/* What an address is: not known, a path, or that of a host. */
enum { WEBSOCKETS_NOWHERE, WEBSOCKETS_PATH, WEBSOCKETS_IPV4, WEBSOCKETS_IPV6 };

#ifndef WEBSOCKETS_KQUEUE
#if WEBSOCKETS_POSIX && UINTPTR_MAX >= UINT64_MAX /* An event's token is as wide as a pointer. */ \
    && (defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__) || defined(__OpenBSD__))
#define WEBSOCKETS_KQUEUE 1
#else
#define WEBSOCKETS_KQUEUE 0
#endif
#endif

#if WEBSOCKETS_POSIX && defined(__linux__) && !WEBSOCKETS_KQUEUE
#define WEBSOCKETS_EPOLL 1
#else
#define WEBSOCKETS_EPOLL 0
#endif

/* Whether what was ready and isn't any more is forgotten without being taken. */
#define WEBSOCKETS_FORGETS WEBSOCKETS_EPOLL

#define WEBSOCKETS_POLLS (WEBSOCKETS_EPOLL || WEBSOCKETS_KQUEUE)

#if WEBSOCKETS_POLLS

#if WEBSOCKETS_EPOLL
#include <sys/epoll.h>
#else
#include <sys/event.h>
#include <sys/time.h>
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

static inline int
websockets_poller_open(void)
{
#if WEBSOCKETS_EPOLL
    int poller = epoll_create1(EPOLL_CLOEXEC);
    return poller < 0 ? -errno : poller;
#else
    int poller = kqueue();
    if (poller < 0)
        return -errno;
    fcntl(poller, F_SETFD, FD_CLOEXEC);
    return poller;
#endif
}

/* Watch a descriptor for other events than before; for none, if after is 0. For the same, it asks
 * again whether it is ready. */
static inline int
websockets_poller_watch(int poller, int descriptor, int before, int after, uint64_t token)
{
#if WEBSOCKETS_EPOLL
    struct epoll_event event;
    int operation = after == 0 ? EPOLL_CTL_DEL : before == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    memset(&event, 0, sizeof event);
    event.events = (after & WEBSOCKETS_READABLE ? EPOLLIN : 0u)
                 | (after & WEBSOCKETS_WRITABLE ? EPOLLOUT : 0u);
    if (after == (WEBSOCKETS_READABLE | WEBSOCKETS_ONCE))
        event.events |= (uint32_t)EPOLLET | EPOLLRDHUP | EPOLLPRI;
    event.data.u64 = token;
    return epoll_ctl(poller, operation, descriptor, &event) < 0 ? -errno : 0;
#else
    struct kevent changes[2];
    static const int16_t filters[2] = {EVFILT_READ, EVFILT_WRITE};
    static const int bits[2] = {WEBSOCKETS_READABLE, WEBSOCKETS_WRITABLE};
    int i, count = 0;
    for (i = 0; i < 2; i++) {
        if ((before ^ after) & bits[i]) {
            EV_SET(
                &changes[count], (uintptr_t)descriptor, filters[i],
                after & bits[i] ? EV_ADD : EV_DELETE, 0, 0, (void *)(uintptr_t)token);
            count++;
        }
    }
    return count && kevent(poller, changes, count, NULL, 0, NULL) < 0 ? -errno : 0;
#endif
}

/* Fill in which descriptors are ready, at most so many, without waiting; return their number. */
static inline int
websockets_poller_take(int poller, struct websockets_event *events, int most)
{
    int i, count;
#if WEBSOCKETS_EPOLL
    struct epoll_event found[WEBSOCKETS_EVENTS];
    count = epoll_wait(poller, found, most, 0);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (i = 0; i < count; i++) {
        uint32_t bits = found[i].events;
        events[i].token = found[i].data.u64;
        /* What is broken is read and written, which tells how. */
        events[i].ready = (bits & EPOLLIN ? WEBSOCKETS_READABLE : 0)
                        | (bits & EPOLLOUT ? WEBSOCKETS_WRITABLE : 0)
                        | (bits & (EPOLLERR | EPOLLHUP)
                               ? WEBSOCKETS_READABLE | WEBSOCKETS_WRITABLE : 0)
                        | (bits & (EPOLLERR | EPOLLHUP | EPOLLRDHUP | EPOLLPRI) ? WEBSOCKETS_MORE : 0);
    }
#else
    struct kevent found[WEBSOCKETS_EVENTS];
    static const struct timespec at_once = {0, 0};
    count = kevent(poller, NULL, 0, found, most, &at_once);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (i = 0; i < count; i++) {
        events[i].token = (uint64_t)(uintptr_t)found[i].udata;
        events[i].ready
            = found[i].filter == EVFILT_READ ? WEBSOCKETS_READABLE : WEBSOCKETS_WRITABLE;
    }
#endif
    return count;
}

static inline int
websockets_prepare(int descriptor)
{
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
#ifdef SO_NOSIGPIPE
    {
        int on = 1;
        setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
    }
#endif
    return 0;
}

/* Small writes leave at once. Sockets that are accepted have this from the one that listens. */
static inline void
websockets_no_delay(int descriptor)
{
    int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static inline int
websockets_listen(int descriptor, int backlog)
{
    int error = websockets_prepare(descriptor);
    websockets_no_delay(descriptor);
    if (error < 0)
        return error;
    return listen(descriptor, backlog) < 0 ? -errno : 0;
}

/* Where a socket or its peer is, as the system tells it. Paths are no longer than their room. */
struct websockets_place {
    socklen_t size; /* 0 if it isn't known */
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } at;
};

/* Accept a connection; return its descriptor, and where the peer is. */
static inline int
websockets_accept(int descriptor, struct websockets_place *peer)
{
    int accepted;
    do {
        peer->size = sizeof peer->at;
#if WEBSOCKETS_EPOLL
        accepted = accept4(descriptor, &peer->at.any, &peer->size, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
        accepted = accept(descriptor, &peer->at.any, &peer->size);
#endif
    } while (accepted < 0 && errno == EINTR);
    if (accepted < 0)
        return -errno;
    if (peer->size > sizeof peer->at)
        peer->size = 0;
#if !WEBSOCKETS_EPOLL
    {
        int error = websockets_prepare(accepted);
        fcntl(accepted, F_SETFD, FD_CLOEXEC);
        if (error < 0) {
            close(accepted);
            return error;
        }
    }
#endif
    return accepted;
}

/* Whether an error means that there is no connection to accept, while others may come. Linux tells
 * here what has befallen the one that is accepted. */
static inline int
websockets_none_left(int error)
{
    switch (error) {
    case EAGAIN:
#if EWOULDBLOCK != EAGAIN
    case EWOULDBLOCK:
#endif
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENOPROTOOPT:
#ifdef ENONET
    case ENONET:
#endif
        return 1;
    default:
        return 0;
    }
}

/* Whether an error means that the system, or this process, has no room for another connection. */
static inline int
websockets_no_room(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static inline int
websockets_would_block(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK;
}

static inline ptrdiff_t
websockets_receive(int descriptor, void *buffer, size_t size)
{
    ssize_t count;
    do
        count = recv(descriptor, buffer, size, 0);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
}

/* How many bytes can be read; 0 if nobody knows. */
static inline size_t
websockets_readable(int descriptor)
{
    int count = 0;
    return ioctl(descriptor, FIONREAD, &count) < 0 || count < 0 ? 0 : (size_t)count;
}

#define websockets_span iovec

/* Send some bytes of several pieces of memory; return their number. For a single one, as most are,
 * the system needn't look up where they are. */
static inline ptrdiff_t
websockets_send_some(int descriptor, struct websockets_span *pieces, int count)
{
    static const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    ssize_t taken;
    struct msghdr message;
    memset(&message, 0, sizeof message);
    message.msg_iov = pieces;
    message.msg_iovlen = (size_t)count;
    do
        taken = count == 1 ? send(descriptor, pieces->iov_base, pieces->iov_len, flags)
                           : sendmsg(descriptor, &message, flags);
    while (taken < 0 && errno == EINTR);
    return taken < 0 ? -errno : taken;
}

static inline int
websockets_end_writing(int descriptor)
{
    return shutdown(descriptor, SHUT_WR) < 0 ? -errno : 0;
}

static inline void
websockets_close(int descriptor)
{
    close(descriptor);
}

/* Find out where the peer of a socket is. */
static inline void
websockets_peer_of(int descriptor, struct websockets_place *peer)
{
    peer->size = sizeof peer->at;
    if (getpeername(descriptor, &peer->at.any, &peer->size) < 0 || peer->size > sizeof peer->at)
        peer->size = 0;
}

/* Whether a short read from a socket with that peer takes all that is there. From a Unix socket it
 * ends where a descriptor was passed. */
static inline int
websockets_takes_all(const struct websockets_place *peer)
{
    return peer->size
        && (peer->at.any.sa_family == AF_INET || peer->at.any.sa_family == AF_INET6);
}

/* An address as Python has it. */
struct websockets_address {
    int family;
    char host[NI_MAXHOST];
    int port;
    unsigned int flow;
    unsigned int scope;
    size_t length; /* of a path in host, which may hold zeros */
};

static inline void
websockets_describe(
    const struct sockaddr *place, socklen_t size, struct websockets_address *address)
{
    address->family = WEBSOCKETS_NOWHERE;
    if (size < sizeof place->sa_family)
        return;
    if (place->sa_family == AF_UNIX) {
        size_t head = offsetof(struct sockaddr_un, sun_path);
        const struct sockaddr_un *local = (const struct sockaddr_un *)place;
        address->length = 0;
        if (size > head) {
            address->length = size - head;
            if (local->sun_path[0] != 0)
                address->length = strnlen(local->sun_path, address->length);
            memcpy(address->host, local->sun_path, address->length);
        }
        address->family = WEBSOCKETS_PATH;
    }
    else if (place->sa_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)place;
        inet_ntop(AF_INET, &four->sin_addr, address->host, sizeof address->host);
        address->port = ntohs(four->sin_port);
        address->family = WEBSOCKETS_IPV4;
    }
    else if (place->sa_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)place;
        /* This has a word for the scope. */
        if (getnameinfo(
                place, size, address->host, sizeof address->host, NULL, 0, NI_NUMERICHOST) != 0)
            return;
        address->port = ntohs(six->sin6_port);
        address->flow = ntohl(six->sin6_flowinfo);
        address->scope = six->sin6_scope_id;
        address->family = WEBSOCKETS_IPV6;
    }
}

static inline void
websockets_address_of_place(struct websockets_place *place, struct websockets_address *address)
{
    websockets_describe(&place->at.any, place->size, address);
}

/* The address of a socket itself. */
static inline void
websockets_address_of_socket(int descriptor, struct websockets_address *address)
{
    struct sockaddr_storage storage;
    socklen_t size = sizeof storage;
    address->family = WEBSOCKETS_NOWHERE;
    if (getsockname(descriptor, (struct sockaddr *)&storage, &size) == 0)
        websockets_describe((struct sockaddr *)&storage, size, address);
}

/* The address of its peer. */
static inline void
websockets_address_of_peer(int descriptor, struct websockets_address *address)
{
    struct sockaddr_storage storage;
    socklen_t size = sizeof storage;
    address->family = WEBSOCKETS_NOWHERE;
    if (getpeername(descriptor, (struct sockaddr *)&storage, &size) == 0)
        websockets_describe((struct sockaddr *)&storage, size, address);
}

#else

#include "unpolled.h"

#endif

#endif
