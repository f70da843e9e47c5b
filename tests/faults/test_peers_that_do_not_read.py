"""
Peers that don't read, and programs that don't: whoever waits is released in time.
"""

import asyncio

import pytest
from peer import PING, PONG, TEXT, both_sides, frame, turns

import websockets


async def fill(ws):
    """Send until it blocks; return the task that is blocked."""
    sending = asyncio.ensure_future(ws.send(b"x" * 20_000_000))
    await turns(50)
    assert not sending.done()
    return sending


@both_sides
async def test_the_pong_may_come_before_ping_returns(connection):
    async with connection(write_limit=1000) as (ws, peer):
        sending = await fill(ws)
        pinging = asyncio.ensure_future(ws.ping(b"x"))
        await turns()
        ws.data_received(frame(PONG, b"x", masked=peer.masked))
        assert not pinging.done()
        await peer.read()
        assert await peer.read() == (0x80 | PING, b"x")
        await sending
        pong = await pinging
        assert pong.done() and pong.result() >= 0


@both_sides
@pytest.mark.given_clock
async def test_senders_pings_and_keepalive_together_before_a_peer_that_does_not_read(connection):
    options = {"ping_interval": 20, "ping_timeout": None, "write_limit": 1000}
    async with connection(**options) as (ws, peer):
        tasks = [await fill(ws)]
        for _ in range(3):
            tasks.append(asyncio.ensure_future(ws.send(b"x" * 100_000)))
            tasks.append(asyncio.ensure_future(ws.send(iter([b"a", b"b"]))))
            tasks.append(asyncio.ensure_future(ws.ping()))
            tasks.append(asyncio.ensure_future(ws.pong()))
        await asyncio.sleep(100)
        await ws.close()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(result) for result in results} == {websockets.ConnectionClosedError}


@both_sides
@pytest.mark.given_clock
@pytest.mark.parametrize("ends", ["close", "keepalive"])
async def test_a_connection_ends_in_time_while_reading_is_paused(connection, ends):
    options = {"ping_interval": None}
    if ends == "keepalive":
        options = {"ping_interval": 20, "ping_timeout": 20}
    async with connection(max_queue=1, read_limit=1, **options) as (ws, peer):
        for _ in range(3):
            ws.data_received(frame(TEXT, b"unread", masked=peer.masked))
        assert not ws.transport.is_reading()
        if ends == "close":
            await ws.close()
            assert ws.close_code == 1006
        else:
            assert [await ws.recv() for _ in range(3)] == ["unread"] * 3
            await ws.wait_closed()
            assert ws.close_code == 1006
            with pytest.raises(websockets.ConnectionClosedError) as error:
                await ws.recv()
            assert error.value.sent.code == 1011
