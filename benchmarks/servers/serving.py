"""
What every server of the comparison shares: its options, its loop, its socket and its end.

A server is a script with a coroutine function start(options, sock), which serves on the listening
socket. Options come as JSON in the first argument: kind ("echo" or "broadcast"), loop ("asyncio" or
"uvloop"), compression (bool), certificate (path of a PEM file, or None). The script prints one line
of JSON when it is ready, another for each line of its standard input, which tells the bytes that
tracemalloc has traced, and ends with its standard input.
"""

import asyncio
import gc
import json
import os
import socket
import ssl
import sys
import tracemalloc
from importlib import metadata
from types import SimpleNamespace

MAX_SIZE = 2**23  # bytes; the largest message that is sent is smaller
ZLIB = os.environ.get("BENCHMARKS_ZLIB")  # a module that is to compress in the place of zlib


def tls(options):
    """Return the TLS context that the options ask for, or None."""
    if options.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options.certificate)
    return context


def new_loop(name):
    if name == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def run(start, *distributions, **versions):
    """Run a server until the standard input ends, and tell versions, those of distributions too."""
    options = SimpleNamespace(**json.loads(sys.argv[1]))
    # asyncio sets TCP_NODELAY only where a socket says that its protocol is TCP.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.bind(("127.0.0.1", 0))
    sock.listen(1024)

    async def main():
        ended = asyncio.Event()

        def answer():
            if sys.stdin.readline():
                gc.collect()
                print(json.dumps({"traced": tracemalloc.get_traced_memory()[0]}), flush=True)
            else:
                ended.set()

        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), answer)
        # What start() returns is kept until the end: a server that is lost may stop serving.
        server = await start(options, sock)
        versions.update({name: metadata.version(name) for name in distributions})
        if options.loop == "uvloop":
            versions["uvloop"] = metadata.version("uvloop")
        gc.collect()
        ready = {"port": sock.getsockname()[1], "versions": versions}
        print(json.dumps(ready), flush=True)
        await ended.wait()
        return server

    loop = new_loop(options.loop)
    asyncio.set_event_loop(loop)
    loop.run_until_complete(main())
    # Connections may still be open: nobody waits for them.
    os._exit(0)
