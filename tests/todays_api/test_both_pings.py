"""
Pings on asyncio and on trio, those of programs and those that keep a connection alive.
"""

import pytest
from both import both_sides
from peer import PING, PONG

from websockets.exceptions import ConcurrencyError, ProtocolError

pytestmark = pytest.mark.and_trio


FIN = 0x80


@both_sides
@pytest.mark.parametrize(
    "data, payload", [("é", "é".encode()), (b"b", b"b"), (bytearray(b"b"), b"b"), ("", b"")]
)
async def test_a_ping_and_a_pong_with_data(connection, data, payload):
    async with connection() as (ws, peer):
        await ws.ping(data)
        assert await peer.read() == (FIN | PING, payload)
        assert await ws.pong(data) is None
        assert await peer.read() == (FIN | PONG, payload)


@both_sides
async def test_data_of_its_own(connection):
    async with connection() as (ws, peer):
        payloads = set()
        for _ in range(3):
            await ws.ping()
            payloads.add((await peer.read())[1])
        assert [len(payload) for payload in payloads] == [4] * 3
        await ws.pong()
        assert await peer.read() == (FIN | PONG, b"")


@both_sides
async def test_two_pings_with_the_same_data(connection):
    async with connection() as (ws, peer):
        await ws.ping(b"a")
        with pytest.raises(ConcurrencyError) as raised:
            await ws.ping("a")
        assert str(raised.value) == "already waiting for a pong with the same data"


@both_sides
@pytest.mark.parametrize("data", [1, ["a"], {"a": 1}])
async def test_data_of_other_types(connection, data):
    async with connection() as (ws, peer):
        for send in (ws.ping, ws.pong):
            with pytest.raises(TypeError) as raised:
                await send(data)
            assert str(raised.value) == "data must be str or bytes-like"


@both_sides
async def test_data_that_is_too_long(connection):
    async with connection() as (ws, peer):
        for send in (ws.ping, ws.pong):
            with pytest.raises(ProtocolError, match="^control frame too long$"):
                await send(bytes(126))
        assert ws.state.name == "OPEN" and not ws.pending_pings


@both_sides
async def test_a_ping_is_answered_without_the_program(connection):
    async with connection() as (ws, peer):
        await peer.send(PING, b"x")
        assert await peer.read() == (FIN | PONG, b"x")
