"""
What connections of today's API keep, and that nothing keeps them when they are gone.

Without the garbage collector: nothing here may refer to itself by way of something else.
"""

import contextlib
import gc
import socket
import tracemalloc
import weakref

import pytest
from coming_and_going import left_by
from endpoints import measured
from peer import REQUEST, turns, until
from todays import Records, answering, client_and_peer, echo, hold, uri_of

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

KIB = 1024
SOME = 50


@contextlib.contextmanager
def uncollected():
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def clean(uri):
    async with connect(uri) as ws:
        await ws.send("x")
        assert await ws.recv() == "x"
        await (await ws.ping())


async def cut(uri):
    ws = await connect(uri)
    ws.transport.abort()
    with contextlib.suppress(ConnectionClosed):
        await ws.recv()


async def failed(uri):
    ws = await connect(uri)
    with contextlib.suppress(TypeError):
        await ws.send(["x", b"x"])


async def refused(uri):
    with contextlib.suppress(InvalidStatus):
        await connect(uri + "refused")


def refuse_some(connection, request):
    return connection.respond(403, "no") if request.path == "/refused" else None


async def come_and_go(count):
    ways = [clean, cut, failed, refused]
    async with serve(echo, "127.0.0.1", 0, process_request=refuse_some) as server:
        for number in range(count):
            await ways[number % len(ways)](uri_of(server))


@pytest.mark.one_loop
async def test_nothing_is_left_of_connections_that_are_gone(caplog):
    caplog.set_level("CRITICAL", "websockets")
    left, kept = await left_by(come_and_go, 100)
    assert left == [] and kept < 64 * KIB


async def test_a_clients_connection_is_freed_when_nobody_has_it():
    class Watching(ClientConnection):
        def process_event(self, event):
            super().process_event(event)

    for create, logger in [(None, None), (Watching, None), (None, Records("DEBUG").logger)]:
        with uncollected():
            async with serve(echo, "127.0.0.1", 0) as server:
                ws = await connect(uri_of(server), create_connection=create, logger=logger)
                await ws.send("x")
                await ws.recv()
                await ws.close()
                gone = weakref.ref(ws)
                del ws
                await turns()
                assert gone() is None


async def test_a_servers_connection_is_freed_when_its_handler_has_returned():
    with uncollected():
        gone = []

        async def handler(connection):
            gone.append(weakref.ref(connection))
            async for message in connection:
                await connection.send(message)

        async with serve(handler, "127.0.0.1", 0) as server:
            await clean(uri_of(server))
            await until(lambda: gone and gone[0]() is None)


async def test_a_connection_whose_handshake_failed_is_freed():
    made = []

    def create(*args, **kwargs):
        connection = ClientConnection(*args, **kwargs)
        made.append(weakref.ref(connection))
        return connection

    with uncollected():
        async with answering(
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", b"x\r\n"
        ) as server:
            for _ in range(2):
                try:
                    await connect(uri_of(server), create_connection=create)
                except Exception:
                    pass
            await until(lambda: not any(ref() for ref in made))
    assert len(made) == 2


@contextlib.asynccontextmanager
async def idle(count, **options):
    """Serve that many connections, whose other ends are the kernel's alone."""
    with socket.create_server(("127.0.0.1", 0), backlog=count) as listening:
        with contextlib.ExitStack() as clients:
            for _ in range(count):
                client = clients.enter_context(socket.create_connection(listening.getsockname()))
                client.sendall(REQUEST + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
            async with serve(hold, sock=listening, **options) as server:
                await until(lambda: len(server.connections) == count)
                await turns()
                yield
                clients.close()


@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_an_idle_connection_of_a_server(compression):
    async with idle(1, compression=compression):
        pass
    with measured():
        async with idle(SOME, compression=compression):
            kept = tracemalloc.get_traced_memory()[0]
    assert kept < 14 * KIB * SOME


async def test_messages_leave_nothing_behind():
    async with client_and_peer() as (ws, peer):
        for _ in range(2):
            with measured() as memory:
                for _ in range(100):
                    await ws.send("x" * 1000)
                    await peer.read()
                await turns()
        assert memory.kept < 4 * KIB
