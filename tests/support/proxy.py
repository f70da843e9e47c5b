"""
A network with faults: links between a client and a server, over sockets of this machine.

Owns both TCP connections of a link and all that passes between them. Must never know WebSocket or
TLS: where a fault happens is told in bytes. With it comes the check that nothing is left of what
used the network.
"""

import asyncio
import contextlib
import gc
import operator
import os
import socket
import struct

from peer import turns

import websockets

# Closing a socket that lingers for 0 seconds sends a reset instead of an orderly end.
LINGER = struct.pack("ii", 1, 0)


class Way(asyncio.Protocol):
    """
    One direction of a link, which is the end where its bytes come from.

    Arguments:
        after: how many bytes pass before the fault happens, None for no fault.
        fault: function that gets this object then; the bytes behind are passed on afterwards,
            unless it has stopped them.
        bytewise: whether each byte leaves by itself, a turn of the loop after the one before.

    Attributes:
        passed: all the bytes that went through.
        stopped: whether nothing goes through any more.
        back: the other direction.
    """

    def __init__(self, after=None, fault=None, bytewise=False):
        self.after = after
        self.fault = fault
        self.bytewise = bytewise
        self.passed = bytearray()
        self.stopped = False
        self.gone = asyncio.Event()
        self._waiting = bytearray()
        self._ended = False

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        if self.after is not None and len(self.passed) + len(data) >= self.after:
            count = self.after - len(self.passed)
            self.after = None
            self.pass_on(data[:count])
            self.fault(self)
            data = data[count:]
        self.pass_on(data)

    def pass_on(self, data):
        if self.stopped:
            return
        self.passed += data
        if not self.bytewise:
            self.back.transport.write(data)
        elif data:
            self._waiting += data
            if len(self._waiting) == len(data):
                self._pass_one()

    def _pass_one(self):
        if not self.back.transport.is_closing():
            self.back.transport.write(bytes(self._waiting[:1]))
        del self._waiting[:1]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._pass_one)
        elif self._ended:
            self.end()

    def eof_received(self):
        if self._waiting:
            self._ended = True
        elif not self.stopped:
            self.end()
        return True

    def end(self):
        """End TCP in this direction only."""
        self.stopped = True
        if not self.back.transport.is_closing():
            self.back.transport.write_eof()

    def connection_lost(self, exc):
        self.gone.set()
        if not self.stopped:
            self.back.transport.close()


# Faults


def hang_up(way):
    """End both TCP connections in an orderly way."""
    for one in (way, way.back):
        one.stopped = True
        one.transport.close()


def reset(way):
    """Reset both TCP connections."""
    for one in (way, way.back):
        one.stopped = True
        sock = one.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
        one.transport.abort()


def half_close(way):
    """End TCP in this direction; the other goes on."""
    way.end()


def lose_all(way):
    """Let nothing through any more, in either direction; nobody is told."""
    way.stopped = way.back.stopped = True


def lose(way):
    """Let nothing through any more in this direction."""
    way.stopped = True


def block(way):
    """Read nothing any more in this direction, so that whoever sends is stuck."""
    way.stopped = True
    way.transport.pause_reading()


def insert(data):
    """Make a fault that adds bytes."""

    def fault(way):
        way.pass_on(data)

    return fault


@contextlib.asynccontextmanager
async def link(port, up=None, down=None):
    """
    Lay a link to a port of this machine.

    Arguments:
        up: the way from the client to the server.
        down: the way from the server to the client.

    It gives the socket that the client uses.
    """
    loop = asyncio.get_running_loop()
    up, down = up or Way(), down or Way()
    up.back, down.back = down, up
    # What came from the client before there is a way on would be lost.
    await loop.create_connection(lambda: down, "127.0.0.1", port)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        near, _ = listening.accept()
    client.setblocking(False)
    near.setblocking(False)
    await loop.create_connection(lambda: up, sock=near)
    try:
        yield client
    finally:
        for way in (up, down):
            way.stopped = True
            way.transport.abort()
            await way.gone.wait()


# What is left


def open_files():
    """Count this process's open files, where the system tells."""
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def connections():
    """Count the objects that are connections."""
    kind = websockets.WebSocketCommonProtocol
    return sum(issubclass(type(thing), kind) for thing in gc.get_objects())


async def ended(awaitable):
    """Await what ends with its connection; return the exception's type and its close code."""
    # pytest.raises() would keep the frames, and so the connection.
    try:
        await awaitable
    except websockets.ConnectionClosed as exc:
        return type(exc), exc.code
    raise AssertionError("the connection isn't closed")


@contextlib.asynccontextmanager
async def nothing_left(circles=False):
    """
    Check that no open file and no connection is left, without the garbage collector's help.

    Arguments:
        circles: to let it help: asyncio has a protocol whose TLS handshake fails in a circle.
    """
    # Some event loops open a file, once and for all, when they listen for the first time.
    for start in (asyncio.start_server, websockets.serve):
        server = await start(print, "127.0.0.1", 0)
        server.close()
        await server.wait_closed()
    await turns()
    gc.collect()
    before = [open_files(), connections()]
    gc.disable()
    try:
        yield
        await turns(20)
        if circles:
            gc.collect()
        left = [open_files(), connections()]
        # Less may be left: the thread that keeps connections of earlier tests ends by itself.
        assert all(map(operator.le, left, before)), f"{before} files and connections, now {left}"
    finally:
        gc.enable()
