"""
Connections over TLS whose OpenSSL is called directly, or isn't: programs can't tell.

What it says is compared record by record in core/test_records.py.
"""

import asyncio
import contextlib
import gc
import os
import ssl
import weakref

import pytest
from openssl import CALLED, TLS_1_2, TLS_1_3, Conversation, OpenSSL, needs_openssl_functions
from peer import BINARY, REQUEST, TEXT, echo, port_of, tcp_to, turns, until
from stranger import connecting, every_version, masked, serving, stranger_at
from variants import switched_on

import websockets
from websockets import _core
from websockets._transports.tls import TLSLayer

MAY_BE_DIRECT = CALLED and _core.backend == "compiled"
DIRECT = MAY_BE_DIRECT and not switched_on("WEBSOCKETS_NO_DIRECT_OPENSSL")

NEVER = {"ssl_shutdown_timeout": 999, "close_timeout": 999, "ping_interval": None}


async def ways(certificates, **options):
    """Return whether OpenSSL is called directly, by a client and by a server."""
    opened = asyncio.Queue()

    async def handler(ws, path):
        opened.put_nowait(ws.transport)
        await echo(ws, path)

    async with serving(certificates, handler) as server:
        async with connecting(server, certificates, **options) as client:
            await client.send("Hello")
            assert await client.recv() == "Hello"
            server_transport = await opened.get()
            assert isinstance(client.transport, TLSLayer)
            return client.transport.is_direct, server_transport.is_direct


@pytest.mark.parametrize("value, direct", [("1", False), ("0", MAY_BE_DIRECT), ("", MAY_BE_DIRECT)])
async def test_a_variable_turns_it_off(value, direct, monkeypatch, certificates):
    monkeypatch.setenv("WEBSOCKETS_NO_DIRECT_OPENSSL", value)
    assert await ways(certificates) == (direct, direct)


async def test_who_watches_sees_all(certificates, tmp_path):
    context = certificates.client_context()
    context.keylog_filename = str(tmp_path / "keys")
    direct, other = await ways(certificates, ssl=context)
    assert not direct and other == DIRECT
    assert "TRAFFIC_SECRET_0" in (tmp_path / "keys").read_text()

    context, seen = certificates.client_context(), []
    context._msg_callback = lambda *args: seen.append(args)
    direct, _ = await ways(certificates, ssl=context)
    assert not direct and len(seen) > 10


async def test_what_a_watcher_raises_ends_the_connection(certificates):
    failing = False

    def callback(*args):
        if failing:
            raise ZeroDivisionError

    context = certificates.client_context()
    context._msg_callback = callback
    async with serving(certificates, echo) as server:
        async with connecting(server, certificates, ssl=context) as ws:
            failing = True
            with pytest.raises(websockets.ConnectionClosedError):
                await ws.send("Hello")
                await ws.recv()
            failing = False


@every_version
async def test_a_context_that_is_changed_by_the_name(version, certificates):
    """The server's other context has its place when the handshake is complete."""
    other, names = certificates.server_context(), []

    def choose(tls, name, context):
        names.append(name)
        tls.context = other

    context = certificates.server_context()
    context.sni_callback = choose
    transports = []

    async def handler(ws, path):
        transports.append(ws.transport)
        await echo(ws, path)

    async with websockets.serve(handler, "127.0.0.1", 0, ssl=context) as server:
        async with connecting(server, certificates) as ws:
            await ws.send("x" * 100_000)
            assert await ws.recv() == "x" * 100_000
            assert transports[0].is_direct == DIRECT
            assert transports[0].get_extra_info("ssl_object").context is other
    assert names == ["localhost"]


async def test_a_program_asks_the_ssl_object(certificates):
    async with serving(certificates, echo) as server:
        async with connecting(server, certificates, compression=None) as ws:
            tls = ws.transport.get_extra_info("ssl_object")
            for _ in range(3):
                await ws.send("Hello")
                assert tls.pending() == 0
                assert tls.version() and tls.cipher() and tls.getpeercert()
                assert await ws.recv() == "Hello"
                with pytest.raises(ssl.SSLWantReadError):
                    tls.read(10)
            # A record that is made beside the transport leaves with the next one.
            tls.write(masked(TEXT, b"beside"))
            await ws.send("behind")
            assert [await ws.recv(), await ws.recv()] == ["beside", "behind"]


async def test_an_ssl_object_outlives_its_connection(certificates):
    async with serving(certificates, echo) as server:
        async with connecting(server, certificates) as ws:
            tls = ws.transport.get_extra_info("ssl_object")
        await ws.wait_closed()
        gone = weakref.ref(ws)
        del ws
        gc.collect()
        assert gone() is None
        assert tls.version() in ("TLSv1.3", "TLSv1.2")
        with pytest.raises((ssl.SSLError, ValueError)):
            tls.read(10)
            raise ValueError("nothing was read")


# Programs that act while bytes are handed on


ACTIONS = {
    "close": lambda transport: transport.close(),
    "abort": lambda transport: transport.abort(),
    "write and close": lambda transport: (transport.write(b"x" * 100_000), transport.close()),
    "pause and abort": lambda transport: (transport.pause_reading(), transport.abort()),
    "write after close": lambda transport: (transport.close(), transport.write(b"x")),
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("size", [10, 50_000, 1_000_000])
async def test_an_action_in_the_middle(action, size, certificates):
    class Acting(websockets.WebSocketServerProtocol):
        pieces = 0

        def data_received(self, data):
            super().data_received(data)
            self.pieces += 1
            if self.pieces == 2:
                ACTIONS[action](self.transport)

    protocols = []

    async def handler(ws, path):
        protocols.append(ws)
        with contextlib.suppress(websockets.ConnectionClosed):
            await ws.recv()
            await ws.recv()

    options = {"create_protocol": Acting, **NEVER, "ssl_shutdown_timeout": 0.2}
    async with serving(certificates, handler, **options) as server:
        async with stranger_at(server, certificates) as stranger:
            # The first piece was the request.
            for start in range(0, size, 16_000):
                payload = bytes(min(size - start, 16_000))
                stranger.writer.write(stranger.records(masked(BINARY, payload)))
            await until(lambda: protocols)
            await protocols[0].wait_closed()
            assert protocols[0].close_code == 1006


@pytest.mark.parametrize("act", ["abort", "close"])
@pytest.mark.parametrize("size", [100, 300_000])
async def test_a_handler_that_leaves_in_the_middle_of_a_read(act, size, certificates):
    """It goes on while the bytes that woke it are still being looked at."""
    left = asyncio.Event()

    async def handler(ws, path):
        assert len(await ws.recv()) == size
        getattr(ws.transport, act)()
        left.set()
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await ws.recv()

    options = {"max_size": None, "max_queue": None, "ssl_shutdown_timeout": 0.2}
    async with serving(certificates, handler, **options) as server:
        async with stranger_at(server, certificates) as stranger:
            [protocol] = server.websockets
            data = b""
            for payload in (bytes(size), bytes(size), b"end"):
                data += masked(BINARY, payload)
            for start in range(0, len(data), 16_000):
                stranger.writer.write(stranger.records(data[start : start + 16_000]))
            await left.wait()
            await protocol.wait_closed()


@needs_openssl_functions
@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
@pytest.mark.parametrize("size", [10, 30_000, 300_000])
async def test_new_keys_between_messages(version, size, certificates):
    context = certificates.server_context()
    context.options |= 0x100  # OP_ALLOW_CLIENT_RENEGOTIATION
    options = {"compression": None, "max_size": None}
    async with websockets.serve(echo, "127.0.0.1", 0, ssl=context, **options) as server:
        async with tcp_to(port_of(server)) as tcp:
            peer = Conversation(OpenSSL(version), tcp.reader, tcp.writer)
            await peer.shake_hands()
            await peer.say(REQUEST + b"\r\n")
            assert " 101 " in await peer.read_head()
            for _ in range(4):
                if version == TLS_1_3:
                    peer.tls.update_keys()
                else:
                    peer.tls.renegotiate()
                payload = os.urandom(size)
                data = masked(BINARY, payload)
                for start in range(0, len(data), 10_000):
                    await peer.say(data[start : start + 10_000])
                assert await peer.read_frame() == (BINARY, payload)
            peer.tls.close()
            await turns(3)
