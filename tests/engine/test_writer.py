"""Frames to a transport: in order and whole, whoever hands them to the socket."""

import asyncio
import contextlib
import os
import socket

import pytest
from drawing import BINARY, frame

import websockets

RECORD = 100_000  # bytes; more than the sockets here take at once


class Transport:
    """Keep what is written."""

    def __init__(self, waiting=0):
        self.written = []
        self.waiting = waiting
        self.closing = False

    def write(self, data):
        self.written.append(bytes(data))

    def is_closing(self):
        return self.closing

    def get_write_buffer_size(self):
        return self.waiting


@contextlib.contextmanager
def pair():
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        there.setblocking(False)
        here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        yield here, there


def arrived(there):
    data = b""
    with contextlib.suppress(BlockingIOError):
        while chunk := there.recv(65536):
            data += chunk
    return data


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [b"one"],
        [b"a header", b"a payload"],
        [bytes([number]) * number for number in range(1, 200)],
        [b"fits", os.urandom(RECORD), b"does not"],
        [os.urandom(RECORD)],
    ],
    ids=["none", "one", "two", "many", "half", "long"],
)
def test_all_bytes_leave_in_order(core, frames):
    transport = Transport()
    with pair() as (here, there):
        writer = core.writer.Writer(transport, here)
        assert writer.write(frames) is True
        assert arrived(there) + b"".join(transport.written) == b"".join(frames)


def test_short_ones_go_to_the_socket_in_one_piece(compiled_core):
    transport = Transport()
    with pair() as (here, there):
        compiled_core.writer.Writer(transport, here).write([b"here", b" it", b" is"])
        assert there.recv(100) == b"here it is"
        assert transport.written == []


def test_nothing_overtakes_what_the_transport_holds(core):
    transport = Transport(waiting=1)
    with pair() as (here, there):
        assert core.writer.Writer(transport, here).write([b"late"])
        assert arrived(there) == b""
        assert transport.written == [b"late"]


def test_without_a_descriptor_all_goes_to_the_transport(core):
    transport = Transport()
    assert core.writer.Writer(transport, None).write([b"one", b"two"])
    assert transport.written == [b"onetwo"]


def test_what_would_take_long_to_join_goes_to_the_transport_in_pieces(core):
    transport = Transport()
    core.writer.Writer(transport, None).write([b"header", b"x" * 300_000])
    assert transport.written == [b"header", b"x" * 300_000]


def test_errors_of_the_socket_are_for_the_transport_to_meet(core):
    transport = Transport()
    with pair() as (here, there):
        there.close()
        assert core.writer.Writer(transport, here).write([b"lost"])
        assert transport.written == [b"lost"]


def test_a_socket_that_is_closed_gets_nothing_more(core):
    transport = Transport()
    with pair() as (here, there):
        writer = core.writer.Writer(transport, here)
        number = here.detach()
        try:
            assert writer.write([b"for the transport"])
            assert arrived(there) == b""
            assert transport.written == [b"for the transport"]
        finally:
            os.close(number)


@pytest.mark.parametrize("kind", [bytearray, memoryview, type("Subclass", (bytes,), {})])
def test_pieces_of_other_kinds_are_left_to_the_transport(core, kind):
    transport = Transport()
    with pair() as (here, there):
        assert core.writer.Writer(transport, here).write([b"one", kind(b"two")])
        assert arrived(there) + b"".join(transport.written) == b"onetwo"


def test_nothing_is_written_to_a_transport_that_closes_or_is_gone(core):
    transport = Transport()
    with pair() as (here, there):
        writer = core.writer.Writer(transport, here)
        transport.closing = True
        assert writer.write([b"no"]) is False
        transport.closing = False
        writer.detach()
        assert writer.write([b"no"]) is False
        assert arrived(there) == b""
        assert transport.written == []


@pytest.mark.parametrize("size", [10, 300_000, 5_000_000])
async def test_a_program_may_write_to_the_transport_itself(size):
    """What it wrote there leaves before what it sends afterwards."""
    own = frame(BINARY, b"x" * size)

    async def handler(ws, path):
        ws.transport.write(own)
        await ws.send(b"sent")
        ws.transport.write(own)
        await ws.send(b"sent")

    async with websockets.serve(handler, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        async with websockets.connect(f"ws://127.0.0.1:{port}", max_size=None) as ws:
            received = [await ws.recv() for _ in range(4)]
    assert [len(message) for message in received] == [size, 4, size, 4]


async def test_a_transport_of_another_kind_gets_every_byte():
    """One that does something to the bytes on their way, for all we know."""

    class Wrapped:
        def __init__(self, transport):
            self._transport = transport
            self.count = 0

        def __getattr__(self, name):
            return getattr(self._transport, name)

        def write(self, data):
            self.count += len(data)
            self._transport.write(data)

    class Protocol(websockets.WebSocketServerProtocol):
        def connection_made(self, transport):
            super().connection_made(Wrapped(transport))

    counts = []

    async def handler(ws, path):
        before = ws.transport.count
        await ws.send(b"x" * 1000)
        counts.append(ws.transport.count - before)

    async with websockets.serve(
        handler, "127.0.0.1", 0, compression=None, create_protocol=Protocol
    ) as server:
        port = server.sockets[0].getsockname()[1]
        async with websockets.connect(f"ws://127.0.0.1:{port}") as ws:
            assert await ws.recv() == b"x" * 1000
            await asyncio.wait_for(ws.wait_closed(), 10)
    assert counts == [1004]


@pytest.mark.one_loop  # uvloop's transports can't be given another method
async def test_a_program_may_give_the_transport_another_way_to_write():
    async def handler(ws):
        await ws.wait_closed()

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()[:2]
        async with websockets.connect(f"ws://{host}:{port}", compression=None) as ws:
            written = []
            ws.transport.write = written.append
            await ws.send(b"lost")
            del ws.transport.write
            await ws.send(b"sent")
            assert [len(data) for data in written] == [2 + 4 + 4]
