"""This library, by the API of today."""

import serving

from websockets.asyncio.server import broadcast as send_to_all
from websockets.asyncio.server import serve
from websockets.version import distribution_version


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
        send_to_all(connections, message)


async def start(options, sock):
    handler = {"echo": echo, "recv": receive_and_send, "broadcast": broadcast}[options.kind]
    return await serve(
        handler,
        sock=sock,
        ssl=serving.tls(options),
        compression="deflate" if options.compression else None,
        max_size=serving.MAX_SIZE,
    )


serving.run(start, cywebsockets=distribution_version)
