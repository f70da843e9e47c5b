"""
A peer that speaks WebSocket by hand, so that tests can say things that no library would.

It owns its own framing, written apart from the library's: what it reads and writes is the oracle.
With it come the handlers, addresses and turns of the loop that tests of connections share.
"""

import asyncio
import contextlib
import socket
import struct
import zlib

import pytest

import websockets
from websockets.http import read_response

KEY = b"\x37\xfa\x21\x3d"

REQUEST = (
    b"GET /chat?room=1 HTTP/1.1\r\n"
    b"Host: localhost\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
)

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode, payload=b"", *, fin=True, rsv=0, masked=False):
    """Build a frame; RFC 6455 5.2."""
    mask_bit = 0x80 if masked else 0
    head = bytes([fin << 7 | rsv << 4 | opcode])
    if len(payload) < 126:
        head += bytes([mask_bit | len(payload)])
    elif len(payload) < 65536:
        head += struct.pack("!BH", mask_bit | 126, len(payload))
    else:
        head += struct.pack("!BQ", mask_bit | 127, len(payload))
    if masked:
        head += KEY
        payload = xor(payload, KEY)
    return head + payload


def xor(payload, key):
    """Mask or unmask a payload; RFC 6455 5.3."""
    size = len(payload)
    pad = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(size, "big")


def close_payload(code, reason=""):
    return struct.pack("!H", code) + reason.encode()


def compressed(payload):
    """Compress a payload by itself; RFC 7692 7.2.1."""
    deflater = zlib.compressobj(wbits=-15)
    return (deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


class Peer:
    """One end of a TCP connection, after the opening handshake or before it."""

    def __init__(self, reader, writer, masked):
        self.reader = reader
        self.writer = writer
        self.masked = masked

    def write(self, data):
        self.writer.write(data)

    def send(self, opcode, payload=b"", **kwargs):
        self.write(frame(opcode, payload, masked=self.masked, **kwargs))
        if opcode == CLOSE and not self.masked:
            # RFC 6455 7.1.1: the server ends TCP.
            self.writer.write_eof()

    async def read_head(self):
        return await self.reader.readuntil(b"\r\n\r\n")

    async def read(self):
        """Read a frame, and return its first byte and its payload."""
        byte0, byte1 = await self.reader.readexactly(2)
        assert bool(byte1 & 0x80) is not self.masked, "exactly one side masks"
        length = byte1 & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self.reader.readexactly(8))
        key = b"" if self.masked else await self.reader.readexactly(4)
        payload = await self.reader.readexactly(length)
        return byte0, xor(payload, key) if key else payload

    async def read_close(self):
        """Read up to a close frame, and return its code and reason."""
        while True:
            byte0, payload = await self.read()
            if byte0 == 0x80 | CLOSE:
                return (
                    (struct.unpack("!H", payload[:2])[0], payload[2:].decode()) if payload else None
                )

    async def read_eof(self):
        """Read to the end of TCP; the other end may have closed or reset it."""
        with contextlib.suppress(ConnectionError):
            return await self.reader.read()
        return b""

    async def close(self):
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


async def hold(ws, path):
    await ws.wait_closed()


async def echo(ws, path):
    async for message in ws:
        await ws.send(message)


def port_of(server):
    return server.sockets[0].getsockname()[1]


def uri_of(server, path=""):
    return f"ws://127.0.0.1:{port_of(server)}{path}"


async def turns(count=10):
    """Let the loop go round a few times: to see that nothing happens in them."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition):
    while not condition():
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def tcp_to(port, **kwargs):
    """A peer connected to a port of this machine."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, **kwargs)
    peer = Peer(reader, writer, masked=True)
    try:
        yield peer
    finally:
        await peer.close()


@contextlib.asynccontextmanager
async def server_and_peer(handler=None, headers=b"", **kwargs):
    """Our server's end of an open connection, and the peer that is its client."""
    opened = asyncio.Queue()  # unlike a future, it doesn't keep what was taken from it
    finished = asyncio.Event()

    async def handle(ws, path):
        opened.put_nowait(ws)
        if handler is None:
            await finished.wait()
        else:
            await handler(ws)

    kwargs.setdefault("compression", None)
    async with websockets.serve(handle, "127.0.0.1", 0, **kwargs) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + headers + b"\r\n")
            await peer.read_head()
            try:
                yield await opened.get(), peer
            finally:
                finished.set()


@contextlib.asynccontextmanager
async def client_and_peer(**kwargs):
    """Our client's end of an open connection, and the peer that is its server."""
    connected = asyncio.get_running_loop().create_future()
    finished = asyncio.Event()

    async def accept(reader, writer):
        peer = Peer(reader, writer, masked=False)
        head = await peer.read_head()
        key = next(
            line.split(b": ")[1]
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"sec-websocket-key")
        )
        peer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: "
            + websockets.handshake.accept_key(key.decode()).encode()
            + b"\r\n\r\n"
        )
        connected.set_result(peer)
        await finished.wait()
        await peer.close()

    kwargs.setdefault("compression", None)
    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        async with websockets.connect(uri_of(server), **kwargs) as ws:
            try:
                yield ws, await connected
            finally:
                finished.set()
    finally:
        server.close()
        await server.wait_closed()


@contextlib.asynccontextmanager
async def listening(accept):
    """A TCP server that leaves everything to a function of a peer."""

    async def accept_peer(reader, writer):
        peer = Peer(reader, writer, masked=False)
        try:
            await accept(peer)
        finally:
            await peer.close()

    server = await asyncio.start_server(accept_peer, "127.0.0.1", 0)
    try:
        yield server
    finally:
        server.close()
        await server.wait_closed()


async def response_to(request, **options):
    """Return what a server answers to the bytes of a request: status, headers and body."""
    async with websockets.serve(hold, "127.0.0.1", 0, **options) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(request)
            status, _, headers = await read_response(peer.reader)
            return status, headers, await peer.read_eof() if status != 101 else b""


async def assert_serves(server):
    async with websockets.connect(uri_of(server)) as ws:
        await ws.send("still there")
        assert await ws.recv() == "still there"


class Writes(asyncio.Transport):
    """A transport that records each write."""

    def __init__(self):
        super().__init__()
        self.writes = []
        self.closing = False
        self.full = None  # called after each write

    def write(self, data):
        self.writes.append(bytes(data))
        if self.full is not None:
            self.full()

    def is_closing(self):
        return self.closing

    def close(self):
        self.closing = True

    abort = close

    def can_write_eof(self):
        return False

    def set_write_buffer_limits(self, high=None, low=None):
        pass


class Registry:
    def register(self, protocol):
        pass

    unregister = register

    def is_serving(self):
        return True


@contextlib.asynccontextmanager
async def serving(handler, **options):
    """Run a handler on a connection that is open; give the protocol and the transport."""
    transport = Writes()
    protocol = websockets.WebSocketServerProtocol(
        handler, Registry(), ping_interval=None, extensions=None, **options
    )
    protocol.connection_made(transport)
    protocol.data_received(REQUEST + b"\r\n")
    await until(lambda: transport.writes)
    await asyncio.sleep(0)
    transport.writes.clear()
    try:
        yield protocol, transport
    finally:
        protocol.connection_lost(None)
        with contextlib.suppress(websockets.ConnectionClosed):
            await protocol.handler_task


SIDES = {"server": server_and_peer, "client": client_and_peer}
BASES = {
    server_and_peer: websockets.WebSocketServerProtocol,
    client_and_peer: websockets.WebSocketClientProtocol,
}

needs_unix = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="there are no Unix sockets")
both_sides = pytest.mark.parametrize("connection", SIDES.values(), ids=SIDES)


@contextlib.asynccontextmanager
async def both_ends(server_options=None, **client_options):
    """Our server's end and our client's end of a connection."""
    opened = asyncio.Queue()

    async def handler(ws, path):
        opened.put_nowait(ws)
        await ws.wait_closed()

    async with websockets.serve(handler, "127.0.0.1", 0, **(server_options or {})) as server:
        async with websockets.connect(uri_of(server), **client_options) as client:
            yield await opened.get(), client
