"""
connect() in a loop, which connects again.
"""

import asyncio
import random

import pytest
from peer import hold, port_of

import websockets
from websockets import client


async def test_connect_in_a_loop_connects_again_when_a_connection_is_closed():
    async def handler(ws):
        await ws.send("hello")

    seen = []
    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async for ws in websockets.connect(f"ws://127.0.0.1:{port_of(server)}"):
            try:
                seen.append(await ws.recv())
                await ws.recv()
            except websockets.ConnectionClosed:
                if len(seen) < 3:
                    continue
                break
    assert seen == ["hello"] * 3


async def test_connect_in_a_loop_closes_the_connection_before():
    connections = []
    async with websockets.serve(hold, "127.0.0.1", 0) as server:
        connecting = websockets.connect(f"ws://127.0.0.1:{port_of(server)}")
        iterator = connecting.__aiter__()
        for _ in range(3):
            connections.append(await iterator.__anext__())
            assert [ws.open for ws in connections] == [False] * (len(connections) - 1) + [True]
        await iterator.aclose()
        assert not connections[-1].open


@pytest.fixture
def no_delays(monkeypatch):
    """Keep the delays between attempts, in place of waiting for them."""
    delays = []
    sleep = asyncio.sleep

    def note(delay):
        delays.append(delay)
        return sleep(0)

    monkeypatch.setattr(client.asyncio, "sleep", note)
    return delays


async def test_connect_in_a_loop_tries_again_with_growing_delays(no_delays):
    responses = [(503, [], b"")] * 20

    def process_request(path, headers):
        return responses.pop() if responses else None

    async with websockets.serve(hold, "127.0.0.1", 0, process_request=process_request) as server:
        iterator = websockets.connect(f"ws://127.0.0.1:{port_of(server)}").__aiter__()
        assert (await iterator.__anext__()).open
        await iterator.aclose()
    delays = [delay for delay in no_delays if delay]
    assert len(delays) == 20 and 0 <= delays[0] <= 5
    # The first is random; the others grow.
    assert delays[1] == 3.1 and delays[1:] == sorted(delays[1:]) and delays[-1] == 90


async def test_connect_in_a_loop_does_not_insist_where_it_is_refused():
    def process_request(path, headers):
        return 403, [], b""

    async with websockets.serve(hold, "127.0.0.1", 0, process_request=process_request) as server:
        with pytest.raises(websockets.InvalidStatusCode):
            async for _ in websockets.connect(f"ws://127.0.0.1:{port_of(server)}"):
                pass


async def test_connect_in_a_loop_waits_for_a_server_that_is_not_there(no_delays, monkeypatch):
    monkeypatch.setattr(random, "random", lambda: 0.0)
    server = await websockets.serve(hold, "127.0.0.1", 0)
    port = port_of(server)
    server.close()
    await server.wait_closed()
    iterator = websockets.connect(f"ws://127.0.0.1:{port}").__aiter__()
    connecting = asyncio.ensure_future(iterator.__anext__())
    while sum(no_delays) < 100:
        await asyncio.sleep(0)
    async with websockets.serve(hold, "127.0.0.1", port):
        assert (await connecting).open
        await iterator.aclose()
