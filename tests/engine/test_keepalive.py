"""
Keepalive: pings at their intervals, any bytes as a sign of life, and the end of a peer without one.
"""

import asyncio
import contextlib

import pytest
from peer import PING, PONG, TEXT, both_sides, server_and_peer, turns

import websockets

pytestmark = pytest.mark.given_clock


def now():
    return asyncio.get_running_loop().time()


@both_sides
async def test_keepalive_sends_pings_that_a_peer_answers(connection):
    async with connection(ping_interval=20, ping_timeout=5) as (ws, peer):
        payloads = set()
        for count in range(1, 4):
            byte0, payload = await peer.read()
            assert (byte0, now()) == (0x80 | PING, 20 * count)
            payloads.add(payload)
            peer.send(PONG, payload)
        assert len(payloads) == 3


@both_sides
async def test_each_connection_has_its_own_times(connection):
    times = []

    async def ping_of(peer):
        assert (await peer.read())[0] == 0x80 | PING
        times.append(now())

    async with contextlib.AsyncExitStack() as opened:
        peers = []
        for interval in (20, 20, 15, 20):
            options = {"ping_interval": interval, "ping_timeout": None}
            pair = await opened.enter_async_context(connection(**options))
            peers.append(pair)
            await asyncio.sleep(3)
        # Who leaves takes nobody's time along.
        ws, peer = peers.pop(0)
        ws.transport.abort()
        await ws.wait_closed()
        await asyncio.gather(*(ping_of(peer) for _, peer in peers))
    assert times == [6 + 15, 3 + 20, 9 + 20]


@both_sides
async def test_keepalive_closes_with_1011_when_nothing_is_heard(connection):
    async with connection(ping_interval=20, ping_timeout=5) as (ws, peer):
        assert await peer.read_close() == (1011, "keepalive ping timeout")
        assert 25 <= now() < 26
        await peer.close()
        with pytest.raises(websockets.ConnectionClosedError) as error:
            await ws.recv()
        assert error.value.code == 1006
        assert (error.value.rcvd, error.value.sent.code) == (None, 1011)


@both_sides
async def test_keepalive_without_a_timeout_only_pings(connection):
    async with connection(ping_interval=20, ping_timeout=None) as (ws, peer):
        for count in range(1, 6):
            assert (await peer.read())[0] == 0x80 | PING
            assert now() == 20 * count
        assert ws.open


@both_sides
async def test_without_an_interval_no_ping_is_sent(connection):
    async with connection(ping_interval=None, ping_timeout=1) as (ws, peer):
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(peer.read(), 1000)
        assert ws.open


@both_sides
async def test_keepalive_takes_any_bytes_for_life(connection):
    async with connection(ping_interval=20, ping_timeout=20) as (ws, peer):
        # No pong ever comes, but messages do, for many times the timeout.
        for _ in range(30):
            peer.send(TEXT, b"alive")
            await ws.recv()
            await asyncio.sleep(15)
        assert ws.open
        heard = now() - 15
        assert await peer.read_close() == (1011, "keepalive ping timeout")
        assert now() <= heard + 2 * 20 + 1


@both_sides
async def test_keepalive_spares_a_peer_that_we_do_not_read_from(connection):
    options = {"ping_interval": 20, "ping_timeout": 20, "max_queue": 1, "read_limit": 1}
    async with connection(**options) as (ws, peer):
        for _ in range(3):
            peer.send(TEXT, b"waits")
        await asyncio.sleep(1000)
        assert not ws.transport.is_reading()
        assert ws.open
        assert [await ws.recv() for _ in range(3)] == ["waits"] * 3


@both_sides
async def test_a_loop_that_was_blocked_does_not_take_its_peer_for_dead(connection):
    async with connection(ping_interval=20, ping_timeout=5) as (ws, peer):
        _, payload = await peer.read()
        peer.send(PONG, payload)
        # The timer is due before the loop has looked at what arrived.
        asyncio.get_running_loop().block(1000)
        await turns()
        _, payload = await peer.read()
        assert ws.open and len(payload) == 4


async def test_latency_is_measured_by_keepalive():
    async with server_and_peer(ping_interval=20) as (ws, peer):
        assert ws.latency == 0
        _, payload = await peer.read()
        await asyncio.sleep(3)
        peer.send(PONG, payload)
        await asyncio.sleep(1)
        assert ws.latency > 0
