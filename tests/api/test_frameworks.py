"""
A web framework that does the handshake itself and wants the connection only.

What a class here does on purpose is what some framework does in earnest. Nothing of it may break
without a line in the changelog.
"""

import asyncio

import pytest
from peer import CLOSE, PING, PONG, REQUEST, close_payload, port_of, tcp_to, uri_of

import websockets
from websockets.exceptions import ConnectionClosed


class FrameworkHeaders:
    """A multi-dict in which names don't depend on case."""

    def __init__(self, fields):
        self.fields = fields

    def getall(self, name, default=()):
        return [value for key, value in self.fields if key.lower() == name.lower()] or default

    def get_all(self, name):
        return self.getall(name)

    def __getitem__(self, name):
        return self.getall(name)[0]


class FrameworkProtocol(asyncio.Protocol):
    """Answers the request with the handshake's functions, then passes bytes on by hand."""

    def __init__(self, handler, settings):
        self.handler = handler
        self.settings = settings
        self.websocket = None
        self.head = b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        if self.websocket is not None:
            self.websocket.data_received(data)
            return
        self.head += data
        if self.head.endswith(b"\r\n\r\n"):
            self.upgrade()

    def connection_lost(self, exc):
        if self.websocket is not None:
            self.websocket.connection_lost(exc)

    def pause_writing(self):
        self.websocket.pause_writing()

    def resume_writing(self):
        self.websocket.resume_writing()

    def upgrade(self):
        fields = [line.split(": ", 1) for line in self.head.decode().split("\r\n")[1:-2]]
        headers = {}
        key = websockets.handshake.check_request(FrameworkHeaders(fields))
        websockets.handshake.build_response(headers, key)
        headers["Sec-Websocket-Protocol"] = "chat"
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        self.transport.write(f"HTTP/1.1 101 Switching Protocols\r\n{''.join(lines)}\r\n".encode())
        self.websocket = websockets.WebSocketCommonProtocol(**self.settings)
        self.websocket.is_client = False
        self.websocket.side = "server"
        self.websocket.subprotocol = "chat"
        self.websocket.connection_made(self.transport)
        self.websocket.connection_open()
        self.task = asyncio.get_running_loop().create_task(self.serve())

    async def serve(self):
        try:
            await self.handler(self.websocket)
        except ConnectionClosed:
            pass
        finally:
            await self.websocket.close()


SETTINGS = {
    "close_timeout": 10,
    "max_size": 2**20,
    "max_queue": 32,
    "read_limit": 2**16,
    "write_limit": 2**16,
    "ping_interval": 20,
    "ping_timeout": 20,
}


class framework:
    """Serve a handler; ``protocols`` are those that were made for it."""

    def __init__(self, handler, **settings):
        self.handler = handler
        self.settings = {**SETTINGS, **settings}
        self.protocols = []

    def make(self):
        self.protocols.append(FrameworkProtocol(self.handler, self.settings))
        return self.protocols[-1]

    async def __aenter__(self):
        self.server = await asyncio.get_running_loop().create_server(self.make, "127.0.0.1", 0)
        self.uri = uri_of(self.server)
        return self

    async def __aexit__(self, *exc_info):
        self.server.close()
        for protocol in self.protocols:
            await protocol.task
        await self.server.wait_closed()


async def test_a_connection_without_a_handshake_of_ours():
    async def handler(ws):
        assert ws.open and not ws.closed
        assert (ws.subprotocol, ws.side, ws.is_client) == ("chat", "server", False)
        assert ws.remote_address[0] == "127.0.0.1"
        while True:
            await ws.send(await ws.recv())

    async with framework(handler) as running:
        async with websockets.connect(running.uri, subprotocols=["chat"]) as ws:
            assert ws.subprotocol == "chat"
            for message in ("text", "é" * 100_000, b"\x00" * 300_000):
                await ws.send(message)
                assert await ws.recv() == message
            await (await ws.ping())
            await ws.close(4001, "done")
        await running.protocols[0].task
        assert running.protocols[0].websocket.close_code == 4001


@pytest.mark.parametrize("limits", [{"max_size": None, "max_queue": None}, {"ping_interval": None}])
async def test_a_connection_without_limits(limits):
    async def handler(ws):
        async for message in ws:
            await ws.send(message)

    async with framework(handler, **limits) as running:
        async with websockets.connect(
            running.uri, subprotocols=["chat"], compression=None, max_size=None
        ) as ws:
            for _ in range(3):
                await ws.send(b"x" * 2_000_000 if limits.get("max_size", 0) is None else b"x")
            for _ in range(3):
                await ws.recv()


async def test_a_framework_keeps_a_connection_alive():
    async def handler(ws):
        await ws.recv()

    async with framework(handler, ping_interval=0.01) as running:
        async with tcp_to(port_of(running.server)) as peer:
            peer.write(REQUEST + b"\r\n")
            await peer.read_head()
            for _ in range(2):
                opcode, payload = await peer.read()
                assert opcode == 0x80 | PING
                peer.send(PONG, payload)
            peer.send(CLOSE, close_payload(1000))
            assert await peer.read_close() == (1000, "")


async def test_a_framework_ends_a_connection():
    ended = []

    async def handler(ws):
        try:
            await ws.recv()
        finally:
            ended.append(ws.close_code)

    async with framework(handler) as running:
        async with websockets.connect(running.uri, subprotocols=["chat"]) as ws:
            running.protocols[0].websocket.fail_connection(1001)
            with pytest.raises(websockets.ConnectionClosedOK):
                await ws.recv()
            assert ws.close_code == 1001
        await running.protocols[0].task
    # RFC 6455 7.1.7: who has failed a connection doesn't hear the answer.
    assert ended == [1006]


@pytest.mark.parametrize("kind", ["mapping", "multi-dict"])
def test_the_handshake_with_other_containers(kind):
    fields = [
        ("Upgrade", "websocket"),
        ("Connection", "keep-alive, Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
    ]
    headers = dict(fields) if kind == "mapping" else FrameworkHeaders(fields)
    key = websockets.handshake.check_request(headers)
    answer = {}
    websockets.handshake.build_response(answer, key)
    assert answer == {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    }
