"""
Options of connections, as documented: what they are by default, and who gets them.
"""

import asyncio

import pytest
from peer import BINARY, PING, PONG, TEXT, both_ends, both_sides, frame

import websockets


async def test_create_protocol_gets_documented_arguments_only():
    made = []

    def make_server(
        ws_handler,
        ws_server,
        *,
        host,
        port,
        secure,
        ping_interval,
        ping_timeout,
        close_timeout,
        max_size,
        max_queue,
        read_limit,
        write_limit,
        loop=None,
        timeout=None,
        legacy_recv=False,
        origins,
        extensions,
        subprotocols,
        extra_headers,
        process_request,
        select_subprotocol,
    ):
        arguments = {name: value for name, value in locals().items() if name != "made"}
        made.append(arguments)
        return websockets.WebSocketServerProtocol(
            arguments.pop("ws_handler"), arguments.pop("ws_server"), **arguments
        )

    def make_client(
        *,
        host,
        port,
        secure,
        ping_interval,
        ping_timeout,
        close_timeout,
        max_size,
        max_queue,
        read_limit,
        write_limit,
        loop=None,
        timeout=None,
        legacy_recv=False,
        origin,
        extensions,
        subprotocols,
        extra_headers,
    ):
        arguments = {name: value for name, value in locals().items() if name != "made"}
        made.append(arguments)
        return websockets.WebSocketClientProtocol(**arguments)

    async with both_ends({"create_protocol": make_server}, create_protocol=make_client):
        pass
    for arguments in made:
        assert arguments["secure"] is False
        assert arguments["host"] == "127.0.0.1"
        assert arguments["max_size"] == 2**20 and arguments["max_queue"] == 32
        assert arguments["read_limit"] == arguments["write_limit"] == 2**16
        assert (arguments["ping_interval"], arguments["ping_timeout"]) == (20, 20)
        assert arguments["close_timeout"] == 10
    assert len(made) == 2


async def test_options_of_the_connection_are_handed_on():
    options = {
        "ping_interval": 11,
        "ping_timeout": 12,
        "close_timeout": 13,
        "max_size": 14,
        "max_queue": 15,
        "read_limit": 16,
        "write_limit": 17,
    }
    async with both_ends(options, **options) as ends:
        for ws in ends:
            assert {name: getattr(ws, name) for name in options} == options


async def hang_up_after_close(peer, code):
    assert (await peer.read_close())[0] == code
    await peer.close()


@both_sides
async def test_a_message_of_a_mebibyte_is_the_largest_by_default(connection):
    async with connection() as (ws, peer):
        peer.send(BINARY, bytes(2**20))
        assert len(await ws.recv()) == 2**20
        peer.send(BINARY, bytes(2**20 + 1))
        with pytest.raises(websockets.ConnectionClosedError) as error:
            await asyncio.gather(ws.recv(), hang_up_after_close(peer, 1009))
        assert (error.value.code, error.value.sent.code) == (1006, 1009)


@both_sides
async def test_without_max_size_a_message_may_be_larger(connection):
    async with connection(max_size=None) as (ws, peer):
        peer.send(BINARY, bytes(2**21))
        assert len(await ws.recv()) == 2**21


@both_sides
@pytest.mark.parametrize("options, limit", [({}, 32), ({"max_queue": 5}, 5)])
async def test_what_is_behind_a_full_queue_waits_for_recv(connection, options, limit):
    async with connection(**options) as (ws, peer):
        message, ping = frame(TEXT, b"m", masked=peer.masked), frame(PING, masked=peer.masked)
        ws.data_received(message * (limit - 1) + ping)
        await ws.send("first")
        assert [await peer.read() for _ in range(2)] == [(0x80 | PONG, b""), (0x81, b"first")]
        ws.data_received(message * 2 + ping)
        await ws.send("second")
        assert await peer.read() == (0x81, b"second")
        for _ in range(limit + 1):
            await ws.recv()
        assert await peer.read() == (0x80 | PONG, b"")


@both_sides
async def test_without_max_queue_nothing_waits(connection):
    async with connection(max_queue=None) as (ws, peer):
        message, ping = frame(TEXT, b"m", masked=peer.masked), frame(PING, masked=peer.masked)
        ws.data_received(message * 10_000 + ping)
        assert await peer.read() == (0x80 | PONG, b"")
        assert [await ws.recv() for _ in range(10_000)] == ["m"] * 10_000


@both_sides
@pytest.mark.parametrize("options, high", [({}, 65536), ({"write_limit": 4000}, 4000)])
async def test_write_limit_is_the_high_water_limit_of_the_transport(connection, options, high):
    async with connection(**options) as (ws, peer):
        low, high_too = ws.transport.get_write_buffer_limits()
        assert (low, high_too) == (high // 4, high)
