/*
 * The plan, a file written by plans.py. 32-bit numbers in the machine's order: the length of the
 * request, how many messages, and for each of them the lengths of what is sent and of its echo;
 * then the request, all that is sent, and all echoes.
 */

#include "load.h"

struct plan plan;

static void *take(size_t size, FILE *file)
{
    void *data = malloc(size + 1);
    if (!data || fread(data, 1, size, file) != size)
        die("the plan is cut short");
    return data;
}

static uint32_t take_number(FILE *file)
{
    uint32_t *data = take(sizeof *data, file), number = *data;
    free(data);
    return number;
}

void read_plan(void)
{
    FILE *file = fopen(options.plan ? options.plan : "", "rb");
    if (!file)
        die("can't read the plan: %s", strerror(errno));
    plan.request_length = take_number(file);
    plan.length = take_number(file);
    if (!plan.length)
        die("the plan has no message");
    unsigned total = plan.length + options.in_flight;
    plan.messages = calloc(plan.length, sizeof *plan.messages);
    plan.start = calloc(total + 1, sizeof *plan.start);
    for (unsigned i = 0; i < plan.length; i++) {
        plan.start[i + 1] = plan.start[i] + take_number(file);
        plan.messages[i].echo_length = take_number(file);
    }
    size_t once = plan.start[plan.length];
    for (unsigned i = plan.length; i < total; i++)
        plan.start[i + 1] = plan.start[i + 1 - plan.length] + once;
    plan.request = take(plan.request_length, file);
    uint8_t *wire = realloc(take(once, file), plan.start[total]);
    for (size_t i = once; i < plan.start[total]; i++)
        wire[i] = wire[i - once];
    plan.wire = wire;
    for (unsigned i = 0; i < plan.length; i++)
        plan.messages[i].echo = take(plan.messages[i].echo_length, file);
    fclose(file);
}
