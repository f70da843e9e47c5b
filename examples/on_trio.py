"""
A server and its clients on trio, in one nursery: each says hello, and hears what everybody says.

    pip install trio
    python on_trio.py
"""

import functools

import trio

from websockets.trio.client import connect
from websockets.trio.server import broadcast, serve


async def tell_everybody(websocket):
    async for message in websocket:
        await broadcast(websocket.server.connections, message)


async def say_hello(port, name):
    async with connect(f"ws://localhost:{port}") as websocket:
        await websocket.send(f"{name} says hello")
        with trio.move_on_after(0.5):  # leaving a scope is all it takes to stop listening
            async for message in websocket:
                print(f"{name} hears: {message}", flush=True)


async def main():
    async with trio.open_nursery() as nursery:
        listening = functools.partial(serve, tell_everybody, 0, host="localhost")
        server = await nursery.start(listening)
        port = server.listeners[0].socket.getsockname()[1]
        async with trio.open_nursery() as clients:
            for name in ["Ada", "Grace"]:
                clients.start_soon(say_hello, port, name)
        await server.aclose()  # serve() returns, and the nursery is left


if __name__ == "__main__":
    trio.run(main)
