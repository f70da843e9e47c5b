"""
websockets.trio, of this library or of the distribution ``websockets``: whichever is imported.

What serving.py is for servers on asyncio, this has in itself.
"""

import functools
import gc
import json
import os
import sys
import tracemalloc
from types import SimpleNamespace

import serving
import trio

from websockets import version
from websockets.trio.server import broadcast as send_to_all
from websockets.trio.server import serve

ours = getattr(version, "distribution_version", None)
VERSIONS = {"trio": trio.__version__}
VERSIONS["cywebsockets" if ours else "websockets"] = ours or version.version


async def echo(websocket):
    async for message in websocket:
        await websocket.send(message)


async def receive_and_send(websocket):
    while True:
        await websocket.send(await websocket.recv())


connections = set()


async def broadcast(websocket):
    connections.add(websocket)
    async for message in websocket:
        await send_to_all(connections, message)


async def main(options):
    handler = {"echo": echo, "recv": receive_and_send, "broadcast": broadcast}[options.kind]
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=1024)
    listening = functools.partial(
        serve,
        handler,
        listeners=listeners,
        ssl=serving.tls(options),
        compression="deflate" if options.compression else None,
        max_size=serving.MAX_SIZE,
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(listening)
        gc.collect()
        port = listeners[0].socket.getsockname()[1]
        print(json.dumps({"port": port, "versions": VERSIONS}), flush=True)
        while await trio.to_thread.run_sync(sys.stdin.readline):
            gc.collect()
            print(json.dumps({"traced": tracemalloc.get_traced_memory()[0]}), flush=True)
        # Connections may still be open: nobody waits for them.
        os._exit(0)


trio.run(main, SimpleNamespace(**json.loads(sys.argv[1])))
