"""
Pings on asyncio and on trio, those of programs and those that keep a connection alive.
"""

import random

import pytest
from both import answered, both_sides, close, now, sleep, started, turns
from counted import Growth
from peer import CLOSE, PING, PONG, TEXT, close_payload
from todays import Records

from websockets.exceptions import ConcurrencyError, ConnectionClosedError, ProtocolError

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


@both_sides
async def test_a_ping_is_answered_until_the_peer_closes(connection):
    async with connection() as (ws, peer):
        closing = started(close(ws))
        await peer.read_close()
        await peer.send(PING, b"x")
        assert await peer.read() == (FIN | PONG, b"x")
        await peer.send(CLOSE, close_payload(1000))
        await peer.close()
        await closing
        assert ws.close_code == 1000


@both_sides
async def test_a_pong_gives_the_latency_of_all_earlier_pings(connection):
    async with connection() as (ws, peer):
        assert ws.latency == 0
        pongs = [await ws.ping(data) for data in ("a", "b", "c")]
        assert list(ws.pending_pings) == [b"a", b"b", b"c"]
        for payload in (b"never asked for", b"b"):
            await peer.send(PONG, payload)
        await answered(pongs[0])
        await answered(pongs[1])
        assert ws.latency > 0 and list(ws.pending_pings) == [b"c"]


# Keepalive


@pytest.mark.given_clock
@both_sides
async def test_pings_come_regularly(connection):
    async with connection(ping_interval=20, ping_timeout=10) as (ws, peer):
        begun = now()
        for number in range(1, 4):
            byte0, payload = await peer.read()
            assert (byte0, len(payload)) == (FIN | PING, 4)
            assert now() - begun == pytest.approx(20 * number)
            await peer.send(PONG, payload)
        await turns()
        assert ws.state.name == "OPEN" and ws.latency > 0


@pytest.mark.given_clock
@both_sides
async def test_a_peer_that_does_not_answer_is_given_up(connection):
    growth = Growth()
    async with connection(ping_interval=20, ping_timeout=10) as (ws, peer):
        receiving = started(ws.recv())
        assert (await peer.read())[0] == FIN | PING
        assert await peer.read_close() == (1011, "keepalive ping timeout")
        await peer.close()
        with pytest.raises(ConnectionClosedError) as raised:
            await receiving
        assert str(raised.value) == (
            "sent 1011 (internal error) keepalive ping timeout; no close frame received"
        )
    assert list(growth.of("keepalive_timeouts").values()) == [1]


@pytest.mark.given_clock
@both_sides
async def test_without_ping_timeout_nobody_is_given_up(connection):
    async with connection(ping_interval=20, ping_timeout=None) as (ws, peer):
        for _ in range(5):
            assert (await peer.read())[0] == FIN | PING
        assert ws.state.name == "OPEN"


@pytest.mark.given_clock
@both_sides
async def test_without_ping_interval_there_is_no_keepalive(connection):
    async with connection(ping_interval=None) as (ws, peer):
        await sleep(1000)
        await ws.send("first")
        assert await peer.read() == (FIN | TEXT, b"first")


@pytest.mark.given_clock
@both_sides
async def test_times_may_be_changed(connection):
    async with connection(ping_interval=20, ping_timeout=10) as (ws, peer):
        ws.ping_interval, ws.ping_timeout = 50, None
        await peer.send(PONG, (await peer.read())[1])
        begun = now()
        await peer.read()
        await peer.read()
        assert now() - begun == pytest.approx(100)
        ws.ping_interval = None
        await peer.read()
        await sleep(1000)
        assert ws.state.name == "OPEN"


@pytest.mark.given_clock
@both_sides
async def test_keepalive_in_logs(connection):
    records = Records("DEBUG")
    async with connection(ping_interval=20, ping_timeout=10, logger=records.logger) as (ws, peer):
        await peer.send(PONG, (await peer.read())[1])
        await peer.read_close()
        await peer.close()
        await ws.wait_closed()
    said = [line[6:] for line in records.lines if line[6:7] in "%-"]
    assert said == [
        "% sent keepalive ping",
        "% received keepalive pong",
        "% sent keepalive ping",
        "- timed out waiting for keepalive pong",
    ]


@both_sides
async def test_the_payload_of_a_ping_is_another_than_those_that_wait(connection, monkeypatch):
    numbers = iter([0x72616E64, 0x72616E64, 0x6F746872])
    monkeypatch.setattr(random, "getrandbits", lambda bits: next(numbers))
    async with connection() as (ws, peer):
        await ws.ping()
        await ws.ping()
        assert [await peer.read() for _ in range(2)] == [
            (0x80 | PING, b"rand"),
            (0x80 | PING, b"othr"),
        ]
