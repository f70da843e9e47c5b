"""
Connections that come and go in every way, and what is left of them.
"""

import asyncio
import contextlib
import gc
from collections import Counter

from drawing import KEY, TEXT, frame
from endpoints import measured
from peer import port_of, serving, turns, until

import websockets


async def echo(websocket, path):
    async for message in websocket:
        await websocket.send(message)
        del message  # Else it would be kept until there is another.


async def exchange(websocket, message):
    await websocket.send(message)
    assert await websocket.recv() == message


# Ways to come and go


async def clean(connect):
    async with connect() as websocket:
        await exchange(websocket, "x")


async def cut(connect):
    websocket = await connect()
    websocket.transport.abort()
    await websocket.wait_closed()


async def failed(connect):
    websocket = await connect()
    websocket.transport.write(frame(TEXT, b"\xff", key=KEY))
    with contextlib.suppress(websockets.ConnectionClosed):
        await websocket.recv()
    await websocket.wait_closed()


async def refused(connect):
    with contextlib.suppress(websockets.InvalidStatusCode):
        await connect(extra_headers={"Refuse": "yes"})


async def refuse_some(path, headers):
    return (403, [], b"") if "Refuse" in headers else None


WAYS = [clean, cut, failed, refused]
AT_A_TIME = 10


async def over_sockets(count):
    """Let connections come and go, some at a time, in each way as often as in the others."""
    async with websockets.serve(echo, "127.0.0.1", 0, process_request=refuse_some) as server:
        numbers = iter(range(count))

        def connect(**options):
            return websockets.connect(f"ws://127.0.0.1:{port_of(server)}", **options)

        async def keep_going():
            for number in numbers:
                await WAYS[number % len(WAYS)](connect)

        await asyncio.gather(*[keep_going() for _ in range(AT_A_TIME)])


async def by_hand(count):
    """The same of a server's protocols alone, each of which gets a message and loses its peer."""
    for _ in range(count):
        async with serving(echo) as (protocol, transport):
            protocol.data_received(frame(TEXT, b"x", key=KEY))
            await until(lambda: transport.writes)  # noqa: B023


def alive():
    """Count the objects of the library by their kinds."""
    kinds = [type(thing) for thing in gc.get_objects()]
    return Counter(kind for kind in kinds if str(kind.__module__).startswith("websockets"))


async def left_by(come_and_go, count):
    """Return of which kinds objects are left when so many connections have gone, and the bytes."""
    await come_and_go(100)  # What is needed once is there from now on.
    await turns()
    gc.collect()
    gc.disable()
    try:
        before = alive()
        with measured() as memory:
            await come_and_go(count)
            await turns()
            left = alive() - before
            # Its transports are in circles on asyncio's loop, and so is its server, which has ours.
            gc.collect()
    finally:
        gc.enable()
    return [kind.__name__ for kind, number in left.items() if number > 1], memory.kept
