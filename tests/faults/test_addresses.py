"""
Addresses of connections that have ended: what they were, or None, and never an exception.
"""

import asyncio
import contextlib
import gc
import socket
import warnings

import pytest
from peer import needs_unix, turns, uri_of
from variants import LOOPS

import websockets

SECURE = {False: "ws", True: "wss"}


@contextlib.asynccontextmanager
async def connected(unix, tls, certificates, path):
    """Both ends of a connection."""
    opened = asyncio.get_running_loop().create_future()

    async def handler(ws, path):
        opened.set_result(ws)
        with contextlib.suppress(websockets.ConnectionClosed):
            await ws.recv()

    options = {"ssl": certificates.server_context()} if tls else {}
    kwargs = {"ssl": certificates.client_context(), "server_hostname": "localhost"} if tls else {}
    if unix:
        async with websockets.unix_serve(handler, path, **options):
            uri = f"{SECURE[tls]}://localhost"
            async with websockets.unix_connect(path, uri, **kwargs) as ws:
                yield ws, await opened
    else:
        async with websockets.serve(handler, "127.0.0.1", 0, **options) as server:
            uri = uri_of(server).replace("ws:", f"{SECURE[tls]}:")
            async with websockets.connect(uri, **kwargs) as ws:
                yield ws, await opened


def addresses(*ends):
    return [address for end in ends for address in (end.local_address, end.remote_address)]


def told(*ends):
    """Return the same, and much else, from the transports."""
    names = ["socket", "sockname", "peername", "ssl_object", "cipher", "peercert", "sslcontext"]
    return [end.transport.get_extra_info(name) for end in ends for name in names]


unix_or_not = pytest.mark.parametrize(
    "unix", [False, pytest.param(True, marks=needs_unix)], ids=["ip", "unix"]
)
tls_or_not = pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])


@unix_or_not
@tls_or_not
@pytest.mark.parametrize("end", ["close", "abort"])
@pytest.mark.parametrize("asked", [False, True], ids=["only then", "asked before"])
async def test_after_the_end(unix, tls, end, asked, certificates, tmp_path):
    async with connected(unix, tls, certificates, str(tmp_path / "socket")) as ends:
        before = addresses(*ends) if asked else None
        client, server = ends
        if end == "abort":
            client.transport.abort()
        else:
            await client.close()
        await client.wait_closed()
        await server.wait_closed()
        await turns()
        after = addresses(*ends)
        if asked:
            assert after == before
        elif not unix:
            assert after[0] == after[3]
            assert after[1] == after[2]
        if tls:
            told(*ends)


@unix_or_not
async def test_after_a_handshake_that_failed(unix, tmp_path):
    ended = asyncio.get_running_loop().create_future()

    class Protocol(websockets.WebSocketServerProtocol):
        def connection_lost(self, exc):
            super().connection_lost(exc)
            asyncio.get_running_loop().call_later(0, ended.set_result, self)

    async def handler(ws, path):
        """Never called."""

    path = str(tmp_path / "socket")
    options = {"create_protocol": Protocol}
    async with contextlib.AsyncExitStack() as stack:
        if unix:
            await stack.enter_async_context(websockets.unix_serve(handler, path, **options))
            _, writer = await asyncio.open_unix_connection(path)
        else:
            server = await stack.enter_async_context(
                websockets.serve(handler, "127.0.0.1", 0, **options)
            )
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        writer.close()
        ws = await ended
        await turns()
        addresses(ws)
        await writer.wait_closed()


@needs_unix
@pytest.mark.parametrize("new_loop", LOOPS.values(), ids=LOOPS)
def test_after_the_end_of_the_loop(new_loop):
    ours, theirs = socket.socketpair()
    ours.setblocking(False)

    async def begin():
        ws = websockets.WebSocketCommonProtocol(ping_interval=None)
        await asyncio.get_running_loop().create_unix_connection(lambda: ws, sock=ours)
        return ws

    with theirs, ours, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        loop = new_loop()
        ws = loop.run_until_complete(begin())
        loop.close()
        assert addresses(ws) in [["", ""], [None, None]]
        del ws
        gc.collect()
