"""websockets, the distribution of that name, with its own API for asyncio."""

import serving

from websockets.asyncio import server


async def echo(websocket):
    async for message in websocket:
        await websocket.send(message)


connections = set()


async def broadcast(websocket):
    connections.add(websocket)
    async for message in websocket:
        server.broadcast(connections, message)


async def start(options, sock):
    handler = {"echo": echo, "broadcast": broadcast}[options.kind]
    compression = "deflate" if options.compression else None
    return await server.serve(
        handler,
        sock=sock,
        ssl=serving.tls(options),
        compression=compression,
        max_size=serving.MAX_SIZE,
    )


serving.run(start, "websockets")
