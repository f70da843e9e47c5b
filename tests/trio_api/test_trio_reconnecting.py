"""
Clients of today's API on trio that connect again and again.
"""

import contextlib

import pytest
from on_trio import TIME_LIMIT, echo, hold, on_trio, serving, trio, uri_of

from websockets.exceptions import ConnectionClosedError
from websockets.trio.client import connect

# Who leaves the loop


@on_trio
async def test_the_loop_is_left_by_break():
    async with serving(hold) as server:
        assert connect(uri_of(server)).__aiter__().__aiter__()
        with trio.CancelScope():
            async for ws in connect(uri_of(server)):  # noqa: B007
                break
        # No scope is left open, and the connection closes by itself.
        await ws.wait_closed()
        assert ws.close_exc.sent.code == 1000


@on_trio
async def test_the_loop_is_left_by_an_exception():
    async with serving(hold) as server:
        with trio.CancelScope() as scope:
            with pytest.raises(KeyError):
                async for ws in connect(uri_of(server)):  # noqa: B007
                    raise KeyError
            await ws.wait_closed()
        assert not scope.cancelled_caught and ws.close_exc.sent.code == 1000


@on_trio
async def test_the_loop_is_left_by_cancellation():
    async with serving(hold) as server:
        with trio.move_on_after(TIME_LIMIT) as scope:
            async for ws in connect(uri_of(server)):  # noqa: B007
                scope.cancel()
                await ws.recv()
        assert scope.cancelled_caught
        await ws.wait_closed()


@on_trio
async def test_a_task_ends_when_its_connection_has_ended():
    connections = []

    async def look():
        async for ws in connect(uri_of(server)):  # noqa: B007
            connections.append(ws)
            return

    async with serving(hold) as server:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
        assert connections[0].state.name == "CLOSED"


@on_trio
async def test_in_a_task_that_has_not_started_yet():
    async def look(task_status):
        async for ws in connect(uri_of(server)):
            await ws.send("x")
            task_status.started(await ws.recv())
            await ws.send("y")
            assert await ws.recv() == "y"
            return

    async with serving(echo) as server:
        async with trio.open_nursery() as nursery:
            assert await nursery.start(look) == "x"


@on_trio(autojump=True)
async def test_pauses_are_those_of_the_clock():
    attempts = []

    class Failing(connect):
        async def open_tcp_stream(self):
            attempts.append(trio.current_time())
            raise OSError

    with trio.move_on_after(100):
        async for _ in Failing("ws://localhost/", reconnect_delays=lambda: iter([1, 2, 50, 100])):
            pass
    assert [now - attempts[0] for now in attempts] == [0, 1, 3, 53]


@on_trio
async def test_a_server_that_restarts():
    async def handler(connection):
        await connection.send("hello")
        if len(heard) < 2:
            await connection.aclose(1012)
        await connection.wait_closed()

    heard = []
    async with serving(handler) as server:
        async for ws in connect(uri_of(server)):  # noqa: B007
            with contextlib.suppress(ConnectionClosedError):
                async for message in ws:
                    heard.append(message)
                    if len(heard) == 3:
                        await ws.aclose()
            if len(heard) == 3:
                break
    assert heard == ["hello"] * 3
