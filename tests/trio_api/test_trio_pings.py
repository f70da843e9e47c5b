"""
Pings on trio: events and cancellation.
"""

import socket

import pytest
from on_trio import Started, both_sides, on_trio, server_and_peer, trio
from peer import CLOSE, PING, PONG, TEXT, close_payload

from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK

FIN = 0x80


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


@on_trio
async def test_a_peer_that_takes_what_waits_for_it_lives():
    def pair():
        return [
            trio.SocketStream(trio.socket.from_stdlib_socket(end)) for end in socket.socketpair()
        ]

    async def send():
        while True:
            await ws.send(bytes(100_000))

    options = {"ping_interval": 0.02, "ping_timeout": 1, "close_timeout": 0.1, "pair": pair}
    async with server_and_peer(**options) as (ws, peer):
        sending = Started(send())
        begun = trio.current_time()
        while trio.current_time() < begun + 2.5:
            await peer.stream.receive_some(100_000)
            await trio.sleep(0.05)
        assert ws.state.name == "OPEN"
        with pytest.raises(ConnectionClosedError, match="keepalive ping timeout"):
            await sending


@both_sides
@on_trio(autojump=True)
async def test_what_has_arrived_while_the_program_was_busy_counts(connection):
    async with connection(ping_interval=20, ping_timeout=10) as (ws, peer):
        assert (await peer.read())[0] == FIN | PING
        # So late is it when anybody gets a turn again, before the bytes are read.
        trio.lowlevel.current_clock().jump(10)
        await peer.send(TEXT, b"x")
        await trio.sleep(1)
        assert ws.state.name == "OPEN" and await ws.recv() == "x"
