/* A stand-in for kqueue, made of Linux's epoll: as much of it as ext/poller.h uses, which is built
 * with it by CFLAGS="-DWEBSOCKETS_KQUEUE=1 -Itests/support/kqueue".
 *
 * Key decision: a queue is one poller in which are two others, for reading and for writing; so the
 * system itself forgets what is closed. Those two are closed when the queue's number is used again.
 */

#ifndef KQUEUE_STAND_IN_H
#define KQUEUE_STAND_IN_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

struct kevent {
    uintptr_t ident;
    int16_t filter;
    uint16_t flags;
    uint32_t fflags;
    intptr_t data;
    void *udata;
};

#define EVFILT_READ (-1)
#define EVFILT_WRITE (-2)
#define EV_ADD 1
#define EV_DELETE 2
#define EV_SET(event, a, b, c, d, e, f) (*(event) = (struct kevent){a, b, c, d, e, f})

enum { KQUEUES = 65536, KQUEUE_MOST = 1024 };

/* By the numbers of queues; 0 if there is none. The interpreter's lock guards them. */
static int kqueue_pollers[KQUEUES][2];

static inline int
kqueue(void)
{
    int i, queue = epoll_create1(EPOLL_CLOEXEC);
    for (i = 0; queue >= 0 && i < 2; i++) {
        struct epoll_event event;
        memset(&event, 0, sizeof event);
        event.events = EPOLLIN;
        if (kqueue_pollers[queue][i] > 0)
            close(kqueue_pollers[queue][i]);
        kqueue_pollers[queue][i] = epoll_create1(EPOLL_CLOEXEC);
        epoll_ctl(queue, EPOLL_CTL_ADD, kqueue_pollers[queue][i], &event);
    }
    return queue;
}

/* Make changes, then tell what is ready; nobody waits here. */
static inline int
kevent(int queue, const struct kevent *changes, int changed, struct kevent *events, int most,
       const struct timespec *timeout)
{
    struct epoll_event found[KQUEUE_MOST];
    int i, j, some, count = 0;
    (void)timeout;
    for (i = 0; i < changed; i++) {
        int writes = changes[i].filter == EVFILT_WRITE;
        int operation = changes[i].flags == EV_ADD ? EPOLL_CTL_ADD : EPOLL_CTL_DEL;
        struct epoll_event event;
        memset(&event, 0, sizeof event);
        event.events = writes ? EPOLLOUT : EPOLLIN;
        event.data.ptr = changes[i].udata;
        if (epoll_ctl(kqueue_pollers[queue][writes], operation, (int)changes[i].ident, &event) < 0)
            return -1;
    }
    for (i = 0; i < 2 && count < most; i++) {
        some = epoll_wait(kqueue_pollers[queue][i], found,
                          most - count < KQUEUE_MOST ? most - count : KQUEUE_MOST, 0);
        if (some < 0)
            return -1;
        for (j = 0; j < some; j++, count++) {
            memset(&events[count], 0, sizeof events[count]);
            events[count].filter = i ? EVFILT_WRITE : EVFILT_READ;
            events[count].udata = found[j].data.ptr;
        }
    }
    return count;
}

#endif
