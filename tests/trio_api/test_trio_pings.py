"""
Pings, pongs, latency and keepalive on trio.
"""

import pytest
from on_trio import Started, both_sides, on_trio, trio, turns
from peer import CLOSE, PING, PONG, TEXT, close_payload
from todays import Records

from websockets.exceptions import (
    ConnectionClosedError,
    ConnectionClosedOK,
)

FIN = 0x80


@both_sides
@on_trio
async def test_a_pong_gives_the_latency_of_all_earlier_pings(connection):
    async with connection() as (ws, peer):
        assert ws.latency == 0
        pongs = [await ws.ping(data) for data in ("a", "b", "c")]
        assert list(ws.pending_pings) == [b"a", b"b", b"c"]
        await peer.send(PONG, b"never asked for")
        await peer.send(PONG, b"b")
        await pongs[0].wait()
        assert ws.latency > 0
        assert [pong.is_set() for pong in pongs] == [True, True, False] and list(
            ws.pending_pings
        ) == [b"c"]


@both_sides
@on_trio
async def test_a_ping_may_be_cancelled(connection):
    async with connection() as (ws, peer):
        with trio.CancelScope() as scope:
            scope.cancel()
            await ws.ping("a")
        assert scope.cancelled_caught and not ws.pending_pings
        pong = await ws.ping("b")
        await peer.send(PONG, b"b")
        await pong.wait()
        assert await peer.read() == (FIN | PING, b"b")


@both_sides
@on_trio
async def test_pings_that_nobody_will_answer_any_more(connection, caplog):
    async with connection() as (ws, peer):
        unanswered, over = await ws.ping(), await ws.ping(ack_on_close=True)
        await peer.send(CLOSE, close_payload(1000))
        await peer.read_close()
        await peer.close()
        await ws.wait_closed()
        assert over.is_set() and not unanswered.is_set()
        assert not ws.pending_pings
        with pytest.raises(ConnectionClosedOK):
            await ws.ping()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


# Keepalive


@both_sides
@on_trio(autojump=True)
async def test_pings_come_regularly(connection):
    async with connection(ping_interval=20, ping_timeout=10) as (ws, peer):
        started = trio.current_time()
        for number in range(1, 4):
            byte0, payload = await peer.read()
            assert (byte0, len(payload)) == (FIN | PING, 4)
            assert trio.current_time() - started == pytest.approx(20 * number)
            await peer.send(PONG, payload)
        await turns()
        assert ws.state.name == "OPEN" and ws.latency > 0


@both_sides
@on_trio(autojump=True)
async def test_a_peer_that_does_not_answer_is_given_up(connection):
    async with connection(ping_interval=20, ping_timeout=10) as (ws, peer):
        receiving = Started(ws.recv())
        assert (await peer.read())[0] == FIN | PING
        assert await peer.read_close() == (1011, "keepalive ping timeout")
        await peer.close()
        with pytest.raises(ConnectionClosedError) as raised:
            await receiving
        assert str(raised.value) == (
            "sent 1011 (internal error) keepalive ping timeout; no close frame received"
        )


@both_sides
@on_trio(autojump=True)
async def test_without_ping_timeout_nobody_is_given_up(connection):
    async with connection(ping_interval=20, ping_timeout=None) as (ws, peer):
        for _ in range(5):
            assert (await peer.read())[0] == FIN | PING
        assert ws.state.name == "OPEN"


@both_sides
@on_trio(autojump=True)
async def test_without_ping_interval_there_is_no_keepalive(connection):
    async with connection(ping_interval=None) as (ws, peer):
        await trio.sleep(1000)
        await ws.send("first")
        assert await peer.read() == (FIN | TEXT, b"first")


@both_sides
@on_trio(autojump=True)
async def test_times_may_be_changed(connection):
    async with connection(ping_interval=20, ping_timeout=10) as (ws, peer):
        ws.ping_interval, ws.ping_timeout = 50, None
        await peer.send(PONG, (await peer.read())[1])
        started = trio.current_time()
        await peer.read()
        await peer.read()
        assert trio.current_time() - started == pytest.approx(100)
        ws.ping_interval = None
        await peer.read()
        await trio.sleep(1000)
        assert ws.state.name == "OPEN"


@both_sides
@on_trio(autojump=True)
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
