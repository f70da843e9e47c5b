"""
Many connections to servers that pass messages on, and what arrives on them.

Owns the receiving side of fan_out.py. It reads frames of one length only, as all messages have: so
it is fast enough to have hundreds of connections in one process.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any, Optional

SIZE = 100  # bytes of a message
FRAME = 2 + SIZE
READY = b"\x81\x05ready"  # what a server sends first, when it has subscribed a connection
REQUEST = (
    b"GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
ROOM = 4096  # bytes that the system keeps for a connection that doesn't read
QUIET = 3  # seconds without a message, after which no more will come
PATIENCE = 120  # seconds, until all connections are there


class Client(asyncio.Protocol):
    """
    A connection.

    Arguments:
        watches: whether each message is a number, whose arrival is noted.
        reads: whether it goes on reading when it has been subscribed.
    """

    def __init__(self, crowd: Crowd, path: bytes, watches: bool, reads: bool) -> None:
        self.crowd = crowd
        self.path = path
        self.watches = watches
        self.reads = reads
        self.rest = b""
        self.is_ready = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        # Ended by a reset, so that thousands of ports aren't kept for a minute afterwards.
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.write(REQUEST % self.path)

    def data_received(self, data: bytes) -> None:
        if not self.is_ready:
            self.rest += data
            _, ready, data = self.rest.partition(READY)
            if not ready:
                return
            self.rest = b""
            self.is_ready = True
            self.crowd.ready += 1
            if not self.reads:
                self.transport.pause_reading()
        if data:
            self.crowd.take(len(data))
            if self.watches:
                self.watch(data)

    def watch(self, data: bytes) -> None:
        data = self.rest + data
        whole = len(data) // FRAME * FRAME
        for start in range(0, whole, FRAME):
            self.crowd.times[int(data[start + 2 : start + FRAME])] = self.crowd.last
        self.rest = data[whole:]


class Crowd:
    """All connections, and what has arrived on them: bytes, and the times of numbered messages."""

    def __init__(self) -> None:
        self.ready = self.size = self.expected = 0
        self.last = 0.0
        self.times: dict[int, float] = {}
        self.arrived: Optional[asyncio.Future[None]] = None
        self.clients: list[Client] = []

    async def connect(
        self,
        ports: Sequence[int],
        paths: Sequence[str],
        at_a_time: int = 1,
        watches: bool = False,
        reads: bool = True,
    ) -> None:
        """Open a connection for each path, to one port after the other, until all are ready."""
        loop = asyncio.get_running_loop()

        async def connect(number: int, path: str) -> None:
            sock = socket.socket()
            sock.setblocking(False)
            if not reads:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
            await loop.sock_connect(sock, ("127.0.0.1", ports[number % len(ports)]))
            _, client = await loop.create_connection(
                lambda: Client(self, path.encode(), watches, reads), sock=sock
            )
            self.clients.append(client)

        limit = time.perf_counter() + PATIENCE
        for start in range(0, len(paths), at_a_time):
            some = list(enumerate(paths[start : start + at_a_time], start))
            wanted = self.ready + len(some)
            await asyncio.gather(*(connect(number, path) for number, path in some))
            while self.ready < wanted:
                if time.perf_counter() > limit:
                    raise TimeoutError(f"{len(paths) - start} connections aren't ready")
                await asyncio.sleep(0)

    def take(self, size: int) -> None:
        self.size += size
        self.last = time.perf_counter()
        if self.arrived is not None and self.size >= self.expected:
            self.arrived.set_result(None)
            self.arrived = None

    def expect(self, messages: int) -> None:
        """Say how many messages are to arrive from now on, on all connections together."""
        self.expected = self.size + messages * FRAME
        self.last = time.perf_counter()
        self.arrived = asyncio.get_running_loop().create_future()

    async def missing(self) -> int:
        """Wait until what is expected has arrived, or nothing more does; return what is missing."""
        while self.arrived is not None:
            await asyncio.wait({self.arrived}, timeout=0.5)
            if time.perf_counter() - self.last > QUIET:
                break
        self.arrived = None
        return max(self.expected - self.size, 0) // FRAME

    def close(self) -> None:
        for client in self.clients:
            client.transport.abort()
