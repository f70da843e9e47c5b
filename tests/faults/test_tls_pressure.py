"""
TLS peers that ask and don't read, and renegotiations that don't end.

The peers have a real OpenSSL, whose functions do what Python's ``ssl`` can't: begin a new handshake
(TLS 1.2), and have the keys updated (TLS 1.3). Sockets have small buffers, so that they are full soon.
"""

import asyncio
import contextlib
import socket
import ssl

import pytest
from openssl import TLS_1_2, TLS_1_3, Conversation, OpenSSL, needs_openssl_functions
from peer import BINARY, CLOSE, REQUEST, TEXT, close_payload, frame, turns, until

import websockets
from websockets.handshake import accept_key

pytestmark = needs_openssl_functions

LIMIT = 20_000  # bytes: the high-water mark of connections here
OPTIONS = {"write_limit": LIMIT, "compression": None, "ping_interval": None, "close_timeout": 60}

# openssl/ssl.h; OpenSSL 3 lets clients renegotiate only where this is set.
OP_ALLOW_CLIENT_RENEGOTIATION = 0x100


def with_small_buffers(sock):
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, 4096)
    return sock


class Noting:
    """What of a connection the tests look at: whether it was told to pause, or to go on."""

    def pause_writing(self):
        self.told = getattr(self, "told", "") + "p"
        super().pause_writing()

    def resume_writing(self):
        self.told += "r"
        super().resume_writing()


class Client(Noting, websockets.WebSocketClientProtocol):
    pass


class Server(Noting, websockets.WebSocketServerProtocol):
    pass


@contextlib.asynccontextmanager
async def server_of_ours(certificates, version):
    """Our server's end of an open connection, and its peer."""
    opened = asyncio.Queue()
    over = asyncio.Event()

    async def handler(ws, path):
        opened.put_nowait(ws)
        await over.wait()

    context = certificates.server_context()
    context.options |= OP_ALLOW_CLIENT_RENEGOTIATION
    listening = with_small_buffers(socket.create_server(("127.0.0.1", 0)))
    async with websockets.serve(
        handler, sock=listening, ssl=context, create_protocol=Server, **OPTIONS
    ):
        sock = with_small_buffers(socket.socket())
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, listening.getsockname())
        reader, writer = await asyncio.open_connection(sock=sock, limit=1000)
        peer = Conversation(OpenSSL(version), reader, writer)
        await peer.shake_hands()
        await peer.say(REQUEST + b"\r\n")
        assert " 101 " in await peer.read_head()
        try:
            yield await opened.get(), peer
        finally:
            over.set()
            writer.transport.abort()
    peer.tls.close()


@contextlib.asynccontextmanager
async def client_of_ours(certificates, version, options=0):
    """Our client's end of an open connection, and its peer."""
    peers = asyncio.Queue()
    over = asyncio.Event()

    async def accept(reader, writer):
        with_small_buffers(writer.get_extra_info("socket"))
        peer = Conversation(OpenSSL(version, certificates.certificate), reader, writer)
        await peer.shake_hands()
        head = await peer.read_head()
        [key] = [line for line in head.split("\r\n") if line.startswith("Sec-WebSocket-Key: ")]
        await peer.say(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept_key(key.split()[1]).encode() + b"\r\n\r\n"
        )
        peers.put_nowait(peer)
        await over.wait()
        writer.transport.abort()

    listening = with_small_buffers(socket.create_server(("127.0.0.1", 0)))
    server = await asyncio.start_server(accept, sock=listening, limit=1000)
    context = certificates.client_context()
    context.options |= options
    sock = with_small_buffers(socket.socket())
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, listening.getsockname())
    ws = await websockets.connect(
        "wss://localhost", sock=sock, ssl=context, create_protocol=Client, **OPTIONS
    )
    peer = await peers.get()
    try:
        yield ws, peer
    finally:
        ws.transport.abort()
        await ws.wait_closed()
        over.set()
        server.close()
        await server.wait_closed()
        peer.tls.close()


SIDES = {"server": server_of_ours, "client": client_of_ours}
both_sides = pytest.mark.parametrize("ours", SIDES.values(), ids=SIDES)


# Floods


async def flood(ws, peer, ask, limit=LIMIT):
    """Ask for answers without reading them, until they aren't answered any more."""
    transport, peer_writes = ws.transport, peer.writer.transport

    def full():
        return transport.get_write_buffer_size() > limit

    peer_writes.pause_reading()
    for _ in range(2000):
        for _ in range(100):
            ask()
        peer.flush()
        # With buffers as small as these, TCP sends what it has room for only after a while.
        await until(lambda: full() or peer_writes.get_write_buffer_size() < 8000)
        for _ in range(20):
            await asyncio.sleep(0)
            assert transport.get_write_buffer_size() <= limit + 2000
        if peer_writes.get_write_buffer_size() > 80_000:
            break
    else:
        raise AssertionError("our end goes on reading")
    assert full()


async def reading(peer, awaitable):
    """Have the peer read until something is there."""

    async def read():
        with contextlib.suppress(EOFError):
            while True:
                await peer.receive()
                while peer.tls.read(1):
                    pass

    task = asyncio.ensure_future(read())
    try:
        return await awaitable
    finally:
        task.cancel()
        await asyncio.wait([task])


@both_sides
async def test_a_flood_of_key_updates(ours, certificates):
    async with ours(certificates, TLS_1_3) as (ws, peer):
        await flood(ws, peer, peer.tls.update_keys)
        await peer.say(frame(TEXT, b"behind", masked=not ws.is_client))
        sending = asyncio.ensure_future(ws.send("still here"))
        await turns(20)
        assert not sending.done()
        # Once the peer reads, all goes on.
        peer.writer.transport.resume_reading()
        assert await peer.read_frame() == (TEXT, b"still here")
        await sending
        assert await reading(peer, ws.recv()) == "behind"
        await reading(peer, until(lambda: not ws.transport.get_write_buffer_size()))
        assert ws.told == "pr" * (len(ws.told) // 2)


@both_sides
async def test_a_flood_of_key_updates_between_the_parts_of_a_large_message(ours, certificates):
    message = bytes(1_000_000)
    async with ours(certificates, TLS_1_3) as (ws, peer):
        data = frame(BINARY, message, masked=not ws.is_client)
        ws.max_size = None
        parts = [data[start : start + 500] for start in range(0, len(data), 500)]

        def ask():
            for _ in range(10):
                peer.tls.update_keys()
            if parts:
                assert peer.tls.write(parts.pop(0))

        await flood(ws, peer, ask)
        peer.writer.transport.resume_reading()
        for part in parts:
            await peer.say(part)
        assert await reading(peer, ws.recv()) == message


@both_sides
async def test_a_flood_of_key_updates_while_the_connection_reads_nothing(ours, certificates):
    async with ours(certificates, TLS_1_3) as (ws, peer):
        await flood(ws, peer, peer.tls.update_keys)
        ws.transport.pause_reading()
        peer.writer.transport.resume_reading()
        for _ in range(100):
            peer.tls.update_keys()
        await peer.say(frame(TEXT, b"behind", masked=not ws.is_client))
        await reading(peer, until(lambda: not ws.transport.get_write_buffer_size()))
        receiving = asyncio.ensure_future(ws.recv())
        await turns(20)
        assert not receiving.done() and not ws.transport.is_reading()
        ws.transport.resume_reading()
        assert await reading(peer, receiving) == "behind"


async def test_a_flood_of_requests_for_a_renegotiation(certificates):
    # Our OpenSSL is told to refuse, and says so each time.
    async with client_of_ours(certificates, TLS_1_2, ssl.OP_NO_RENEGOTIATION) as (ws, peer):
        await flood(ws, peer, peer.tls.renegotiate)
        ws.transport.abort()
        await ws.wait_closed()


@both_sides
async def test_a_flood_while_the_connection_closes(ours, certificates):
    async with ours(certificates, TLS_1_3) as (ws, peer):
        ws.transport.close()
        await flood(ws, peer, peer.tls.update_keys)
        assert not ws.closed
        peer.end()
        peer.writer.transport.resume_reading()
        await reading(peer, ws.wait_closed())


# Renegotiations


async def begin_again(ours, ws, peer):
    """Have our OpenSSL be in the middle of a handshake."""
    peer.tls.renegotiate()
    peer.flush()
    while peer.tls.read(1):
        pass
    await turns(50)


async def unsent(ws):
    """Send until sending waits; return what was taken and what waits, as tasks."""
    sent = []
    while True:
        sending = asyncio.ensure_future(ws.send(b"%4d" % len(sent) + bytes(996)))
        await turns(2)
        sent.append(sending)
        if not sending.done():
            return sent


@both_sides
async def test_in_a_renegotiation_that_does_not_end_sending_waits(ours, certificates):
    async with ours(certificates, TLS_1_2) as (ws, peer):
        await begin_again(ours, ws, peer)
        sent = await unsent(ws)
        assert LIMIT // 1000 <= len(sent) <= LIMIT // 1000 + 2
        assert LIMIT < ws.transport.get_write_buffer_size() < LIMIT + 1100
        assert ws.told == "p"
        ws.transport.abort()
        await ws.wait_closed()
        with pytest.raises(websockets.ConnectionClosed):
            await sent[-1]


@both_sides
async def test_after_a_renegotiation_everything_is_sent_in_order(ours, certificates):
    async with ours(certificates, TLS_1_2) as (ws, peer):
        await begin_again(ours, ws, peer)
        sent = await unsent(ws)
        sent += [asyncio.ensure_future(ws.send(b"%4d" % 9999)) for _ in range(3)]
        await turns()
        for number in range(len(sent) - 3):
            opcode, message = await peer.read_frame()
            assert (opcode, message[:4]) == (BINARY, b"%4d" % number)
        for _ in range(3):
            assert await peer.read_frame() == (BINARY, b"9999")
        for sending in sent:
            await sending
        assert ws.told == "pr"
        assert ws.transport.get_write_buffer_size() == 0


@both_sides
async def test_a_large_message_waits_for_the_end_of_a_renegotiation(ours, certificates):
    async with ours(certificates, TLS_1_2) as (ws, peer):
        await begin_again(ours, ws, peer)
        message = bytes(range(250)) * 4000
        sending = asyncio.ensure_future(ws.send(message))
        await turns(5)
        assert not sending.done()
        assert LIMIT < ws.transport.get_write_buffer_size()
        assert await peer.read_frame() == (BINARY, message)
        await sending


@both_sides
@pytest.mark.parametrize("message", [b"", b"last words"])
async def test_closing_in_the_middle_of_a_renegotiation(message, ours, certificates):
    async with ours(certificates, TLS_1_2) as (ws, peer):
        await begin_again(ours, ws, peer)
        if message:
            await ws.send(message)
        ws.transport.close()
        await turns(5)
        assert not ws.closed
        if message:
            assert await peer.read_frame() == (BINARY, message)
        # OpenSSL finds close_notify behind the handshake.
        await peer.read_end()
        await ws.wait_closed()
        assert ws.close_code == 1006


@both_sides
async def test_tcp_ends_in_the_middle_of_a_renegotiation(ours, certificates):
    async with ours(certificates, TLS_1_2) as (ws, peer):
        await begin_again(ours, ws, peer)
        await ws.send(b"never")
        peer.writer.write_eof()
        await ws.wait_closed()
        assert ws.close_code == 1006


@both_sides
async def test_a_closing_handshake_behind_a_renegotiation(ours, certificates):
    async with ours(certificates, TLS_1_2) as (ws, peer):
        await begin_again(ours, ws, peer)
        closing = asyncio.ensure_future(ws.close())
        assert (await peer.read_frame())[0] == CLOSE
        await peer.say(frame(CLOSE, close_payload(1000), masked=ours is server_of_ours))
        if ours is client_of_ours:
            peer.end()
        else:
            await peer.read_end()
        await closing
        assert ws.close_code == 1000
