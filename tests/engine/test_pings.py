"""
Pings and pongs, on either side.
"""

import asyncio
import time

import pytest
from held import held
from peer import PING, PONG, both_sides

import websockets


@both_sides
async def test_a_ping_is_answered_with_its_payload(connection):
    async with connection() as (ws, peer):
        for payload in (b"", b"\x00" * 125):
            peer.send(PING, payload)
            assert await peer.read() == (0x80 | PONG, payload)


@both_sides
async def test_ping_returns_a_future_for_the_pong(connection):
    async with connection() as (ws, peer):
        future = await ws.ping()
        byte0, payload = await peer.read()
        assert (byte0, len(payload)) == (0x80 | PING, 4)
        assert not future.done()
        peer.send(PONG, payload)
        await future


@both_sides
async def test_a_pong_acknowledges_the_pings_before_it(connection):
    async with connection() as (ws, peer):
        futures = [await ws.ping(data) for data in ("a", b"b", bytearray(b"c"))]
        peer.send(PONG, b"unknown")
        peer.send(PONG, b"b")
        await asyncio.gather(*futures[:2])
        assert not futures[2].done()


async def round_trip(ws, peer):
    future = await ws.ping(b"round trip")
    while await peer.read() != (0x80 | PING, b"round trip"):
        pass
    peer.send(PONG, b"round trip")
    return future


@both_sides
async def test_a_ping_whose_future_was_cancelled_is_acknowledged_quietly(connection, caplog):
    async with connection() as (ws, peer):
        (await ws.ping(b"x")).cancel()
        peer.send(PONG, b"x")
        await (await round_trip(ws, peer))
    assert not caplog.records


@both_sides
async def test_two_pings_with_the_same_data_are_a_value_error(connection):
    async with connection() as (ws, peer):
        await ws.ping("same")
        with pytest.raises(ValueError, match="same data"):
            await ws.ping(b"same")


@both_sides
async def test_pings_of_a_connection_that_ends_raise_connection_closed(connection):
    async with connection() as (ws, peer):
        future = await ws.ping()
        ignored = await ws.ping()
        await peer.close()
        with pytest.raises(websockets.ConnectionClosedError):
            await future
        assert ignored.done()


@both_sides
async def test_a_ping_of_more_than_125_bytes_is_refused_and_the_connection_stays_open(connection):
    async with connection() as (ws, peer):
        with pytest.raises(websockets.ProtocolError, match="control frame too long"):
            await ws.ping(b"x" * 126)
        with pytest.raises(TypeError):
            await ws.ping(42)
        await ws.pong("unsolicited")
        assert await peer.read() == (0x80 | PONG, b"unsolicited")


@pytest.mark.one_loop
@pytest.mark.one_backend
async def test_the_first_of_many_pings_is_found_at_once_behind_all_that_were_answered():
    async with held() as one:
        payloads = [b"%d" % number for number in range(100_000)]
        futures = [await one.ws.ping(payload) for payload in payloads]
        times = []
        for start in range(0, len(payloads), 1000):
            some = [one.frame(PONG, payload) for payload in payloads[start : start + 1000]]
            before = time.thread_time()
            one.hear(*some)
            times.append(time.thread_time() - before)
        assert all(future.done() for future in futures)
        # A dict that looks for its first one behind those that have gone takes 20 times as long.
        assert min(times[-10:]) < 5 * min(times[:10])
