"""
websockets.trio, of this library or of the distribution ``websockets``: whichever is imported.

What calling.py is for clients on asyncio, this has in itself.
"""

import json
import os
import sys
from types import SimpleNamespace

import calling
import trio

from websockets import version
from websockets.trio.client import connect

ours = getattr(version, "distribution_version", None)
VERSIONS = {"trio": trio.__version__}
VERSIONS["cywebsockets" if ours else "websockets"] = ours or version.version


async def converse(url, tls, message, in_flight, tally):
    async with connect(url, ssl=tls, compression=None, proxy=None) as websocket:
        for _ in range(in_flight):
            await websocket.send(message)
        async for _ in websocket:
            tally.echoes += 1
            await websocket.send(message)
    raise RuntimeError("a conversation ended before its time")


async def main(options):
    tallies = [SimpleNamespace(echoes=0) for _ in range(options.connections)]
    message, url, tls = (
        calling.message_of(options),
        calling.url_of(options),
        calling.tls_of(options),
    )
    async with trio.open_nursery() as nursery:
        for tally in tallies:
            nursery.start_soon(converse, url, tls, message, options.in_flight, tally)
        while not all(tally.echoes for tally in tallies):
            await trio.sleep(0.01)
        await trio.sleep(options.warmup)
        counting = calling.Counting(options, lambda: sum(tally.echoes for tally in tallies))
        await trio.sleep(options.seconds)
        print(json.dumps({**counting.result(), "versions": VERSIONS}), flush=True)
        # Connections are still open: nobody waits for them.
        os._exit(0)


trio.run(main, SimpleNamespace(**json.loads(sys.argv[1])))
