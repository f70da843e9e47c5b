"""
Coroutines of ours that are given up by closing or forgetting them, not by cancelling a task.

They may wait for nothing more then, and whoever comes next must find the connection or server usable.
"""

import asyncio
import gc

import pytest
from peer import TEXT, echo, frame, hold, server_and_peer, serving, turns, uri_of

import websockets

gives_up = pytest.mark.parametrize("how", ["closed", "forgotten"])


def begin(coroutine):
    """Go on until it waits for something."""
    coroutine.send(None)
    return coroutine


def give_up(coroutines, how):
    coroutine = coroutines.pop()
    if how == "closed":
        coroutine.close()
    del coroutine
    gc.collect()


async def in_fragments(*fragments):
    for fragment in fragments:
        yield fragment


WAYS_TO_WAIT = {
    "send": lambda ws: ws.send("given up"),
    "ping": lambda ws: ws.ping(b"given up"),
    "pong": lambda ws: ws.pong(b"given up"),
    "wait_closed": lambda ws: ws.wait_closed(),
}


@gives_up
@pytest.mark.parametrize("way", WAYS_TO_WAIT.values(), ids=WAYS_TO_WAIT)
async def test_whoever_waits_for_a_transport_that_is_full(way, how):
    async with serving(hold) as (ws, transport):
        ws.pause_writing()
        given_up = [begin(way(ws))]
        next_one = asyncio.ensure_future(ws.send("next"))
        await turns()
        give_up(given_up, how)
        await turns()
        assert not next_one.done()
        ws.resume_writing()
        await next_one
        assert b"".join(transport.writes).endswith(frame(TEXT, b"next"))


@gives_up
async def test_a_fragmented_message_that_waits_for_its_turn(how):
    async with serving(hold) as (ws, transport):
        ws.pause_writing()
        given_up = [begin(ws.send(in_fragments("given ", "up")))]
        give_up(given_up, how)
        ws.resume_writing()
        await ws.send("next")
        assert b"".join(transport.writes) == frame(TEXT, b"next")


@gives_up
async def test_close(how):
    async with server_and_peer() as (ws, peer):
        given_up = [begin(ws.close(1000, "bye"))]
        give_up(given_up, how)
        assert await peer.read_close() == (1000, "bye")
        await peer.close()
        await ws.wait_closed()


@gives_up
@pytest.mark.parametrize("way", ["wait_closed", "serve_forever"])
async def test_a_server(way, how):
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        await server.start_serving()
        given_up = [begin(getattr(server, way)())]
        give_up(given_up, how)
        await turns()
        async with websockets.connect(uri_of(server)) as ws:
            await ws.send("still there")
            assert await ws.recv() == "still there"


async def test_connecting_to_a_server_that_says_nothing():
    asked = asyncio.get_running_loop().create_future()
    ended = asyncio.get_running_loop().create_future()

    async def accept(reader, writer):
        asked.set_result(await reader.readuntil(b"\r\n\r\n"))
        ended.set_result(await reader.read())
        writer.close()

    async def connect(port):
        await websockets.connect(f"ws://127.0.0.1:{port}")

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        task = asyncio.create_task(connect(server.sockets[0].getsockname()[1]))
        await asked
        task.get_coro().close()
        assert await ended == b""
        task.cancel()
        with pytest.raises(RuntimeError, match="cannot reuse"):
            await task
