"""Faults that libraries for WebSockets tend to have, as the behaviour that is right instead."""

import asyncio
import contextlib
import gc
import hmac
import http
import logging
import os
import random
import socket
import sys
import time
import weakref

import pytest
from endpoints import measured
from peer import (
    BASES,
    BINARY,
    CLOSE,
    PING,
    PONG,
    REQUEST,
    TEXT,
    Peer,
    both_sides,
    client_and_peer,
    close_payload,
    echo,
    frame,
    hold,
    needs_unix,
    port_of,
    server_and_peer,
    tcp_to,
    turns,
    uri_of,
)

import websockets
from websockets.http import Headers, read_response


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


# Security


@pytest.mark.parametrize(
    "username, password, right",
    [
        ("us\u00e9r", "p\u00e4ss", True),
        ("us\u00e9r", "wrong", False),
        ("nobody", "p\u00e4ss", False),
    ],
)
async def test_basic_auth_compares_bytes_in_constant_time_for_unknown_users_too(
    username, password, right, monkeypatch
):
    compared = []

    def compare_digest(a, b):
        compared.append((type(a), type(b)))
        return a == b

    monkeypatch.setattr(hmac, "compare_digest", compare_digest)
    factory = websockets.basic_auth_protocol_factory("realm", ("us\u00e9r", "p\u00e4ss"))
    value = websockets.headers.build_authorization_basic(username, password)
    request = REQUEST + f"Authorization: {value}\r\n\r\n".encode()
    status, _, _ = await response_to(request, create_protocol=factory)
    assert status == (101 if right else 401)
    assert compared == [(bytes, bytes)]


async def test_an_unknown_user_with_an_empty_password_is_not_let_in():
    factory = websockets.basic_auth_protocol_factory("realm", ("user", ""))
    for credentials, expected in (("user:", 101), ("nobody:", 401), (":", 401)):
        value = websockets.headers.build_authorization_basic(*credentials.split(":"))
        request = REQUEST + f"Authorization: {value}\r\n\r\n".encode()
        assert (await response_to(request, create_protocol=factory))[0] == expected


async def test_a_million_tiny_fragments_cost_no_more_than_their_bytes():
    async with client_and_peer(max_size=None) as (ws, peer):
        start = frame(BINARY, b"x", fin=False)
        piece = frame(0, b"x", fin=False) * 1000
        count = 1000 if websockets.backend == "compiled" else 50
        with measured() as memory:
            ws.data_received(start)
            for _ in range(count):
                ws.data_received(piece)
        assert memory.peak < 3 * 1000 * count + 100_000
        ws.data_received(frame(0))
        assert await ws.recv() == b"x" * (1000 * count + 1)


@both_sides
@pytest.mark.parametrize("payload", [b"", b"x"])
async def test_a_flood_of_tiny_messages_does_not_fill_the_memory(connection, payload):
    async with connection() as (ws, peer):
        messages = frame(TEXT, payload, masked=peer.masked) * 10_000
        with measured() as memory:
            for _ in range(50):
                if ws.transport.is_reading():
                    ws.data_received(messages)
                peer.write(messages)
                await turns(2)
            assert not ws.transport.is_reading()
            peer.writer.transport.abort()
        # The peer's own buffer holds all that it wrote; objects for all messages would be 20 MB.
        assert memory.peak < 50 * len(messages) + 1_000_000


@pytest.mark.parametrize("name", ["host", "port", "sock"])
async def test_a_redirect_elsewhere_is_refused_when_the_address_was_given(name):
    def process_request(path, headers):
        return http.HTTPStatus.FOUND, {"Location": "ws://example.com/"}, b""

    async with websockets.serve(hold, "127.0.0.1", 0, process_request=process_request) as server:
        given = {"host": "127.0.0.1", "port": port_of(server)}.get(name)
        if name == "sock":
            given = socket.create_connection(("127.0.0.1", port_of(server)))
            given.setblocking(False)
        with pytest.raises(
            websockets.SecurityError, match="socket" if name == "sock" else "origin"
        ):
            await websockets.connect(uri_of(server), **{name: given})


@needs_unix
async def test_a_redirect_elsewhere_is_refused_on_a_unix_socket(tmp_path):
    def process_request(path, headers):
        return http.HTTPStatus.FOUND, {"Location": "ws://example.com/"}, b""

    path = str(tmp_path / "socket")
    async with websockets.unix_serve(hold, path, process_request=process_request):
        with pytest.raises(websockets.SecurityError, match="origin"):
            await websockets.unix_connect(path)


@pytest.mark.parametrize("location", ["//[::", "ws://[::", "ws://localhost/\x00"])
async def test_a_redirect_with_a_malformed_location_is_an_error_of_the_library(location):
    async def accept(peer):
        await peer.read_head()
        peer.write(b"HTTP/1.1 302 Found\r\nLocation: " + location.encode() + b"\r\n\r\n")

    async with listening(accept) as server:
        with pytest.raises(websockets.WebSocketException):
            await websockets.connect(uri_of(server))


EVIL = ["a\r\nX-Smuggled: 1", "a\nX-Smuggled: 1", "a\rb", "a\0b", "a\x7fb", "a\x1bb"]


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize(
    "place", ["value", "name", "callable", "process_request", "subprotocol", "basic auth"]
)
async def test_control_characters_do_not_get_into_a_response(place, evil, caplog):
    caplog.set_level(logging.CRITICAL, "websockets.server")
    options = {
        "value": {"extra_headers": {"X": evil}},
        "name": {"extra_headers": [(evil, "x")]},
        "callable": {"extra_headers": lambda path, headers: Headers({"X": evil})},
        "process_request": {
            "process_request": lambda path, headers: (http.HTTPStatus.OK, {"X": evil}, b"body")
        },
        "subprotocol": {
            "subprotocols": ["a"],
            "select_subprotocol": lambda client, server: evil,
        },
        "basic auth": {
            "create_protocol": websockets.basic_auth_protocol_factory(evil, ("user", "secret"))
        },
    }[place]
    request = REQUEST + b"Sec-WebSocket-Protocol: a\r\n\r\n"
    status, headers, body = await response_to(request, **options)
    assert status == 500
    assert "X-Smuggled" not in headers and "X" not in headers and b"Smuggled" not in body


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("place", ["value", "name", "origin", "subprotocol", "user agent"])
async def test_control_characters_do_not_get_into_a_request(place, evil):
    options = {
        "value": {"extra_headers": {"X": evil}},
        "name": {"extra_headers": [(evil, "x")]},
        "origin": {"origin": evil},
        "subprotocol": {"subprotocols": ["a", evil]},
        "user agent": {"extra_headers": {"User-Agent": evil}},
    }[place]
    received = []

    async def accept(peer):
        received.append(await peer.read_eof())

    async with listening(accept) as server:
        with pytest.raises(ValueError):
            await websockets.connect(uri_of(server), **options)
        while not received:
            await asyncio.sleep(0)
    assert received == [b""]


async def test_a_head_of_more_than_64_kib_is_answered_with_431():
    fields = b"".join(b"X-%d: %s\r\n" % (n, b"x" * 8000) for n in range(9))
    status, _, body = await response_to(REQUEST + fields + b"\r\n")
    assert status == 431 and b"65536" in body


@pytest.mark.parametrize("length", ["+0", "-0", "0x0", " 1", "1_0", "\u0661", "0, 0"])
async def test_numbers_in_requests_are_digits(length):
    request = REQUEST + f"Content-Length: {length}\r\n\r\n".encode()
    assert (await response_to(request))[0] == 400


@pytest.mark.parametrize(
    "field",
    [b"Sec-WebSocket-Protocol: \xff", b"Sec-WebSocket-Extensions: \xe9", b"Upgrade: \xe9"],
)
async def test_the_server_lives_after_bytes_that_are_not_ascii(field):
    async with websockets.serve(echo, "127.0.0.1", 0, subprotocols=["chat"]) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + field + b"\r\n\r\n")
            status, _, _ = await read_response(peer.reader)
            assert status in (400, 426)
        await assert_serves(server)


# Cancellation


BLOCKED = {
    "recv": lambda ws: ws.recv(),
    "send": lambda ws: ws.send(b"x"),
    "send fragments": lambda ws: ws.send([b"x", b"y"]),
    "ping": lambda ws: ws.ping(),
    "pong": lambda ws: ws.pong(),
    "close": lambda ws: ws.close(),
    "wait_closed": lambda ws: ws.wait_closed(),
}


@both_sides
@pytest.mark.parametrize("operation", BLOCKED)
async def test_a_cancelled_operation_is_cancelled(connection, operation):
    async with connection(write_limit=1000, close_timeout=0.05) as (ws, peer):
        filling = asyncio.ensure_future(ws.send(b"x" * 20_000_000))
        await turns(50)
        task = asyncio.ensure_future(BLOCKED[operation](ws))
        await turns()
        assert not task.done() and not filling.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        filling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await filling


@both_sides
@pytest.mark.parametrize("operation", ["recv", "send", "ping", "pong"])
async def test_an_operation_cancelled_while_closing_is_cancelled(connection, operation):
    async with connection(close_timeout=0.05) as (ws, peer):
        closing = asyncio.ensure_future(ws.close())
        await peer.read_close()
        task = asyncio.ensure_future(BLOCKED[operation](ws))
        await turns()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await closing


async def test_a_handler_cancelled_in_process_request_is_cancelled():
    begun = asyncio.Event()

    class Slow(websockets.WebSocketServerProtocol):
        async def process_request(self, path, request_headers):
            begun.set()
            await asyncio.get_running_loop().create_future()

    async with websockets.serve(hold, "127.0.0.1", 0, create_protocol=Slow) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + b"\r\n")
            await begun.wait()
            [protocol] = server.websockets
            protocol.handler_task.cancel()
            await peer.read_eof()
            await asyncio.wait([protocol.handler_task])
            assert protocol.handler_task.cancelled()
            assert not server.websockets


async def test_cancelling_who_waits_for_a_server_leaves_the_server_alone():
    server = await websockets.serve(echo, "127.0.0.1", 0)
    waiting = asyncio.ensure_future(server.wait_closed())
    await turns()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await assert_serves(server)
    server.close()
    await server.wait_closed()


@both_sides
@pytest.mark.parametrize("arrives", ["fragment", "rest of a message", "close"])
async def test_cancelling_recv_in_the_turn_in_which_something_arrives(connection, arrives):
    async with connection() as (ws, peer):
        first = frame(TEXT, b"a", fin=False, masked=peer.masked)
        rest = frame(0, b"b", masked=peer.masked)
        if arrives == "rest of a message":
            ws.data_received(first)
        receiving = asyncio.ensure_future(ws.recv())
        await turns()
        if arrives == "fragment":
            ws.data_received(first)
        elif arrives == "rest of a message":
            ws.data_received(rest)
        else:
            ws.data_received(first + rest)
            ws.data_received(frame(CLOSE, close_payload(1000), masked=peer.masked))
        receiving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await receiving
        if arrives == "fragment":
            ws.data_received(rest)
        assert await ws.recv() == "ab"
        if arrives == "close":
            await peer.read_close()
            await peer.close()
            with pytest.raises(websockets.ConnectionClosedOK):
                await ws.recv()


async def test_a_timeout_around_connect_ends_the_attempt():
    ended = asyncio.Event()

    async def silent(peer):
        await peer.read_eof()
        ended.set()

    async with listening(silent) as server:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(opened(uri_of(server)), 0.02)
        await ended.wait()
    gc.collect()


async def test_connect_cancelled_at_any_turn_leaves_no_connection():
    async with websockets.serve(hold, "127.0.0.1", 0) as server:
        for count in range(30):
            connecting = asyncio.ensure_future(opened(uri_of(server)))
            await turns(count)
            connecting.cancel()
            try:
                ws = await connecting
            except asyncio.CancelledError:
                continue
            await ws.close()
        # A socket that were still open would hold its handler up.
        while server.websockets:
            await asyncio.sleep(0)
    gc.collect()


async def opened(uri):
    return await websockets.connect(uri)


# Networks that fail


class DeadTransport(asyncio.Transport):
    """What a transport may be like whose socket is gone before the event loop noticed."""

    def __init__(self, error):
        super().__init__()
        self.error = error
        self.aborted = self.closed = False

    def get_extra_info(self, name, default=None):
        return default

    def set_write_buffer_limits(self, high=None, low=None):
        pass

    def is_closing(self):
        return self.closed

    def can_write_eof(self):
        return True

    def write(self, data):
        pass

    def write_eof(self):
        raise self.error

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass

    def close(self):
        self.closed = True

    def abort(self):
        self.closed = self.aborted = True


@pytest.mark.parametrize("lost", [None, TimeoutError, ConnectionResetError])
@pytest.mark.parametrize("error", [OSError(107, "not connected"), ConnectionResetError()])
async def test_a_socket_that_is_gone_when_its_end_is_announced(error, lost, caplog):
    caplog.set_level(logging.WARNING)
    transport = DeadTransport(error)
    ws = websockets.WebSocketCommonProtocol(ping_interval=None)
    ws.connection_made(transport)
    ws.connection_open()
    assert ws.remote_address is None and ws.local_address is None
    ws.data_received(b"\xff\xff")
    assert transport.closed
    ws.connection_lost(lost and lost())
    assert (ws.close_code, ws.closed) == (1002, True)
    await ws.close()
    assert not caplog.records


@pytest.mark.parametrize("lost", [TimeoutError, ConnectionResetError, BrokenPipeError, OSError])
async def test_a_lost_network_is_a_quiet_1006(lost, caplog):
    caplog.set_level(logging.WARNING)
    ws = websockets.WebSocketCommonProtocol(ping_interval=None)
    ws.connection_made(DeadTransport(OSError()))
    ws.connection_open()
    receiving = asyncio.ensure_future(ws.recv())
    await turns()
    ws.connection_lost(lost("on purpose"))
    with pytest.raises(websockets.ConnectionClosedError) as error:
        await receiving
    assert error.value.code == 1006 and isinstance(error.value.__cause__, lost)
    assert not caplog.records


@both_sides
async def test_a_transport_that_was_aborted_can_be_asked_anything(connection):
    async with connection() as (ws, peer):
        ws.transport.abort()
        for _ in range(2):
            assert isinstance(ws.remote_address, (tuple, type(None)))
            assert isinstance(ws.local_address, (tuple, type(None)))
            ws.fail_connection(1011)
            ws.transport.abort()
            repr(ws)
            await ws.close()
            await ws.wait_closed()
        assert ws.close_code in (1006, 1011)


@both_sides
@pytest.mark.parametrize("how", ["close", "fail", "send", "ping", "violation"])
async def test_a_socket_that_was_shut_down_under_the_transport(connection, how, caplog):
    async with connection(close_timeout=0.05) as (ws, peer):
        peer.writer.transport.abort()
        duplicate = socket.socket(fileno=os.dup(ws.transport.get_extra_info("socket").fileno()))
        with contextlib.suppress(OSError):
            duplicate.shutdown(socket.SHUT_RDWR)
        duplicate.close()
        if how == "close":
            await ws.close()
        elif how == "fail":
            ws.fail_connection(1011)
        elif how == "violation":
            ws.data_received(b"\xff\xff")
        else:
            with contextlib.suppress(websockets.ConnectionClosed):
                await (ws.send(b"x" * 1_000_000) if how == "send" else ws.ping())
        await ws.wait_closed()
        assert ws.close_code in (1002, 1006, 1011)
    assert not caplog.records


async def test_a_client_without_tls_at_a_port_with_tls_is_quiet(certificates, caplog):
    caplog.set_level(logging.WARNING)
    async with websockets.serve(echo, "127.0.0.1", 0, ssl=certificates.server_context()) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + b"\r\n")
            await peer.read_eof()
        with pytest.raises((websockets.InvalidHandshake, OSError)):
            await websockets.connect(uri_of(server))
        async with websockets.connect(
            uri_of(server).replace("ws:", "wss:"), ssl=certificates.client_context()
        ) as ws:
            await ws.send("fine")
            assert await ws.recv() == "fine"
    assert not caplog.records


async def test_a_tls_connection_that_is_cut_is_quiet(certificates, caplog):
    caplog.set_level(logging.WARNING)
    async with websockets.serve(echo, "127.0.0.1", 0, ssl=certificates.server_context()) as server:
        ws = await websockets.connect(
            f"wss://127.0.0.1:{port_of(server)}", ssl=certificates.client_context()
        )
        [protocol] = server.websockets
        sock = ws.transport.get_extra_info("socket")
        duplicate = socket.socket(fileno=os.dup(sock.fileno()))
        # Bytes that are no TLS record.
        duplicate.setblocking(True)
        duplicate.sendall(b"garbage" * 10)
        duplicate.close()
        await asyncio.gather(protocol.wait_closed(), ws.wait_closed())
        assert protocol.close_code == ws.close_code == 1006
    assert not caplog.records


async def test_compressed_garbage_is_a_quiet_1002(caplog):
    caplog.set_level(logging.WARNING)
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
            await peer.read_head()
            peer.send(TEXT, b"\xff" * 20, rsv=4)
            assert (await peer.read_close())[0] == 1002
    assert not caplog.records


# Servers that close


@pytest.mark.parametrize("connections", [0, 2])
@pytest.mark.parametrize("order", ["close first", "wait first", "twice", "context", "at once"])
async def test_closing_a_server_ends_in_any_order(order, connections):
    server = await websockets.serve(hold, "127.0.0.1", 0)
    clients = [await websockets.connect(uri_of(server)) for _ in range(connections)]
    if order == "close first":
        server.close()
        await turns()
        await server.wait_closed()
    elif order == "wait first":
        waiting = [asyncio.ensure_future(server.wait_closed()) for _ in range(2)]
        await turns()
        assert not any(task.done() for task in waiting)
        server.close()
        await asyncio.gather(*waiting)
    elif order == "twice":
        for _ in range(2):
            server.close()
            await server.wait_closed()
    elif order == "context":
        async with server:
            server.close()
    else:
        server.close()
        await asyncio.gather(*(server.wait_closed() for _ in range(3)))
    await asyncio.gather(*(ws.wait_closed() for ws in clients))
    assert [ws.close_code for ws in clients] == [1001] * connections


async def test_a_handler_may_close_its_server():
    servers = []

    async def handler(ws, path):
        servers[0].close()
        await ws.wait_closed()

    servers.append(await websockets.serve(handler, "127.0.0.1", 0))
    async with websockets.connect(uri_of(servers[0])) as ws:
        await servers[0].wait_closed()
        assert ws.close_code == 1001


async def test_a_server_whose_socket_the_program_closed_can_be_closed():
    sock = socket.create_server(("127.0.0.1", 0))
    server = await websockets.serve(hold, sock=sock)
    ws = await websockets.connect(uri_of(server))
    sock.close()
    server.close()
    await server.wait_closed()
    await ws.wait_closed()
    assert ws.close_code == 1001


async def test_a_server_that_never_served_can_be_closed():
    server = await websockets.serve(hold, "127.0.0.1", 0, start_serving=False)
    server.close()
    await server.wait_closed()
    assert server.sockets is None


# Peers that don't read


async def fill(ws):
    """Send until it blocks; return the task that is blocked."""
    sending = asyncio.ensure_future(ws.send(b"x" * 20_000_000))
    await turns(50)
    assert not sending.done()
    return sending


@both_sides
async def test_the_pong_may_come_before_ping_returns(connection):
    async with connection(write_limit=1000) as (ws, peer):
        sending = await fill(ws)
        pinging = asyncio.ensure_future(ws.ping(b"x"))
        await turns()
        ws.data_received(frame(PONG, b"x", masked=peer.masked))
        assert not pinging.done()
        await peer.read()
        assert await peer.read() == (0x80 | PING, b"x")
        await sending
        pong = await pinging
        assert pong.done() and pong.result() is None


@both_sides
async def test_senders_pings_and_keepalive_together_before_a_peer_that_does_not_read(connection):
    options = {"ping_interval": 0.001, "ping_timeout": None, "write_limit": 1000}
    async with connection(close_timeout=0.02, **options) as (ws, peer):
        tasks = [await fill(ws)]
        for _ in range(3):
            tasks.append(asyncio.ensure_future(ws.send(b"x" * 100_000)))
            tasks.append(asyncio.ensure_future(ws.send(iter([b"a", b"b"]))))
            tasks.append(asyncio.ensure_future(ws.ping()))
            tasks.append(asyncio.ensure_future(ws.pong()))
        await asyncio.wait(tasks, timeout=0.02)
        await ws.close()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(result) for result in results} == {websockets.ConnectionClosedError}


@both_sides
@pytest.mark.parametrize("ends", ["close", "keepalive"])
async def test_a_connection_ends_in_time_while_reading_is_paused(connection, ends):
    options = {"ping_interval": None}
    if ends == "keepalive":
        options = {"ping_interval": 0.001, "ping_timeout": 0.001}
    async with connection(max_queue=1, read_limit=1, close_timeout=0.02, **options) as (ws, peer):
        for _ in range(3):
            ws.data_received(frame(TEXT, b"unread", masked=peer.masked))
        assert not ws.transport.is_reading()
        if ends == "close":
            await ws.close()
            assert ws.close_code == 1006
        else:
            assert [await ws.recv() for _ in range(3)] == ["unread"] * 3
            await ws.wait_closed()
            assert ws.close_code == 1011


@both_sides
async def test_a_loop_that_was_blocked_does_not_take_its_peer_for_dead(connection):
    async with connection(ping_interval=0.01, ping_timeout=0.02) as (ws, peer):
        _, payload = await peer.read()
        sock = peer.writer.get_extra_info("socket")
        os.write(sock.fileno(), frame(PONG, payload, masked=peer.masked))
        time.sleep(0.05)
        await turns()
        _, payload = await peer.read()
        assert ws.open and len(payload) == 4


# Nothing is kept


class Witness:
    """Something that a handler refers to, which tells when the handler's frame is gone."""


@pytest.mark.parametrize("how", ["returns", "recv raises", "raises", "cut", "refused"])
@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
async def test_handlers_and_transports_are_freed_without_the_garbage_collector(
    how, tls, certificates, caplog
):
    caplog.set_level(logging.CRITICAL)
    dead = {}

    async def handler(ws, path):
        witness = Witness()
        dead.update(handler=weakref.ref(witness), protocol=weakref.ref(ws))
        if how in ("recv raises", "cut"):
            await ws.recv()
        if how == "raises":
            raise ZeroDivisionError

    class Refusing(websockets.WebSocketServerProtocol):
        async def process_request(self, path, request_headers):
            witness = Witness()
            dead.update(handler=weakref.ref(witness), protocol=weakref.ref(self))
            raise websockets.InvalidHandshake("no")

    options = {"create_protocol": Refusing} if how == "refused" else {}
    kwargs = {}
    if tls:
        options["ssl"] = certificates.server_context()
        kwargs["ssl"] = certificates.client_context()
    async with websockets.serve(handler, "127.0.0.1", 0, **options) as server:
        uri = f"{'wss' if tls else 'ws'}://127.0.0.1:{port_of(server)}"
        gc.collect()
        gc.disable()
        try:
            if how == "refused":
                with pytest.raises(websockets.InvalidStatusCode):
                    await websockets.connect(uri, **kwargs)
            else:
                ws = await websockets.connect(uri, **kwargs)
                if how == "cut":
                    ws.transport.abort()
                elif how == "recv raises":
                    await ws.close()
                await ws.wait_closed()
                ws = None
            while server.websockets:
                await asyncio.sleep(0)
            await turns()
            assert [reference() for reference in dead.values()] == [None, None]
        finally:
            gc.enable()


@both_sides
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [1000, 1_000_000])
async def test_an_idle_connection_does_not_refer_to_its_last_message(connection, opcode, size):
    async with connection() as (ws, peer):
        receiving = asyncio.ensure_future(ws.recv())
        peer.send(opcode, b"x" * size)
        message = await receiving
        del receiving
        await turns()
        assert sys.getrefcount(message) <= 2
        message = bytes(size) if opcode == BINARY else "x" * size
        references = sys.getrefcount(message)
        await ws.send(message)
        await peer.read()
        await turns()
        assert sys.getrefcount(message) <= references


@both_sides
@pytest.mark.parametrize("pieces", [1, 1000])
async def test_an_idle_connection_keeps_no_large_buffer(connection, pieces):
    async with connection() as (ws, peer):
        wire = frame(BINARY, bytes(1_000_000), masked=peer.masked)
        step = -(-len(wire) // pieces)
        with measured() as memory:
            for start in range(0, len(wire), step):
                ws.data_received(wire[start : start + step])
            await ws.recv()
        assert memory.kept < 8192


# Compression


async def test_messages_of_many_tasks_are_compressed_one_after_the_other():
    texts = [f"{n} " * random.Random(n).randrange(1, 5000) for n in range(60)]

    async def handler(ws, path):
        tasks = [asyncio.ensure_future(ws.send(text)) for text in texts]
        await asyncio.wait(tasks[:10], timeout=0.01)
        # Where there is no room to write, a message is in the stream when its task is cancelled.
        for task in tasks[::3]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await ws.send("end")

    async with websockets.serve(handler, "127.0.0.1", 0, write_limit=100) as server:
        async with websockets.connect(uri_of(server), max_queue=1, read_limit=1) as ws:
            received = [message async for message in ws]
    assert received[-1] == "end"
    assert set(received[:-1]) <= set(texts)
    assert set(received) >= {text for n, text in enumerate(texts) if n % 3}


async def test_a_control_frame_may_stand_between_compressed_fragments():
    go_on = asyncio.Event()

    async def slow():
        yield "a" * 1000
        await go_on.wait()
        yield "b" * 1000

    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server)) as ws:
            for _ in range(2):
                sending = asyncio.ensure_future(ws.send(slow()))
                await (await ws.ping())
                go_on.set()
                await sending
                assert await ws.recv() == "a" * 1000 + "b" * 1000


async def test_only_the_first_fragment_of_a_compressed_message_has_rsv1():
    async def handler(ws, path):
        await ws.send(["a", "b"])
        await ws.send("c")

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
            await peer.read_head()
            frames = [(await peer.read())[0] for _ in range(4)]
            assert frames == [0x41, 0x00, 0x80, 0xC1]


async def test_a_message_of_max_size_passes_compressed_and_one_byte_more_does_not():
    async with websockets.serve(echo, "127.0.0.1", 0, max_size=1000) as server:
        async with websockets.connect(uri_of(server)) as ws:
            for message in ("x" * 1000, ["x" * 999, "x"], ["x" * 1000, ""]):
                await ws.send(message)
                assert await ws.recv() == "x" * 1000
            await ws.send(["x" * 1000, "x"])
            with pytest.raises(websockets.ConnectionClosedError) as error:
                await ws.recv()
            assert error.value.code == 1009


# What can be shown


def shown(thing):
    return isinstance(repr(thing), str) and isinstance(str(thing), str)


@both_sides
async def test_a_connection_can_be_shown_in_every_state(connection):
    states = []

    async with connection() as (ws, peer):
        for base in BASES.values():
            never_opened = (
                base(None, None) if base is websockets.WebSocketServerProtocol else base()
            )
            assert shown(never_opened)
        states.append(ws.state)
        assert shown(ws)
        closing = asyncio.ensure_future(ws.close())
        await peer.read_close()
        states.append(ws.state)
        assert shown(ws) and shown(ws.state)
        await peer.close()
        await closing
        states.append(ws.state)
        assert shown(ws) and shown(ws.connection_closed_exc())
    assert [state.name for state in states] == ["OPEN", "CLOSING", "CLOSED"]


async def test_a_connection_can_be_shown_in_its_handshake():
    seen = []

    class Looking(websockets.WebSocketServerProtocol):
        async def process_request(self, path, request_headers):
            seen.append(shown(self) and shown(self.state))

    async with server_and_peer(create_protocol=Looking):
        assert seen == [True]


@pytest.mark.parametrize("opcode", range(16))
@pytest.mark.parametrize("data", [b"", b"\xff" * 1000, b"\x03", b"\x03\xe8\xff", "text", None])
def test_frames_can_be_shown_whatever_they_hold(opcode, data):
    assert shown(websockets.Frame(True, opcode, data, True, False, True))


async def test_servers_and_attempts_can_be_shown():
    serving = websockets.serve(hold, "127.0.0.1", 0)
    assert shown(serving) and shown(websockets.connect("ws://localhost/"))
    async with serving as server:
        assert shown(server)
    assert shown(server) and shown(websockets.WebSocketServer(asyncio.get_running_loop()))


# Versions of Python


def test_objects_can_be_built_where_no_event_loop_is():
    websockets.serve(hold, "127.0.0.1", 0)
    websockets.connect("ws://localhost/")
    for protocol in (
        websockets.WebSocketCommonProtocol(),
        websockets.WebSocketClientProtocol(),
        websockets.WebSocketServerProtocol(hold, None),
    ):
        assert protocol.state is websockets.protocol.State.CONNECTING


def test_what_was_built_outside_a_loop_is_used_inside():
    serving = websockets.serve(echo, "127.0.0.1", 0)

    async def use():
        async with serving as server:
            await assert_serves(server)

    asyncio.run(use())
    asyncio.run(use())


# Transports that a program drives


class Transport(DeadTransport):
    """A transport that keeps what is written to it, and whose socket is as it should be."""

    def __init__(self):
        super().__init__(None)
        self.written = b""
        self.reading = True

    def write(self, data):
        self.written += data

    def write_eof(self):
        pass

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True


def by_hand(*args, **kwargs):
    """Make a protocol with a transport, before its opening handshake."""
    kwargs.setdefault("ping_interval", None)
    ws = websockets.WebSocketCommonProtocol(*args, **kwargs)
    ws.connection_made(Transport())
    return ws


async def test_a_connection_that_was_never_opened_is_lost():
    ws = by_hand()
    assert (ws.close_code, ws.close_reason) == (None, None)
    with pytest.raises(websockets.InvalidState):
        await ws.recv()
    ws.connection_lost(None)
    assert (ws.close_code, ws.close_reason, ws.closed) == (1006, "", True)
    for operation in (ws.recv, ws.ping, ws.ensure_open):
        with pytest.raises(websockets.ConnectionClosedError) as error:
            await operation()
        assert error.value.code == 1006
    await ws.wait_closed()


async def test_a_connection_that_is_lost_in_the_turn_in_which_it_opens():
    ws = by_hand()
    ws.data_received(b"HTTP/1.1")
    ws.connection_lost(None)
    ws.connection_open()
    assert (ws.close_code, ws.state.name) == (1006, "CLOSED")
    with pytest.raises(websockets.ConnectionClosedError):
        await ws.recv()


@pytest.mark.parametrize("how", ["close", "fail"])
async def test_a_connection_is_given_up_before_it_opens(how):
    ws = by_hand()
    if how == "fail":
        ws.fail_connection(1002)
    else:
        closing = asyncio.ensure_future(ws.close())
        await turns()
        assert not closing.done()
    assert ws.transport.closed and not ws.transport.written
    ws.connection_lost(None)
    if how == "close":
        await closing


async def test_without_a_transport_there_is_nothing_to_fail():
    ws = websockets.WebSocketCommonProtocol()
    ws.fail_connection(1002)
    await ws.close()
    assert ws.close_code is None


async def test_writing_may_pause_before_the_connection_opens():
    ws = by_hand()
    ws.max_size = 5
    ws.pause_writing()
    ws.connection_open()
    ws.data_received(frame(PING, b"1", masked=True) + frame(PING, b"2", masked=True))
    sending = asyncio.ensure_future(ws.send("x"))
    await turns()
    assert ws.transport.written == b"" and not sending.done()
    ws.resume_writing()
    await sending
    assert ws.transport.written == frame(PONG, b"2") + frame(TEXT, b"x")
    ws.data_received(frame(TEXT, b"123456", masked=True))
    assert frame(CLOSE, close_payload(1009))[2:4] in ws.transport.written
    ws.connection_lost(None)
    early = by_hand()
    early.pause_writing()
    early.resume_writing()
    early.connection_lost(None)


async def test_cancelling_send_in_the_turn_in_which_writing_resumes():
    ws = by_hand()
    ws.connection_open()
    ws.pause_writing()
    tasks = [asyncio.ensure_future(ws.send(str(n))) for n in range(3)]
    await turns()
    tasks[0].cancel()
    ws.resume_writing()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError) and results[1:] == [None, None]
    assert ws.transport.written.endswith(frame(TEXT, b"1") + frame(TEXT, b"2"))
    ws.connection_lost(None)


async def test_a_close_frame_that_waits_for_a_reader_is_sent_once():
    ws = by_hand()
    ws.connection_open()
    ws.data_received(frame(TEXT, b"unread", masked=True))
    ws.data_received(frame(CLOSE, close_payload(1000), masked=True))
    ws.data_received(frame(TEXT, b"too late", masked=True))
    assert ws.transport.written == b""
    assert await ws.recv() == "unread"
    receiving = asyncio.ensure_future(ws.recv())
    await turns()
    assert ws.transport.written == frame(CLOSE, close_payload(1000))
    ws.connection_lost(None)
    with pytest.raises(websockets.ConnectionClosedOK):
        await receiving


async def test_reading_does_not_resume_on_a_transport_that_closes():
    ws = by_hand(max_queue=1, read_limit=1)
    ws.connection_open()
    ws.data_received(frame(TEXT, b"m", masked=True) * 3)
    assert not ws.transport.reading
    ws.transport.close()
    assert [await ws.recv() for _ in range(3)] == ["m"] * 3
    assert not ws.transport.reading
    ws.connection_lost(None)


async def test_bytes_after_a_request_that_was_refused_are_dropped():
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(b"nonsense\r\n")
            assert (await read_response(peer.reader))[0] == 400
            peer.write(REQUEST + b"\r\n")
            assert b"HTTP/1.1" not in await peer.read_eof()


async def test_a_client_that_talks_while_process_request_runs_is_read_to_a_limit():
    begun, go_on = asyncio.Event(), asyncio.Event()
    protocols = []

    class Slow(websockets.WebSocketServerProtocol):
        async def process_request(self, path, request_headers):
            protocols.append(self)
            begun.set()
            await go_on.wait()

    messages = [b"%d" % n * 10_000 for n in range(30)]
    async with websockets.serve(echo, "127.0.0.1", 0, create_protocol=Slow) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + b"\r\n")
            await begun.wait()
            for message in messages:
                peer.send(BINARY, message)
            while protocols[0].transport.is_reading():
                await asyncio.sleep(0)
            go_on.set()
            await peer.read_head()
            assert [(await peer.read())[1] for _ in messages] == messages
            peer.send(CLOSE, close_payload(1000))
            assert await peer.read_close() == (1000, "")


def test_a_loop_may_be_given_by_a_program_that_drives_a_protocol_from_outside():
    loop = asyncio.new_event_loop()
    try:
        ws = websockets.WebSocketCommonProtocol(loop=loop, ping_interval=None)
        ws.connection_made(Transport())
        assert ws.loop is loop
        ws.connection_open()
        ws.data_received(frame(TEXT, b"x", masked=True))
        assert loop.run_until_complete(ws.recv()) == "x"
        ws.connection_lost(None)
        with pytest.raises(RuntimeError):
            websockets.WebSocketCommonProtocol().connection_made(Transport())
    finally:
        loop.close()


# Other corners


@both_sides
@pytest.mark.parametrize("overridden", [False, True])
async def test_iteration_ends_with_legacy_recv_whatever_the_code(connection, overridden):
    class Protocol(BASES[connection]):
        if overridden:

            async def recv(self):
                return await super().recv()

    async with connection(legacy_recv=True, create_protocol=Protocol) as (ws, peer):
        peer.send(TEXT, b"a")
        peer.send(CLOSE, close_payload(4000))
        assert [message async for message in ws] == ["a"]


async def test_random_payloads_of_pings_differ_from_those_that_wait(monkeypatch):
    async with server_and_peer() as (ws, peer):
        drawn = [b"aaaa", b"aaaa", b"bbbb"]
        with monkeypatch.context() as patch:
            patch.setattr(os, "urandom", lambda size: drawn.pop(0))
            await ws.ping()
            await ws.ping()
        assert [(await peer.read())[1] for _ in range(2)] == [b"aaaa", b"bbbb"]


@both_sides
async def test_pings_that_nobody_waits_for_any_more_do_not_disturb_the_end(connection, caplog):
    async with connection() as (ws, peer):
        (await ws.ping()).cancel()
        pending = await ws.ping()
        peer.writer.transport.abort()
        await ws.wait_closed()
        with pytest.raises(websockets.ConnectionClosedError):
            await pending
    assert not caplog.records


async def test_a_request_may_say_that_it_has_no_body():
    assert (await response_to(REQUEST + b"Content-Length: 0\r\n\r\n"))[0] == 101
    assert (await response_to(REQUEST + b"Content-Length: 00\r\n\r\n"))[0] == 101


async def test_a_status_that_nobody_knows_has_no_phrase():
    status, headers, body = await response_to(
        REQUEST + b"\r\n", process_request=lambda path, headers: (299, {}, b"odd")
    )
    assert (status, body) == (299, b"odd")


async def test_process_request_of_a_subclass_may_be_a_plain_function():
    class Plain(websockets.WebSocketServerProtocol):
        def process_request(self, path, request_headers):
            return None if path == "/chat?room=1" else (http.HTTPStatus.OK, {}, b"")

    assert (await response_to(REQUEST + b"\r\n", create_protocol=Plain))[0] == 101
    request = REQUEST.replace(b"/chat", b"/") + b"\r\n"
    assert (await response_to(request, create_protocol=Plain))[0] == 200


async def test_without_a_limit_a_client_may_take_its_time():
    async with websockets.serve(echo, "127.0.0.1", 0, open_timeout=None) as server:
        async with websockets.connect(uri_of(server), open_timeout=None) as ws:
            await ws.send("x")
            assert await ws.recv() == "x"
        assert server.get_loop() is asyncio.get_running_loop()


@pytest.mark.parametrize("handler", [lambda: None, lambda ws, path, more: None])
async def test_a_handler_that_cannot_be_called_is_logged_and_closes_with_1011(handler, caplog):
    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server)) as ws:
            with pytest.raises(websockets.ConnectionClosedError) as error:
                await ws.recv()
    assert error.value.code == 1011
    assert [record.exc_info[0] for record in caplog.records] == [TypeError]


def test_subprotocols_of_a_protocol_are_a_list():
    with pytest.raises(TypeError, match="list"):
        websockets.WebSocketServerProtocol(hold, None, subprotocols="chat")


def test_the_interface_of_extensions_has_nothing_of_its_own():
    an_extension, a_frame = websockets.Extension(), websockets.Frame(True, TEXT, b"")
    for call in (
        lambda: an_extension.decode(a_frame),
        lambda: an_extension.encode(a_frame),
        lambda: websockets.ClientExtensionFactory().get_request_params(),
        lambda: websockets.ClientExtensionFactory().process_response_params([], []),
        lambda: websockets.ServerExtensionFactory().process_request_params([], []),
    ):
        with pytest.raises(NotImplementedError):
            call()
    assert not an_extension.leaves(TEXT, 0)
