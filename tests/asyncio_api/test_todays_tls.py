"""
Connections of today's API over TLS: messages, closing, failing, and time-outs.
"""

import asyncio
import contextlib

import pytest
from peer import REQUEST, Peer, port_of, turns
from todays import closed, echo

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK
from websockets.frames import Close


@contextlib.asynccontextmanager
async def both_ends(certificates, handler=None, **options):
    opened = asyncio.Queue()

    async def handle(connection):
        opened.put_nowait(connection)
        await (connection.wait_closed() if handler is None else handler(connection))

    context = certificates.server_context()
    async with serve(handle, "localhost", 0, ssl=context, **options) as server:
        uri = f"wss://localhost:{port_of(server)}"
        async with connect(uri, ssl=certificates.client_context(), **options) as client:
            yield await opened.get(), client


async def test_messages(certificates):
    async with both_ends(certificates, echo) as (server, client):
        for message in ("x", b"x" * 1000, "é" * 100_000, bytes(1_000_000)):
            await client.send(message)
            assert await client.recv() == message
        await client.send(["a", "b"])
        assert await client.recv() == "ab"
        assert await (await client.ping()) > 0


@pytest.mark.parametrize("who", ["server", "client"])
async def test_closing(certificates, who):
    async with both_ends(certificates, close_timeout=30) as ends:
        first, second = ends if who == "server" else ends[::-1]
        await first.close(1001, "bye")
        await second.wait_closed()
        assert first.close_exc.rcvd == second.close_exc.rcvd == Close(1001, "bye")
        assert isinstance(first.close_exc, ConnectionClosedOK)
        assert first.close_exc.__cause__ is second.close_exc.__cause__ is None


@pytest.mark.parametrize("who", ["server", "client"])
async def test_failing(certificates, who):
    async with both_ends(certificates, close_timeout=30) as ends:
        first, second = ends if who == "server" else ends[::-1]
        await first.send(b"\xff", text=True)
        with pytest.raises(ConnectionClosedError) as raised:
            await second.recv()
        assert raised.value.sent.code == 1007
        await closed(first)
        assert first.close_exc.rcvd.code == 1007


async def test_a_transport_that_is_aborted(certificates):
    async with both_ends(certificates) as (server, client):
        client.transport.abort()
        await closed(server)
        await closed(client)
        assert server.close_code == client.close_code == 1006
        assert server.close_exc.__cause__ is not None


async def test_a_peer_that_does_not_answer(certificates):
    async with both_ends(certificates) as (server, client):
        server.transport.pause_reading()
        client.close_timeout = 0.05
        await client.close()
        assert client.close_code == 1006
        assert str(client.close_exc.__cause__) == "timed out while closing connection"
        server.transport.abort()


async def test_open_timeout_of_a_server(certificates):
    context = certificates.server_context()
    async with serve(echo, "localhost", 0, ssl=context, open_timeout=0.2) as server:
        reader, writer = await asyncio.open_connection(
            "localhost", port_of(server), ssl=certificates.client_context()
        )
        peer = Peer(reader, writer, masked=True)
        peer.write(REQUEST)
        assert await peer.read_eof() == b""
        await peer.close()


async def test_a_server_that_closes_ends_handshakes(certificates):
    context = certificates.server_context()
    async with serve(echo, "localhost", 0, ssl=context) as server:
        reader, writer = await asyncio.open_connection("localhost", port_of(server))
        await turns()
        server.close()
        await server.wait_closed()
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
