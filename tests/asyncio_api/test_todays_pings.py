"""
Pings and keepalive in today's API: futures and tasks.
"""

import asyncio

import pytest
from peer import CLOSE, PONG, TEXT, close_payload, turns
from todays import both_ends, both_sides

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import (
    ConnectionClosedOK,
)

FIN = 0x80


@both_sides
async def test_futures_have_the_latency(connection):
    async with connection() as (ws, peer):
        first, second = await ws.ping(), await ws.ping("b")
        peer.send(PONG, b"b")
        assert await first >= await second == ws.latency > 0


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
async def test_the_task_of_keepalive(connection):
    async with connection(ping_interval=None) as (ws, peer):
        assert ws.keepalive_task is None
    async with connection(ping_interval=20) as (ws, peer):
        assert not ws.keepalive_task.done()
        ws.ping_interval = None
        peer.send(PONG, (await peer.read())[1])
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
