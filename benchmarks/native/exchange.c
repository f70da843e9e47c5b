/*
 * Messages kept in flight on every connection, and the echoes of them counted.
 *
 * What comes back is cut at its frame headers. Each header is compared with the expected one, and
 * so is the whole payload of the first message of each connection and of every SAMPLE-th after it.
 * Pings are passed over: measurements end long before a server misses the pongs.
 */

#include "load.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SAMPLE = 64, READ_SIZE = 1 << 18, EVENTS = 512, HEADER_MAX = 10, PING = 0x89 };
/* Connections from one address, those that are opened at once, and those that may wait. */
enum { FROM_ONE = 5000, AT_ONCE = 50, BACKLOG = 500 };

struct connection {
    struct stream stream;
    /* Sending */
    unsigned owed; /* messages */
    size_t out, out_end; /* of what the socket didn't take yet, in the plan's wire */
    unsigned next_out; /* place in the plan */
    uint64_t sent;
    uint64_t *sent_at; /* times of the last in_flight messages */
    /* Receiving */
    unsigned next_in; /* place in the plan */
    uint64_t received;
    uint8_t header[HEADER_MAX];
    unsigned header_length;
    int in_header, is_ping, checked;
    uint64_t left, at; /* bytes of the payload to come; where the expected echo goes on */
};

static int epoll, broadcast, sampled;
static struct connection *connections;
static unsigned *arrivals; /* of each broadcast in flight */

/* Sending */

static void start_sending(struct connection *c)
{
    uint64_t time = now();
    for (unsigned i = 0; i < c->owed; i++)
        c->sent_at[c->sent++ % options.in_flight] = time;
    c->out = plan.start[c->next_out];
    c->out_end = plan.start[c->next_out + c->owed];
    c->next_out = (c->next_out + c->owed) % plan.length;
    c->owed = 0;
}

static void send_owed(struct connection *c)
{
    ssize_t n = 0;
    while (n >= 0 && (c->out < c->out_end || c->owed)) {
        if (c->out == c->out_end)
            start_sending(c);
        n = put(&c->stream, plan.wire + c->out, c->out_end - c->out);
        if (n < 0 && errno != EAGAIN)
            die("can't send: %s", strerror(errno));
        c->out += n > 0 ? (size_t)n : 0;
    }
}

/* Receiving */

static void start_message(struct connection *c)
{
    c->in_header = plan.request_length > 0;
    c->is_ping = 0;
    c->header_length = 0;
    c->left = c->in_header ? 0 : plan.messages[c->next_in].echo_length;
    c->at = 0;
    c->checked = c->received % SAMPLE == 0;
}

static unsigned header_size(const struct connection *c)
{
    unsigned code = c->header_length < 2 ? 0 : c->header[1];
    return code == 126 ? 4 : code == 127 ? 10 : 2;
}

static void end_header(struct connection *c)
{
    const struct message *expected = &plan.messages[c->next_in];
    uint32_t known = expected->echo_length;
    size_t compared = known == 1 ? 1 : c->header_length;
    c->is_ping = c->header[0] == PING;
    if (c->header[1] > 127 || (!c->is_ping && memcmp(c->header, expected->echo, compared)))
        die("an echo's header is wrong: %02x %02x ...", c->header[0], c->header[1]);
    c->left = c->header_length == 2 ? c->header[1] : 0;
    for (unsigned i = 2; i < c->header_length; i++)
        c->left = c->left << 8 | c->header[i];
    c->at = c->header_length;
    c->checked = c->checked && known > 1 && !c->is_ping;
    c->in_header = 0;
    if (!sampled && c == connections && !c->is_ping)
        save_sample(c->header, c->header_length);
}

static void end_message(struct connection *c, uint64_t time)
{
    struct connection *sender = broadcast ? connections : c;
    size_t place = c->received % options.in_flight;
    record(time - sender->sent_at[place]);
    sampled = sampled || c == connections;
    c->received++;
    c->next_in = (c->next_in + 1) % plan.length;
    if (!broadcast) {
        c->owed++;
    } else if (++arrivals[place] == options.connections) {
        arrivals[place] = 0;
        sender->owed++;
    }
}

static size_t take_payload(struct connection *c, const uint8_t *data, size_t size)
{
    size_t n = size < c->left ? size : (size_t)c->left;
    if (c->checked && memcmp(data, plan.messages[c->next_in].echo + c->at, n))
        die("an echo's content is wrong");
    if (!sampled && c == connections && !c->is_ping)
        save_sample(data, n);
    c->at += n;
    c->left -= n;
    return n;
}

static void take(struct connection *c, const uint8_t *data, const uint8_t *end)
{
    uint64_t time = now();
    while (data < end) {
        if (c->in_header) {
            c->header[c->header_length++] = *data++;
            if (c->header_length == header_size(c))
                end_header(c);
        } else {
            data += take_payload(c, data, (size_t)(end - data));
        }
        if (!c->in_header && !c->left) {
            if (!c->is_ping)
                end_message(c, time);
            start_message(c);
        }
    }
}

static void receive(struct connection *c)
{
    static uint8_t buffer[READ_SIZE];
    ssize_t n;
    do {
        n = get(&c->stream, buffer, sizeof buffer);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            die("the server closed a connection");
        if (n > 0)
            take(c, buffer, buffer + n);
    } while (n == READ_SIZE || (n > 0 && c->stream.tls)); /* else there is nothing more */
}

/* All of them */

static void prepare(struct connection *c)
{
    const struct linger hard = {.l_onoff = 1, .l_linger = 0};
    /* Edges, so that each is told once, and what a socket waits for never changes. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.ptr = c}};
    /* Ended by a reset, so that thousands of ports aren't kept for a minute afterwards. */
    setsockopt(c->stream.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    c->sent_at = calloc(options.in_flight, sizeof *c->sent_at);
    fcntl(c->stream.fd, F_SETFL, O_NONBLOCK);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->stream.fd, &event))
        die("can't wait for a socket: %s", strerror(errno));
    start_message(c);
}

/* Without handshakes nothing tells whether a server has accepted a connection, whose backlog has an
 * end. So a byte goes there and back. */
static void await_echo(struct stream *stream)
{
    char byte = 0;
    if (put(stream, &byte, 1) != 1 || get(stream, &byte, 1) != 1)
        die("the server doesn't answer");
}

/* Several at a time, where that is allowed: to go to a busy server and back for each of ten
 * thousand takes a minute. */
void open_connections(int is_broadcast)
{
    unsigned at_once = options.at_a_time < AT_ONCE ? options.at_a_time : AT_ONCE;
    broadcast = is_broadcast;
    epoll = epoll_create1(0);
    arrivals = calloc(options.in_flight, sizeof *arrivals);
    connections = calloc(options.connections, sizeof *connections);
    for (unsigned first = 0, end; first < options.connections; first = end) {
        end = options.connections - first > at_once ? first + at_once : options.connections;
        for (unsigned i = first; i < end; i++)
            start_stream(&connections[i].stream, i / FROM_ONE);
        for (unsigned i = first; i < end; i++) {
            finish_stream(&connections[i].stream, i == 0);
            if (!plan.request_length && at_once > 1 && i >= BACKLOG && !broadcast)
                await_echo(&connections[i].stream);
            prepare(&connections[i]);
        }
    }
}

void send_first(void)
{
    if (broadcast)
        usleep(300000); /* no handshake tells that the server's program knows all connections */
    for (unsigned i = 0; i < (broadcast ? 1 : options.connections); i++) {
        connections[i].owed = options.in_flight;
        send_owed(&connections[i]);
    }
}

void exchange(uint64_t end, uint64_t messages)
{
    struct epoll_event events[EVENTS];
    while (now() < end && recorded() < messages) {
        int n = epoll_wait(epoll, events, EVENTS, 20);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (events[i].events & ~(unsigned)EPOLLOUT)
                receive(c);
            send_owed(c);
        }
        if (broadcast)
            send_owed(connections);
    }
}
