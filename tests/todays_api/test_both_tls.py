"""
Connections on asyncio and on trio over TLS: messages, closing, failing, and time-outs.
"""

import contextlib

import pytest
from both import (
    answered,
    both_ends,
    close,
    connect,
    cut,
    serving,
    started,
    tcp_to,
    turns,
    until,
    uri_of,
)
from peer import REQUEST
from todays import echo, hold

from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.frames import Close

pytestmark = pytest.mark.and_trio


def over_tls(certificates, **options):
    """Both ends of a connection over TLS."""
    server = {"ssl": certificates.server_context(), **options}
    return both_ends(server, ssl=certificates.client_context(), **options)


async def test_messages(certificates):
    async with over_tls(certificates) as (server, client):
        echoing = started(echo(server))
        for message in ("x", b"x" * 1000, "é" * 100_000, bytes(1_000_000)):
            await client.send(message)
            assert await client.recv() == message
        await client.send(["a", "b"])
        assert await client.recv() == "ab"
        await answered(await client.ping())
        assert client.latency > 0
        await close(client)
        await echoing


async def test_large_transfers_both_ways_at_once(certificates):
    async def send(connection):
        for number in range(20):
            await connection.send(bytes([number]) * 900_000)

    async def receive(connection):
        for number in range(20):
            assert await connection.recv() == bytes([number]) * 900_000

    async with over_tls(certificates, compression=None) as ends:
        for transfer in [started(do(end)) for do in (send, receive) for end in ends]:
            await transfer


@pytest.mark.parametrize("who", ["server", "client"])
async def test_closing(certificates, who):
    async with over_tls(certificates, close_timeout=30) as ends:
        first, second = ends if who == "server" else ends[::-1]
        await close(first, 1001, "bye")
        await second.wait_closed()
        assert first.close_exc.rcvd == second.close_exc.rcvd == Close(1001, "bye")
        assert isinstance(first.close_exc, ConnectionClosedOK)
        assert first.close_exc.__cause__ is second.close_exc.__cause__ is None


@pytest.mark.parametrize("who", ["server", "client"])
async def test_failing(certificates, who):
    async with over_tls(certificates, close_timeout=30) as ends:
        first, second = ends if who == "server" else ends[::-1]
        await first.send(b"\xff", text=True)
        with pytest.raises(ConnectionClosedError) as raised:
            await second.recv()
        assert raised.value.sent.code == 1007
        await first.wait_closed()
        assert first.close_exc.rcvd.code == 1007


async def test_tcp_that_ends_without_close_notify(certificates):
    async with over_tls(certificates) as (server, client):
        await cut(client)
        await server.wait_closed()
        await client.wait_closed()
        assert server.close_code == client.close_code == 1006
        assert server.close_exc.__cause__ is not None


async def test_a_peer_that_does_not_answer(certificates):
    options = {"ssl": certificates.server_context(), "close_timeout": 0.05}
    async with serving(hold, **options) as server:
        async with tcp_to(server, certificates.client_context()) as peer:
            await peer.write(REQUEST + b"\r\n")
            await peer.read_head()
            await until(lambda: server.connections)
            [connection] = server.connections
            await close(connection)
            assert connection.close_code == 1006
            assert str(connection.close_exc.__cause__) == "timed out while closing connection"


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
async def test_a_server_gives_a_client_time_for_its_tls(certificates, sent):
    async with serving(echo, ssl=certificates.server_context(), open_timeout=0.1) as server:
        async with tcp_to(server) as peer:
            await peer.write(sent)
            await peer.read_eof()
        await until(lambda: not server.all_connections)


async def test_the_same_time_is_for_its_request(certificates):
    async with serving(echo, ssl=certificates.server_context(), open_timeout=1) as server:
        async with tcp_to(server, certificates.client_context()) as peer:
            await peer.write(REQUEST)
            assert await peer.read_eof() == b""


async def test_a_server_that_closes_ends_handshakes(certificates):
    # Nobody waits for close_timeout.
    async with serving(echo, ssl=certificates.server_context(), close_timeout=1000) as server:
        async with tcp_to(server) as peer:
            await turns()
            closing = started(close(server))
            with contextlib.suppress(ConnectionError):
                assert await peer.read_eof() == b""
            await closing
