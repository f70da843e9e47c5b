"""
What a connection of today's API tells of itself, and the methods that its subclasses find.
"""

import asyncio
import inspect
import uuid
import weakref

import pytest
from peer import BINARY, PING, PONG, TEXT, turns
from todays import both_ends, both_sides, client_and_peer, closed, is_client

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection
from websockets.client import ClientProtocol
from websockets.protocol import State
from websockets.server import ServerProtocol

KEYWORDS = {
    "ping_interval": 20,
    "ping_timeout": 20,
    "close_timeout": 10,
    "max_queue": 16,
    "write_limit": 2**15,
}


@both_sides
async def test_attributes(connection):
    async with connection() as (ws, peer):
        client = is_client(connection)
        assert type(ws) is (ClientConnection if client else ServerConnection)
        assert type(ws.protocol) is (ClientProtocol if client else ServerProtocol)
        assert isinstance(ws, Connection) and isinstance(ws, asyncio.Protocol)
        assert isinstance(ws.id, uuid.UUID) and ws.id == ws.protocol.id == ws.id
        assert ws.debug is False and ws.loop is asyncio.get_running_loop()
        assert ws.state is State.OPEN and ws.state == 1
        assert (ws.close_code, ws.close_reason, ws.subprotocol) == (None, None, None)
        assert (ws.ping_interval, ws.ping_timeout, ws.close_timeout) == (20, 20, 10)
        assert ws.latency == 0 and ws.connection_exc is None
        assert ws.local_address == ws.transport.get_extra_info("sockname")
        assert ws.remote_address == ws.transport.get_extra_info("peername")
        assert ws.request is not None and ws.response.status_code == 101
        assert weakref.ref(ws)() is ws and {ws: 1}[ws] and ws == ws
        ws.attribute = "of the program"
        waiter = ws.connection_lost_waiter
        assert not waiter.done()
        ws.transport.abort()
        await waiter
        await closed(ws)
        assert ws.close_exc.rcvd is None


@both_sides
@pytest.mark.parametrize(
    "name",
    "open closed path request_headers response_headers host port secure extensions max_size".split(),
)
async def test_what_tells_the_other_generation(connection, name):
    async with connection() as (ws, peer):
        assert not hasattr(ws, name)


@pytest.mark.parametrize(
    "cls, positional",
    [(ClientConnection, ["protocol"]), (ServerConnection, ["protocol", "server"])],
)
def test_how_a_connection_is_made(cls, positional):
    parameters = inspect.signature(cls).parameters
    assert list(parameters) == [*positional, *KEYWORDS]
    for name, default in KEYWORDS.items():
        assert parameters[name].default == default
        assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY


def test_how_messages_are_sent_and_received():
    def told(method):
        return [
            (name, parameter.default, parameter.kind.name[0])
            for name, parameter in inspect.signature(method).parameters.items()
        ][1:]

    empty = inspect.Parameter.empty
    assert told(Connection.send)[:2] == [("message", empty, "P"), ("text", None, "K")]
    assert told(Connection.recv) == [("decode", None, "P")]
    assert told(Connection.recv_streaming) == [("decode", None, "P")]
    assert told(Connection.close) == [("code", 1000, "P"), ("reason", "", "P")]
    assert told(Connection.ping) == [("data", None, "P")]
    assert told(Connection.pong) == [("data", b"", "P")]
    assert told(Connection.wait_closed) == []


@both_sides
async def test_the_subprotocol(connection):
    server = {"subprotocols": ["b", "a"]}
    async with both_ends(server, subprotocols=["a", "b"]) as ends:
        assert [ws.subprotocol for ws in ends] == ["b", "b"]


@pytest.mark.parametrize(
    "max_queue, high, low",
    [
        (16, 16, 4),
        (7, 7, 1),
        ((8, 2), 8, 2),
        ((8, None), 8, 2),
        ((None, 4), 16, 4),
        (None, None, None),
        (0, 0, 0),
    ],
)
async def test_max_queue(max_queue, high, low):
    async with client_and_peer(max_queue=max_queue) as (ws, peer):
        assert (ws.recv_messages.high, ws.recv_messages.low) == (high, low)
        assert ws.recv_messages.paused is False and ws.recv_messages.frames == []


@both_sides
async def test_what_waits(connection):
    async with connection(max_queue=(4, 1)) as (ws, peer):
        for _ in range(2):
            peer.send(TEXT, b"x")
        peer.send(BINARY, b"y", fin=False)
        peer.send(0, b"z")
        while len(ws.recv_messages.frames) < 4:
            await asyncio.sleep(0)
        assert not ws.recv_messages.paused
        assert [str(frame) for frame in ws.recv_messages.frames] == [
            "TEXT 'x' [1 byte]",
            "TEXT 'x' [1 byte]",
            "BINARY 'y' [text, 1 byte, continued]",
            "CONT 'z' [text, 1 byte]",
        ]
        peer.send(PING, b"not answered")
        while not ws.recv_messages.paused:
            await asyncio.sleep(0)
        assert [await ws.recv() for _ in range(3)] == ["x", "x", b"yz"]
        assert not ws.recv_messages.paused
        assert await peer.read() == (0x80 | PONG, b"not answered")


@both_sides
@pytest.mark.parametrize(
    "write_limit, limits",
    [(2**15, (2**13, 2**15)), (100, (25, 100)), ((100, 10), (10, 100)), ((100, None), (25, 100))],
)
async def test_write_limit(connection, write_limit, limits):
    async with connection(write_limit=write_limit) as (ws, peer):
        assert ws.transport.get_write_buffer_limits() == limits


@both_sides
async def test_methods_for_subclasses(connection):
    async with connection() as (ws, peer):
        await ws.drain()
        assert ws.send_data() is None
        pong = await ws.ping(b"a")
        await peer.read()
        ws.acknowledge_pings(b"a")
        assert await pong > 0
        async with ws.send_context():
            assert ws.state is State.OPEN
        first, second = OSError(1), OSError(2)
        ws.set_connection_exc(first)
        ws.set_connection_exc(second)
        assert ws.connection_exc is first
        pong = await ws.ping()
        ws.terminate_pending_pings()
        assert pong.exception() is not None and not ws.pending_pings


@both_sides
async def test_the_protocol_may_be_used_in_a_context_for_sending(connection):
    async with connection() as (ws, peer):
        async with ws.send_context():
            ws.protocol.send_binary(b"a", fin=False)
            ws.protocol.send_ping(b"p")
            ws.protocol.send_continuation(b"b", fin=True)
        frames = [await peer.read() for _ in range(3)]
        assert frames == [(2, b"a"), (0x80 | PING, b"p"), (0x80, b"b")]
        assert ws.protocol.events_received() == [] and not ws.protocol.expect_continuation_frame
        async with ws.send_context():
            ws.protocol.send_close(1001, "bye")
        assert await peer.read_close() == (1001, "bye")
        assert ws.state is State.CLOSING
        await peer.close()
        await closed(ws)
    async with connection() as (ws, peer):
        async with ws.send_context():
            ws.protocol.fail(1011, "of the program")
        assert await peer.read_close() == (1011, "of the program")
        await peer.close()
        await closed(ws)


@both_sides
async def test_pausing_reading(connection):
    async with connection() as (ws, peer):
        ws.transport.pause_reading()
        peer.send(TEXT, b"x")
        receiving = asyncio.ensure_future(ws.recv())
        await turns(20)
        assert not receiving.done()
        ws.transport.resume_reading()
        assert await receiving == "x"


@both_sides
async def test_why_tcp_was_lost(connection):
    async with connection() as (ws, peer):
        exc = ConnectionResetError("of a test")
        transport = ws.transport
        ws.connection_lost(exc)
        transport.abort()
        assert ws.connection_exc is exc and ws.close_exc.__cause__ is exc
        assert (ws.close_code, ws.close_reason) == (1006, "")
