"""This library."""

import importlib

import serving

import websockets
from websockets import version


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
        websockets.broadcast(connections, message)


async def start(options, sock):
    if serving.ZLIB:
        from websockets.extensions.permessage_deflate import set_zlib_backend

        set_zlib_backend(importlib.import_module(serving.ZLIB))
    handler = {"echo": echo, "recv": receive_and_send, "broadcast": broadcast}[options.kind]
    compression = "deflate" if options.compression else None
    return await websockets.serve(
        handler,
        sock=sock,
        ssl=serving.tls(options),
        compression=compression,
        max_size=serving.MAX_SIZE,
    )


serving.run(start, cywebsockets=getattr(version, "distribution_version", version.version))
