/*
 * The load generator: connections to a server on this machine that keep it busy.
 *
 *     load MODE port=N plan=FILE [NAME=VALUE ...]
 *
 *     echo        connections=N in_flight=W: each connection sends a message more for each echo
 *     broadcast   the same, but only the first connection sends, and all receive every message
 *     handshakes  at_a_time=K: open, shake hands, close, and again
 *     idle        connections=N: open them, with echoes=1 let each have an echo, say so, and hold
 *                 them until standard input ends
 *     features    tell what this build can do
 *
 * warmup=SECONDS go before the seconds=SECONDS that count. tls=1 speaks TLS. sample=FILE takes the
 * first response and the first message that come, as they came, for others to judge. at_a_time is
 * also how many connections are opened at once, 50 at most; one if it isn't given, so that idle
 * ones take what they take on a server that isn't busy.
 *
 * The generator knows nothing of masks, UTF-8 or compression: the plan, written by plans.py, holds
 * the opening request and every frame as they go over the wire, beside the echoes to expect.
 * One line of JSON tells the result. load_cpu is the share of one processor that went into this
 * program: near 1, the figures are its own and not the server's. cpu is the share that went into
 * the process that server=PID names.
 */

#include "load.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static const uint64_t PATIENCE = 60000000000; /* nanoseconds */

struct options options = {
    .connections = 1, .in_flight = 1, .at_a_time = 1, .warmup = 0.2, .seconds = 1};

static void read_options(int argc, char **argv)
{
    const struct {
        const char *name;
        unsigned *number;
        double *time;
        const char **text;
    } known[] = {
        {.name = "port", .number = &options.port},
        {.name = "connections", .number = &options.connections},
        {.name = "in_flight", .number = &options.in_flight},
        {.name = "at_a_time", .number = &options.at_a_time},
        {.name = "echoes", .number = &options.echoes},
        {.name = "tls", .number = &options.tls},
        {.name = "server", .number = &options.server},
        {.name = "warmup", .time = &options.warmup},
        {.name = "seconds", .time = &options.seconds},
        {.name = "plan", .text = &options.plan},
        {.name = "sample", .text = &options.sample},
    };
    const size_t total = sizeof known / sizeof *known;
    for (int i = 2; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        size_t j = 0;
        if (!value)
            die("NAME=VALUE is wanted, not %s", argv[i]);
        *value++ = 0;
        while (j < total && strcmp(argv[i], known[j].name))
            j++;
        if (j == total)
            die("there is no option %s", argv[i]);
        if (known[j].number)
            *known[j].number = (unsigned)strtoul(value, NULL, 10);
        else if (known[j].time)
            *known[j].time = strtod(value, NULL);
        else
            *known[j].text = value;
    }
}

/* Handshakes: one after the other in each of several threads is the shortest way to write it. */

static int stopping;

static void *shake_hands_again_and_again(void *is_first)
{
    static const uint8_t close_frame[] = {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8};
    struct stream stream;
    char rest[4096];
    for (int sampled = is_first != NULL; !__atomic_load_n(&stopping, __ATOMIC_RELAXED);
         sampled = 0) {
        uint64_t start = now();
        start_stream(&stream, 0);
        finish_stream(&stream, sampled);
        record(now() - start);
        if (put(&stream, close_frame, sizeof close_frame) < 0)
            die("can't close: %s", strerror(errno));
        while (get(&stream, rest, sizeof rest) > 0) {
        }
        close_stream(&stream);
    }
    return NULL;
}

static void sleep_until(uint64_t end)
{
    uint64_t time = now();
    if (end > time)
        usleep((useconds_t)((end - time) / 1000));
}

static void measure_handshakes(void)
{
    pthread_t *threads = calloc(options.at_a_time, sizeof *threads);
    for (unsigned i = 0; i < options.at_a_time; i++)
        if (pthread_create(&threads[i], NULL, shake_hands_again_and_again, i ? NULL : threads))
            die("can't start a thread");
    measure(sleep_until);
    __atomic_store_n(&stopping, 1, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < options.at_a_time; i++)
        pthread_join(threads[i], NULL);
    free(threads);
}

static void exchange_until(uint64_t end)
{
    exchange(end, UINT64_MAX);
}

/* What goes on before every connection had a message is no steady state. */
static void exchange_first(void)
{
    send_first();
    exchange(now() + PATIENCE, options.connections);
}

static void measure_exchange(int is_broadcast)
{
    open_connections(is_broadcast);
    exchange_first();
    measure(exchange_until);
}

static void hold(void)
{
    open_connections(0);
    if (options.echoes)
        exchange_first();
    printf("{\"open\": %u}\n", options.connections);
    fflush(stdout);
    while (getchar() != EOF) {
    }
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    if (!strcmp(mode, "features")) {
        puts(has_tls ? "tls" : "");
        return 0;
    }
    read_options(argc, argv);
    if (!options.connections || !options.in_flight || !options.at_a_time)
        die("connections, in_flight and at_a_time are 1 or more");
    if (options.tls && !has_tls)
        die("this build has no TLS: it needs OpenSSL's headers");
    read_plan();
    signal(SIGPIPE, SIG_IGN);
    if (!strcmp(mode, "echo"))
        measure_exchange(0);
    else if (!strcmp(mode, "broadcast"))
        measure_exchange(1);
    else if (!strcmp(mode, "handshakes"))
        measure_handshakes();
    else if (!strcmp(mode, "idle"))
        hold();
    else
        die("the mode is echo, broadcast, handshakes, idle or features");
    return 0;
}
