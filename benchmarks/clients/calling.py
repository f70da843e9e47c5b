"""
What every client of the comparison shares: its options, its loop, and the count of echoes.

A client is a script with a coroutine function converse(url, message, in_flight, tally), which opens
one connection, keeps messages in flight on it, and counts each echo: tally.echoes += 1. Options
come as JSON in the first argument: port, loop ("asyncio" or "uvloop"), connections, in_flight,
size, opcode (1 is text, 2 binary), warmup and seconds. The script prints one line of JSON.
"""

import asyncio
import json
import os
import resource
import sys
import time
from importlib import metadata
from types import SimpleNamespace


def new_loop(name):
    if name == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def processor_time():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def message_of(options):
    text = ("The quick brown fox jumps over the lazy dog. " * options.size)[: options.size]
    return text if options.opcode == 1 else os.urandom(options.size)


async def measure(converse, options):
    tally = SimpleNamespace(echoes=0)
    message = message_of(options)
    url = f"ws://127.0.0.1:{options.port}/"
    tasks = [
        asyncio.ensure_future(converse(url, message, options.in_flight, tally))
        for _ in range(options.connections)
    ]
    await asyncio.wait(tasks, timeout=options.warmup, return_when=asyncio.FIRST_COMPLETED)
    echoes, start, processor = tally.echoes, time.perf_counter(), processor_time()
    await asyncio.wait(tasks, timeout=options.seconds, return_when=asyncio.FIRST_COMPLETED)
    seconds = time.perf_counter() - start
    for task in tasks:
        if task.done():
            await task  # raises what happened
            raise RuntimeError("a conversation ended before its time")
    echoes = tally.echoes - echoes
    cpu = (processor_time() - processor) / seconds
    return {"messages": echoes, "seconds": seconds, "rate": echoes / seconds, "cpu": cpu}


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
