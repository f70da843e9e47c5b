"""
Transports of the library's own and those of event loops: what tests that hold for both begin with.

Owns the choice between them, a connection whose transport a test drives, and its peer, which is no
more than a socket. Must never know how the library's own work.
"""

import asyncio
import contextlib
import os
import socket
import struct
import sys

import pytest
from peer import REQUEST

import websockets
from websockets import _core

LINGER = struct.pack("ii", 1, 0)  # closing sends a reset

LINKS = _core.REACTOR_AVAILABLE and os.environ.get("WEBSOCKETS_NO_REACTOR", "") in ("", "0")

both_transports = pytest.mark.parametrize("reactor", [True, False], ids=["link", "loop"])
links_only = pytest.mark.skipif(not LINKS, reason="only the event loops' transports are here")


def is_link(transport):
    """Tell whether a transport is the library's own."""
    return type(transport).__module__.split(".")[0] == "websockets"


def unlike_uvloop(reactor, loop=None):
    """Skip what uvloop's own transports do otherwise than asyncio says."""
    loop = loop or asyncio.get_running_loop()
    if not (reactor and LINKS) and not isinstance(loop, asyncio.SelectorEventLoop):
        pytest.skip("uvloop's own transports do something else")


def unlike_newer_asyncio(reactor):
    """Skip what asyncio's own transports do otherwise from Python 3.12 on; see also above."""
    unlike_uvloop(reactor)
    if not (reactor and LINKS) and sys.version_info >= (3, 12):
        pytest.skip("asyncio's own transports do something else")


@contextlib.contextmanager
def told():
    """Give what the event loop's handler is told."""
    loop = asyncio.get_running_loop()
    contexts = []
    handler = loop.get_exception_handler()
    loop.set_exception_handler(lambda loop, context: contexts.append(context))
    try:
        yield contexts
    finally:
        loop.set_exception_handler(handler)


def is_free(number):
    """Tell whether a number is no file's."""
    try:
        os.fstat(number)
    except OSError:
        return True
    return False


class Recorder(asyncio.Protocol):
    """
    A protocol that keeps what it is told.

    Arguments:
        connection: who is told, too, that the connection is lost.
    """

    def __init__(self, connection=None):
        self.connection = connection
        self.data = bytearray()
        self.calls = []
        self.lost = asyncio.get_running_loop().create_future()
        self.keeps_open = False

    def data_received(self, data):
        self.data += data

    def eof_received(self):
        self.calls.append("eof_received")
        return self.keeps_open

    def pause_writing(self):
        self.calls.append("pause_writing")

    def resume_writing(self):
        self.calls.append("resume_writing")

    def connection_lost(self, exc):
        self.calls.append("connection_lost")
        self.lost.set_result(exc)
        if self.connection is not None:
            self.connection.connection_lost(exc)


def address_of(server):
    return server.sockets[0].getsockname()


def called(address, family=socket.AF_INET):
    """Return a socket that is connected, and waits for nothing."""
    sock = socket.socket(family)
    try:
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def reset(sock):
    """End a connection by a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
    sock.close()


async def read(sock, size):
    """Read so many bytes, or less at the end of the stream."""
    loop = asyncio.get_running_loop()
    data = bytearray()
    while len(data) < size:
        some = await loop.sock_recv(sock, min(size - len(data), 1 << 18))
        if not some:
            break
        data += some
    return bytes(data)


async def read_all(sock):
    """Read to the end of the stream."""
    return await read(sock, 1 << 62)


async def read_head(sock):
    """Read the head of a response."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        some = await asyncio.get_running_loop().sock_recv(sock, 65536)
        assert some, data
        data += some
    return data


async def open_by(sock):
    """Have a connection opened by the peer that a socket is."""
    await asyncio.get_running_loop().sock_sendall(sock, REQUEST + b"\r\n")
    await read_head(sock)


@contextlib.asynccontextmanager
async def server_end(reactor, family=socket.AF_INET, host="127.0.0.1", path=None, **options):
    """A server's end of a connection, and the socket of its peer."""
    opened = asyncio.Queue()

    async def handler(ws):
        opened.put_nowait(ws)
        with contextlib.suppress(websockets.ConnectionClosed):
            await ws.wait_closed()

    options = {"ping_interval": None, "compression": None, "close_timeout": 1, **options}
    if path is None:
        serving = websockets.serve(handler, host, 0, reactor=reactor, **options)
    else:
        serving = websockets.unix_serve(handler, path, reactor=reactor, **options)
    async with serving as server:
        sock = called(address_of(server), family)
        with sock:
            await open_by(sock)
            ws = await opened.get()
            assert is_link(ws.transport) is (reactor and LINKS)
            try:
                yield ws, sock
            finally:
                if not ws.transport.is_closing():
                    ws.transport.abort()
                await ws.wait_closed()


@contextlib.asynccontextmanager
async def driven(reactor, **options):
    """The transport of a connection, a protocol in the connection's place, and the peer."""
    async with server_end(reactor, **options) as (ws, sock):
        recorder = Recorder(ws)
        ws.transport.set_protocol(recorder)
        transport = ws.transport
        yield transport, recorder, sock
        if not recorder.lost.done():
            transport.abort()
            await recorder.lost
