"""
recv(), send(), ping(), pong(), close() and wait_closed(), as documented.
"""

import asyncio
import random

import pytest
from peer import (
    CLOSE,
    PING,
    PONG,
    both_sides,
    client_and_peer,
    close_payload,
    frame,
    server_and_peer,
)

import websockets


@both_sides
async def test_close_has_code_1000_and_no_reason_by_default(connection):
    async with connection() as (ws, peer):
        closing = asyncio.ensure_future(ws.close())
        assert await peer.read() == (0x80 | CLOSE, close_payload(1000))
        peer.send(CLOSE, close_payload(1000))
        await closing
        assert (ws.close_code, ws.close_reason) == (1000, "")


async def test_close_of_a_client_waits_for_the_end_of_tcp():
    async with client_and_peer() as (ws, peer):
        closing = asyncio.ensure_future(ws.close())
        await peer.read_close()
        peer.write(frame(CLOSE, close_payload(1000)))
        while ws.close_code is None:
            await asyncio.sleep(0)
        assert not closing.done() and not ws.closed
        peer.writer.write_eof()
        await closing
        assert ws.closed


async def finished(task):
    await asyncio.wait([task])
    return task


@both_sides
async def test_a_task_that_closes_never_has_an_exception(connection):
    async with connection() as (ws, peer):
        peer.writer.transport.abort()
        closing = await finished(asyncio.ensure_future(ws.close()))
        assert closing.exception() is None
        assert ws.closed


@both_sides
async def test_any_number_of_tasks_wait_for_the_end(connection):
    async with connection() as (ws, peer):
        waiting = [asyncio.ensure_future(ws.wait_closed()) for _ in range(3)]
        closing = [asyncio.ensure_future(ws.close()) for _ in range(2)]
        await peer.read_close()
        waiting[0].cancel()
        peer.send(CLOSE, close_payload(1000))
        await asyncio.gather(*waiting[1:], *closing)
        assert waiting[0].cancelled() and ws.closed
        assert await ws.wait_closed() is None


@both_sides
async def test_recv_again_and_again_after_the_end(connection):
    async with connection() as (ws, peer):
        peer.send(CLOSE, close_payload(4000, "over"))
        await ws.wait_closed()
        for _ in range(3):
            with pytest.raises(websockets.ConnectionClosedError) as error:
                await ws.recv()
            assert (error.value.code, error.value.reason) == (4000, "over")


def run_without_waiting(coroutine):
    """Run a coroutine that doesn't yield control to the event loop, and return its result."""
    try:
        coroutine.send(None)
    except StopIteration as exc:
        return exc.value
    coroutine.close()
    pytest.fail("the event loop got control")


@both_sides
async def test_nothing_waits_while_there_is_room_in_the_write_buffer(connection):
    async with connection() as (ws, peer):
        run_without_waiting(ws.send("text"))
        run_without_waiting(ws.send(["a", "b"]))
        pong = run_without_waiting(ws.ping(b"!"))
        run_without_waiting(ws.pong())
        received = [await peer.read() for _ in range(6)]
        assert received[0] == (0x81, b"text")
        assert received[-2:] == [(0x80 | PING, b"!"), (0x80 | PONG, b"")]
        peer.send(PONG, b"!")
        assert await pong > 0


@both_sides
async def test_fragments_may_be_of_any_bytes_like_type(connection):
    async with connection() as (ws, peer):
        await ws.send([b"a", bytearray(b"b"), memoryview(b"c")])
        frames = [await peer.read() for _ in range(3)]
        assert [payload for _, payload in frames] == [b"a", b"b", b"c"]


@both_sides
async def test_pings_have_four_random_bytes_and_pongs_none(connection):
    async with connection() as (ws, peer):
        for _ in range(10):
            await ws.ping()
        payloads = {(await peer.read())[1] for _ in range(10)}
        assert len(payloads) == 10 and {len(payload) for payload in payloads} == {4}
        await ws.pong()
        assert await peer.read() == (0x80 | PONG, b"")


@both_sides
@pytest.mark.parametrize("name, opcode", [("ping", PING), ("pong", PONG)])
@pytest.mark.parametrize("data", ["caf\u00e9", b"\xff", bytearray(b"x"), memoryview(b"abc")[::2]])
async def test_pings_and_pongs_carry_text_or_bytes(connection, name, opcode, data):
    async with connection() as (ws, peer):
        await getattr(ws, name)(data)
        expected = data.encode() if isinstance(data, str) else bytes(data)
        assert await peer.read() == (0x80 | opcode, expected)


@both_sides
async def test_a_pong_tells_that_the_messages_before_the_ping_were_received(connection):
    async with connection() as (ws, peer):
        for n in range(10):
            await ws.send(str(n))
        pong = await ws.ping(b"?")
        received = [await peer.read() for _ in range(11)]
        assert received == [(0x81, b"%d" % n) for n in range(10)] + [(0x80 | PING, b"?")]
        assert not pong.done()
        peer.send(PONG, b"?")
        await pong


@both_sides
async def test_operations_during_the_closing_handshake_raise_connection_closed(connection):
    async with connection() as (ws, peer):
        closing = asyncio.ensure_future(ws.close(1001))
        await peer.read_close()
        assert not ws.open and not ws.closed
        operations = [ws.send("x"), ws.send(["x"]), ws.ping(), ws.pong(), ws.recv()]
        tasks = [asyncio.ensure_future(operation) for operation in operations]
        await asyncio.sleep(0)
        peer.send(CLOSE, close_payload(1001))
        await closing
        for task in tasks:
            with pytest.raises(websockets.ConnectionClosedOK) as error:
                await task
            assert error.value.code == 1001


async def test_random_payloads_of_pings_differ_from_those_that_wait(monkeypatch):
    async with server_and_peer() as (ws, peer):
        drawn = [0x61616161, 0x61616161, 0x62626262]
        with monkeypatch.context() as patch:
            patch.setattr(random, "getrandbits", lambda bits: drawn.pop(0))
            await ws.ping()
            await ws.ping()
        assert [(await peer.read())[1] for _ in range(2)] == [b"aaaa", b"bbbb"]
