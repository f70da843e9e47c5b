"""
Connections of today's API on asyncio that a program builds itself: nobody sees a handshake.
"""

import asyncio
import contextlib
import importlib
import socket

import pytest
from transports import Transport

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection, serve
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosedOK
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Opcode
from websockets.protocol import CLIENT, CLOSED, OPEN, SERVER, Protocol
from websockets.uri import parse_uri


@contextlib.asynccontextmanager
async def pair(deflate=False, protocol_class=Protocol, **options):
    """Yield the client's and the server's end of a connection that is open from the start."""
    loop, ends = asyncio.get_running_loop(), []
    for side, sock in zip([CLIENT, SERVER], socket.socketpair()):
        protocol = protocol_class(side)
        if deflate:
            protocol.extensions = [PerMessageDeflate(False, False, 15, 15)]
        _, end = await loop.create_connection(
            lambda protocol=protocol: Connection(protocol, **options), sock=sock
        )
        ends.append(end)
    try:
        yield ends
    finally:
        for end in ends:
            await end.close()


@pytest.mark.parametrize("deflate", [False, True])
async def test_messages(deflate):
    async with pair(deflate) as (client, server):
        assert client.state is server.state is OPEN
        assert (client.request, client.response, client.subprotocol) == (None, None, None)
        for one, other in [(client, server), (server, client)]:
            await one.send("é" * 100)
            assert await other.recv() == "é" * 100
            await one.send([b"a", b"b"])
            assert await other.recv() == b"ab"
            assert await (await one.ping()) >= 0


async def test_a_close_frame_is_answered_at_once_behind_messages_that_nobody_takes():
    frames = []

    class Told(Protocol):
        def recv_frame(self, frame):
            frames.append((self.side, frame.opcode))

    async with pair(protocol_class=Told) as (client, server):
        await client.send("unread")
        closing = asyncio.ensure_future(client.close())
        while (SERVER, Opcode.CLOSE) not in frames:
            await asyncio.sleep(0)
        assert server.state is not OPEN
        await closing
        assert await server.recv() == "unread"


async def test_the_end():
    async with pair() as (client, server):
        async with client:
            assert client.keepalive_task is None
        with pytest.raises(ConnectionClosedOK):
            await server.recv()
        assert client.state is server.protocol.state is CLOSED
        assert client.close_code == server.close_code == 1000


async def test_keepalive_is_the_program_s_to_start():
    async with pair(ping_interval=0.001) as (client, server):
        assert client.keepalive_task is server.keepalive_task is None
        client.start_keepalive()
        while client.latency == 0:
            await asyncio.sleep(0)


async def test_a_client_with_an_open_protocol():
    protocol = ClientProtocol(parse_uri("ws://example.com/"), state=OPEN)
    connection = ClientConnection(protocol)
    connection.connection_made(Transport())
    await connection.send("x")
    assert connection.state is OPEN
    connection.connection_lost(None)
    assert connection.state is CLOSED


async def test_a_server_s_end_is_closed_with_its_server():
    loop, (one, other) = asyncio.get_running_loop(), socket.socketpair()
    async with serve(ServerConnection.wait_closed, "127.0.0.1", 0) as server:
        _, end = await loop.create_connection(
            lambda: ServerConnection(Protocol(SERVER), server), sock=one
        )
        _, client = await loop.create_connection(lambda: Connection(Protocol(CLIENT)), sock=other)
        assert end.state is OPEN and server.connections == {end}
        await client.send("x")
        assert await end.recv() == "x"
        server.close()
        with pytest.raises(ConnectionClosedOK):
            await client.recv()
        await end.wait_closed()
        assert end.close_code == 1001


@pytest.mark.parametrize(
    "write_limit, marks",
    [
        (2**15, (2**15, None)),
        (4096, (4096, None)),
        ((4096, 2048), (4096, 2048)),
        ((4096, None), (4096, None)),
        ((None, 2048), (None, 2048)),
    ],
)
async def test_what_a_transport_is_told_of_the_write_limit(write_limit, marks):
    class Noting(Transport):
        def set_write_buffer_limits(self, high=None, low=None):
            told.append((high, low))

    told = []
    Connection(Protocol(CLIENT), write_limit=write_limit).connection_made(Noting())
    assert told == [marks]


def test_broadcast_is_there_as_well():
    for name in ("asyncio", "sync"):
        connection = importlib.import_module(f"websockets.{name}.connection")
        server = importlib.import_module(f"websockets.{name}.server")
        assert connection.__all__ == ["Connection"]
        assert connection.broadcast is server.broadcast
        assert connection.broadcast.__module__ == f"websockets.{name}.server"
