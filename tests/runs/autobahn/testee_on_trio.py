"""
The same two programs as in ``testee.py``, on trio; here messages have no limit of frames either.
"""

import functools
import json
import os
import sys

os.environ["WEBSOCKETS_MAX_FRAGMENTS"] = str(2**30)  # it is read at import

import trio  # noqa: E402
from testee import OPTIONS, PATIENCE  # noqa: E402

import websockets  # noqa: E402
from websockets.trio import client, server  # noqa: E402


async def echo(ws):
    async for message in ws:
        await ws.send(message)


async def handle(ws):
    try:
        await echo(ws)
    except websockets.ConnectionClosed:
        pass


async def serve():
    async with trio.open_nursery() as nursery:
        serving = functools.partial(server.serve, handle, 0, host="127.0.0.1", **OPTIONS)
        [listener] = (await nursery.start(serving)).listeners
        print(listener.socket.getsockname()[1], flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)
        nursery.cancel_scope.cancel()


async def number_of_cases(uri):
    deadline = trio.current_time() + PATIENCE
    while True:
        try:
            async with client.connect(f"{uri}/getCaseCount") as ws:
                return json.loads(await ws.recv())
        except OSError:
            if trio.current_time() > deadline:
                raise
            await trio.sleep(0.1)


async def connect(uri):
    for number in range(1, await number_of_cases(uri) + 1):
        case = f"{uri}/runCase?case={number}&agent=client"
        async with client.connect(case, **OPTIONS) as ws:
            await handle(ws)
    async with client.connect(f"{uri}/updateReports?agent=client") as ws:
        await ws.wait_closed()


def main(backend, *uri):
    assert websockets.backend == backend, f"the {websockets.backend} backend is there"
    trio.run(connect if uri else serve, *uri)


if __name__ == "__main__":
    main(*sys.argv[1:])
