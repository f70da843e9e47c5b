"""
Flow control, on either side: reading pauses, and writers wait.
"""

import asyncio

import pytest
from peer import BASES, BINARY, PING, TEXT, both_sides, close_payload, frame, turns

import websockets


def big_frame(peer, payload):
    """A frame masked with a key of zeros, to be quick."""
    head = bytes([0x82, 0x7F | (0x80 if peer.masked else 0)]) + len(payload).to_bytes(8, "big")
    if len(payload) < 65536:
        head = bytes([0x82, 0x7E | (0x80 if peer.masked else 0)]) + len(payload).to_bytes(2, "big")
    return head + (bytes(4) if peer.masked else b""), payload


async def write_all(peer, messages):
    for message in messages:
        peer.write(b"".join(big_frame(peer, message)))
        await peer.writer.drain()


@both_sides
async def test_reading_pauses_while_the_queue_is_full_and_nothing_is_lost(connection):
    async with connection(max_queue=2, max_size=None) as (ws, peer):
        messages = [b"%d" % n * 50_000 for n in range(200)]
        writing = asyncio.ensure_future(write_all(peer, messages))
        await turns(100)
        # 10 to 30 MB fit in no socket buffer: the peer is held up by us.
        assert not writing.done()
        assert [await ws.recv() for _ in messages] == messages
        await writing


@both_sides
async def test_reading_pauses_at_read_limit_and_goes_on_at_half_of_it(connection):
    async with connection(max_queue=1, read_limit=1000) as (ws, peer):
        message = frame(BINARY, b"x" * 100, masked=peer.masked)
        for _ in range(10):
            ws.data_received(message)
            assert ws.transport.is_reading()
        ws.data_received(message)
        assert not ws.transport.is_reading()
        for left in range(9, 3, -1):
            await ws.recv()
            assert ws.transport.is_reading() == (left * len(message) <= 500)
        assert ws.transport.is_reading()


@both_sides
async def test_send_and_ping_wait_while_the_peer_does_not_read(connection):
    async with connection(write_limit=1000) as (ws, peer):
        sent = []

        async def sender(name):
            for n in range(20):
                await ws.send(name + b"%d" % n + b"x" * 500_000)
                sent.append(name)

        senders = [asyncio.ensure_future(sender(name)) for name in (b"a", b"b", b"c")]
        await turns(1000)
        # 30 MB fit in no socket buffer.
        assert len(sent) < 60
        pinging = asyncio.ensure_future(ws.ping(b"p"))
        received = [(await peer.read())[1][:3].rstrip(b"x") for _ in range(61)]
        await asyncio.gather(*senders, pinging)
        # Each sender's messages are in order, whatever happened between senders.
        for name in (b"a", b"b", b"c"):
            assert [r for r in received if r[:1] == name] == [name + b"%d" % n for n in range(20)]


async def send_for_ever(ws):
    while True:
        await ws.send(b"x" * 100_000)


@both_sides
async def test_who_waits_to_send_gets_connection_closed_when_the_peer_vanishes(connection):
    async with connection(write_limit=1000) as (ws, peer):
        senders = [asyncio.ensure_future(send_for_ever(ws)) for _ in range(3)]
        await turns(50)
        peer.writer.transport.abort()
        for sender in senders:
            with pytest.raises(websockets.ConnectionClosedError):
                await sender


@both_sides
async def test_sending_in_a_loop_to_a_peer_that_vanished_ends(connection):
    async with connection(write_limit=10**9) as (ws, peer):
        ws.transport.abort()
        with pytest.raises(websockets.ConnectionClosedError):
            while True:
                await ws.send("x")


@both_sides
async def test_a_subclass_may_have_private_names_and_set_max_size_early(connection):
    class Mine(BASES[connection]):
        def __init__(self, *args, **kwargs):
            self.max_size = 1
            super().__init__(*args, **kwargs)
            self._connection = self._closed = self._thread = "mine"

    async with connection(create_protocol=Mine) as (ws, peer):
        peer.send(TEXT, b"hello")
        assert await ws.recv() == "hello"
        peer.send(8, close_payload(1000))
        await ws.wait_closed()


@both_sides
async def test_pings_behind_a_stuck_writer_are_answered_once(connection):
    async with connection(write_limit=1000) as (ws, peer):
        sending = asyncio.ensure_future(ws.send(b"x" * 20_000_000))
        await turns(50)
        assert not sending.done()
        for n in range(1000):
            peer.send(PING, b"%d" % n)
        peer.send(TEXT, b"behind the pings")
        assert await ws.recv() == "behind the pings"
        frames = [await peer.read() for _ in range(2)]
        assert [payload[:10] for _, payload in frames] == [b"x" * 10, b"999"]
        await sending
