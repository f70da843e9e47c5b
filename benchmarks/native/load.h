/*
 * What the files of the load generator share. load.c says what it is.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

struct options {
    unsigned port, connections, in_flight, at_a_time, echoes, tls, server;
    double warmup, seconds;
    const char *plan, *sample;
};

extern struct options options;

/* stream.c: a connection to the server, until the opening handshake is done. */

struct stream {
    int fd;
    void *tls; /* NULL without TLS */
};

extern const int has_tls;

/* Its request is sent, from an address: source 0 is 127.0.0.1, 1 the next one. */
void start_stream(struct stream *stream, unsigned source);
/* The response has come. */
void finish_stream(struct stream *stream, int sampled);
void close_stream(struct stream *stream);
ssize_t get(struct stream *stream, void *buffer, size_t size);
ssize_t put(struct stream *stream, const void *data, size_t size);
void save_sample(const void *data, size_t size);

/* plan.c: what is sent and what comes back. */

struct message {
    const uint8_t *echo; /* what comes back, header and payload */
    uint32_t echo_length; /* 1: the server compresses it, so only the first byte is known before */
};

struct plan {
    unsigned length; /* messages; after the last comes the first again */
    struct message *messages;
    const char *request;
    uint32_t request_length; /* 0: neither handshake nor frames, just bytes */
    const uint8_t *wire; /* what is sent, so often that in_flight messages from any are whole */
    size_t *start; /* of each message in the wire */
};

extern struct plan plan;

void read_plan(void);

/* exchange.c: echoes and broadcasts. */

void open_connections(int is_broadcast);
void send_first(void);
void exchange(uint64_t end, uint64_t messages);

/* measure.c: the clock and what is counted. */

void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
uint64_t now(void); /* nanoseconds */
void record(uint64_t latency); /* of one message more */
uint64_t recorded(void);
void measure(void (*work_until)(uint64_t end));
