"""
Behind a reverse proxy: what nginx passes on, and what it does to connections that are silent.
"""

import asyncio
import contextlib
import os

import pytest
from peer import PING, PONG, REQUEST, TEXT, echo, hold, needs_unix, port_of, tcp_to
from programs import free_port, line_with, need, started

import websockets

pytestmark = [pytest.mark.one_loop, pytest.mark.programs]

LARGE = 2**23  # bytes of a message

# One process, which writes nothing outside its folder.
CONFIGURATION = """
daemon off;
master_process off;
pid nginx.pid;
error_log stderr notice;
events {{}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;

    map $http_upgrade $connection_upgrade {{
        default upgrade;
        ""      close;
    }}

    server {{
        listen 127.0.0.1:{port} {tls};
        location / {{
            proxy_pass http://{upstream};
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            {lines}
        }}
    }}
}}
"""

UPGRADE = """
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
"""

TLS = """ssl;
        ssl_certificate server.pem;
        ssl_certificate_key server.pem"""


@contextlib.asynccontextmanager
async def proxy(directory, upstream, *, lines=UPGRADE, tls=""):
    """Run nginx in front of a server; the value is nginx's port."""
    port = free_port()
    configuration = directory / "nginx.conf"
    text = CONFIGURATION.format(port=port, upstream=upstream, lines=lines, tls=tls)
    configuration.write_text(text)
    command = [need("nginx"), "-p", directory, "-c", configuration, "-e", "stderr"]
    async with started(*command, stderr=asyncio.subprocess.PIPE) as process:
        # It listens before it says how many files it may open.
        await line_with(process.stderr, "RLIMIT_NOFILE")
        yield port


@contextlib.asynccontextmanager
async def proxied(directory, handler, *, lines="", **options):
    """Serve behind nginx; the value is nginx's port."""
    async with websockets.serve(handler, "127.0.0.1", 0, **options) as server:
        upstream = f"127.0.0.1:{port_of(server)}"
        async with proxy(directory, upstream, lines=UPGRADE + lines) as port:
            yield port


class Handler:
    """It keeps a connection until the test is over with it, and hands it out."""

    def __init__(self):
        self.arrived = asyncio.Queue()

    async def __call__(self, ws):
        self.arrived.put_nowait(ws)
        await ws.wait_closed()


@contextlib.asynccontextmanager
async def both_ends(directory, *, lines="", **options):
    """The ends of a connection with nginx in between: the client's, and the server's."""
    handler = Handler()
    async with proxied(directory, handler, lines=lines, **options) as port:
        async with websockets.connect(f"ws://127.0.0.1:{port}/chat?room=1", **options) as ws:
            yield ws, await handler.arrived.get()


async def test_the_request_tells_who_is_there(tmp_path):
    async with both_ends(tmp_path) as (client, server):
        assert server.path == "/chat?room=1"
        assert server.request_headers["X-Forwarded-For"] == "127.0.0.1"
        assert server.request_headers["X-Forwarded-Proto"] == "http"
        assert server.request_headers["Host"] == "127.0.0.1"


@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_messages(tmp_path, compression):
    options = {"compression": compression, "max_size": LARGE}
    async with both_ends(tmp_path, **options) as (client, server):
        assert bool(client.extensions) == bool(server.extensions) == (compression is not None)
        for sender, receiver in [(client, server), (server, client)]:
            for message in ["", "Grüße 🎉", ["one ", "", "two"], os.urandom(LARGE)]:
                sending = asyncio.ensure_future(sender.send(message))
                whole = "".join(message) if isinstance(message, list) else message
                assert await receiver.recv() == whole
                await sending


async def test_plain_http(tmp_path):
    def answer(path, headers):
        return 200, {}, b"OK\n"

    async with proxied(tmp_path, hold, process_request=answer) as port, tcp_to(port) as peer:
        peer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        response = await peer.read_eof()
        assert response.startswith(b"HTTP/1.1 200 OK\r\n")
        assert response.endswith(b"\r\n\r\nOK\n")


@pytest.mark.parametrize("side", [0, 1], ids=["client", "server"])
async def test_close_codes(tmp_path, side):
    async with both_ends(tmp_path) as ends:
        await ends[side].close(4000, "enough")
        await ends[1 - side].wait_closed()
        assert ends[side].close_code == ends[1 - side].close_code == 4000
        assert ends[1 - side].close_reason == "enough"


async def test_pings_keep_a_silent_connection_alive(tmp_path):
    options = {"lines": "proxy_read_timeout 2s;", "ping_interval": 0.5}
    async with proxied(tmp_path, echo, **options) as port, tcp_to(port) as peer:
        peer.write(REQUEST + b"\r\n")
        assert b" 101 " in await peer.read_head()
        for _ in range(6):  # which take 3 seconds
            byte0, payload = await peer.read()
            assert byte0 == 0x80 | PING
            peer.send(PONG, payload)
        peer.send(TEXT, b"still here")
        while byte0 == 0x80 | PING:
            byte0, payload = await peer.read()
        assert payload == b"still here"


async def test_without_pings_a_silent_connection_is_cut(tmp_path):
    options = {"lines": "proxy_read_timeout 300ms;", "ping_interval": None}
    async with both_ends(tmp_path, **options) as ends:
        for end in ends:
            with pytest.raises(websockets.ConnectionClosedError) as closed:
                await end.recv()
            assert closed.value.code == 1006


async def test_a_server_that_is_not_there(tmp_path):
    async with proxy(tmp_path, f"127.0.0.1:{free_port()}") as port:
        with pytest.raises(websockets.InvalidStatusCode) as refused:
            await websockets.connect(f"ws://127.0.0.1:{port}")
        assert refused.value.status_code == 502


@pytest.mark.parametrize(
    ("lines", "status"), [("", 505), ("proxy_http_version 1.1;", 426)], ids=["HTTP/1.0", "HTTP/1.1"]
)
async def test_a_proxy_that_does_not_pass_on_the_upgrade(tmp_path, lines, status):
    async with websockets.serve(hold, "127.0.0.1", 0) as server:
        async with proxy(tmp_path, f"127.0.0.1:{port_of(server)}", lines=lines) as port:
            with pytest.raises(websockets.InvalidStatusCode) as refused:
                await websockets.connect(f"ws://127.0.0.1:{port}")
            assert refused.value.status_code == status


async def test_tls_ends_at_the_proxy(tmp_path, certificates):
    pem = certificates.certificate.private_key_and_cert_chain_pem
    pem.write_to_path(tmp_path / "server.pem")
    handler = Handler()
    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async with proxy(tmp_path, f"127.0.0.1:{port_of(server)}", tls=TLS) as port:
            context = certificates.client_context()
            async with websockets.connect(f"wss://localhost:{port}", ssl=context) as ws:
                behind = await handler.arrived.get()
                assert behind.request_headers["X-Forwarded-Proto"] == "https"
                await ws.send("Hello!")
                assert await behind.recv() == "Hello!"


@needs_unix
async def test_a_unix_socket_behind_the_proxy(tmp_path):
    path = str(tmp_path / "socket")
    async with websockets.unix_serve(echo, path), proxy(tmp_path, f"unix:{path}") as port:
        async with websockets.connect(f"ws://127.0.0.1:{port}") as ws:
            await ws.send("Hello!")
            assert await ws.recv() == "Hello!"
