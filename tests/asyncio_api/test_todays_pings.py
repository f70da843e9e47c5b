"""
Pings, pongs, latency and keepalive in today's API.
"""

import asyncio

import pytest
from peer import CLOSE, PING, PONG, TEXT, close_payload, turns
from todays import Records, both_ends, both_sides, closed

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import (
    ConnectionClosedError,
    ConnectionClosedOK,
)

FIN = 0x80


@both_sides
async def test_a_pong_gives_the_latency_of_all_earlier_pings(connection):
    async with connection() as (ws, peer):
        assert ws.latency == 0
        pongs = [await ws.ping(data) for data in ("a", "b", "c")]
        assert list(ws.pending_pings) == [b"a", b"b", b"c"]
        assert [type(pong.done()) for pong in pongs] == [bool] * 3
        peer.send(PONG, b"never asked for")
        peer.send(PONG, b"b")
        first, second = await pongs[0], await pongs[1]
        assert first >= second == ws.latency > 0
        assert not pongs[2].done() and list(ws.pending_pings) == [b"c"]


@both_sides
async def test_a_future_may_be_cancelled(connection):
    async with connection() as (ws, peer):
        (await ws.ping("a")).cancel()
        pong = await ws.ping("b")
        peer.send(PONG, b"b")
        assert await pong > 0
        assert ws.state.name == "OPEN"


@both_sides
async def test_pings_that_nobody_will_answer_any_more(connection, caplog):
    async with connection() as (ws, peer):
        watched, _ = await ws.ping(), await ws.ping()
        peer.send(CLOSE, close_payload(1000))
        await peer.read_close()
        await peer.close()
        await ws.wait_closed()
        with pytest.raises(ConnectionClosedOK):
            await watched
        assert not ws.pending_pings
        with pytest.raises(ConnectionClosedOK):
            await ws.ping()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


# Keepalive


@pytest.mark.given_clock
@both_sides
async def test_pings_come_regularly(connection):
    async with connection(ping_interval=20, ping_timeout=10) as (ws, peer):
        loop = asyncio.get_running_loop()
        started = loop.time()
        for number in range(1, 4):
            byte0, payload = await peer.read()
            assert (byte0, len(payload)) == (FIN | PING, 4)
            assert loop.time() - started == pytest.approx(20 * number)
            peer.send(PONG, payload)
        await turns()
        assert ws.state.name == "OPEN" and ws.latency > 0


@pytest.mark.given_clock
@both_sides
async def test_a_peer_that_does_not_answer_is_given_up(connection):
    async with connection(ping_interval=20, ping_timeout=10) as (ws, peer):
        receiving = asyncio.ensure_future(ws.recv())
        assert (await peer.read())[0] == FIN | PING
        assert await peer.read_close() == (1011, "keepalive ping timeout")
        await peer.close()
        with pytest.raises(ConnectionClosedError) as raised:
            await receiving
        assert str(raised.value) == (
            "sent 1011 (internal error) keepalive ping timeout; no close frame received"
        )


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
        assert ws.keepalive_task is None
        await asyncio.sleep(1000)
        await ws.send("first")
        assert await peer.read() == (FIN | TEXT, b"first")


@pytest.mark.given_clock
@both_sides
async def test_times_may_be_changed(connection):
    async with connection(ping_interval=20, ping_timeout=10) as (ws, peer):
        loop = asyncio.get_running_loop()
        ws.ping_interval, ws.ping_timeout = 50, None
        peer.send(PONG, (await peer.read())[1])
        started = loop.time()
        await peer.read()
        await peer.read()
        assert loop.time() - started == pytest.approx(100)
        ws.ping_interval = None
        await peer.read()
        await asyncio.sleep(1000)
        assert ws.keepalive_task.done() and ws.state.name == "OPEN"


@pytest.mark.given_clock
@both_sides
async def test_keepalive_may_be_ended(connection):
    async with connection(ping_interval=20, ping_timeout=10) as (ws, peer):
        assert not ws.keepalive_task.done()
        assert ws.keepalive_task.cancel() and not ws.keepalive_task.cancel()
        assert ws.keepalive_task.done() and ws.keepalive_task.cancelled()
        await asyncio.sleep(1000)
        await ws.send("first")
        assert await peer.read() == (FIN | TEXT, b"first")


@pytest.mark.given_clock
@both_sides
async def test_keepalive_in_logs(connection):
    records = Records("DEBUG")
    async with connection(ping_interval=20, ping_timeout=10, logger=records.logger) as (ws, peer):
        peer.send(PONG, (await peer.read())[1])
        await peer.read_close()
        await peer.close()
        await closed(ws)
    said = [line[6:] for line in records.lines if line[6:7] in "%-"]
    assert said == [
        "% sent keepalive ping",
        "% received keepalive pong",
        "% sent keepalive ping",
        "- timed out waiting for keepalive pong",
    ]


async def test_keepalive_of_a_subclass_runs_in_a_task():
    class Own(ClientConnection):
        async def keepalive(self):
            await self.ping("own")
            await asyncio.sleep(1000)

    async with both_ends(create_connection=Own) as (server, client):
        assert isinstance(client.keepalive_task, asyncio.Task)
        while b"own" not in client.pending_pings and not client.latency:
            await asyncio.sleep(0)
    await turns()
    assert client.keepalive_task.cancelled()


async def test_a_subclass_may_do_without_keepalive():
    class Silent(ClientConnection):
        def start_keepalive(self):
            pass

    async with both_ends(create_connection=Silent) as (server, client):
        assert client.keepalive_task is None and server.keepalive_task is not None
        keeping = asyncio.ensure_future(client.keepalive())
        await turns()
        assert client.keepalive_task is not None and not keeping.done()
    await keeping
