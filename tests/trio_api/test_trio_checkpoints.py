"""
What trio asks of every asynchronous function: it is a checkpoint, whatever it finds.
"""

import functools

import pytest
from on_trio import both_sides, client_and_peer, connect, hold, on_trio, serving, trio, uri_of
from peer import CLOSE, PING, PONG, TEXT, close_payload
from trio.testing import assert_checkpoints

from websockets.exceptions import ConnectionClosed
from websockets.trio.server import broadcast


@both_sides
@on_trio
async def test_receiving(connection):
    async with connection() as (ws, peer):
        for _ in range(3):
            await peer.send(TEXT, b"x")
        await trio.testing.wait_all_tasks_blocked()
        with assert_checkpoints():
            assert await ws.recv() == "x"
        with assert_checkpoints():
            assert [fragment async for fragment in ws.recv_streaming()] == ["x"]
        with assert_checkpoints():
            assert await ws.__aiter__().__anext__() == "x"


@both_sides
@pytest.mark.parametrize("message", ["x", b"x", ["x"], []])
@on_trio
async def test_sending(connection, message):
    async with connection() as (ws, _):
        for _ in range(2):
            with assert_checkpoints():
                await ws.send(message)


@both_sides
@on_trio
async def test_pings_broadcasts_and_the_end(connection):
    async with connection() as (ws, peer):
        for function in (
            ws.ping,
            ws.pong,
            functools.partial(broadcast, [ws], "x"),
            functools.partial(broadcast, [], "x"),
        ):
            with assert_checkpoints():
                await function()
        await peer.send(CLOSE, close_payload(1000))
        await peer.read_close()
        await peer.close()
        for function in (ws.wait_closed, ws.wait_closed, ws.aclose, ws.aclose):
            with assert_checkpoints():
                await function()


@on_trio
async def test_clients_and_servers():
    async with serving(hold) as server:
        connecting = connect(uri_of(server))
        with assert_checkpoints():
            await connecting.__aenter__()
        with assert_checkpoints():
            await connecting.__aexit__(None, None, None)
        for _ in range(2):
            with assert_checkpoints():
                await server.aclose()


@both_sides
@on_trio
async def test_a_task_that_always_finds_messages_lets_others_run(connection):
    async with connection(max_queue=None) as (ws, peer):
        turns = 0

        async def count():
            nonlocal turns
            while True:
                await trio.lowlevel.checkpoint()
                turns += 1

        for _ in range(100):
            await peer.send(TEXT, b"x")
        await trio.testing.wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(count)
            for _ in range(100):
                await ws.recv()
            assert turns > 50
            turns = 0
            for _ in range(100):
                await ws.send("x")
            assert turns > 50
            nursery.cancel_scope.cancel()


# Time


@both_sides
@on_trio(autojump=True)
async def test_close_timeout_is_for_all_steps_together(connection):
    async with connection(close_timeout=10) as (ws, peer):
        began = trio.current_time()
        await ws.aclose()
        assert trio.current_time() - began == pytest.approx(10)
        assert str(ws.close_exc.__cause__) == "timed out while closing connection"


@both_sides
@on_trio(autojump=True)
async def test_our_close_frame_waits_a_moment_for_answers(connection):
    async with connection(close_timeout=10) as (ws, peer):
        await peer.send(TEXT, b"a question")
        await peer.send(CLOSE, close_payload(1000))
        assert await ws.recv() == "a question"
        await ws.send("an answer")
        assert await peer.read() == (0x81, b"an answer")
        with trio.fail_after(1):
            assert await peer.read_close() == (1000, "")


@both_sides
@on_trio(autojump=True)
async def test_a_message_that_nobody_takes_does_not_keep_the_connection(connection):
    async with connection(close_timeout=10) as (ws, peer):
        await peer.send(TEXT, b"nobody takes this")
        await peer.send(CLOSE, close_payload(1001))
        began = trio.current_time()
        assert await peer.read_close() == (1001, "")
        assert trio.current_time() - began == pytest.approx(0.1)
        await peer.close()
        await ws.wait_closed()
        assert await ws.recv() == "nobody takes this"


@both_sides
@on_trio(autojump=True)
async def test_any_sign_of_life_keeps_a_connection(connection):
    async with connection(ping_interval=20, ping_timeout=10) as (ws, peer):
        async with trio.open_nursery() as nursery:

            async def talk():
                for _ in range(10):
                    await trio.sleep(9)
                    await peer.send(TEXT, b"busy with something else")

            async def listen():
                while True:
                    await ws.recv()

            nursery.start_soon(talk)
            nursery.start_soon(listen)
            pings = [await peer.read() for _ in range(5)]
            assert {byte0 for byte0, _ in pings} == {0x80 | PING}
            assert ws.state.name == "OPEN"
            await peer.send(PONG, pings[-1][1])
            nursery.cancel_scope.cancel()


@on_trio(autojump=True)
async def test_open_timeout_is_for_all_steps_together():
    class Slow(connect):
        async def open_tcp_stream(self):
            await trio.sleep(6)
            return self.given.pop()

        async def connect(self, nursery):
            await trio.sleep(3)
            return await super().connect(nursery)

    ours, theirs = trio.testing.memory_stream_pair()
    Slow.given = [ours]
    began = trio.current_time()
    with pytest.raises(TimeoutError, match="^timed out during opening handshake$"):
        async with Slow("ws://localhost/"):
            pass
    assert trio.current_time() - began == pytest.approx(10)
    assert await theirs.receive_some() and not await theirs.receive_some()


@on_trio(autojump=True)
async def test_without_time_outs_nothing_ends():
    options = {"close_timeout": None, "ping_timeout": None, "open_timeout": None}
    async with client_and_peer(**options) as (ws, peer):
        with trio.move_on_after(10_000) as scope:
            await peer.read_close()
        assert scope.cancelled_caught and ws.state.name == "OPEN"
        await peer.close()
        with pytest.raises(ConnectionClosed):
            await ws.recv()
