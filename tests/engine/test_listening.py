"""
Where servers listen: Unix sockets, sockets that are there already, TLS.
"""

import asyncio
import socket

import pytest
from peer import echo, frame, hold, port_of, tcp_to

import websockets


async def test_unix_sockets(tmp_path):
    path = str(tmp_path / "socket")
    async with websockets.unix_serve(echo, path) as server:
        assert isinstance(server, websockets.WebSocketServer)
        async with websockets.unix_connect(path) as ws:
            await ws.send("over a Unix socket")
            assert await ws.recv() == "over a Unix socket"
            assert ws.request_headers["Host"] == "localhost"


async def test_a_socket_that_is_there_already():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        async with websockets.serve(echo, sock=sock) as server:
            ours = socket.create_connection(("127.0.0.1", port_of(server)))
            ours.setblocking(False)
            async with websockets.connect("ws://example.com/", sock=ours) as ws:
                assert ws.request_headers["Host"] == "example.com"
                await ws.send("x")
                assert await ws.recv() == "x"


async def test_tls(certificates):
    async with websockets.serve(
        echo, "127.0.0.1", 0, ssl=certificates.server_context(), max_size=None
    ) as server:
        uri = f"wss://localhost:{port_of(server)}"
        async with websockets.connect(
            uri, ssl=certificates.client_context(), host="127.0.0.1", max_size=None
        ) as ws:
            for size in (0, 1, 100_000, 3_000_000):
                await ws.send(b"x" * size)
                assert await ws.recv() == b"x" * size
            assert ws.secure
        assert ws.close_code == 1000
        async with websockets.connect(uri, ssl=certificates.client_context()) as ws:
            ws.transport.write(frame(3, masked=True))
            with pytest.raises(websockets.ConnectionClosedError) as error:
                await ws.recv()
            assert error.value.code == 1002


async def test_a_client_that_dribbles_its_tls_handshake_is_cut_off(certificates):
    server = await websockets.serve(
        hold, "127.0.0.1", 0, ssl=certificates.server_context(), open_timeout=0.05
    )
    async with tcp_to(port_of(server)) as peer:
        assert await peer.read_eof() == b""
    server.close()
    await server.wait_closed()


async def test_a_server_that_closes_waits_for_tls_handshakes_no_longer_than_open_timeout(
    certificates,
):
    # Python 3.12 has no way not to wait.
    server = await websockets.serve(
        hold, "127.0.0.1", 0, ssl=certificates.server_context(), open_timeout=0.2
    )
    async with tcp_to(port_of(server)):
        server.close()
        await asyncio.wait_for(server.wait_closed(), 10)
