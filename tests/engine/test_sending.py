"""
Sending messages, on either side: whole, and in fragments.
"""

import asyncio

import pytest
from peer import BINARY, PING, TEXT, both_sides, turns

import websockets


@both_sides
@pytest.mark.parametrize(
    "message, opcode, payload",
    [
        ("caf\u00e9", TEXT, b"caf\xc3\xa9"),
        ("", TEXT, b""),
        (b"\x00\x01", BINARY, b"\x00\x01"),
        (bytearray(b"ab"), BINARY, b"ab"),
        (memoryview(b"abcd"), BINARY, b"abcd"),
        (memoryview(b"abcd").cast("H"), BINARY, b"abcd"),
        (memoryview(b"abcd")[::-2], BINARY, b"db"),
        (b"x" * 65536, BINARY, b"x" * 65536),
    ],
    ids=lambda value: repr(value)[:12],
)
async def test_send_makes_one_frame(connection, message, opcode, payload):
    async with connection() as (ws, peer):
        await ws.send(message)
        assert await peer.read() == (0x80 | opcode, payload)


async def several():
    yield "a"
    await asyncio.sleep(0)
    yield "b"


@both_sides
@pytest.mark.parametrize("kind", ["list", "generator", "async generator"])
async def test_send_makes_a_frame_for_each_item_of_an_iterable(connection, kind):
    items = {"list": ["a", "b"], "generator": iter("ab"), "async generator": several()}[kind]
    async with connection() as (ws, peer):
        await ws.send(items)
        assert [await peer.read() for _ in range(3)] == [(TEXT, b"a"), (0, b"b"), (0x80, b"")]


@both_sides
async def test_send_of_nothing_sends_nothing(connection):
    async with connection() as (ws, peer):
        await ws.send([])
        await ws.send("next")
        assert await peer.read() == (0x80 | TEXT, b"next")


@both_sides
@pytest.mark.parametrize("message", [None, 42, {"a": 1}, [1], [None, "a"]], ids=repr)
async def test_send_refuses_other_types_and_the_connection_stays_open(connection, message):
    async with connection() as (ws, peer):
        with pytest.raises(TypeError):
            await ws.send(message)
        await ws.send("still open")
        assert await peer.read() == (0x80 | TEXT, b"still open")


@both_sides
async def test_send_of_mixed_fragments_is_a_type_error_and_closes_with_1011(connection):
    async with connection() as (ws, peer):
        with pytest.raises(TypeError, match="uniform types"):
            await ws.send(["a", b"b"])
        assert await peer.read_close() == (1011, "")


@both_sides
async def test_cancelling_a_fragmented_send_fails_the_connection_and_frees_who_waits(connection):
    async def stuck():
        yield "a"
        await asyncio.get_running_loop().create_future()

    async with connection() as (ws, peer):
        sending = asyncio.ensure_future(ws.send(stuck()))
        assert await peer.read() == (TEXT, b"a")
        waiting = asyncio.ensure_future(ws.send("b"))
        await turns()
        assert not waiting.done()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert await peer.read_close() == (1011, "")
        await peer.close()
        with pytest.raises(websockets.ConnectionClosedError):
            await waiting


@both_sides
async def test_a_message_waits_for_the_end_of_a_fragmented_one_but_a_ping_does_not(connection):
    go_on = asyncio.Event()

    async def slow():
        yield b"a"
        await go_on.wait()
        yield b"b"

    async with connection() as (ws, peer):
        sending = asyncio.ensure_future(ws.send(slow()))
        assert await peer.read() == (BINARY, b"a")
        others = [asyncio.ensure_future(ws.send(text)) for text in ("c", "d")]
        await ws.ping(b"p")
        assert await peer.read() == (0x80 | PING, b"p")
        go_on.set()
        await asyncio.gather(sending, *others)
        frames = [await peer.read() for _ in range(4)]
        assert frames == [(0, b"b"), (0x80, b""), (0x80 | TEXT, b"c"), (0x80 | TEXT, b"d")]
