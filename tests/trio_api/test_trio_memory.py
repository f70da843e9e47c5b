"""
Nothing keeps connections on trio when they are gone.

Without the garbage collector: nothing here may refer to itself by way of something else.
"""

import contextlib
import gc
import weakref

import pytest
from on_trio import connect, echo, on_trio, serving, trio, turns, until, uri_of

from websockets.exceptions import ConnectionClosed, InvalidStatus


@contextlib.contextmanager
def uncollected():
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def clean(ws):
    await ws.send("x")
    assert await ws.recv() == "x"
    await (await ws.ping()).wait()


async def cut(ws):
    await ws.stream.aclose()
    with contextlib.suppress(ConnectionClosed):
        await ws.recv()


async def cut_while_it_sends(ws):
    await ws.stream.aclose()
    with contextlib.suppress(ConnectionClosed):
        await ws.send("x")


async def failed(ws):
    with contextlib.suppress(TypeError):
        await ws.send(["x", b"x"])


async def violated(ws):
    await ws.send(b"\xff", text=True)
    with contextlib.suppress(ConnectionClosed):
        await ws.recv()


async def cancelled(ws):
    with trio.move_on_after(0.01):
        await ws.recv()


@pytest.mark.parametrize("way", [clean, cut, cut_while_it_sends, failed, violated, cancelled])
@on_trio
async def test_a_connection_that_is_gone_is_free(way):
    gone = []

    async def handler(connection):
        gone.append(weakref.ref(connection))
        # What is logged is kept by whoever captures logs.
        with contextlib.suppress(ConnectionClosed):
            await echo(connection)

    async with serving(handler) as server:
        with uncollected():

            async def come_and_go():
                async with connect(uri_of(server)) as ws:
                    gone.append(weakref.ref(ws))
                    await way(ws)

            for _ in range(2):
                await come_and_go()
            await until(lambda: not server.all_connections)
            await turns()
            assert [ref() for ref in gone] == [None] * 4


@on_trio
async def test_a_connection_that_was_refused_is_free():
    gone = []

    def process_request(connection, request):
        gone.append(weakref.ref(connection))
        return connection.respond(404, "")

    async with serving(echo, process_request=process_request) as server:
        with uncollected():
            with contextlib.suppress(InvalidStatus):
                async with connect(uri_of(server)):
                    pass
            await until(lambda: not server.all_connections)
            await turns()
            assert [ref() for ref in gone] == [None]


@on_trio
async def test_connections_of_a_loop_are_free():
    gone = []
    async with serving(echo) as server:
        with uncollected():
            async for ws in connect(uri_of(server)):
                gone.append(weakref.ref(ws))
                await clean(ws)
                if len(gone) == 3:
                    break
            del ws
            await until(lambda: not server.all_connections)
            await turns()
            assert [ref() for ref in gone] == [None] * 3
