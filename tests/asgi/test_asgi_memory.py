"""
What connections of ASGI applications keep, and that nothing keeps them when they are gone.
"""

import contextlib
import gc
import weakref

import pytest
from coming_and_going import left_by
from hosting import accept, echo, hosting
from peer import until

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

KIB = 1024


async def application(scope, receive, send):
    if scope["path"] == "/refused":
        await send({"type": "websocket.close"})
    elif scope["path"] == "/failed":
        await accept(receive, send)
        raise LookupError("as it should")
    else:
        await echo({"state": {"kept": []}}, receive, send)


async def clean(uri):
    async with connect(uri) as ws:
        await ws.send("x")
        assert await ws.recv() == "x"


async def cut(uri):
    ws = await connect(uri)
    ws.transport.abort()
    with contextlib.suppress(ConnectionClosed):
        await ws.recv()


async def failed(uri):
    async with connect(uri + "/failed") as ws:
        with contextlib.suppress(ConnectionClosed):
            await ws.recv()


async def refused(uri):
    with contextlib.suppress(InvalidStatus):
        await connect(uri + "/refused")


WAYS = [clean, cut, failed, refused]


async def come_and_go(count):
    async with hosting(application) as host:
        for number in range(count):
            await WAYS[number % len(WAYS)](host.uri)


@pytest.mark.one_loop
async def test_nothing_is_left_of_connections_that_are_gone(caplog):
    caplog.set_level("CRITICAL", "uvicorn.error")
    left, kept = await left_by(come_and_go, 100)
    assert left == [] and kept < 64 * KIB


@pytest.mark.parametrize("way", WAYS)
async def test_a_connection_is_freed_without_the_garbage_collector(way, caplog):
    caplog.set_level("CRITICAL", "uvicorn.error")
    gone = []

    async def watched(scope, receive, send):
        gone.extend(map(weakref.ref, host.connections))
        await application(scope, receive, send)

    gc.collect()
    gc.disable()
    try:
        async with hosting(watched) as host:
            await way(host.uri)
            await until(lambda: gone and gone[0]() is None)
    finally:
        gc.enable()
