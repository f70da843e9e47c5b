"""
Connections on trio over TLS: messages, closing, failing, and time-outs.
"""

import contextlib
import math

import pytest
from on_trio import (
    REQUEST,
    Started,
    TrioPeer,
    connect,
    echo,
    on_trio,
    port_of,
    serving,
    trio,
    until,
    uri_of,
)

from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.frames import Close


@contextlib.asynccontextmanager
async def both_ends(certificates, handler=None, **options):
    opened, connections = trio.open_memory_channel(math.inf)

    async def handle(connection):
        await opened.send(connection)
        await (connection.wait_closed() if handler is None else handler(connection))

    async with serving(handle, ssl=certificates.server_context(), **options) as server:
        uri = uri_of(server, scheme="wss", host="localhost")
        async with connect(uri, ssl=certificates.client_context(), **options) as client:
            yield await connections.receive(), client


@on_trio
async def test_messages(certificates):
    async with both_ends(certificates, echo) as (server, client):
        for message in ("x", b"x" * 1000, "é" * 100_000, bytes(1_000_000)):
            await client.send(message)
            assert await client.recv() == message
        await client.send(["a", "b"])
        assert await client.recv() == "ab"
        await (await client.ping()).wait()
        assert client.latency > 0


@on_trio
async def test_large_transfers_both_ways_at_once(certificates):
    async def send(connection):
        for number in range(20):
            await connection.send(bytes([number]) * 900_000)

    async def receive(connection):
        for number in range(20):
            assert await connection.recv() == bytes([number]) * 900_000

    async with both_ends(certificates, compression=None) as ends:
        async with trio.open_nursery() as nursery:
            for connection in ends:
                nursery.start_soon(send, connection)
                nursery.start_soon(receive, connection)


@on_trio
async def test_a_peer_that_does_not_read_makes_senders_wait(certificates):
    async with both_ends(certificates, compression=None, max_queue=1) as (server, client):
        sent = 0
        with trio.move_on_after(0.2) as scope:
            while True:
                await client.send(bytes(100_000))
                sent += 1
        assert scope.cancelled_caught and 0 < sent < 1000
        # The one that was cancelled is whole.
        for _ in range(sent + 1):
            assert await server.recv() == bytes(100_000)
        await client.send("behind it")
        assert await server.recv() == "behind it"


@pytest.mark.parametrize("who", ["server", "client"])
@on_trio
async def test_closing(certificates, who):
    async with both_ends(certificates, close_timeout=30) as ends:
        first, second = ends if who == "server" else ends[::-1]
        await first.aclose(1001, "bye")
        await second.wait_closed()
        assert first.close_exc.rcvd == second.close_exc.rcvd == Close(1001, "bye")
        assert isinstance(first.close_exc, ConnectionClosedOK)
        assert first.close_exc.__cause__ is second.close_exc.__cause__ is None


@pytest.mark.parametrize("who", ["server", "client"])
@on_trio
async def test_failing(certificates, who):
    async with both_ends(certificates, close_timeout=30) as ends:
        first, second = ends if who == "server" else ends[::-1]
        await first.send(b"\xff", text=True)
        with pytest.raises(ConnectionClosedError) as raised:
            await second.recv()
        assert raised.value.sent.code == 1007
        await first.wait_closed()
        assert first.close_exc.rcvd.code == 1007


@on_trio
async def test_tcp_that_ends_without_close_notify(certificates):
    async with both_ends(certificates) as (server, client):
        await client.stream.transport_stream.aclose()
        await server.wait_closed()
        await client.wait_closed()
        assert server.close_code == client.close_code == 1006
        assert server.close_exc.__cause__ is not None


@on_trio
async def test_a_peer_that_does_not_answer(certificates):
    context = certificates.client_context()
    async with serving(echo, ssl=certificates.server_context(), close_timeout=0.05) as server:
        stream = await trio.open_tcp_stream("127.0.0.1", port_of(server))
        stream = trio.SSLStream(stream, context, server_hostname="localhost")
        peer = TrioPeer(stream, masked=True)
        await peer.write(REQUEST + b"\r\n")
        await peer.read_head()
        await until(lambda: server.connections)
        [connection] = server.connections
        await connection.aclose()
        assert connection.close_code == 1006
        assert str(connection.close_exc.__cause__) == "timed out while closing connection"
        await peer.close()


@on_trio
async def test_a_refusal(certificates):
    def process_request(connection, request):
        return connection.respond(403, "no\n")

    options = {"ssl": certificates.server_context(), "process_request": process_request}
    async with serving(echo, **options, close_timeout=None) as server:
        uri = uri_of(server, scheme="wss", host="localhost")
        with pytest.raises(InvalidStatus) as raised:
            async with connect(uri, ssl=certificates.client_context()):
                pass
        assert raised.value.response.body == b"no\n"
        await until(lambda: not server.all_connections)


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"])
@on_trio
async def test_a_server_gives_a_client_time_for_its_tls(certificates, sent):
    async with serving(echo, ssl=certificates.server_context(), open_timeout=0.1) as server:
        async with TrioPeer(
            await trio.open_tcp_stream("127.0.0.1", port_of(server)), masked=True
        ) as peer:
            await peer.write(sent)
            await peer.read_eof()
        await until(lambda: not server.all_connections)


@on_trio
async def test_a_server_that_closes_ends_handshakes(certificates):
    async with serving(echo, ssl=certificates.server_context()) as server:
        stream = await trio.open_tcp_stream("127.0.0.1", port_of(server))
        await until(lambda: server.all_connections)
        closing = Started(server.aclose())  # It doesn't wait for close_timeout.
        with trio.fail_after(5), contextlib.suppress(trio.BrokenResourceError):
            assert await stream.receive_some() == b""
        await closing
        await stream.aclose()
