"""
What every client of the comparison shares that blocks: threads, and the count of echoes.

A client is a script with a function converse(url, message, in_flight, count), which opens one
connection, keeps messages in flight on it, and calls count() for each echo; it runs in a thread of
its own. Options and the result are those of calling.py.
"""

import json
import os
import sys
import threading
import time
from importlib import metadata
from types import SimpleNamespace

from calling import processor_time


def run(converse, *distributions, **versions):
    """Run a client for its time; versions, and those of distributions, are in the results."""
    options = SimpleNamespace(**json.loads(sys.argv[1]))
    text = ("The quick brown fox jumps over the lazy dog. " * options.size)[: options.size]
    message = text if options.opcode == 1 else os.urandom(options.size)
    url = f"ws://127.0.0.1:{options.port}/"
    echoes = [0] * options.connections
    failed = threading.Event()

    def talk(i):
        def count():
            echoes[i] += 1

        try:
            converse(url, message, options.in_flight, count)
        finally:
            failed.set()  # A conversation has no end.

    for i in range(options.connections):
        threading.Thread(target=talk, args=(i,), daemon=True).start()
    failed.wait(options.warmup)
    before, start, processor = sum(echoes), time.perf_counter(), processor_time()
    if failed.wait(options.seconds):
        raise RuntimeError("a conversation ended before its time")
    seconds = time.perf_counter() - start
    count = sum(echoes) - before
    cpu = (processor_time() - processor) / seconds
    result = {"messages": count, "seconds": seconds, "rate": count / seconds, "cpu": cpu}
    versions.update({name: metadata.version(name) for name in distributions})
    result["versions"] = versions
    print(json.dumps(result), flush=True)
    # Connections are still open: nobody waits for them.
    os._exit(0)
