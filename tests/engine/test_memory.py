"""
What connections keep in memory: while nothing happens, when nobody reads, and when they are gone.

An endpoint by itself is measured in test_costs.py; here it has its transport and its program.
The bounds hold on both event loops and backends, with some air. tests/runs/churn.py lets more
connections come and go.
"""

import asyncio
import contextlib
import socket
import sys
import tracemalloc

import pytest
from coming_and_going import by_hand, echo, exchange, left_by, over_sockets
from drawing import BINARY, CONT, KEY, PING, PONG, TEXT, frame
from endpoints import measured
from peer import REQUEST, compressed, port_of, turns, until

import websockets

KIB = 1024
SOME = 50  # connections
LARGE = 1_000_000  # bytes


# While nothing happens


@contextlib.asynccontextmanager
async def idle(count, **options):
    """Serve that many connections, whose other ends are the kernel's alone."""
    opened = []

    async def handler(websocket, path):
        opened.append(None)
        await websocket.wait_closed()

    with socket.create_server(("127.0.0.1", 0), backlog=count) as listening:
        with contextlib.ExitStack() as clients:
            for _ in range(count):
                client = clients.enter_context(socket.create_connection(listening.getsockname()))
                client.sendall(REQUEST + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
            async with websockets.serve(handler, sock=listening, **options):
                await until(lambda: len(opened) == count)
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
    # Before Python 3.11, the frames of coroutines take more.
    assert kept < (12 if sys.version_info >= (3, 11) else 13) * KIB * SOME


@contextlib.asynccontextmanager
async def echoing(count, **options):
    """Connect that many clients with an echo server; what is needed once is there already."""
    async with websockets.serve(echo, "127.0.0.1", 0, **options) as server:
        uri = f"ws://127.0.0.1:{port_of(server)}"
        async with websockets.connect(uri, **options) as websocket:
            await exchange(websocket, "once")
        async with contextlib.AsyncExitStack() as clients:

            async def connect():
                return await clients.enter_async_context(websockets.connect(uri, **options))

            with measured() as memory:
                connected = [await connect() for _ in range(count)]
            yield connected, memory


@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_both_ends_of_an_idle_connection(compression):
    async with echoing(SOME, compression=compression) as (_, memory):
        assert memory.kept < 24 * KIB * SOME


async def test_messages_leave_nothing_behind():
    async with echoing(1, compression=None, max_size=None) as ([websocket], _):
        # What is needed once: the memory that clients make large frames in, too.
        for message in ("x", "é" * LARGE):
            await exchange(websocket, message)
        for message in ("x", "x" * LARGE, "é" * LARGE, bytes(LARGE)):
            with measured() as memory:
                await exchange(websocket, message)
                await turns()
            assert memory.peak > len(message)
            assert memory.kept < 4 * KIB, (message[:3], memory.kept)


async def test_compressed_messages_leave_windows_behind_and_nothing_else():
    async with echoing(1, max_size=None) as ([websocket], _):
        with measured() as memory:
            await exchange(websocket, "x")
        # zlib takes 256 KiB to compress and a bit more than 32 to decompress, at either end.
        assert memory.kept < 2 * 320 * KIB
        for message in ("x" * LARGE, bytes(LARGE)):
            with measured() as memory:
                await exchange(websocket, message)
                await turns()
            assert memory.kept < 4 * KIB, (message[:3], memory.kept)


# When nobody reads

LIMITS = {"max_size": 64 * KIB, "max_queue": 4, "read_limit": 16 * KIB, "write_limit": 16 * KIB}
READ = 256 * KIB  # what an event loop reads at once
FULL = (LIMITS["max_queue"] + 1) * LIMITS["max_size"]  # what the queue holds, and one more
FLOOD = 600_000  # bytes, if nothing stops it


class Flood:
    """A client that sends as much as is taken, and reads nothing."""

    def __init__(self, port):
        self.sock = socket.socket()
        # What the kernel holds for a client that doesn't read would hide what the server does.
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
        self.sock.connect(("127.0.0.1", port))
        self.sock.sendall(REQUEST + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
        self.sock.setblocking(False)

    async def pour(self, wire, websocket):
        """Send the same over and over until the server has stopped reading."""
        sent, view = 0, memoryview(wire)
        while sent < FLOOD:
            try:
                sent += self.sock.send(view[sent % len(wire) :])
            except BlockingIOError:
                if websocket.transport.is_closing() or not websocket.transport.is_reading():
                    break
            except ConnectionError:
                break
            await asyncio.sleep(0)
        await turns()


@contextlib.asynccontextmanager
async def flooded(handler=None, **options):
    """A server's end of a connection, in which nobody reads, and the client that will flood it."""
    opened = asyncio.Queue()
    finished = asyncio.Event()

    async def hold(websocket, path):
        sock = websocket.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * KIB)
        opened.put_nowait(websocket)
        if handler is not None:
            await handler(websocket)
        await finished.wait()

    async with websockets.serve(hold, "127.0.0.1", 0, **options) as server:
        flood = Flood(port_of(server))
        try:
            with flood.sock:
                yield await opened.get(), flood
        finally:
            finished.set()


def masked(opcode, payload, **options):
    return frame(opcode, payload, key=KEY, **options)


MESSAGES = {
    "small": masked(TEXT, b"x") * 10_000,
    "empty": masked(BINARY, b"") * 10_000,
    "large": masked(BINARY, bytes(LIMITS["max_size"])),
    "too large": masked(BINARY, bytes(LIMITS["max_size"] + 1)),
    "compressed": masked(TEXT, compressed(bytes(LIMITS["max_size"])), rsv=4) * 1_000,
    "compressed, too large": masked(BINARY, compressed(bytes(30 * LARGE)), rsv=4),
    "in small fragments": masked(BINARY, b"", fin=False) + masked(CONT, b"x", fin=False) * 50_000,
    "in large fragments": masked(TEXT, b"", fin=False) + masked(CONT, bytes(5_000), fin=False) * 50,
    "in empty fragments": masked(TEXT, b"", fin=False) + masked(CONT, b"", fin=False) * 50_000,
}
CONTROLS = {
    "pings": masked(PING, bytes(125)) * 1_000,
    "empty pings": masked(PING, b"") * 10_000,
    "pongs": masked(PONG, bytes(125)) * 1_000,
    "empty pongs": masked(PONG, b"") * 10_000,
}


@pytest.mark.parametrize("wire", MESSAGES.values(), ids=list(MESSAGES))
async def test_a_flood_of_messages(wire):
    async with flooded(**LIMITS) as (websocket, flood):
        with measured() as memory:
            await flood.pour(wire, websocket)
        assert memory.kept < FULL + READ
        assert memory.peak < FULL + 2 * READ


@pytest.mark.parametrize("wire", CONTROLS.values(), ids=list(CONTROLS))
async def test_a_flood_of_pings_or_pongs(wire):
    async with flooded(**LIMITS) as (websocket, flood):
        with measured() as memory:
            await flood.pour(wire, websocket)
        # The answers to the first few and to the latest, whether or not they can be written.
        assert memory.kept < READ + 2 * LIMITS["write_limit"]
        assert memory.peak < 4 * READ


async def test_a_program_that_sends_more_than_is_read():
    async def send(websocket):
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await websocket.send(bytes(KIB))
                sent.append(None)

    sent = []
    async with flooded(send, **LIMITS) as (websocket, flood):
        with measured() as memory:
            limit = LIMITS["write_limit"]
            number = -1
            # What the kernel has no room for is left, be it more than the limit or less: the
            # sender waits from the moment it was more, until a quarter of the limit is left.
            while number < len(sent) or websocket.transport.get_write_buffer_size() <= limit // 4:
                number = len(sent)
                await turns(50)
        assert memory.peak < 3 * limit


# When they are gone


@pytest.mark.parametrize("come_and_go, count", [(over_sockets, 200), (by_hand, 1000)])
async def test_nothing_is_left_of_connections_that_have_gone(come_and_go, count):
    kinds, size = await left_by(come_and_go, count)
    assert kinds == []
    # Before Python 3.11 a function keeps the frame of its last call, be it of a coroutine or not.
    assert size < (16 if sys.version_info >= (3, 11) else 64) * KIB
