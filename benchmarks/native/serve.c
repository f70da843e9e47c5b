/*
 * An echo server, the other side when clients are measured.
 *
 *     serve [raw] [tls=FILE]
 *
 * It prints the port it listens on at 127.0.0.1, and ends with its standard input. With "raw" it
 * sends back bytes as they come. With "tls" it speaks TLS, where OpenSSL's headers were there: the
 * file, of PEM, has its key and its certificates. It takes what well-behaved clients send: a frame
 * that is neither text nor binary ends the connection, and so does all that is wrong. What else
 * servers are told in their arguments means nothing to it.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 1 << 18, EVENTS = 256, LARGEST = 1 << 26 };

struct buffer {
    uint8_t *data;
    size_t length, room;
};

struct connection {
    int fd, is_open;
    void *tls; /* NULL without TLS */
    struct buffer in, out;
};

static int epoll, raw;

/* The stream: TCP, or TLS on it. The handshake of TLS is part of the first reads. */

#ifdef WITH_TLS

#include <openssl/ssl.h>

static SSL_CTX *context;

static int use_tls(const char *file)
{
    context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, 1 << 17);
    return SSL_CTX_use_certificate_chain_file(context, file) == 1 &&
           SSL_CTX_use_PrivateKey_file(context, file, SSL_FILETYPE_PEM) == 1;
}

static void open_tls(struct connection *c)
{
    if (context) {
        c->tls = SSL_new(context);
        SSL_set_fd(c->tls, c->fd);
        SSL_set_accept_state(c->tls);
    }
}

static ssize_t outcome(struct connection *c, int n)
{
    int error = n > 0 ? SSL_ERROR_NONE : SSL_get_error(c->tls, n);
    if (error == SSL_ERROR_NONE || error == SSL_ERROR_ZERO_RETURN)
        return n;
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    return -1;
}

static ssize_t get_tls(struct connection *c, void *buffer, size_t size)
{
    return outcome(c, SSL_read(c->tls, buffer, (int)size));
}

static ssize_t put_tls(struct connection *c, const void *data, size_t size)
{
    return outcome(c, SSL_write(c->tls, data, (int)size));
}

#else

#define use_tls(file) ((void)(file), 0)
#define open_tls(c) ((void)0)
#define SSL_free(tls) ((void)0)
#define get_tls(c, buffer, size) (-1)
#define put_tls(c, data, size) (-1)

#endif

static ssize_t get(struct connection *c, void *buffer, size_t size)
{
    return c->tls ? get_tls(c, buffer, size) : recv(c->fd, buffer, size, 0);
}

static ssize_t put(struct connection *c, const void *data, size_t size)
{
    return c->tls ? put_tls(c, data, size) : send(c->fd, data, size, MSG_NOSIGNAL);
}

/* What was received and not read, what was made and not sent. */

static uint8_t *reserve(struct buffer *buffer, size_t size)
{
    while (buffer->length + size > buffer->room)
        buffer->room = buffer->room ? buffer->room * 2 : READ_SIZE;
    buffer->data = realloc(buffer->data, buffer->room);
    if (!buffer->data)
        exit(1);
    return buffer->data + buffer->length;
}

static void append(struct buffer *buffer, const void *data, size_t size)
{
    memcpy(reserve(buffer, size), data, size);
    buffer->length += size;
}

static void drop(struct buffer *buffer, size_t size)
{
    buffer->length -= size;
    if (size && buffer->length)
        memmove(buffer->data, buffer->data + size, buffer->length);
}

/* The opening handshake: SHA-1 (RFC 3174) of the key and the GUID, in base64. */

static uint32_t roll(uint32_t x, int n)
{
    return x << n | x >> (32 - n);
}

static void add_block(uint32_t *hash, const uint8_t *block)
{
    uint32_t w[80], s[5];
    memcpy(s, hash, sizeof s);
    for (int t = 0; t < 16; t++)
        w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 |
               (uint32_t)block[4 * t + 2] << 8 | block[4 * t + 3];
    for (int t = 16; t < 80; t++)
        w[t] = roll(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    for (int t = 0; t < 80; t++) {
        uint32_t f = t < 20   ? ((s[1] & s[2]) | (~s[1] & s[3])) + 0x5a827999
                     : t < 40 ? (s[1] ^ s[2] ^ s[3]) + 0x6ed9eba1
                     : t < 60 ? ((s[1] & s[2]) | (s[1] & s[3]) | (s[2] & s[3])) + 0x8f1bbcdc
                              : (s[1] ^ s[2] ^ s[3]) + 0xca62c1d6;
        uint32_t first = roll(s[0], 5) + f + s[4] + w[t];
        s[4] = s[3], s[3] = s[2], s[2] = roll(s[1], 30), s[1] = s[0], s[0] = first;
    }
    for (int i = 0; i < 5; i++)
        hash[i] += s[i];
}

static void accept_key(const char *key, char *accept)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t hash[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint8_t blocks[128] = {0}, digest[21] = {0};
    memcpy(blocks, key, 24);
    memcpy(blocks + 24, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
    blocks[60] = 0x80;
    blocks[126] = 60 * 8 >> 8, blocks[127] = 60 * 8 & 255;
    add_block(hash, blocks);
    add_block(hash, blocks + 64);
    for (int i = 0; i < 20; i++)
        digest[i] = (uint8_t)(hash[i / 4] >> (24 - i % 4 * 8));
    for (int i = 0; i < 28; i++) {
        const uint8_t *three = digest + i / 4 * 3;
        uint32_t bits = (uint32_t)three[0] << 16 | (uint32_t)three[1] << 8 | three[2];
        accept[i] = digits[bits >> (18 - i % 4 * 6) & 63];
    }
    accept[27] = '='; /* 20 bytes are 27 digits */
}

static int shake_hands(struct connection *c)
{
    static const char start[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                "Connection: Upgrade\r\nSec-WebSocket-Accept: ";
    static const char name[] = "\r\nSec-WebSocket-Key: ";
    char accept[28];
    uint8_t *end = memmem(c->in.data, c->in.length, "\r\n\r\n", 4);
    if (!end)
        return c->in.length < 8192;
    *end = 0;
    char *key = strcasestr((char *)c->in.data, name);
    if (!key || strlen(key) < sizeof name - 1 + 24)
        return 0;
    accept_key(key + sizeof name - 1, accept);
    append(&c->out, start, sizeof start - 1);
    append(&c->out, accept, sizeof accept);
    append(&c->out, "\r\n\r\n", 4);
    c->is_open = 1;
    drop(&c->in, (size_t)(end + 4 - c->in.data));
    return 1;
}

/* Frames. The echo of a frame is its header without the mask, and its payload. */

static void unmask(uint8_t *to, const uint8_t *from, const uint8_t *mask, size_t length)
{
    uint64_t key, eight;
    size_t i = 0;
    memcpy(&key, mask, 4);
    memcpy((uint8_t *)&key + 4, mask, 4);
    for (; i + 8 <= length; i += 8) {
        memcpy(&eight, from + i, 8);
        eight ^= key;
        memcpy(to + i, &eight, 8);
    }
    for (; i < length; i++)
        to[i] = from[i] ^ mask[i & 3];
}

/* How much of the data was a whole frame: 0 is none yet, -1 one that isn't echoed. */
static ssize_t echo_frame(struct connection *c, const uint8_t *data, size_t available)
{
    if (available < 2)
        return 0;
    size_t length = data[1] & 127, header = length == 127 ? 10 : length == 126 ? 4 : 2;
    if ((data[0] != 0x81 && data[0] != 0x82) || data[1] < 128)
        return -1;
    if (available < header + 4)
        return 0;
    if (header > 2)
        length = 0;
    for (size_t i = 2; i < header; i++)
        length = length << 8 | data[i];
    if (length > LARGEST)
        return -1;
    if (available < header + 4 + length)
        return 0;
    uint8_t *out = reserve(&c->out, header + length);
    memcpy(out, data, header);
    out[1] &= 127;
    unmask(out + header, data + header + 4, data + header, length);
    c->out.length += header + length;
    return (ssize_t)(header + 4 + length);
}

static int echo(struct connection *c)
{
    ssize_t size = 1;
    size_t at = 0;
    if (raw) {
        append(&c->out, c->in.data, c->in.length);
        c->in.length = 0;
        return 1;
    }
    if (!c->is_open && !shake_hands(c))
        return 0;
    while (c->is_open && size > 0) {
        size = echo_frame(c, c->in.data + at, c->in.length - at);
        at += size > 0 ? (size_t)size : 0;
    }
    drop(&c->in, at);
    return size >= 0;
}

/* The network */

static void open_connection(int listener)
{
    struct connection *c = calloc(1, sizeof *c);
    int on = 1;
    c->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (c->fd < 0) {
        free(c);
        return;
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    open_tls(c);
    /* Edges, so that each is told once, and what a socket waits for never changes. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.ptr = c}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
}

static void close_connection(struct connection *c)
{
    if (c->tls)
        SSL_free(c->tls);
    close(c->fd);
    free(c->in.data);
    free(c->out.data);
    free(c);
}

/* Take all that is there, send all that goes. */
static void serve(struct connection *c)
{
    ssize_t n;
    size_t sent = 0;
    do {
        n = get(c, reserve(&c->in, READ_SIZE), READ_SIZE);
        c->in.length += n > 0 ? (size_t)n : 0;
        if (n == 0 || (n < 0 && errno != EAGAIN) || (n > 0 && !echo(c))) {
            close_connection(c);
            return;
        }
    } while (n == READ_SIZE || (n > 0 && c->tls)); /* else there is nothing more */
    do {
        n = sent < c->out.length ? put(c, c->out.data + sent, c->out.length - sent) : 0;
        sent += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    drop(&c->out, sent);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    struct epoll_event events[EVENTS];
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    signal(SIGPIPE, SIG_IGN);
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "raw"))
            raw = 1;
        else if (!strncmp(argv[i], "tls=", 4) && !use_tls(argv[i] + 4))
            return fprintf(stderr, "serve: there is no TLS with %s\n", argv[i] + 4), 1;
    }
    epoll = epoll_create1(0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1024))
        return 1;
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("{\"port\": %d}\n", ntohs(address.sin_port));
    fflush(stdout);
    /* The listener and standard input stand for themselves, connections for their state. */
    struct epoll_event of_listener = {.events = EPOLLIN, .data = {.ptr = &listener}};
    struct epoll_event of_input = {.events = EPOLLIN, .data = {.ptr = NULL}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &of_listener);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &of_input))
        return 1; /* not a pipe */
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (!events[i].data.ptr)
                return 0;
            if (events[i].data.ptr == &listener)
                open_connection(listener);
            else
                serve(events[i].data.ptr);
        }
    }
}
