"""
What is counted of connections: in each generation, on both sides, in the order of their lives.
"""

import asyncio
import json

import pytest
from counted import Growth
from hosting import Front, Host
from peer import BINARY, CLOSE, PING, REQUEST, TEXT, both_ends, listening, port_of, tcp_to, until
from todays import accepting
from todays import both_ends as todays_ends

import websockets
from websockets import metrics
from websockets.asyncio.client import connect as todays_connect
from websockets.asyncio.server import serve as todays_serve
from websockets.client import ClientProtocol
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

BOTH = {"server": 1, "client": 1}

generations = pytest.mark.parametrize("ends", [both_ends, todays_ends], ids=["8.1", "today"])


@generations
async def test_a_connection_is_counted_from_its_opening_to_its_end(ends):
    growth = Growth()
    async with ends():
        assert growth.of("connections") == BOTH
        assert growth.of("connections_opened") == BOTH
        assert growth.of("handshakes_accepted") == BOTH
        assert growth.of("connections_closed") == {}
    await until(lambda: not growth.of("connections"))
    assert growth.of("connections_opened") == BOTH
    assert growth.of("connections_closed") == {"client local 1000": 1, "server peer 1000": 1}
    assert growth.of("handshakes_refused") == {}


@generations
@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_messages_and_bytes_are_counted_as_they_leave_and_arrive(ends, compression):
    growth = Growth()
    async with ends({"compression": compression}, compression=compression) as (server, client):
        await client.send("x" * 1000)
        await client.send(b"y" * 100_000)
        await client.send(["in", "three", "fragments"])
        for _ in range(3):
            await server.recv()
        await server.send("z")
        await client.recv()
        sent, received = growth.of("bytes_sent"), growth.of("bytes_received")
        assert growth.of("messages_sent") == {"client": 3, "server": 1}
        assert growth.of("messages_received") == {"client": 1, "server": 3}
        assert sent["client"] == received["server"]
        assert sent["server"] == received["client"]
        if compression is None:
            # Headers have 2 bytes and masks 4; a length beyond 125 has 2 more, or 8.
            fragments = 6 + len("in") + 6 + len("three") + 6 + len("fragments") + 6
            assert sent == {"client": 1008 + 100_014 + fragments, "server": 3}
        else:
            assert sent["client"] < 1000


@generations
async def test_a_message_to_many_is_counted_for_each(ends):
    options = {"compression": None}
    async with ends(options) as (one, _), ends(options) as (other, _):
        growth = Growth()
        websockets.broadcast([one, other], "x" * 10)
        assert growth.of("messages_sent") == {"server": 2}
        assert growth.of("bytes_sent") == {"server": 24}


@pytest.mark.parametrize("serve", [websockets.serve, todays_serve], ids=["8.1", "today"])
async def test_what_a_peer_does_is_counted_by_its_kind(serve):
    async def handler(connection, *path):
        await connection.wait_closed()

    async with serve(handler, "127.0.0.1", 0, compression=None) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + b"\r\n")
            await peer.read_head()
            growth = Growth()
            peer.send(PING, b"ping")
            await peer.read()
            # A ping and its pong are bytes, but no messages.
            assert growth.of("bytes_received") == {"server": 10}
            assert growth.of("bytes_sent") == {"server": 6}
            peer.send(TEXT, b"a", fin=False)
            peer.send(0, b"b", fin=False)
            peer.send(0, b"c")
            peer.send(BINARY, b"d")
            peer.send(CLOSE, b"\x0f\xa1")
            await peer.read_close()
        await until(lambda: growth.of("connections") == {"server": -1})
        assert growth.of("messages_received") == {"server": 2}
        assert growth.of("messages_sent") == {}
        # Peers can say what they want: what isn't registered is counted by thousands.
        assert growth.of("connections_closed") == {"server peer 4xxx": 1}


@generations
async def test_who_is_lost_without_a_close_frame_has_closed_with_1006(ends):
    async with ends() as (server, client):
        growth = Growth()
        client.transport.abort()
        await server.wait_closed()
        await client.wait_closed()
        assert growth.of("connections") == {"server": -1, "client": -1}
        closed = {"client nobody 1006": 1, "server nobody 1006": 1}
        assert growth.of("connections_closed") == closed


@generations
async def test_a_violation_is_counted_with_the_code_that_we_closed_with(ends):
    async with ends({"max_size": 10}) as (server, client):
        growth = Growth()
        await client.send("x" * 11)
        await client.wait_closed()
        await until(lambda: growth.of("connections") == {"server": -1, "client": -1})
        closed = {"client peer 1009": 1, "server local 1009": 1}
        assert growth.of("connections_closed") == closed


@pytest.mark.given_clock
@generations
async def test_a_peer_that_is_given_up_for_its_silence_is_counted(ends):
    async def silent(peer):
        peer.write(accepting(await peer.read_head()))
        await ended.wait()

    ended = asyncio.Event()
    connect = websockets.connect if ends is both_ends else todays_connect
    async with listening(silent) as server:
        growth = Growth()
        uri = f"ws://127.0.0.1:{port_of(server)}"
        options = {"ping_interval": 5, "ping_timeout": 5, "close_timeout": 1}
        async with connect(uri, **options) as connection:
            await connection.wait_closed()
        assert growth.of("keepalive_timeouts") == {"client": 1}
        assert growth.of("connections_closed") == {"client local 1011": 1}
        ended.set()


@pytest.mark.parametrize(
    "serve, connect",
    [(websockets.serve, websockets.connect), (todays_serve, todays_connect)],
    ids=["8.1", "today"],
)
async def test_refusals_are_counted_by_their_status(serve, connect):
    async def handler(connection, *path):
        pass

    async with serve(handler, "127.0.0.1", 0, origins=["https://good"]) as server:
        port = port_of(server)
        growth = Growth()
        with pytest.raises(websockets.InvalidStatus):
            await connect(f"ws://127.0.0.1:{port}", origin="https://bad")
        async with tcp_to(port) as peer:
            peer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await peer.read_head()
        assert growth.of("handshakes_refused") == {
            "server 403": 1,
            "server 426": 1,
            "client 403": 1,
        }
        growth.again()
        async with tcp_to(port) as peer:
            peer.write(b"GET / HT")
        await until(lambda: growth.of("handshakes_refused"))
        assert growth.of("handshakes_refused") == {"server lost": 1}
        assert growth.of("handshakes_accepted") == {}
        assert growth.of("connections") == {}


@pytest.mark.parametrize("connect", [websockets.connect, todays_connect], ids=["8.1", "today"])
@pytest.mark.parametrize(
    "response, reason",
    [
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "invalid"),
        (b"hello\r\n\r\n", "invalid"),
        (b"HTTP/1.1 299 Strange\r\nContent-Length: 0\r\n\r\n", "other"),
        (b"", "lost"),
    ],
)
async def test_a_client_counts_what_no_connection_came_of(connect, response, reason):
    async def answer(peer):
        await peer.read_head()
        peer.write(response)
        await peer.close()

    async with listening(answer) as server:
        growth = Growth()
        with pytest.raises((websockets.InvalidHandshake, EOFError)):
            await connect(f"ws://127.0.0.1:{port_of(server)}")
        assert growth.of("handshakes_refused") == {f"client {reason}": 1}
        assert growth.of("handshakes_accepted") == {}


async def test_applications_are_counted():
    async def application(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        await send({"type": "websocket.send", "text": "answer"})
        await receive()

    host = Host(application)
    growth = Growth()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Front(host), "127.0.0.1", 0)
    host.listen(server)
    async with todays_connect(host.uri) as client:
        await client.send("question")
        assert await client.recv() == "answer"
        assert growth.of("connections") == BOTH
    await host.shut_down()
    await server.wait_closed()
    assert growth.of("connections") == {}
    assert growth.of("messages_received") == growth.of("messages_sent") == BOTH


def test_connections_in_threads_are_counted():
    from threads import serving, uri_of

    from websockets.sync.client import connect

    def echo(connection):
        for message in connection:
            connection.send(message)

    with serving(echo) as server:
        growth = Growth()
        with connect(uri_of(server)) as client:
            client.send("x")
            assert client.recv() == "x"
            assert growth.of("connections") == BOTH
    assert growth.of("connections") == {}
    assert growth.of("handshakes_accepted") == BOTH
    assert growth.of("messages_received") == growth.of("messages_sent") == BOTH
    assert growth.of("connections_closed") == {"client local 1000": 1, "server peer 1000": 1}


def test_connections_on_trio_are_counted():
    trio = pytest.importorskip("trio")
    from on_trio import connect, serving, uri_of

    async def echo(connection):
        async for message in connection:
            await connection.send(message)

    async def main():
        async with serving(echo) as server, connect(uri_of(server)) as client:
            await client.send("x")
            assert await client.recv() == "x"
            assert growth.of("connections") == BOTH

    growth = Growth()
    trio.run(main)
    assert growth.of("connections") == {}
    assert growth.of("handshakes_accepted") == BOTH
    assert growth.of("messages_received") == growth.of("messages_sent") == BOTH
    assert growth.of("connections_closed")["client local 1000"] == 1


def test_without_io_messages_and_handshakes_are_counted():
    growth = Growth()
    client, server = ClientProtocol(parse_uri("ws://localhost/")), ServerProtocol()
    client.send_request(client.connect())
    server.receive_data(b"".join(client.data_to_send()))
    (request,) = server.events_received()
    server.send_response(server.accept(request))
    client.receive_data(b"".join(server.data_to_send()))
    client.send_text(b"a", fin=False)
    client.send_continuation(b"b", fin=True)
    server.receive_data(b"".join(client.data_to_send()))
    assert growth.of("handshakes_accepted") == BOTH
    assert growth.of("messages_sent") == {"client": 1}
    assert growth.of("messages_received") == {"server": 1}
    assert growth.of("bytes_received") == {"server": 14}
    assert growth.of("bytes_sent") == {"client": 14}
    # Whose sockets these are we don't know, nor when they end.
    assert growth.of("connections") == {}


def test_a_snapshot_is_made_of_what_json_knows():
    taken = metrics.snapshot()
    assert set(taken) == {metric.name for metric in metrics.METRICS}
    assert json.loads(json.dumps(taken)) == taken
    assert set(taken["messages_sent"]) == {"server", "client"}


def test_metrics_are_described():
    for metric in metrics.METRICS:
        assert metric.kind in ("counter", "gauge")
        assert metric.description.endswith(".")
        for labels in metric.read():
            assert len(labels) == len(metric.labels)
