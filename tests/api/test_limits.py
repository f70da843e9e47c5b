"""
Documented limits, between a peer and either side: at the limit, one below it and one above.

The core's own limits are tried in test_messages.py and test_heads.py, and how reading pauses at
read_limit in test_flow_control.py; here is what becomes of them on the wire.
"""

import asyncio
import contextlib

import pytest
from endpoints import measured
from peer import (
    BINARY,
    CLOSE,
    PING,
    REQUEST,
    TEXT,
    assert_serves,
    both_sides,
    close_payload,
    compressed,
    echo,
    frame,
    hold,
    listening,
    port_of,
    response_to,
    server_and_peer,
    tcp_to,
    uri_of,
)
from proxy import ended, nothing_left

import websockets
from websockets.handshake import accept_key
from websockets.http import read_response

CONT = 0
LIMIT = 1000  # bytes of a message

deflate = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"


# Messages

KINDS = {
    "whole": lambda size: [(BINARY, bytes(size), True, 0)],
    "in fragments": lambda size: [
        (BINARY, bytes(size // 2), False, 0),
        (CONT, bytes(size - size // 2), True, 0),
    ],
    "byte by byte": lambda size: [
        (BINARY, b"", False, 0),
        *[(CONT, b"\0", False, 0)] * size,
        (CONT, b"", True, 0),
    ],
    "compressed": lambda size: [(BINARY, compressed(bytes(size)), True, 4)],
    "compressed fragments": lambda size: [
        (BINARY, compressed(bytes(size))[:5], False, 4),
        (CONT, compressed(bytes(size))[5:], True, 0),
    ],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT, LIMIT + 1])
async def test_max_size(kind, size):
    headers = deflate if "compressed" in kind else b""
    compression = "deflate" if headers else None
    async with server_and_peer(None, headers, max_size=LIMIT, compression=compression) as (
        ws,
        peer,
    ):
        for opcode, payload, fin, rsv in KINDS[kind](size):
            peer.send(opcode, payload, fin=fin, rsv=rsv)
        if size <= LIMIT:
            assert await ws.recv() == bytes(size)
        else:
            assert (await peer.read_close())[0] == 1009
            await peer.close()
            # RFC 6455 7.1.5: the code is the one received, and there was none.
            assert await ended(ws.recv()) == (websockets.ConnectionClosedError, 1006)


@both_sides
@pytest.mark.parametrize("count", [9, 10, 11])
async def test_max_fragments(connection, count):
    async with connection(max_fragments=10) as (ws, peer):
        peer.send(TEXT, b"", fin=False)
        for _ in range(count - 2):
            peer.send(CONT, b"x", fin=False)
        peer.send(CONT, b"x")
        if count <= 10:
            assert await ws.recv() == "x" * (count - 1)
        else:
            assert (await peer.read_close())[0] == 1009


@both_sides
@pytest.mark.parametrize("max_queue", [1, 4])
async def test_max_queue(connection, max_queue):
    async with connection(max_queue=max_queue, read_limit=1) as (ws, peer):
        one = frame(TEXT, b"x", masked=peer.masked)
        ws.data_received(one * (max_queue - 1))
        assert ws.transport.is_reading()
        ws.data_received(one)
        assert ws.transport.is_reading()  # It is full, and nothing waits behind it.
        ws.data_received(one)
        assert not ws.transport.is_reading()
        assert [await ws.recv() for _ in range(max_queue + 1)] == ["x"] * (max_queue + 1)
        assert ws.transport.is_reading()


# Control frames


@both_sides
@pytest.mark.parametrize("size", [124, 125, 126])
@pytest.mark.parametrize("opcode", [PING, 10])
async def test_control_frames_of_125_bytes(connection, opcode, size):
    async with connection() as (ws, peer):
        call = ws.ping if opcode == PING else ws.pong
        if size <= 125:
            await call(bytes(size))
            assert await peer.read() == (0x80 | opcode, bytes(size))
        else:
            with pytest.raises(websockets.ProtocolError):
                await call(bytes(size))
        peer.send(opcode, bytes(size))
        peer.send(PING, b"after")
        if size > 125:
            assert (await peer.read_close())[0] == 1002
        else:
            answers = [bytes(size), b"after"] if opcode == PING else [b"after"]
            assert [(await peer.read())[1] for _ in answers] == answers


@both_sides
@pytest.mark.parametrize("size", [122, 123, 124])
async def test_close_reasons_of_123_bytes(connection, size):
    reason = "\u00e9" * 61 + "x" * (size - 122)
    async with connection() as (ws, peer):
        if size <= 123:
            closing = asyncio.ensure_future(ws.close(3000, reason))
            assert await peer.read_close() == (3000, reason)
            peer.send(CLOSE, close_payload(3000))
            await closing
        else:
            with pytest.raises(websockets.ProtocolError):
                await ws.close(3000, reason)
    async with connection() as (ws, peer):
        ws.fail_connection(3000, reason)
        assert await peer.read_close() == (3000, reason[: 61 + (size > 122)])
    async with connection() as (ws, peer):
        peer.send(CLOSE, close_payload(3000, reason))
        assert (await peer.read_close())[0] == (3000 if size <= 123 else 1002)
        await peer.close()
        await ws.wait_closed()
        assert ws.close_reason == (reason if size <= 123 else ws.close_reason)


# Opening handshakes


def fields(count, size=0):
    """Return header fields beyond those of REQUEST and of ``response``, each of that size."""
    return b"".join(
        (b"X-%05d: " % n) + b"x" * (size - 11) + b"\r\n" if size else b"X-%05d: x\r\n" % n
        for n in range(count)
    )


def line_of(size):
    return fields(1, size)


HEAD = 65536


def filled(start, size):
    """Return fields that make a head of this size, with the empty line at its end."""
    rest = size - len(start) - 2
    count = -(-rest // 8000)
    sizes = [rest // count] * count
    sizes[-1] += rest - sum(sizes)
    return b"".join(b"X-%05d: " % n + b"x" * (one - 11) + b"\r\n" for n, one in enumerate(sizes))


OVER = {
    "line": (lambda start, more: line_of(8192 + more), 431),
    "fields": (lambda start, more: fields(128 - (start.count(b"\r\n") - 1) + more), 431),
    "head": (lambda start, more: filled(start, HEAD + more), 431),
}


@pytest.mark.parametrize("what", OVER)
@pytest.mark.parametrize("more", [-1, 0, 1])
async def test_limits_of_a_request(what, more):
    make, status = OVER[what]
    request = REQUEST + make(REQUEST, more) + b"\r\n"
    assert (await response_to(request))[0] == (101 if more <= 0 else status)


@pytest.mark.parametrize("more", [-1, 0, 1])
async def test_limits_of_a_request_line(more):
    path = b"/" + b"x" * (8192 + more - len(b"GET / HTTP/1.1\r\n"))
    request = REQUEST.replace(b"/chat?room=1", path) + b"\r\n"
    assert (await response_to(request))[0] == (101 if more <= 0 else 414)


@pytest.mark.parametrize("what", OVER)
@pytest.mark.parametrize("more", [-1, 0, 1])
async def test_limits_of_a_response(what, more):
    async def accept(peer):
        head = await peer.read_head()
        [key] = [line.split()[1] for line in head.split(b"\r\n") if b"-Key:" in line]
        start = (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept_key(key.decode()).encode() + b"\r\n"
        )
        peer.write(start + OVER[what][0](start, more) + b"\r\n")
        await peer.read_eof()

    async with nothing_left(), listening(accept) as server:
        if more <= 0:
            ws = await websockets.connect(uri_of(server), close_timeout=0.01)
            await ws.close()
        else:
            with pytest.raises(websockets.InvalidHandshake):
                await websockets.connect(uri_of(server))
        ws = None


@pytest.mark.parametrize("wire", [b"X: y\r\n" * 100_000, b"x" * 500_000, b"\r\n" * 200_000])
@pytest.mark.parametrize("start", [b"", REQUEST])
async def test_a_flood_instead_of_a_request(start, wire):
    async with nothing_left():
        async with websockets.serve(echo, "127.0.0.1", 0, open_timeout=0.5) as server:
            async with tcp_to(port_of(server)) as peer:
                with measured() as memory:
                    peer.write(start)
                    with contextlib.suppress(ConnectionError):
                        for position in range(0, len(wire), 10_000):
                            peer.write(wire[position : position + 10_000])
                            await asyncio.sleep(0)
                        status, _, _ = await read_response(peer.reader)
                        assert (
                            status in (400, 408, 414, 431) or start + wire[:2] == REQUEST + b"\r\n"
                        )
                assert memory.peak < 2_000_000
            await assert_serves(server)


@pytest.mark.parametrize("number", [8, 9, 10])
async def test_redirects(number):
    left = [number]

    def process_request(path, headers):
        left[0] -= 1
        return (302, {"Location": "/again"}, b"") if left[0] >= 0 else None

    async with websockets.serve(hold, "127.0.0.1", 0, process_request=process_request) as server:
        if number < 10:
            async with websockets.connect(uri_of(server)):
                pass
        else:
            with pytest.raises(websockets.SecurityError):
                await websockets.connect(uri_of(server))


# What many do at once, and what grows


@pytest.mark.parametrize("side", ["server", "clients", "both"])
async def test_a_thousand_connections_that_close_at_once(side, caplog):
    count = 1000
    ready = asyncio.Event()
    opened = []

    async def handler(ws, path):
        opened.append(None)
        if side == "clients":
            await ws.wait_closed()
        else:
            await ready.wait()

    options = {"ping_interval": None, "compression": None}
    async with nothing_left():
        async with websockets.serve(
            handler, "127.0.0.1", 0, backlog=count, open_timeout=None, **options
        ) as server:
            clients = []
            while len(clients) < count:
                clients += await asyncio.gather(
                    *[connected(uri_of(server), **options) for _ in range(100)]
                )
            while len(opened) < count:
                await asyncio.sleep(0)
            ready.set()
            if side != "server":
                await asyncio.gather(*[ws.close() for ws in clients])
            await asyncio.gather(*[ws.wait_closed() for ws in clients])
            assert {ws.close_code for ws in clients} == {1000}
            while server.websockets:
                await asyncio.sleep(0)
        del clients
    assert not caplog.records


async def connected(uri, **options):
    return await websockets.connect(uri, open_timeout=None, **options)


@pytest.mark.parametrize("fragments", [1, 100])
async def test_a_zip_bomb(fragments):
    max_size, bomb = 1_000_000, compressed(bytes(100_000_000))
    step = -(-len(bomb) // fragments)
    options = {"max_size": max_size, "compression": "deflate"}
    async with server_and_peer(None, deflate, **options) as (ws, peer):
        # The windows of zlib are there after the first message.
        peer.send(BINARY, compressed(b"x"), rsv=4)
        assert await ws.recv() == b"x"
        with measured() as memory:
            for position in range(0, len(bomb), step):
                ws.data_received(
                    frame(
                        CONT if position else BINARY,
                        bomb[position : position + step],
                        fin=position + step >= len(bomb),
                        rsv=0 if position else 4,
                        masked=True,
                    )
                )
        # The bomb itself is held a few times, on its way.
        assert memory.peak < 2 * max_size + 4 * len(bomb)
        assert (await peer.read_close())[0] == 1009
