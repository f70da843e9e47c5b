"""aiohttp."""

import importlib

import aiohttp
import serving
from aiohttp import web

connections = set()


def send(websocket, message):
    if message.type == web.WSMsgType.TEXT:
        return websocket.send_str(message.data)
    return websocket.send_bytes(message.data)


async def start(options, sock):
    if serving.ZLIB:
        aiohttp.set_zlib_backend(importlib.import_module(serving.ZLIB))

    async def open_websocket(request):
        websocket = web.WebSocketResponse(
            compress=options.compression, max_msg_size=serving.MAX_SIZE
        )
        await websocket.prepare(request)
        return websocket

    async def echo(request):
        websocket = await open_websocket(request)
        async for message in websocket:
            await send(websocket, message)
        return websocket

    async def broadcast(request):
        websocket = await open_websocket(request)
        connections.add(websocket)
        async for message in websocket:
            for connection in connections:
                await send(connection, message)
        return websocket

    app = web.Application()
    app.router.add_get("/", {"echo": echo, "broadcast": broadcast}[options.kind])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.SockSite(runner, sock, ssl_context=serving.tls(options)).start()
    return runner


serving.run(start, "aiohttp")
