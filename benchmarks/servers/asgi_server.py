"""
An ASGI application on the server that the second argument names.

That is "hypercorn", "granian", or "uvicorn" with its implementation of WebSocket behind a plus. The
application, an option, is the shortest that its framework has for an echo. granian serves from a
process of its own, whose number is told beside the port.
"""

import asyncio
import json
import multiprocessing
import os
import socket
import sys
import threading
import time

import serving

host, _, implementation = sys.argv[2].partition("+")


connections = set()


def bare():
    async def application(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        if options["kind"] == "broadcast":
            connections.add(send)
            while (event := await receive())["type"] == "websocket.receive":
                for to in connections:
                    await to({"type": "websocket.send", "text": event["text"]})
        while (event := await receive())["type"] == "websocket.receive":
            text = event.get("text")
            if text is None:
                await send({"type": "websocket.send", "bytes": event["bytes"]})
            else:
                await send({"type": "websocket.send", "text": text})

    return application


async def echo(websocket):
    """Echo with what Starlette and FastAPI have in common."""
    await websocket.accept()
    while (event := await websocket.receive())["type"] == "websocket.receive":
        text = event.get("text")
        if text is None:
            await websocket.send_bytes(event["bytes"])
        else:
            await websocket.send_text(text)


def starlette():
    from starlette.applications import Starlette
    from starlette.routing import WebSocketRoute

    return Starlette(routes=[WebSocketRoute("/", echo)])


def fastapi():
    import fastapi

    application = fastapi.FastAPI()

    @application.websocket("/")
    async def route(websocket: fastapi.WebSocket):
        await echo(websocket)

    return application


APPLICATIONS = {"asgi": bare, "starlette": starlette, "fastapi": fastapi}
options = json.loads(sys.argv[1])
application = APPLICATIONS[options["application"]]()


async def start_uvicorn(options, sock):
    import uvicorn

    config = uvicorn.Config(
        application,
        ws=implementation,
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


async def start_hypercorn(options, sock):
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{sock.fileno()}"]
    config.loglevel = "ERROR"
    config.websocket_max_message_size = serving.MAX_SIZE
    ended = asyncio.Event()
    return asyncio.ensure_future(serve(application, config, shutdown_trigger=ended.wait))


def serve_with_granian():
    """Serve from granian's own process, until the standard input ends."""
    from importlib import metadata

    from granian import Granian

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]

    def answer():
        while True:
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        [worker] = multiprocessing.active_children()
        versions = {"granian": metadata.version("granian")}
        print(json.dumps({"port": port, "pid": worker.pid, "versions": versions}), flush=True)
        sys.stdin.read()
        worker.kill()
        os._exit(0)

    server = Granian(
        "asgi_server:application",
        port=port,
        interface="asgi",
        loop=options["loop"],
        log_enabled=False,
    )
    threading.Thread(target=answer, daemon=True).start()
    server.serve()


if __name__ == "__main__":
    if host == "granian":
        sys.path.insert(0, os.path.dirname(__file__))
        serve_with_granian()
    elif host == "hypercorn":
        serving.run(start_hypercorn, "hypercorn")
    else:
        below = {"websockets-sansio": ["websockets"], "wsproto": ["wsproto"]}
        serving.run(start_uvicorn, "uvicorn", *below.get(implementation, []))
