"""
Large payloads are read into the objects that the program gets, and nothing else changes by that.
"""

import asyncio
import os

import pytest
from drawing import KEY, mask, number_of
from hypothesis import given, settings
from hypothesis import strategies as st
from peer import BASES, BINARY, CLOSE, TEXT, both_sides, close_payload, frame, turns, until

import websockets

CONT = 0

LONG = 65536  # bytes still to come, from which on a payload is read in place
SIZES = [LONG - 1, LONG + 3, 300_001, 2_000_000]


# The memory


@settings(max_examples=50)
@given(
    sizes=st.lists(st.integers(1, 100_000), min_size=1, max_size=8),
    key=st.sampled_from([b"", KEY]),
    text=st.booleans(),
)
def test_what_is_put_in_place_is_unmasked_there(core, sizes, key, text):
    payload = (b"0123456789\xc3\xa9" * 70_000)[: sum(sizes)]
    if text:
        payload = payload.decode(errors="ignore").encode().ljust(sum(sizes), b".")
    wire = mask(payload, key) if key else payload
    buffer = core.payloads.PayloadBuffer(text)
    offset = 0
    while offset < len(wire):
        missing = len(wire) - offset
        with memoryview(buffer.space(missing, True)) as memory:
            size = min(len(memory), sizes[0])
            sizes = sizes[1:] or [100_000]
            memory[:size] = wire[offset : offset + size]
        assert buffer.fill(size, number_of(key), offset, missing - size, True) == -1
        offset += size
    assert buffer.finish() == (payload.decode() if text else payload)


def test_no_more_memory_than_eight_times_what_has_come(compiled_core):
    buffer = compiled_core.payloads.PayloadBuffer(False)
    buffer.add(bytes(1000), 0, 1000, -1, 0, 2**40, True)
    while len(memory := buffer.space(2**40, True)) < 2**20:
        size = len(memory)
        memory.release()
        assert buffer.fill(size, -1, 0, 2**40, True) == -1
    assert len(memory) <= 7 * 2**20


def test_memory_that_somebody_keeps_stays_where_it_is(core):
    buffer = core.payloads.PayloadBuffer(False)
    buffer.add(b"begin", 0, 5, -1, 0, 5, True)
    first = buffer.space(5, True)
    first[:5] = b"-end-"
    buffer.fill(5, -1, 5, 0, False)
    buffer.add(bytes(1_000_000), 0, 1_000_000, -1, 0, 0, True)
    assert bytes(first[:5]) == b"-end-"
    first[:5] = b"late!"
    whole = buffer.finish()
    del buffer
    assert whole[:10] == b"begin-end-"
    assert bytes(first[:5]) == b"late!"


def test_memory_is_filled_once_and_no_further(core):
    buffer = core.payloads.PayloadBuffer(False)
    for wrong in (-1, 1):
        with pytest.raises(ValueError):
            buffer.fill(wrong, -1, 0, 0, True)
    with pytest.raises((BufferError, TypeError)):
        memoryview(buffer)
    assert len(buffer.space(10, True)) == 10
    with pytest.raises(ValueError):
        buffer.fill(11, -1, 0, 0, True)
    with pytest.raises(OverflowError):
        buffer.fill(5, 2**32, 0, 0, True)
    # What arrives by another way takes the place.
    buffer.add(b"data", 0, 4, -1, 0, 6, True)
    with pytest.raises(ValueError):
        buffer.fill(1, -1, 0, 0, True)


def test_invalid_text_is_found_in_place(core):
    buffer = core.payloads.PayloadBuffer(True)
    buffer.add(b"good", 0, 4, -1, 0, 4, True)
    memory = buffer.space(4, True)
    memory[:3] = b"bad"
    memory[3:] = b"\xff"
    assert buffer.fill(4, -1, 4, 0, True) == 7


# Connections


@both_sides
@pytest.mark.parametrize("size", SIZES)
async def test_messages_of_all_sizes(connection, size):
    binary = os.urandom(size)
    text = ("é" + "x" * 1000) * (size // 1002) + "x" * (size % 1002)
    async with connection(max_size=None) as (ws, peer):
        for _ in range(2):
            peer.send(BINARY, binary)
            peer.send(TEXT, b"between")
            peer.send(TEXT, text.encode())
            assert await ws.recv() == binary
            assert await ws.recv() == "between"
            assert await ws.recv() == text
        await turns(1)
        assert ws.transport.get_protocol() is ws


@both_sides
async def test_a_message_in_large_fragments(connection):
    payload = os.urandom(900_000)
    async with connection(max_size=None) as (ws, peer):
        peer.send(BINARY, payload, fin=False)
        peer.send(CONT, payload, fin=False)
        peer.send(CONT, fin=False)
        peer.send(CONT, payload)
        assert await ws.recv() == payload * 3


@both_sides
async def test_messages_wait_behind_a_full_queue(connection):
    payload = os.urandom(500_000)
    async with connection(max_queue=1, read_limit=2**16) as (ws, peer):
        for _ in range(4):
            peer.send(BINARY, payload)
        while ws.transport.is_reading():
            await turns(1)
        for _ in range(4):
            assert await ws.recv() == payload


def beginning(peer, opcode, payload):
    """Send most of a frame, and return the rest of it."""
    whole = frame(opcode, payload, masked=peer.masked)
    peer.write(whole[:600_000])
    return whole[600_000:]


async def arrival(peer):
    """Wait until a part of a message has arrived, more than one read."""
    await until(lambda: not peer.writer.transport.get_write_buffer_size())
    await turns(20)


@both_sides
async def test_invalid_text_ends_the_connection_before_its_end_has_come(connection):
    async with connection() as (ws, peer):
        beginning(peer, TEXT, b"x" * 400_000 + b"\xff" + b"x" * 400_000)
        assert (await peer.read_close())[0] == 1007
        await peer.close()
        with pytest.raises(websockets.ConnectionClosedError) as error:
            await ws.recv()
        assert (error.value.code, error.value.sent.code) == (1006, 1007)
        assert "at position 400000" in str(error.value.__cause__)


@both_sides
async def test_a_connection_that_is_cut_in_the_middle(connection):
    async with connection() as (ws, peer):
        beginning(peer, BINARY, bytes(800_000))
        await arrival(peer)
        peer.writer.transport.abort()
        with pytest.raises(websockets.ConnectionClosedError) as error:
            await ws.recv()
        assert error.value.code == 1006


@both_sides
async def test_closing_in_the_middle(connection):
    async with connection() as (ws, peer):
        rest = beginning(peer, BINARY, bytes(800_000))
        await arrival(peer)
        closing = asyncio.ensure_future(ws.close())
        assert await peer.read_close() == (1000, "")
        peer.write(rest)
        peer.send(CLOSE, close_payload(1000))
        await closing
        assert ws.close_code == 1000


@both_sides
async def test_a_subclass_sees_all_bytes(connection):
    class Counting(BASES[connection]):
        count = 0

        def data_received(self, data):
            self.count += len(data)
            super().data_received(data)

    async with connection(create_protocol=Counting, max_size=None) as (ws, peer):
        before = ws.count
        peer.send(BINARY, bytes(2_000_000))
        assert len(await ws.recv()) == 2_000_000
        assert ws.count - before == len(frame(BINARY, bytes(2_000_000), masked=peer.masked))
