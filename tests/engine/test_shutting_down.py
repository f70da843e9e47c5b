"""
Servers that close: what they say to connections, and whom they wait for.
"""

import asyncio
import socket

import pytest
from peer import REQUEST, hold, port_of, tcp_to, turns
from responses import status

import websockets


async def test_close_sends_1001_and_waits_for_handlers():
    events = []
    go_on = asyncio.Event()

    async def handler(ws, path):
        try:
            await ws.recv()
        except websockets.ConnectionClosedOK as exc:
            events.append(exc.code)
        await go_on.wait()
        events.append("returned")

    server = await websockets.serve(handler, "127.0.0.1", 0)
    port = port_of(server)
    ws = await websockets.connect(f"ws://127.0.0.1:{port}")
    assert server.is_serving()
    server.close()
    server.close()
    assert server.sockets is None and not server.is_serving()
    with pytest.raises(websockets.ConnectionClosedOK) as error:
        await ws.recv()
    assert error.value.code == 1001
    waiting = [asyncio.ensure_future(server.wait_closed()) for _ in range(2)]
    while not events:
        await turns(1)
    await turns()
    assert events == [1001] and not any(task.done() for task in waiting)
    go_on.set()
    await asyncio.gather(*waiting)
    assert events == [1001, "returned"]
    await server.wait_closed()
    with pytest.raises(OSError):
        await websockets.connect(f"ws://127.0.0.1:{port}")
    await ws.wait_closed()


async def test_close_answers_503_to_handshakes_that_are_not_complete():
    server = await websockets.serve(hold, "127.0.0.1", 0)
    async with tcp_to(port_of(server)) as peer:
        peer.write(REQUEST)
        while not server.websockets:
            await asyncio.sleep(0)
        server.close()
        assert status(await peer.read_head()) == 503
        assert b"shutting down" in await peer.read_eof()
    await server.wait_closed()


async def test_close_answers_503_while_process_request_runs():
    events = []

    class Slow(websockets.WebSocketServerProtocol):
        async def process_request(self, path, request_headers):
            events.append("begun")
            await self.wait_closed()
            events.append("told")

    server = await websockets.serve(hold, "127.0.0.1", 0, create_protocol=Slow)
    async with tcp_to(port_of(server)) as peer:
        peer.write(REQUEST + b"\r\n")
        while not events:
            await asyncio.sleep(0)
        server.close()
        assert status(await peer.read_head()) == 503
        await peer.read_eof()
    await server.wait_closed()
    assert events == ["begun", "told"]


async def test_close_before_a_connection_is_made_by_the_loop():
    server = await websockets.serve(hold, "127.0.0.1", 0, close_timeout=0.02)
    port = port_of(server)
    with socket.create_connection(("127.0.0.1", port)):
        server.close()
        await server.wait_closed()


async def test_serve_forever_ends_with_its_cancellation():
    server = await websockets.serve(hold, "127.0.0.1", 0, start_serving=False)
    assert not server.is_serving()
    serving = asyncio.ensure_future(server.serve_forever())
    while not server.is_serving():
        await asyncio.sleep(0)
    ws = await websockets.connect(f"ws://127.0.0.1:{port_of(server)}")
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    await ws.wait_closed()
    assert ws.close_code == 1001
    assert server.sockets is None
