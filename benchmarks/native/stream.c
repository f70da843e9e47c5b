/*
 * A connection to the server, with TLS where OpenSSL's headers were there, and its opening
 * handshake. All of this waits: sockets are made non-blocking by whoever exchanges messages.
 */

#include "load.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef WITH_TLS

#include <openssl/ssl.h>

const int has_tls = 1;

static void *open_tls(int fd)
{
    static SSL_CTX *context;
    SSL *tls;
    if (!context) {
        context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE);
        SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        SSL_CTX_set_read_ahead(context, 1);
        SSL_CTX_set_default_read_buffer_len(context, 1 << 17);
    }
    tls = SSL_new(context);
    SSL_set_fd(tls, fd);
    if (SSL_connect(tls) != 1)
        die("the TLS handshake failed");
    return tls;
}

static void close_tls(void *tls)
{
    SSL_free(tls);
}

static ssize_t outcome(void *tls, int n)
{
    int error = n > 0 ? SSL_ERROR_NONE : SSL_get_error(tls, n);
    if (error == SSL_ERROR_NONE || error == SSL_ERROR_ZERO_RETURN)
        return n;
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    return -1;
}

static ssize_t get_tls(void *tls, void *buffer, size_t size)
{
    return outcome(tls, SSL_read(tls, buffer, (int)size));
}

static ssize_t put_tls(void *tls, const void *data, size_t size)
{
    return outcome(tls, SSL_write(tls, data, (int)size));
}

#else

const int has_tls = 0;

/* load.c refuses the option, so nobody comes here. */
#define open_tls(fd) NULL
#define close_tls(tls) die("there is no TLS")
#define get_tls(tls, buffer, size) (-1)
#define put_tls(tls, data, size) (-1)

#endif

ssize_t get(struct stream *stream, void *buffer, size_t size)
{
    return stream->tls ? get_tls(stream->tls, buffer, size) : recv(stream->fd, buffer, size, 0);
}

ssize_t put(struct stream *stream, const void *data, size_t size)
{
    return stream->tls ? put_tls(stream->tls, data, size)
                       : send(stream->fd, data, size, MSG_NOSIGNAL);
}

void save_sample(const void *data, size_t size)
{
    FILE *file = options.sample ? fopen(options.sample, "ab") : NULL;
    if (file) {
        fwrite(data, 1, size, file);
        fclose(file);
    }
}

static void await_response(struct stream *stream, int sampled)
{
    char response[4097];
    size_t length = 0;
    do {
        ssize_t n = get(stream, response + length, sizeof response - 1 - length);
        if (n <= 0)
            die("the server went away in the opening handshake");
        length += (size_t)n;
        response[length] = 0;
    } while (length < 4 || strcmp(response + length - 4, "\r\n\r\n"));
    if (strncmp(response, "HTTP/1.1 101 ", 13))
        die("the server said %.60s", response);
    if (sampled)
        save_sample(response, length);
}

/* An address of this machine has some ten thousand ports for connections to another one. */
static void take_source(int fd, unsigned source)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + source);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address))
        die("can't take another address: %s", strerror(errno));
}

void start_stream(struct stream *stream, unsigned source)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    stream->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (stream->fd >= 0 && source)
        take_source(stream->fd, source);
    if (stream->fd < 0 || connect(stream->fd, (struct sockaddr *)&address, sizeof address))
        die("can't connect: %s", strerror(errno));
    setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    stream->tls = options.tls ? open_tls(stream->fd) : NULL;
    if (plan.request_length &&
        put(stream, plan.request, plan.request_length) != (ssize_t)plan.request_length)
        die("can't send the request: %s", strerror(errno));
}

void finish_stream(struct stream *stream, int sampled)
{
    if (plan.request_length)
        await_response(stream, sampled);
}

void close_stream(struct stream *stream)
{
    if (stream->tls)
        close_tls(stream->tls);
    close(stream->fd);
}
