"""
A descriptor whose file is gone: the number may be another file's by then, and must get nothing.

Each test takes a connection's socket away in one of the ways in which a program can, opens a pair
of sockets that nobody else knows under the same number, and sends.
"""

import asyncio
import contextlib
import gc
import os
import socket
import warnings

import pytest
from links import is_free
from peer import needs_unix, turns, uri_of
from variants import LOOPS

import websockets

pytestmark = needs_unix  # where descriptors are numbers that are used again


class Bystander:
    """A pair of sockets, one of which has a number that has become free."""

    def __init__(self, number):
        assert is_free(number)
        ours, self.other = socket.socketpair()
        with ours:
            if ours.fileno() == number:
                ours.detach()
            elif self.other.fileno() == number:
                ours, self.other = self.other, socket.socket(fileno=ours.detach())
                ours.detach()
            else:
                os.dup2(ours.fileno(), number)
        self.ours = socket.socket(fileno=number)
        self.other.setblocking(False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ours.close()
        self.other.close()

    def got(self):
        """Return what came out of the socket that has the number."""
        with contextlib.suppress(BlockingIOError):
            return self.other.recv(100_000)
        return b""


async def keep(ws, path):
    """Keep what a client says."""
    ws.received = []
    async for message in ws:
        ws.received.append(message)


def connected(server):
    sock = socket.create_connection(server.sockets[0].getsockname()[:2])
    sock.setblocking(False)
    return sock


async def send_and_look(ws, bystander):
    """Send in every way, and check that the bystander gets nothing of it."""
    for attempt in (
        lambda: ws.send("short"),
        lambda: ws.send(b"large" * 20_000),
        lambda: ws.send(["in ", "fragments"]),
        ws.ping,
        lambda: ws.close(1000, "goodbye"),
    ):
        task = asyncio.ensure_future(attempt())
        await turns()
        assert bystander.got() == b""
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()


def close(sock):
    sock.close()


def detach(sock):
    os.close(sock.detach())


def replace(sock):
    """Give the descriptor to another object, which ends it."""
    socket.socket(fileno=sock.detach()).close()


async def test_uvloop_keeps_a_socket_that_the_program_closes():
    """asyncio's own loop doesn't: then the connection ends."""
    async with websockets.serve(keep, "127.0.0.1", 0) as server:
        sock = connected(server)
        number = sock.fileno()
        ws = await websockets.connect(uri_of(server), sock=sock)
        sock.close()
        if is_free(number):
            with Bystander(number) as bystander:
                await send_and_look(ws, bystander)
                await asyncio.wait_for(ws.wait_closed(), 5)
                assert ws.close_code == 1006
                assert bystander.got() == b""
        else:
            [connection] = server.connections
            await ws.send("still there")
            await ws.close()
            await connection.wait_closed()
            assert connection.received == ["still there"]


@pytest.mark.one_loop  # uvloop's own transport writes to the number of a socket that is detached
@pytest.mark.parametrize("lose", [close, detach, replace])
@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
async def test_a_socket_that_the_program_takes_away(lose, tls, certificates):
    options, kwargs = {}, {}
    if tls:
        options["ssl"] = certificates.server_context()
        kwargs.update(ssl=certificates.client_context(), server_hostname="localhost")
    async with websockets.serve(keep, "127.0.0.1", 0, **options) as server:
        sock = connected(server)
        number = sock.fileno()
        uri = uri_of(server).replace("ws:", "wss:") if tls else uri_of(server)
        ws = await websockets.connect(uri, sock=sock, **kwargs)
        await ws.send("before")
        lose(sock)
        with Bystander(number) as bystander:
            await send_and_look(ws, bystander)
            await asyncio.wait_for(ws.wait_closed(), 5)
            assert bystander.got() == b""
            assert ws.close_code == 1006


@pytest.mark.one_loop
@pytest.mark.parametrize("lose", [close, detach, replace])
async def test_a_server_whose_host_takes_its_sockets_away(lose):
    opened = asyncio.get_running_loop().create_future()

    async def handler(ws, path):
        opened.set_result(ws)
        await ws.wait_closed()

    listener = socket.create_server(("127.0.0.1", 0))
    with listener:
        async with websockets.serve(handler, "127.0.0.1", 0) as server:
            connecting = asyncio.ensure_future(
                websockets.connect(
                    "ws://localhost", sock=socket.create_connection(listener.getsockname())
                )
            )
            accepted, _ = listener.accept()
            accepted.setblocking(False)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: websockets.WebSocketServerProtocol(handler, server), accepted
            )
            client = await connecting
            ws = await opened
            number = accepted.fileno()
            lose(accepted)
            with Bystander(number) as bystander:
                await send_and_look(ws, bystander)
                await asyncio.wait_for(ws.wait_closed(), 5)
                assert bystander.got() == b""
            with pytest.raises(websockets.ConnectionClosedError):
                await client.recv()
            await client.wait_closed()


@pytest.mark.parametrize("end", ["abort", "close"])
async def test_a_transport_that_the_program_ends(end):
    async with websockets.serve(keep, "127.0.0.1", 0) as server:
        ws = await websockets.connect(uri_of(server))
        number = ws.transport.get_extra_info("socket").fileno()
        getattr(ws.transport, end)()
        await asyncio.wait_for(ws.wait_closed(), 5)
        await turns()
        with Bystander(number) as bystander:
            await send_and_look(ws, bystander)


class Counting(socket.socket):
    """A socket that does something to the bytes on their way, for all we know."""

    count = 0

    def send(self, data, *args):
        size = super().send(data, *args)
        self.count += size
        return size


@pytest.mark.one_loop  # uvloop's own transport takes no more of a socket than its number
async def test_a_socket_of_another_kind_sends_every_byte_itself():
    async with websockets.serve(keep, "127.0.0.1", 0, compression=None) as server:
        sock = Counting()
        sock.connect(server.sockets[0].getsockname())
        sock.setblocking(False)
        async with websockets.connect(uri_of(server), sock=sock, gather_writes=False) as ws:
            before = sock.count
            await ws.send(b"x" * 100)
            await ws.send(b"x" * 100)
            assert sock.count - before == 2 * (2 + 4 + 100)


@pytest.mark.parametrize("new_loop", LOOPS.values(), ids=LOOPS)
@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("unix", [False, True], ids=["ip", "unix"])
def test_a_loop_that_is_closed_first(new_loop, tls, unix, certificates, tmp_path):
    """uvloop closes what its transports have, without a word to them."""
    path = str(tmp_path / "socket")
    options, kwargs = {}, {}
    if tls:
        options["ssl"] = certificates.server_context()
        kwargs.update(ssl=certificates.client_context(), server_hostname="localhost")

    async def serve():
        if unix:
            return await websockets.unix_serve(keep, path, **options)
        return await websockets.serve(keep, "127.0.0.1", 0, **options)

    async def connect(server):
        if unix:
            uri = "wss://localhost" if tls else "ws://localhost"
            return await websockets.unix_connect(path, uri, **kwargs)
        uri = uri_of(server).replace("ws:", "wss:") if tls else uri_of(server)
        return await websockets.connect(uri, **kwargs)

    def close_and_look(first, second):
        try:
            look(first, second)
        finally:
            first.close()
            second.close()

    def look(first, second):
        server = first.run_until_complete(serve())
        ends = [first.run_until_complete(connect(server)), *server.connections]
        numbers = [end.transport.get_extra_info("socket").fileno() for end in ends]
        first.close()
        for end, number in zip(ends, numbers):
            # asyncio's own loop leaves its transports their sockets.
            if is_free(number):
                with Bystander(number) as bystander:
                    second.run_until_complete(send_and_look(end, bystander))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        # From Python 3.13 on a loop has its servers' Unix sockets as long as there is the loop.
        close_and_look(new_loop(), new_loop())
        gc.collect()
