"""
Attributes of connections that programs read and write.
"""

import asyncio

import pytest
from peer import both_ends, echo, port_of, server_and_peer, uri_of

import websockets
from websockets.exceptions import ConnectionClosed
from websockets.http import Headers


async def test_attributes_of_connections():
    seen = asyncio.get_running_loop().create_future()

    async def handler(ws, path):
        seen.set_result(ws)
        await ws.wait_closed()

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async with websockets.connect(
            uri_of(server, "/path?query"), extra_headers={"X-Mine": "1"}
        ) as client:
            ws = await seen
            loop = asyncio.get_running_loop()
            assert (ws.loop, client.loop) == (loop, loop)
            assert (ws.is_client, client.is_client) == (False, True)
            assert (ws.side, client.side) == ("server", "client")
            assert ws.state is client.state is websockets.protocol.State.OPEN
            assert ws.ws_server is server
            assert ws in server.websockets
            assert isinstance(ws.handler_task, asyncio.Task) and not ws.handler_task.done()
            assert ws.transport.get_extra_info("peername") == ws.remote_address
            assert client.transport.get_extra_info("socket") is not None
            assert (ws.path, client.path) == ("/path?query", "/path?query")
            assert ws.request_headers["X-Mine"] == "1"
            assert client.extra_headers["X-Mine"] == "1"
            assert (ws.origin, ws.host, ws.secure) == (None, "127.0.0.1", False)
            assert (client.port, client.secure) == (port_of(server), False)
            assert (ws.ping_interval, ws.ping_timeout, ws.close_timeout) == (20, 20, 10)
            ws.max_size = client.max_size = 10
            assert (ws.max_size, client.max_size) == (10, 10)
            await client.send(b"x" * 11)
            await client.wait_closed()
            assert client.close_code == 1009
            await ws.wait_closed()
            assert ws.state is websockets.protocol.State.CLOSED


@pytest.mark.parametrize("limit", [10, None])
async def test_max_size_that_a_handler_sets(limit):
    async def handler(ws, path):
        ws.max_size = limit
        await ws.send("ready")
        await echo(ws, path)

    async with websockets.serve(handler, "127.0.0.1", 0, max_size=100) as server:
        async with websockets.connect(uri_of(server)) as ws:
            await ws.recv()
            await ws.send(b"x" * 101)
            if limit is None:
                assert await ws.recv() == b"x" * 101
            else:
                with pytest.raises(ConnectionClosed):
                    await ws.recv()
                assert ws.close_code == 1009


@pytest.mark.parametrize("wrong", ["10", -1, 1.5, True, (10, 5), b"1"])
async def test_a_max_size_that_cannot_be_meant_changes_nothing(wrong):
    async with both_ends({"max_size": 100}, max_size=100) as ends:
        for ws in ends:
            with pytest.raises((TypeError, ValueError), match="max_size must be None or a number"):
                ws.max_size = wrong
        sender, receiver = ends
        assert receiver.max_size == 100
        await sender.send(b"x" * 101)
        with pytest.raises(ConnectionClosed):
            await receiver.recv()


async def test_what_the_handshake_leaves_in_attributes():
    options = {"subprotocols": ["chat"], "extra_headers": {"X-Response": "1"}}
    async with both_ends(options, subprotocols=["chat"], extra_headers={"X-Request": "1"}) as ends:
        for ws in ends:
            assert ws.path == "/"
            assert isinstance(ws.request_headers, Headers)
            assert isinstance(ws.response_headers, Headers)
            assert ws.request_headers["X-Request"] == ws.response_headers["X-Response"] == "1"
            assert ws.subprotocol == "chat"
        server, client = ends
        assert server.request_headers == client.request_headers
        assert server.response_headers == client.response_headers


async def test_open_and_closed_during_the_opening_handshake():
    seen = []

    class Looking(websockets.WebSocketServerProtocol):
        async def process_request(self, path, request_headers):
            seen.append((self.open, self.closed, self.local_address, self.remote_address))

    async with server_and_peer(create_protocol=Looking) as (ws, peer):
        assert seen == [(False, False, ws.local_address, ws.remote_address)]
        assert len(ws.local_address) == len(ws.remote_address) == 2
