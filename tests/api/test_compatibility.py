"""
Uses that programs make of this API: hosts that drive a protocol by hand, subclasses, old spellings.

What a class here does on purpose is what some framework, bot or script does in earnest. Nothing of
it may break without a line in the changelog.
"""

import asyncio
import functools
import gc
import http
import importlib
import logging
import os
import subprocess
import sys
import threading
import types
import weakref

import pytest
from peer import (
    CLOSE,
    PING,
    PONG,
    REQUEST,
    TEXT,
    close_payload,
    echo,
    hold,
    port_of,
    tcp_to,
    uri_of,
)

import websockets
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.server import WebSocketServerProtocol

# Names


SUBMODULES = """
    auth client datastructures exceptions extensions extensions.base extensions.permessage_deflate
    framing handshake headers http protocol server typing uri version
""".split()

ALIASES = ["auth", "client", "exceptions", "framing", "handshake", "http", "protocol", "server"]


def fresh(code):
    """Run code in an interpreter of its own, because an import changes this one for good."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout.split()


def test_submodules_are_attributes_of_the_package():
    code = "import websockets\n" + "\n".join(f"websockets.{name}" for name in SUBMODULES)
    assert fresh(code) == []


@pytest.mark.parametrize("name", ALIASES)
def test_older_names_of_modules(name):
    module = importlib.import_module(f"websockets.{name}")
    assert importlib.import_module(f"websockets.legacy.{name}") is module
    assert getattr(importlib.import_module("websockets.legacy"), name) is module


@pytest.mark.parametrize(
    "code",
    [
        "import websockets.legacy.server; s = websockets.legacy.server",
        "import websockets, websockets.legacy; s = websockets.legacy.server",
        "import websockets.legacy.server as s",
        "from websockets.legacy import server as s",
        "from websockets.legacy.server import *; from websockets.legacy import server as s",
        "from websockets.legacy.server import HTTPResponse, WebSocketServerProtocol, serve\n"
        "import websockets.legacy.protocol, websockets.legacy.server as s\n"
        "assert serve is websockets.serve\n"
        "assert WebSocketServerProtocol is websockets.WebSocketServerProtocol",
        "import importlib; s = importlib.import_module('websockets.legacy.server')",
    ],
)
def test_ways_to_import_the_older_names(code):
    code += """
import sys, websockets.server
assert s is websockets.server
files = [getattr(module, "__file__", None) or "" for module in set(sys.modules.values())]
print(sum(file.endswith("server.py") and "websockets" in file for file in files))
"""
    assert fresh(code) == ["1"]


def test_what_is_set_under_one_name_is_seen_under_the_other(monkeypatch):
    legacy = importlib.import_module("websockets.legacy.client")
    monkeypatch.setattr(legacy, "connect", "patched")
    assert websockets.client.connect == "patched"


def test_names_that_are_not_in_the_document():
    assert list(websockets.protocol.State) == [0, 1, 2, 3]
    assert [state.name for state in websockets.protocol.State] == [
        "CONNECTING",
        "OPEN",
        "CLOSING",
        "CLOSED",
    ]
    assert websockets.http.Headers is websockets.datastructures.Headers
    assert websockets.http.HeadersLike is websockets.datastructures.HeadersLike
    assert websockets.http.USER_AGENT


# An application server that speaks HTTP itself, and hands a connection over when it is upgraded.


class Registry:
    """What stands for the server: three methods, and an attribute that is somebody else's."""

    def __init__(self):
        self.closing = False
        self.seen = []

    def register(self, protocol):
        self.seen.append(("register", protocol.transport is not None))

    def unregister(self, protocol):
        self.seen.append(("unregister", protocol.close_code))

    def is_serving(self):
        return not self.closing


class HostedProtocol(WebSocketServerProtocol):
    """
    Runs an application that decides about the handshake itself.

    The application takes this object; it calls ``accept()``, ``reject()``, ``receive()`` and so on.
    """

    def __init__(self, application, **kwargs):
        self.application = application
        self.loop = asyncio.get_running_loop()
        self.transport = None
        self.client = None
        self.decided = asyncio.Event()
        self.opened = asyncio.Event()
        self.answer = self.task = None
        self.accepted_subprotocol = None
        self.events = []
        self.ws_server = Registry()
        super().__init__(
            ws_handler=self.serve_until_closed,
            ws_server=self.ws_server,
            extensions=[ServerPerMessageDeflateFactory()],
            max_size=2**24,
            max_queue=32,
            ping_interval=20.0,
            ping_timeout=20.0,
            logger=logging.getLogger("host"),
            **kwargs,
        )
        self.server_header = None
        self.extra_headers = [("server", "host")]

    def connection_made(self, transport):
        self.transport = transport
        self.client = transport.get_extra_info("peername")
        assert self.logger.name == "host"
        super().connection_made(transport)

    def connection_lost(self, exc):
        self.events.append("lost")
        self.decided.set()
        self.opened.set()
        super().connection_lost(exc)
        if exc is None:
            self.transport.close()

    async def process_request(self, path, request_headers):
        websockets.legacy.handshake.check_request(request_headers)
        self.offers = [
            name.strip()
            for value in request_headers.get_all("Sec-WebSocket-Protocol")
            for name in value.split(",")
        ]
        self.raw_headers = [
            (name.encode("ascii"), value.encode("ascii", errors="surrogateescape"))
            for name, value in request_headers.raw_items()
        ]
        self.task = self.loop.create_task(self.run())
        await self.decided.wait()
        return self.answer

    def process_subprotocol(self, headers, available_subprotocols):
        return self.accepted_subprotocol

    async def serve_until_closed(self, protocol, path):
        assert protocol is self
        self.opened.set()
        await self.wait_closed()

    async def run(self):
        try:
            await self.application(self)
        finally:
            if not self.decided.is_set():
                self.send_500()
            await self.opened.wait()
            self.transport.close()

    # Called by the application

    async def accept(self, subprotocol=None, headers=()):
        self.accepted_subprotocol = subprotocol
        self.extra_headers.extend(headers)
        self.decided.set()
        await self.opened.wait()

    def reject(self, *answer):
        self.answer = answer
        self.decided.set()

    async def receive(self):
        try:
            return await self.recv()
        except ConnectionClosed:
            if self.ws_server.closing:
                return 1012
            return self.close_code or 1005

    # Called by the host

    def shut_down(self):
        self.ws_server.closing = True
        if self.opened.is_set():
            self.fail_connection(1012)
        else:
            self.send_500()
        self.transport.close()

    def send_500(self):
        self.transport.write(
            b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        self.decided.set()
        self.opened.set()


class Host(asyncio.Protocol):
    """An HTTP server, as far as it gets before it hands over: it has read the request already."""

    def __init__(self, upgrade):
        self.upgrade = upgrade
        self.head = b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.head += data
        if b"\r\n\r\n" in self.head:
            protocol = self.upgrade()
            protocol.connection_made(self.transport)
            protocol.data_received(self.head)
            self.transport.set_protocol(protocol)


class hosting:
    """Serve an application; ``protocols`` are those that were made for it."""

    def __init__(self, application, **kwargs):
        self.application = application
        self.kwargs = kwargs
        self.protocols = []

    def upgrade(self):
        protocol = HostedProtocol(self.application, **self.kwargs)
        self.protocols.append(protocol)
        return protocol

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Host(self.upgrade), "127.0.0.1", 0)
        self.uri = uri_of(self.server)
        return self

    async def __aexit__(self, *exc_info):
        self.server.close()
        for protocol in self.protocols:
            await protocol.handler_task
            if protocol.task is not None:
                await protocol.task
        await self.server.wait_closed()


async def echo_application(protocol):
    await protocol.accept(
        "chat" if "chat" in protocol.offers else None, [("x-one", "1"), ("x-one", "2")]
    )
    while not isinstance(message := await protocol.receive(), int):
        await protocol.send(message)
    protocol.events.append(message)


async def test_a_hosted_application():
    async with hosting(echo_application) as host:
        async with websockets.connect(
            host.uri, subprotocols=["chat", "other"], extra_headers={"X-Latin": "\udce9"}
        ) as ws:
            assert ws.subprotocol == "chat"
            assert ws.response_headers.get_all("X-One") == ["1", "2"]
            assert ws.response_headers.get_all("Server") == ["host"]
            assert [extension.name for extension in ws.extensions] == ["permessage-deflate"]
            for message in ("text", "é" * 100_000, b"\x00" * 300_000):
                await ws.send(message)
                assert await ws.recv() == message
            await (await ws.ping())
            await ws.close(4001, "done")
        [protocol] = host.protocols
        await protocol.handler_task
        assert (b"X-Latin", b"\xe9") in protocol.raw_headers
        assert protocol.client[0] == "127.0.0.1"
        assert (protocol.close_code, protocol.close_reason) == (4001, "done")
        assert sorted(protocol.events, key=str) == [4001, "lost"]
        assert protocol.ws_server.seen == [("register", True), ("unregister", 4001)]


async def test_a_hosted_application_closes():
    async def application(protocol):
        await protocol.accept()
        await protocol.send("bye")
        await protocol.close(3456, "reason")

    async with hosting(application) as host, websockets.connect(host.uri) as ws:
        assert await ws.recv() == "bye"
        with pytest.raises(ConnectionClosed) as caught:
            await ws.recv()
        assert (caught.value.code, caught.value.reason) == (3456, "reason")


async def test_a_hosted_application_returns_without_closing():
    async def application(protocol):
        await protocol.accept()
        await protocol.send("bye")

    async with hosting(application) as host, websockets.connect(host.uri) as ws:
        assert await ws.recv() == "bye"
        await ws.wait_closed()
        assert ws.close_code == 1006


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        ((http.HTTPStatus.FORBIDDEN, [], b""), 403, b""),
        (
            (http.HTTPStatus(418), [("x-tea", "green"), ("content-length", "6")], b"teapot"),
            418,
            b"teapot",
        ),
    ],
    ids=["plain", "whole"],
)
async def test_a_hosted_application_rejects(answer, status, body):
    async def application(protocol):
        protocol.reject(*answer)

    async with hosting(application) as host, tcp_to(port_of(host.server)) as peer:
        peer.write(REQUEST + b"\r\n")
        head = await peer.read_head()
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert head.lower().count(b"content-length:") == 1
        assert b"server:" not in head.lower()
        for name, value in answer[1]:
            assert f"{name}: {value}\r\n".encode() in head
        assert await peer.read_eof() == body


async def test_a_hosted_application_gives_no_answer():
    async def application(protocol):
        pass

    async with hosting(application) as host:
        with pytest.raises(websockets.InvalidStatusCode) as caught:
            await websockets.connect(host.uri)
        assert caught.value.status_code == 500


async def test_a_hosted_request_that_is_not_valid():
    async with hosting(echo_application) as host, tcp_to(port_of(host.server)) as peer:
        peer.write(REQUEST.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short") + b"\r\n")
        assert (await peer.read_head()).startswith(b"HTTP/1.1 400 ")
        await peer.read_eof()
        await peer.close()
        [protocol] = host.protocols
        await protocol.handler_task
        assert protocol.task is None  # the application wasn't asked


async def test_a_host_shuts_down():
    async with hosting(echo_application) as host, websockets.connect(host.uri) as ws:
        await ws.send("message")
        assert await ws.recv() == "message"
        [protocol] = host.protocols
        protocol.shut_down()
        with pytest.raises(ConnectionClosed) as caught:
            await ws.recv()
        assert caught.value.code == 1012
        await protocol.task
        assert 1012 in protocol.events


async def test_a_host_shuts_down_during_the_handshake():
    asked = asyncio.Event()
    finish = asyncio.Event()

    async def application(protocol):
        asked.set()
        await finish.wait()

    async with hosting(application) as host, tcp_to(port_of(host.server)) as peer:
        peer.write(REQUEST + b"\r\n")
        await asked.wait()
        host.protocols[0].shut_down()
        assert (await peer.read_head()).startswith(b"HTTP/1.1 500 ")
        assert await peer.read_eof() == b""
        finish.set()


async def test_a_host_loses_the_client_during_the_handshake():
    asked = asyncio.Event()

    async def application(protocol):
        asked.set()
        await protocol.opened.wait()
        protocol.events.append(protocol.close_code)

    async with hosting(application) as host:
        async with tcp_to(port_of(host.server)) as peer:
            peer.write(REQUEST + b"\r\n")
            await asked.wait()
        await host.protocols[0].handler_task
        assert "lost" in host.protocols[0].events


async def test_frames_behind_the_request_are_not_lost():
    async with hosting(echo_application) as host, tcp_to(port_of(host.server)) as peer:
        peer.write(REQUEST + b"\r\n")
        peer.send(TEXT, b"early")
        await peer.read_head()
        assert await peer.read() == (0x80 | TEXT, b"early")
        peer.send(CLOSE, close_payload(1000))
        assert await peer.read_close() == (1000, "")


# A web framework that does the handshake itself and wants the connection only.


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
    assert ended == [1001]


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


# A bot, whose connection is a subclass of the client's protocol


class Heartbeat(threading.Thread):
    """Sends through the connection from another thread."""

    def __init__(self, ws):
        super().__init__(daemon=True)
        self.ws = ws
        self.latency = 0.25
        self.stopped = threading.Event()

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop=self.ws.loop).result(10)

    def run(self):
        self.call(self.ws.send("heartbeat"))
        self.call(self.ws.close(4000))

    def stop(self):
        self.stopped.set()


class Gateway(websockets.client.WebSocketClientProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.max_size = None
        self.heartbeat = None
        self._buffer = bytearray()
        self._dispatch = lambda *args: None

    @classmethod
    async def start(cls, uri, **kwargs):
        ws = await websockets.connect(uri, klass=cls, compression=None, **kwargs)
        ws.token = "token"
        ws.gateway = uri
        ws.shard_id = 1
        ws.seen = []
        ws._dispatch = lambda *args: ws.seen.append(args)
        return ws

    @property
    def latency(self):
        return float("inf") if self.heartbeat is None else self.heartbeat.latency

    async def recv(self):
        message = await super().recv()
        self._dispatch("in", message)
        return message

    async def send(self, data):
        self._dispatch("out", data)
        await super().send(data)

    async def close(self, code=4000, reason=""):
        if self.heartbeat is not None:
            self.heartbeat.stop()
        await super().close(code, reason)

    async def close_connection(self, *args, **kwargs):
        await super().close_connection(*args, **kwargs)
        self.seen.append("closed")


async def test_a_bot():
    codes = []

    async def handler(ws, path):
        await ws.send("hello")
        try:
            async for message in ws:
                await ws.send(f"got {message}")
        except ConnectionClosed as exc:
            codes.append(exc.code)

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        ws = await Gateway.start(uri_of(server))
        assert isinstance(ws, Gateway)
        assert ws.latency == float("inf")
        assert ws.max_size is None
        assert ws.loop is asyncio.get_running_loop()
        assert await ws.recv() == "hello"
        await ws.ensure_open()
        await ws.send("message")
        assert await ws.recv() == "got message"
        assert ws.seen == [("in", "hello"), ("out", "message"), ("in", "got message")]
        waiter = ws.loop.create_future()
        ws.loop.call_soon(waiter.set_result, None)
        await waiter

        ws.heartbeat = Heartbeat(ws)
        ws.heartbeat.start()
        assert ws.latency == 0.25
        assert await ws.recv() == "got heartbeat"
        with pytest.raises(ConnectionClosed) as caught:
            await ws.recv()
        assert caught.value.code == 4000
        await asyncio.get_running_loop().run_in_executor(None, ws.heartbeat.join)
        assert ws.heartbeat.stopped.is_set()
        with pytest.raises(ConnectionClosed):
            await ws.ensure_open()
        await ws.close_connection_task
        assert ws.seen[-1] == "closed"
    assert codes == [4000]


async def test_a_message_larger_than_the_default_limit_after_lifting_it():
    async def handler(ws, path):
        await ws.send(b"x" * (2**20 + 1))

    async with websockets.serve(handler, "127.0.0.1", 0, compression=None) as server:
        ws = await Gateway.start(uri_of(server))
        assert len(await ws.recv()) == 2**20 + 1
        await ws.close()


async def test_iteration_uses_the_recv_of_a_subclass():
    async def handler(ws, path):
        for number in range(3):
            await ws.send(str(number))

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        ws = await Gateway.start(uri_of(server))
        assert [message async for message in ws] == ["0", "1", "2"]
        assert ws.seen[:3] == [("in", "0"), ("in", "1"), ("in", "2")]


async def test_a_recv_that_gives_something_else():
    class Upper(websockets.WebSocketServerProtocol):
        async def recv(self):
            return (await super().recv()).upper()

    async with websockets.serve(echo, "127.0.0.1", 0, create_protocol=Upper) as server:
        async with websockets.connect(uri_of(server)) as ws:
            await ws.send("message")
            assert await ws.recv() == "MESSAGE"


# Subclasses


async def test_attributes_of_a_subclass():
    class Protocol(websockets.WebSocketServerProtocol):
        def __init__(self, *args, **kwargs):
            self.before = self.name = "set before"
            self.user = None
            super().__init__(*args, **kwargs)
            self.after = "set after"
            self.logger = logging.getLogger("mine")
            self.latency = 0.5

    async def handler(ws, path):
        assert (ws.before, ws.name, ws.after) == ("set before", "set before", "set after")
        assert ws.logger.name == "mine"
        ws.user = await ws.recv()
        await (await ws.ping())
        assert ws.latency == 0.5
        assert vars(ws)["user"] == ws.user
        await ws.send(f"hello {ws.user}")

    async with websockets.serve(handler, "127.0.0.1", 0, create_protocol=Protocol) as server:
        async with websockets.connect(uri_of(server)) as ws:
            await ws.send("somebody")
            assert await ws.recv() == "hello somebody"


async def test_properties_of_a_subclass():
    class Protocol(websockets.WebSocketClientProtocol):
        logger = logging.getLogger("mine")
        name = property(lambda self: "mine")
        latency = property(lambda self: 0.5)

    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server), create_protocol=Protocol) as ws:
            await (await ws.ping())
            assert (ws.logger.name, ws.name, ws.latency) == ("mine", "mine", 0.5)


async def test_weak_references_and_sets():
    async with websockets.serve(hold, "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server)) as ws:
            known, by_connection = weakref.WeakSet([ws]), weakref.WeakKeyDictionary()
            by_connection[ws] = "user"
            assert ws in known and by_connection[ws] == "user"
            assert {ws: 1}[ws] == 1 and ws == ws
        del ws
    gc.collect()
    assert not known and not by_connection


async def test_methods_that_a_server_overrides():
    calls = []

    class Protocol(websockets.WebSocketServerProtocol):
        def connection_made(self, transport):
            calls.append("connection_made")
            super().connection_made(transport)

        def data_received(self, data):
            calls.append("data_received")
            super().data_received(data)

        async def process_request(self, path, request_headers):
            calls.append("process_request")
            return await super().process_request(path, request_headers)

        @staticmethod
        def process_origin(headers, origins=None):
            calls.append("process_origin")
            return websockets.WebSocketServerProtocol.process_origin(headers, origins)

        def select_subprotocol(self, client_subprotocols, server_subprotocols):
            calls.append("select_subprotocol")
            return server_subprotocols[-1]

        def connection_open(self):
            calls.append("connection_open")
            super().connection_open()

        async def ping(self, data=None):
            calls.append("ping")
            return await super().ping(data)

        async def close(self, code=1000, reason=""):
            calls.append("close")
            await super().close(code, reason or "overridden")

        def connection_lost(self, exc):
            calls.append("connection_lost")
            super().connection_lost(exc)

    async def handler(ws, path):
        await (await ws.ping())

    async with websockets.serve(
        handler, "127.0.0.1", 0, create_protocol=Protocol, subprotocols=["one", "two"]
    ) as server:
        async with websockets.connect(uri_of(server), subprotocols=["one", "two"]) as ws:
            assert ws.subprotocol == "two"
            await ws.wait_closed()
            assert ws.close_reason == "overridden"
    first_calls = list(dict.fromkeys(calls))
    assert first_calls == [
        "connection_made",
        "data_received",
        "process_request",
        "process_origin",
        "select_subprotocol",
        "connection_open",
        "ping",
        "close",
        "connection_lost",
    ]


async def test_fail_connection_that_is_overridden():
    failures = []

    class Protocol(websockets.WebSocketServerProtocol):
        def fail_connection(self, code=1006, reason=""):
            failures.append(code)
            super().fail_connection(code, reason)

    async def handler(ws, path):
        ws.fail_connection(4321, "on purpose")
        await ws.wait_closed()

    async with websockets.serve(handler, "127.0.0.1", 0, create_protocol=Protocol) as server:
        async with websockets.connect(uri_of(server)) as ws:
            with pytest.raises(ConnectionClosed):
                await ws.recv()
            assert (ws.close_code, ws.close_reason) == (4321, "on purpose")
    assert failures == [4321]


# Attributes that programs read and write


async def test_attributes_of_connections():
    seen = asyncio.get_running_loop().create_future()

    async def handler(ws, path):
        seen.set_result(ws)
        await ws.wait_closed()

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async with websockets.connect(
            uri_of(server, "/path?query"), extra_headers={"X-Mine": "1"}
        ) as client:
            ws = await seen
            loop = asyncio.get_running_loop()
            assert (ws.loop, client.loop) == (loop, loop)
            assert (ws.is_client, client.is_client) == (False, True)
            assert (ws.side, client.side) == ("server", "client")
            assert ws.state is client.state is websockets.protocol.State.OPEN
            assert ws.ws_server is server
            assert ws in server.websockets
            assert isinstance(ws.handler_task, asyncio.Task) and not ws.handler_task.done()
            assert ws.transport.get_extra_info("peername") == ws.remote_address
            assert client.transport.get_extra_info("socket") is not None
            assert (ws.path, client.path) == ("/path?query", "/path?query")
            assert ws.request_headers["X-Mine"] == "1"
            assert client.extra_headers["X-Mine"] == "1"
            assert (ws.origin, ws.host, ws.secure) == (None, "127.0.0.1", False)
            assert (client.port, client.secure) == (port_of(server), False)
            assert (ws.ping_interval, ws.ping_timeout, ws.close_timeout) == (20, 20, 10)
            ws.max_size = client.max_size = 10
            assert (ws.max_size, client.max_size) == (10, 10)
            await client.send(b"x" * 11)
            await client.wait_closed()
            assert client.close_code == 1009
            await ws.wait_closed()
            assert ws.state is websockets.protocol.State.CLOSED


@pytest.mark.parametrize("limit", [10, None])
async def test_max_size_that_a_handler_sets(limit):
    async def handler(ws, path):
        ws.max_size = limit
        await ws.send("ready")
        await echo(ws, path)

    async with websockets.serve(handler, "127.0.0.1", 0, max_size=100) as server:
        async with websockets.connect(uri_of(server)) as ws:
            await ws.recv()
            await ws.send(b"x" * 101)
            if limit is None:
                assert await ws.recv() == b"x" * 101
            else:
                with pytest.raises(ConnectionClosed):
                    await ws.recv()
                assert ws.close_code == 1009


async def test_extra_headers_of_a_client_subclass():
    class Protocol(websockets.WebSocketClientProtocol):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.extra_headers = [*(self.extra_headers or ()), ("X-Mine", "1")]

    async def handler(ws, path):
        await ws.send(ws.request_headers["X-Mine"])

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server), create_protocol=Protocol) as ws:
            assert await ws.recv() == "1"


# Handlers and factories of many kinds


async def one(ws):
    await ws.send(ws.path)


async def two(ws, path):
    await ws.send(path)


async def three(greeting, ws, path):
    await ws.send(path)


async def optional(ws, path=None, *, flag=False):
    await ws.send(path)


class CallableObject:
    async def __call__(self, ws, path):
        await ws.send(path)

    async def method(self, ws, path):
        await ws.send(path)

    async def method_of_one(self, ws):
        await ws.send(ws.path)

    @staticmethod
    async def static(ws, path):
        await ws.send(path)

    @classmethod
    async def of_class(cls, ws):
        await ws.send(ws.path)


@types.coroutine
def old_coroutine(ws, path):
    yield from ws.send(path).__await__()


@functools.wraps(one)
async def wrapped(*args):
    await one(*args[:1])


HANDLERS = {
    "one argument": one,
    "two arguments": two,
    "partial": functools.partial(three, "hello"),
    "partial by name": functools.partial(optional, flag=True),
    "optional": optional,
    "lambda": lambda ws, path: two(ws, path),
    "lambda of one": lambda ws: one(ws),
    "object": CallableObject(),
    "method": CallableObject().method,
    "method of one": CallableObject().method_of_one,
    "static method": CallableObject.static,
    "class method": CallableObject.of_class,
    "any arguments": lambda *args: two(*args),
    "decorated": wrapped,
    "generator": old_coroutine,
}


@pytest.mark.parametrize("kind", HANDLERS)
async def test_handlers(kind):
    async with websockets.serve(HANDLERS[kind], "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server, "/path")) as ws:
            assert await ws.recv() == "/path"


class MarkedServer(websockets.WebSocketServerProtocol):
    def __init__(self, *args, mark="plain", **kwargs):
        super().__init__(*args, **kwargs)
        self.mark = mark


class MarkedClient(websockets.WebSocketClientProtocol):
    def __init__(self, *args, mark="plain", **kwargs):
        super().__init__(*args, **kwargs)
        self.mark = mark


FACTORIES = {
    "class": (lambda cls: cls, "plain"),
    "partial": (lambda cls: functools.partial(cls, mark="partial"), "partial"),
    "function": (lambda cls: lambda *args, **kwargs: cls(*args, mark="made", **kwargs), "made"),
}


@pytest.mark.parametrize("spelling", ["create_protocol", "klass"])
@pytest.mark.parametrize("kind", FACTORIES)
async def test_factories(kind, spelling):
    factory, mark = FACTORIES[kind]

    async def handler(ws, path):
        await ws.send(ws.mark)

    async with websockets.serve(
        handler, "127.0.0.1", 0, **{spelling: factory(MarkedServer)}
    ) as server:
        async with websockets.connect(uri_of(server), **{spelling: factory(MarkedClient)}) as ws:
            assert await ws.recv() == mark
            assert ws.mark == mark


# Ways to start


@types.coroutine
def start_like_before_async_and_await():
    server = yield from websockets.serve(echo, "127.0.0.1", 0)
    ws = yield from websockets.connect(uri_of(server))
    return server, ws


async def test_yield_from():
    server, ws = await start_like_before_async_and_await()
    await ws.send("message")
    assert await ws.recv() == "message"
    await ws.close()
    server.close()
    await server.wait_closed()


async def test_await_and_close_by_hand():
    server = await websockets.serve(echo, "127.0.0.1", 0)
    ws = await websockets.connect(uri_of(server))
    try:
        await ws.send("message")
        assert await asyncio.wait_for(ws.recv(), timeout=10) == "message"
    finally:
        await ws.close()
    server.close()
    await server.wait_closed()


def test_started_before_the_loop_runs():
    loop = asyncio.new_event_loop()
    start = websockets.serve(echo, "127.0.0.1", 0)
    server = loop.run_until_complete(start)
    ws = loop.run_until_complete(websockets.connect(uri_of(server)))
    loop.run_until_complete(ws.send("message"))
    assert loop.run_until_complete(ws.recv()) == "message"
    loop.run_until_complete(ws.close())
    server.close()
    loop.run_until_complete(server.wait_closed())
    loop.close()


async def test_connecting_in_another_task():
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        connecting = websockets.connect(uri_of(server))
        ws = await asyncio.wait_for(connecting, 10)
        await asyncio.gather(ws.send("message"), ws.recv())
        await ws.close()
        ws = await asyncio.ensure_future(websockets.connect(uri_of(server)))
        await ws.close()


async def test_connect_that_is_subclassed():
    class Session(websockets.connect):
        def __init__(self, uri, **kwargs):
            super().__init__(uri, **kwargs)
            self.entered = False

        async def __aenter__(self):
            self.entered = True
            return await super().__aenter__()

    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        session = Session(uri_of(server))
        async with session as ws:
            await ws.send("message")
            assert await ws.recv() == "message"
        assert session.entered and ws.closed


async def test_a_context_that_is_entered_by_hand():
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        connecting = websockets.connect(uri_of(server))
        ws = await connecting.__aenter__()
        await ws.send("message")
        assert await ws.recv() == "message"
        await connecting.__aexit__(None, None, None)
        assert ws.closed


async def test_older_arguments():
    loop = asyncio.get_running_loop()
    with pytest.warns(DeprecationWarning):
        server = await websockets.serve(echo, "127.0.0.1", 0, loop=loop, timeout=5)
        ws = await websockets.connect(uri_of(server), loop=loop, timeout=5)
        assert ws.loop is loop
        await ws.send("message")
        assert await ws.recv() == "message"
        await ws.close()
        server.close()
        await server.wait_closed()


def test_a_protocol_outside_a_loop():
    ws = websockets.WebSocketCommonProtocol(timeout=3, host="localhost", port=80, secure=False)
    assert (ws.close_timeout, ws.host, ws.port, ws.secure) == (3, "localhost", 80, False)
    assert (ws.open, ws.closed, ws.close_code) == (False, False, None)
    assert ws.state is websockets.protocol.State.CONNECTING
    assert (ws.local_address, ws.remote_address) == (None, None)


# Other threads


async def test_closing_from_another_thread():
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server)) as ws:

            def work():
                closing = asyncio.run_coroutine_threadsafe(ws.close(4000), ws.loop)
                closing.result(10)

            await asyncio.get_running_loop().run_in_executor(None, work)
            assert ws.closed
            assert ws.close_code == 4000


def test_a_loop_in_another_thread():
    started = threading.Event()
    running = {}

    async def serve():
        running["loop"] = asyncio.get_running_loop()
        running["stop"] = asyncio.Event()
        async with websockets.serve(echo, "127.0.0.1", 0) as server:
            running["uri"] = uri_of(server)
            started.set()
            await running["stop"].wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(10)

    async def talk():
        async with websockets.connect(running["uri"]) as ws:
            await ws.send("message")
            return await ws.recv()

    try:
        assert asyncio.run(talk()) == "message"
    finally:
        running["loop"].call_soon_threadsafe(running["stop"].set)
        thread.join(10)
    assert not thread.is_alive()


# Idioms


async def test_a_chat_room():
    members = set()

    async def handler(ws, path):
        members.add(ws)
        try:
            await asyncio.wait(
                [asyncio.ensure_future(member.send(f"{len(members)} here")) for member in members]
            )
            async for message in ws:
                for member in members:
                    await member.send(message)
        finally:
            members.discard(ws)

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server)) as first:
            assert await first.recv() == "1 here"
            async with websockets.connect(uri_of(server)) as second:
                assert await first.recv() == await second.recv() == "2 here"
                await second.send("hello")
                assert await first.recv() == await second.recv() == "hello"


async def test_a_consumer_and_a_producer():
    queue = asyncio.Queue()

    async def consume(ws):
        async for message in ws:
            await queue.put(message)

    async def produce(ws):
        while True:
            await ws.send(await queue.get())

    async def handler(ws, path):
        tasks = [asyncio.ensure_future(consume(ws)), asyncio.ensure_future(produce(ws))]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server)) as ws:
            for number in range(10):
                await ws.send(str(number))
            assert [await ws.recv() for _ in range(10)] == [str(number) for number in range(10)]


async def test_a_loop_with_a_timeout():
    async def handler(ws, path):
        await ws.recv()
        await ws.send("late")

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server)) as ws:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(ws.recv(), 0.01)
            pong = await ws.ping()
            await asyncio.wait_for(pong, 10)
            await ws.send("go on")
            assert await asyncio.wait_for(ws.recv(), 10) == "late"


async def test_close_codes_that_programs_look_at():
    async def handler(ws, path):
        await ws.close(int(path[1:]), "reason")

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        for code, kind in [
            (1000, websockets.ConnectionClosedOK),
            (1001, websockets.ConnectionClosedOK),
            (1008, websockets.ConnectionClosedError),
            (4004, websockets.exceptions.ConnectionClosed),
        ]:
            ws = await websockets.connect(uri_of(server, f"/{code}"))
            with pytest.raises(kind) as caught:
                await ws.recv()
            assert (caught.value.code, caught.value.reason) == (code, "reason")
            assert (ws.close_code, ws.close_reason) == (code, "reason")
            await ws.close()


async def test_recv_that_returns_none_at_the_end():
    async def handler(ws, path):
        await ws.send("last")

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server), legacy_recv=True) as ws:
            assert await ws.recv() == "last"
            assert await ws.recv() is None


async def test_a_process_request_that_serves_pages():
    def health(path, request_headers):
        if path == "/health":
            return http.HTTPStatus.OK, [("Content-Type", "text/plain")], b"OK\n"
        return None

    async with websockets.serve(echo, "127.0.0.1", 0, process_request=health) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await peer.read_head()).startswith(b"HTTP/1.1 200 OK\r\n")
            assert await peer.read_eof() == b"OK\n"
        async with websockets.connect(uri_of(server)) as ws:
            await ws.send("message")
            assert await ws.recv() == "message"
