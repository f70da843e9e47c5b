"""
What every client of the comparison shares: its options, its loop, and the count of echoes.

A client is a script with a coroutine function converse(url, tls, message, in_flight, tally), which
opens one connection, keeps messages in flight on it, and counts each echo: tally.echoes += 1. tls
is an ssl.SSLContext or None. Options come as JSON in the first argument: port, loop ("asyncio" or
"uvloop"), connections, in_flight, size, opcode (1 is text, 2 binary), warmup, seconds, other (the
number of the echo server's process) and authority (a PEM file of whom to trust; with it the server
speaks TLS). The script prints one line of JSON.

Warm-up begins when each connection has had an echo: before that nobody is at work, some are still
reading certificates.
"""

import asyncio
import json
import os
import ssl
import sys
import time
from importlib import metadata
from types import SimpleNamespace


def new_loop(name):
    if name == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def url_of(options):
    return f"{'wss' if options.authority else 'ws'}://127.0.0.1:{options.port}/"


def tls_of(options):
    return ssl.create_default_context(cafile=options.authority) if options.authority else None


class Counting:
    """What was done between two moments: echoes, and processor time of both sides."""

    def __init__(self, options, echoes):
        # As the system numbers the clocks of other processes, see clock_getcpuclockid(3).
        self.clock = ~options.other << 3 | 2
        self.echoes = echoes
        self.start = self.now()

    def now(self):
        times = time.perf_counter(), time.process_time(), time.clock_gettime(self.clock)
        return (*times, self.echoes())

    def result(self):
        seconds, cpu, load, echoes = (b - a for a, b in zip(self.start, self.now()))
        shares = {"cpu": cpu / seconds, "load_cpu": load / seconds}
        return {"messages": echoes, "seconds": seconds, "rate": echoes / seconds, **shares}


def message_of(options):
    text = ("The quick brown fox jumps over the lazy dog. " * options.size)[: options.size]
    return text if options.opcode == 1 else os.urandom(options.size)


async def measure(converse, options):
    tallies = [SimpleNamespace(echoes=0) for _ in range(options.connections)]
    message, url, tls = message_of(options), url_of(options), tls_of(options)
    tasks = [
        asyncio.ensure_future(converse(url, tls, message, options.in_flight, tally))
        for tally in tallies
    ]

    async def work_for(seconds):
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                await task  # raises what happened
                raise RuntimeError("a conversation ended before its time")

    while not all(tally.echoes for tally in tallies):
        await work_for(0.01)
    await work_for(options.warmup)
    counting = Counting(options, lambda: sum(tally.echoes for tally in tallies))
    await work_for(options.seconds)
    return counting.result()


def run(converse, *distributions, **versions):
    """Run a client for its time; versions, and those of distributions, are in the results."""
    options = SimpleNamespace(**json.loads(sys.argv[1]))
    loop = new_loop(options.loop)
    asyncio.set_event_loop(loop)
    result = loop.run_until_complete(measure(converse, options))
    versions.update({name: metadata.version(name) for name in distributions})
    result["versions"] = versions
    print(json.dumps(result), flush=True)
    # Connections are still open: nobody waits for them.
    os._exit(0)
