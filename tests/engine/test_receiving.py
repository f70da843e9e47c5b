"""
Receiving messages, on either side: one by one, and all in a loop.
"""

import asyncio

import pytest
from peer import BINARY, PING, PONG, TEXT, both_sides, close_payload, turns

import websockets


@both_sides
async def test_recv_gives_str_for_text_and_bytes_for_binary(connection):
    async with connection() as (ws, peer):
        peer.send(TEXT, "caf\u00e9 \U0001f600".encode())
        peer.send(BINARY, b"\x00\xff")
        assert await ws.recv() == "caf\u00e9 \U0001f600"
        assert type(message := await ws.recv()) is bytes and message == b"\x00\xff"


@both_sides
async def test_recv_gives_fragments_as_one_message_with_a_ping_in_between(connection):
    async with connection() as (ws, peer):
        peer.send(BINARY, b"ab", fin=False)
        peer.send(PING, b"!")
        peer.send(0, b"", fin=False)
        peer.send(0, b"cd")
        assert await ws.recv() == b"abcd"
        assert await peer.read() == (0x80 | PONG, b"!")


@both_sides
async def test_recv_with_a_timeout_can_be_called_again(connection):
    async with connection() as (ws, peer):
        for _ in range(3):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(ws.recv(), 0.001)
        peer.send(TEXT, b"late")
        assert await ws.recv() == "late"


@both_sides
async def test_recv_by_two_coroutines_is_a_runtime_error(connection):
    async with connection() as (ws, peer):
        first = asyncio.ensure_future(ws.recv())
        await turns()
        with pytest.raises(RuntimeError, match="recv"):
            await ws.recv()
        peer.send(TEXT, b"for the first")
        assert await first == "for the first"


@both_sides
async def test_iteration_ends_with_1000_and_1001(connection):
    for code in (1000, 1001):
        async with connection() as (ws, peer):
            peer.send(TEXT, b"a")
            peer.send(TEXT, b"b")
            peer.send(8, close_payload(code))
            assert [message async for message in ws] == ["a", "b"]


@both_sides
async def test_iteration_raises_for_other_codes_after_all_messages(connection):
    async with connection() as (ws, peer):
        peer.send(TEXT, b"a")
        peer.send(8, close_payload(4001, "why"))
        received = []
        with pytest.raises(websockets.ConnectionClosedError) as error:
            async for message in ws:
                received.append(message)
        assert received == ["a"]
        assert (error.value.code, error.value.reason) == (4001, "why")
