"""
A peer that drives OpenSSL by hand, record by record, so that it can do what no TLS library would.
"""

import asyncio
import contextlib
import ssl

import pytest
from peer import REQUEST, echo, frame, port_of, tcp_to

import websockets

VERSIONS = {"TLS 1.2": ssl.TLSVersion.TLSv1_2, "TLS 1.3": ssl.TLSVersion.TLSv1_3}

every_version = pytest.mark.parametrize("version", VERSIONS)


class Stranger:
    """
    One end of a TLS connection whose records are made and sent one by one.

    It says close_notify when it is told to, and not because the other end does.
    """

    def __init__(self, reader, writer, context, server_side=False):
        self.reader = reader
        self.writer = writer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side, None if server_side else "localhost"
        )

    async def call(self, function, *args):
        """Call a method of OpenSSL's until it has had all the bytes it needs."""
        while True:
            try:
                return function(*args)
            except ssl.SSLWantReadError:
                self.flush()
                data = await self.reader.read(65536)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            finally:
                self.flush()

    def flush(self):
        if self._outgoing.pending:
            self.writer.write(self._outgoing.read())

    def records(self, data):
        """Return the records in which OpenSSL sends bytes."""
        assert self.tls.write(data) == len(data)
        return self._outgoing.read()

    async def read(self, size):
        data = b""
        while len(data) < size:
            piece = await self.call(self.tls.read, size - len(data))
            assert piece, "there is less"
            data += piece
        return data

    async def say(self, data):
        """Say bytes to the other end."""
        await self.call(self.tls.write, data)

    async def read_head(self):
        """Read the head of a request or response."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await self.read(1)
        return head.decode()

    async def open(self):
        """Open a WebSocket connection."""
        await self.call(self.tls.do_handshake)
        self.writer.write(self.records(REQUEST + b"\r\n"))
        assert " 101 " in await self.read_head()

    async def read_frame(self):
        byte0, size = await self.read(2)
        if size >= 126:
            size = int.from_bytes(await self.read(2 if size == 126 else 8), "big")
        return byte0 & 15, await self.read(size)


@contextlib.asynccontextmanager
async def stranger_at(server, certificates):
    """A client that has opened a connection."""
    async with tcp_to(port_of(server)) as peer:
        stranger = Stranger(peer.reader, peer.writer, certificates.client_context())
        await stranger.open()
        yield stranger


@contextlib.asynccontextmanager
async def serving(certificates, handler=echo, **options):
    context = certificates.server_context()
    async with websockets.serve(handler, "127.0.0.1", 0, ssl=context, **options) as server:
        yield server


def connecting(server, certificates, **options):
    options.setdefault("ssl", certificates.client_context())
    return websockets.connect(f"wss://localhost:{port_of(server)}", host="127.0.0.1", **options)


@contextlib.asynccontextmanager
async def listening(serve):
    """A TCP server that is no server of ours."""
    tasks = []

    async def serve_one(reader, writer):
        tasks.append(asyncio.current_task())
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    try:
        yield server
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def masked(opcode, payload=b""):
    return frame(opcode, payload, masked=True)
