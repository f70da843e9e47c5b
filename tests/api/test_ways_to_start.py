"""
Ways to start servers and clients: awaited, entered, outside of the loop, in another task or thread.
"""

import asyncio
import types

import pytest
from peer import TEXT, assert_serves, echo, frame, hold, uri_of
from transports import Transport

import websockets


@types.coroutine
def start_like_before_async_and_await():
    server = yield from websockets.serve(echo, "127.0.0.1", 0)
    ws = yield from websockets.connect(uri_of(server))
    return server, ws


async def test_yield_from():
    server, ws = await start_like_before_async_and_await()
    await ws.send("message")
    assert await ws.recv() == "message"
    await ws.close()
    server.close()
    await server.wait_closed()


async def test_await_and_close_by_hand():
    server = await websockets.serve(echo, "127.0.0.1", 0)
    ws = await websockets.connect(uri_of(server))
    try:
        await ws.send("message")
        assert await asyncio.wait_for(ws.recv(), timeout=10) == "message"
    finally:
        await ws.close()
    server.close()
    await server.wait_closed()


def test_started_before_the_loop_runs():
    loop = asyncio.new_event_loop()
    start = websockets.serve(echo, "127.0.0.1", 0)
    server = loop.run_until_complete(start)
    ws = loop.run_until_complete(websockets.connect(uri_of(server)))
    loop.run_until_complete(ws.send("message"))
    assert loop.run_until_complete(ws.recv()) == "message"
    loop.run_until_complete(ws.close())
    server.close()
    loop.run_until_complete(server.wait_closed())
    loop.close()


async def test_connecting_in_another_task():
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        connecting = websockets.connect(uri_of(server))
        ws = await asyncio.wait_for(connecting, 10)
        await asyncio.gather(ws.send("message"), ws.recv())
        await ws.close()
        ws = await asyncio.ensure_future(websockets.connect(uri_of(server)))
        await ws.close()


async def test_connect_that_is_subclassed():
    class Session(websockets.connect):
        def __init__(self, uri, **kwargs):
            super().__init__(uri, **kwargs)
            self.entered = False

        async def __aenter__(self):
            self.entered = True
            return await super().__aenter__()

    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        session = Session(uri_of(server))
        async with session as ws:
            await ws.send("message")
            assert await ws.recv() == "message"
        assert session.entered and ws.closed


async def test_subclasses_that_are_awaited_in_their_own_way():
    """They find out what they need, then call the coroutine that awaiting runs."""

    class Session(websockets.connect):
        def __init__(self, find):
            self.find = find

        def __await__(self):
            return self.find_and_connect().__await__()

        async def find_and_connect(self):
            super().__init__(await self.find())
            return await self.__await_impl__()

    class Serving(websockets.serve):
        def __await__(self):
            return self.serve_twice().__await__()

        async def serve_twice(self):
            self.other = await self.__await_impl__()
            return await self.__await_impl__()

    async def find():
        return uri_of(server)

    serving = Serving(echo, "127.0.0.1", 0)
    server = await serving
    async with Session(find) as ws:
        await ws.send("message")
        assert await ws.recv() == "message"
    for running in server, serving.other:
        running.close()
        await running.wait_closed()


async def test_a_context_that_is_entered_by_hand():
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        connecting = websockets.connect(uri_of(server))
        ws = await connecting.__aenter__()
        await ws.send("message")
        assert await ws.recv() == "message"
        await connecting.__aexit__(None, None, None)
        assert ws.closed


def test_objects_can_be_built_where_no_event_loop_is():
    websockets.serve(hold, "127.0.0.1", 0)
    websockets.connect("ws://localhost/")
    for protocol in (
        websockets.WebSocketCommonProtocol(),
        websockets.WebSocketClientProtocol(),
        websockets.WebSocketServerProtocol(hold, None),
    ):
        assert protocol.state is websockets.protocol.State.CONNECTING


def test_what_was_built_outside_a_loop_is_used_inside():
    serving = websockets.serve(echo, "127.0.0.1", 0)

    async def use():
        async with serving as server:
            await assert_serves(server)

    asyncio.run(use())
    asyncio.run(use())


def test_a_loop_may_be_given_by_a_program_that_drives_a_protocol_from_outside():
    loop = asyncio.new_event_loop()
    try:
        ws = websockets.WebSocketCommonProtocol(loop=loop, ping_interval=None)
        ws.connection_made(Transport())
        assert ws.loop is loop
        ws.connection_open()
        ws.data_received(frame(TEXT, b"x", masked=True))
        assert loop.run_until_complete(ws.recv()) == "x"
        ws.connection_lost(None)
        with pytest.raises(RuntimeError):
            websockets.WebSocketCommonProtocol().connection_made(Transport())
    finally:
        loop.close()


def test_a_protocol_outside_a_loop():
    ws = websockets.WebSocketCommonProtocol(timeout=3, host="localhost", port=80, secure=False)
    assert (ws.close_timeout, ws.host, ws.port, ws.secure) == (3, "localhost", 80, False)
    assert (ws.open, ws.closed, ws.close_code) == (False, False, None)
    assert ws.state is websockets.protocol.State.CONNECTING
    assert (ws.local_address, ws.remote_address) == (None, None)
