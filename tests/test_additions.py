"""What users of later versions of this API expect, beyond the document."""

import asyncio
import logging
import random
import threading

import pytest
from peer import PONG, REQUEST, TEXT, both_sides, hold, port_of, server_and_peer, tcp_to

import websockets
from websockets import client
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)


async def first_line(port, request):
    async with tcp_to(port) as peer:
        peer.write(request)
        return (await peer.read_head()).split(b"\r\n")[0]


# logger


@both_sides
async def test_logger(connection, caplog):
    logger = logging.getLogger("mine")
    async with connection(logger=logger) as (ws, peer):
        assert ws.logger is logger


async def test_a_handler_that_fails_is_logged_where_one_wants(caplog):
    async def handler(ws):
        raise ZeroDivisionError("on purpose")

    async with websockets.serve(
        handler, "127.0.0.1", 0, logger=logging.getLogger("mine")
    ) as server:
        async with websockets.connect(f"ws://127.0.0.1:{port_of(server)}") as ws:
            with pytest.raises(websockets.ConnectionClosedError):
                await ws.recv()
    assert [record.name for record in caplog.records if record.exc_info] == ["mine"]


def test_default_loggers():
    names = {
        websockets.WebSocketCommonProtocol: "websockets.protocol",
        websockets.WebSocketServerProtocol: "websockets.server",
        websockets.WebSocketClientProtocol: "websockets.client",
    }
    for cls, name in names.items():
        arguments = (hold, None) if cls is websockets.WebSocketServerProtocol else ()
        assert cls(*arguments).logger.name == name


# latency


@both_sides
async def test_latency_is_measured_by_pings(connection):
    async with connection() as (ws, peer):
        assert ws.latency == 0
        pong = await ws.ping()
        _, payload = await peer.read()
        peer.send(PONG, payload)
        await pong
        assert 0 < ws.latency < 60


async def test_latency_is_measured_by_keepalive():
    async with server_and_peer(ping_interval=0.001) as (ws, peer):
        while not ws.latency:
            _, payload = await peer.read()
            peer.send(PONG, payload)


@pytest.mark.parametrize("name", ["latency", "logger"])
async def test_a_subclass_may_have_attributes_and_properties_of_these_names(name):
    class Attribute(websockets.WebSocketServerProtocol):
        def __init__(self, *args, **kwargs):
            setattr(self, name, "mine")
            super().__init__(*args, **kwargs)

    class Property(websockets.WebSocketServerProtocol):
        pass

    setattr(Property, name, property(lambda self: "mine"))
    for create_protocol in (Attribute, Property):
        async with server_and_peer(create_protocol=create_protocol) as (ws, peer):
            assert getattr(ws, name) == "mine"


# broadcast


async def test_broadcast_reaches_all_open_connections():
    async with websockets.serve(hold, "127.0.0.1", 0) as server:
        uri = f"ws://127.0.0.1:{port_of(server)}"
        clients = [await websockets.connect(uri, compression=c) for c in (None, "deflate", None)]
        while len(server.connections) < 3:
            await asyncio.sleep(0)
        connections = server.connections
        for message in ("caf\u00e9", b"\x00\xff", "x" * 100_000):
            websockets.broadcast(connections, message)
            assert [await ws.recv() for ws in clients] == [message] * 3
        await clients.pop().close()
        websockets.broadcast(connections, "to who is left")
        assert [await ws.recv() for ws in clients] == ["to who is left"] * 2
        assert len(server.connections) == 2
        for ws in clients:
            await ws.close()


async def test_broadcast_skips_who_is_sending_a_fragmented_message(caplog):
    async def fragments():
        yield "a"
        await asyncio.get_running_loop().create_future()

    async with server_and_peer() as (ws, peer):
        sending = asyncio.ensure_future(ws.send(fragments()))
        assert await peer.read() == (TEXT, b"a")
        websockets.broadcast([ws], "skipped")
        assert "fragmented" in caplog.text
        sending.cancel()
        assert await peer.read_close() == (1011, "")


async def test_broadcast_compresses_once_for_all_who_compress_alike():
    arrived = asyncio.Queue()

    async def handler(websocket):
        arrived.put_nowait(websocket)
        await websocket.wait_closed()

    def offering(**parameters):
        return {"extensions": [ClientPerMessageDeflateFactory(**parameters)], "compression": None}

    alone = offering(server_no_context_takeover=True)
    narrow = offering(server_no_context_takeover=True, server_max_window_bits=10)
    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        uri = f"ws://127.0.0.1:{port_of(server)}"
        clients, ends = [], []
        for options in [alone, alone, alone, narrow, {}, {}, {"compression": None}]:
            clients.append(await websockets.connect(uri, **options))
            ends.append(await arrived.get())
        for message in ["-" * 1000, b"-" * 300_000, "€uro" * 100, ""]:
            websockets.broadcast(ends, message)
            assert [await client.recv() for client in clients] == [message] * 7
        # Contexts that are taken over differ, so that each of them has to see the message.
        counts = [end.extensions[0].sent.messages for end in ends[:6]]
        assert counts == [4, 0, 0, 4, 4, 4]
        for client in clients:
            await client.close()


def test_broadcast_refuses_other_types():
    for message in (None, ["a"], 1):
        with pytest.raises(TypeError):
            websockets.broadcast([], message)


# Reconnecting


@pytest.fixture
def no_delays(monkeypatch):
    """Keep the delays between attempts, in place of waiting for them."""
    delays = []
    sleep = asyncio.sleep

    def note(delay):
        delays.append(delay)
        return sleep(0)

    monkeypatch.setattr(client.asyncio, "sleep", note)
    return delays


async def test_connect_in_a_loop_connects_again_when_a_connection_is_closed():
    async def handler(ws):
        await ws.send("hello")

    seen = []
    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async for ws in websockets.connect(f"ws://127.0.0.1:{port_of(server)}"):
            try:
                seen.append(await ws.recv())
                await ws.recv()
            except websockets.ConnectionClosed:
                if len(seen) < 3:
                    continue
                break
    assert seen == ["hello"] * 3


async def test_connect_in_a_loop_closes_the_connection_before():
    connections = []
    async with websockets.serve(hold, "127.0.0.1", 0) as server:
        connecting = websockets.connect(f"ws://127.0.0.1:{port_of(server)}")
        iterator = connecting.__aiter__()
        for _ in range(3):
            connections.append(await iterator.__anext__())
            assert [ws.open for ws in connections] == [False] * (len(connections) - 1) + [True]
        await iterator.aclose()
        assert not connections[-1].open


async def test_connect_in_a_loop_tries_again_with_growing_delays(no_delays):
    responses = [(503, [], b"")] * 20

    def process_request(path, headers):
        return responses.pop() if responses else None

    async with websockets.serve(hold, "127.0.0.1", 0, process_request=process_request) as server:
        iterator = websockets.connect(f"ws://127.0.0.1:{port_of(server)}").__aiter__()
        assert (await iterator.__anext__()).open
        await iterator.aclose()
    delays = [delay for delay in no_delays if delay]
    assert len(delays) == 20 and 0 <= delays[0] <= 5
    # The first is random; the others grow.
    assert delays[1] == 3.1 and delays[1:] == sorted(delays[1:]) and delays[-1] == 90


async def test_connect_in_a_loop_does_not_insist_where_it_is_refused():
    def process_request(path, headers):
        return 403, [], b""

    async with websockets.serve(hold, "127.0.0.1", 0, process_request=process_request) as server:
        with pytest.raises(websockets.InvalidStatusCode):
            async for _ in websockets.connect(f"ws://127.0.0.1:{port_of(server)}"):
                pass


async def test_connect_in_a_loop_waits_for_a_server_that_is_not_there(no_delays, monkeypatch):
    monkeypatch.setattr(random, "random", lambda: 0.0)
    server = await websockets.serve(hold, "127.0.0.1", 0)
    port = port_of(server)
    server.close()
    await server.wait_closed()
    iterator = websockets.connect(f"ws://127.0.0.1:{port}").__aiter__()
    connecting = asyncio.ensure_future(iterator.__anext__())
    while sum(no_delays) < 100:
        await asyncio.sleep(0)
    async with websockets.serve(hold, "127.0.0.1", port):
        assert (await connecting).open
        await iterator.aclose()


# Headers


@pytest.mark.parametrize("value, expected", [("mine/1", "mine/1"), (None, None)])
async def test_server_header_and_user_agent_header(value, expected):
    async with websockets.serve(hold, "127.0.0.1", 0, server_header=value) as server:
        async with websockets.connect(
            f"ws://127.0.0.1:{port_of(server)}", user_agent_header=value
        ) as ws:
            assert ws.request_headers.get("User-Agent") == expected
            assert ws.response_headers.get("Server") == expected


@pytest.mark.parametrize(
    "host, accepted",
    [
        ("localhost", True),
        ("LOCALHOST:8765", True),
        ("[::1]", True),
        ("[::1]:80", True),
        ("evil.example", False),
        ("evil.example:8765", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
async def test_allowed_hosts(host, accepted):
    async with websockets.serve(
        hold, "127.0.0.1", 0, allowed_hosts=["localhost", "[::1]"]
    ) as server:
        request = REQUEST.replace(b"Host: localhost", b"Host: " + host.encode()) + b"\r\n"
        line = await first_line(port_of(server), request)
        assert (b" 101 " if accepted else b" 421 ") in line


# Arguments of old


async def test_the_loop_argument_is_accepted_with_a_warning():
    loop = asyncio.get_running_loop()
    with pytest.warns(DeprecationWarning, match="loop") as warnings:
        serving = websockets.serve(hold, "127.0.0.1", 0, loop=loop)
    async with serving as server:
        with pytest.warns(DeprecationWarning, match="loop"):
            connecting = websockets.connect(f"ws://127.0.0.1:{port_of(server)}", loop=loop)
        async with connecting as ws:
            assert ws.loop is loop
    assert warnings[0].filename == __file__


async def test_the_timeout_argument_is_an_older_name_of_close_timeout():
    async with websockets.serve(hold, "127.0.0.1", 0, timeout=1) as server:
        uri = f"ws://127.0.0.1:{port_of(server)}"
        async with websockets.connect(uri, timeout=2) as ws:
            [protocol] = server.websockets
            assert (protocol.close_timeout, ws.close_timeout) == (1, 2)
        async with websockets.connect(uri, timeout=2, close_timeout=3) as ws:
            assert ws.close_timeout == 3


# Threads


@both_sides
async def test_a_call_from_another_thread_is_an_error_in_debug_mode(connection):
    asyncio.get_running_loop().set_debug(True)
    errors = []

    def call(method, *args):
        try:
            asyncio.run(method(*args))
        except RuntimeError as exc:
            errors.append(str(exc))

    async with connection() as (ws, peer):
        for method, args in ((ws.send, ("x",)), (ws.recv, ()), (ws.ping, ())):
            thread = threading.Thread(target=call, args=(method, *args))
            thread.start()
            thread.join()
        assert len(errors) == 3
        assert all("run_coroutine_threadsafe" in error for error in errors)
        await ws.send("from the right thread")
        while (await peer.read())[1] != b"from the right thread":
            pass


# Compression, message by message


def compressed(byte0):
    return byte0 & 0x40 != 0


EXTENSIONS = b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n"


def deflating(**options):
    return [ServerPerMessageDeflateFactory(server_no_context_takeover=True, **options)]


async def first_bytes(peer, count):
    return [(await peer.read())[0] for _ in range(count)]


@pytest.mark.parametrize("compress, expected", [(None, True), (True, True), (False, False)])
@pytest.mark.parametrize("message", ["text" * 50, b"binary" * 50, bytearray(200)])
async def test_send_is_told_whether_to_compress(message, compress, expected):
    async with server_and_peer(extensions=deflating(), headers=EXTENSIONS) as (ws, peer):
        await ws.send(message, compress=compress)
        assert compressed((await peer.read())[0]) is expected


@pytest.mark.parametrize("compress, expected", [(None, True), (True, True), (False, False)])
async def test_send_is_told_whether_to_compress_fragments(compress, expected):
    async with server_and_peer(extensions=deflating(), headers=EXTENSIONS) as (ws, peer):
        await ws.send(["one", "two"], compress=compress)
        first, second, last = await first_bytes(peer, 3)
        # RFC 7692 6.1: RSV1 is for the first frame of a message.
        assert (compressed(first), compressed(second), compressed(last)) == (expected, False, False)


async def test_small_messages_go_uncompressed_if_that_is_wanted():
    options = {"extensions": deflating(min_size=100), "headers": EXTENSIONS}
    async with server_and_peer(**options) as (ws, peer):
        for message, compress, expected in [
            ("-" * 99, None, False),
            ("-" * 100, None, True),
            ("-" * 99, True, True),
            ("-" * 100, False, False),
        ]:
            await ws.send(message, compress=compress)
            assert compressed((await peer.read())[0]) is expected


async def test_compress_means_nothing_without_compression():
    async with server_and_peer() as (ws, peer):
        await ws.send("text", compress=True)
        assert await peer.read() == (0x80 | TEXT, b"text")


async def test_a_connection_tells_what_compression_makes_of_its_messages():
    async with server_and_peer(extensions=deflating(), headers=EXTENSIONS) as (ws, peer):
        for _ in range(3):
            await ws.send("-" * 1000)
        await ws.send("-" * 1000, compress=False)
        [deflate] = ws.extensions
        assert (deflate.sent.messages, deflate.sent.size) == (3, 3000)
        assert deflate.sent.compressed_size < 100
        assert deflate.sent.ratio < 0.1
        assert deflate.received.messages == 0
