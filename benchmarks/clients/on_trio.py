"""
websockets.trio, of this library or of the distribution ``websockets``: whichever is imported.

What calling.py is for clients on asyncio, this has in itself.
"""

import json
import os
import sys
import time
from types import SimpleNamespace

import calling
import trio

from websockets import version
from websockets.trio.client import connect

ours = getattr(version, "distribution_version", None)
VERSIONS = {"trio": trio.__version__}
VERSIONS["cywebsockets" if ours else "websockets"] = ours or version.version


async def converse(url, message, in_flight, tally):
    async with connect(url, compression=None, proxy=None) as websocket:
        for _ in range(in_flight):
            await websocket.send(message)
        async for _ in websocket:
            tally.echoes += 1
            await websocket.send(message)
    raise RuntimeError("a conversation ended before its time")


async def main(options):
    tally = SimpleNamespace(echoes=0)
    message = calling.message_of(options)
    url = f"ws://127.0.0.1:{options.port}/"
    async with trio.open_nursery() as nursery:
        for _ in range(options.connections):
            nursery.start_soon(converse, url, message, options.in_flight, tally)
        await trio.sleep(options.warmup)
        echoes, start, processor = tally.echoes, time.perf_counter(), calling.processor_time()
        await trio.sleep(options.seconds)
        seconds = time.perf_counter() - start
        echoes = tally.echoes - echoes
        cpu = (calling.processor_time() - processor) / seconds
        result = {"messages": echoes, "seconds": seconds, "rate": echoes / seconds, "cpu": cpu}
        print(json.dumps({**result, "versions": VERSIONS}), flush=True)
        # Connections are still open: nobody waits for them.
        os._exit(0)


trio.run(main, SimpleNamespace(**json.loads(sys.argv[1])))
