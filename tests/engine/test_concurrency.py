"""
Random schedules of everything that programs do at once, compared with a model.

``make concurrency SCHEDULES=5000`` plays that many instead of some, other ones each time. What fails
is printed as it can be played again: ``play(VirtualLoop, settings, steps)``.
"""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import weakref

import pytest
from hypothesis import HealthCheck, given, settings
from peer import REQUEST, TEXT, both_sides, hold, port_of, server_and_peer, tcp_to, turns
from schedules import play, schedules_drawn
from variants import LOOPS
from virtual import VirtualLoop

import websockets.protocol

NUMBER = int(os.environ.get("SCHEDULES", "0"))

few_or_many = settings(
    max_examples=NUMBER or 300,
    derandomize=not NUMBER,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


def take_the_time():
    """Let many schedules take as long as they do: each has its own limits."""
    if NUMBER and hasattr(signal, "alarm"):
        signal.alarm(0)


@few_or_many
@given(schedules_drawn)
def test_schedules_on_a_network_in_memory(schedule):
    take_the_time()
    with pytest.MonkeyPatch.context() as patch:
        loops = []

        def new_loop():
            loops.append(VirtualLoop())
            # When messages are gathered depends on a clock, too.
            patch.setattr(websockets.asyncio.callbacks, "monotonic", loops[0].time)
            return loops[0]

        play(new_loop, *schedule)


@pytest.mark.parametrize("name", LOOPS)
@settings(few_or_many, max_examples=NUMBER // 10 or 30)
@given(schedules_drawn)
def test_schedules_over_sockets(name, schedule):
    take_the_time()
    play(LOOPS[name], *schedule)


# What schedules have found


@both_sides
async def test_who_receives_in_the_place_of_one_that_is_cancelled_is_not_forgotten(connection):
    async with connection() as (ws, peer):
        first = asyncio.ensure_future(ws.recv())
        await turns()
        first.cancel()
        # This one begins before the first has noticed.
        second = asyncio.ensure_future(ws.recv())
        await turns()
        peer.send(TEXT, b"x")
        assert await second == "x"
        assert first.cancelled()


@contextlib.contextmanager
def no_garbage_collection():
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def test_a_connection_whose_handler_is_cancelled_is_freed():
    async with server_and_peer() as (ws, peer):
        with no_garbage_collection():
            ref = weakref.ref(ws)
            ws.handler_task.cancel()
            await ws.wait_closed()
            await turns()
            del ws
            assert ref() is None


async def connect(*args, **kwargs):
    return await websockets.connect(*args, **kwargs)


async def test_a_connection_that_is_cancelled_while_it_opens_is_freed():
    made = []

    class Noted(websockets.WebSocketClientProtocol):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            made.append(weakref.ref(self))

    with socket.create_server(("127.0.0.1", 0)) as silent, no_garbage_collection():
        uri = f"ws://127.0.0.1:{silent.getsockname()[1]}"
        connecting = asyncio.ensure_future(connect(uri, create_protocol=Noted))
        while not made:
            await asyncio.sleep(0)
        await turns()
        connecting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await connecting
        del connecting
        await turns()
        assert made[0]() is None


async def test_a_server_closes_while_a_client_that_it_refused_is_still_there():
    def refuse(path, headers):
        return 403, [], b""

    async with websockets.serve(hold, "127.0.0.1", 0, process_request=refuse) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + b"\r\n")
            assert b" 403 " in await peer.read_head()
            server.close()
            await turns()
            await peer.close()
            await server.wait_closed()
