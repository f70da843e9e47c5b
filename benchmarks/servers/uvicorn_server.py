"""uvicorn, with the implementation of WebSocket named in the second argument."""

import asyncio
import sys

import serving
import uvicorn

connections = set()


async def answer(event, send):
    await send({"type": "websocket.send", "text": event.get("text"), "bytes": event.get("bytes")})


def application(kind):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        if kind == "broadcast":
            connections.add(send)
        while (event := await receive())["type"] == "websocket.receive":
            for to in connections or (send,):
                await answer(event, to)

    return app


async def start(options, sock):
    config = uvicorn.Config(
        application(options.kind),
        ws=sys.argv[2],
        ws_max_size=serving.MAX_SIZE,
        ws_per_message_deflate=options.compression,
        ssl_certfile=options.certificate,
        lifespan="off",
        access_log=False,
        log_level="error",
    )
    server = uvicorn.Server(config)
    server.task = asyncio.ensure_future(server.serve(sockets=[sock]))
    while not server.started:
        await asyncio.sleep(0.01)
    return server


serving.run(start, "uvicorn", {"wsproto": "wsproto"}.get(sys.argv[2], "websockets"))
