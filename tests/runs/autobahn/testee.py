"""
The two programs that the suite examines: an echo server, and a client that echoes.

They are what a program would be, but for two options: messages have no limit, because the suite
sends ones of 16 MiB, and no pings are sent, because it counts what it gets.
"""

import asyncio
import contextlib
import json
import sys

import websockets

OPTIONS = {"max_size": None, "ping_interval": None}
PATIENCE = 30  # seconds until the suite's server has to listen


async def echo(ws, path=None):
    with contextlib.suppress(websockets.ConnectionClosed):
        async for message in ws:
            await ws.send(message)


async def serve():
    async with websockets.serve(echo, "127.0.0.1", 0, **OPTIONS) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def number_of_cases(uri):
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while True:
        try:
            async with websockets.connect(f"{uri}/getCaseCount") as ws:
                return json.loads(await ws.recv())
        except ConnectionRefusedError:
            if loop.time() > deadline:
                raise
            await asyncio.sleep(0.1)


async def connect(uri):
    for number in range(1, await number_of_cases(uri) + 1):
        async with websockets.connect(f"{uri}/runCase?case={number}&agent=client", **OPTIONS) as ws:
            await echo(ws)
    async with websockets.connect(f"{uri}/updateReports?agent=client") as ws:
        await ws.wait_closed()


def main(loop, backend, uri=None):
    assert websockets.backend == backend, f"the {websockets.backend} backend is there"
    if loop == "uvloop":
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(connect(uri) if uri else serve())


if __name__ == "__main__":
    main(*sys.argv[1:])
