"""
What every client of the comparison shares that blocks: threads, and the count of echoes.

A client is a script with a function converse(url, message, in_flight, count), which opens one
connection, keeps messages in flight on it, and calls count() for each echo; it runs in a thread of
its own. Options and the result are those of calling.py, and so is the moment when it begins.
"""

import json
import os
import sys
import threading
from importlib import metadata
from types import SimpleNamespace

import calling


def run(converse, *distributions, **versions):
    """Run a client for its time; versions, and those of distributions, are in the results."""
    options = SimpleNamespace(**json.loads(sys.argv[1]))
    message, url = calling.message_of(options), calling.url_of(options)
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

    def work_for(seconds):
        if failed.wait(seconds):
            raise RuntimeError("a conversation ended before its time")

    while not all(echoes):
        work_for(0.01)
    work_for(options.warmup)
    counting = calling.Counting(options, lambda: sum(echoes))
    work_for(options.seconds)
    result = counting.result()
    versions.update({name: metadata.version(name) for name in distributions})
    result["versions"] = versions
    print(json.dumps(result), flush=True)
    # Connections are still open: nobody waits for them.
    os._exit(0)
