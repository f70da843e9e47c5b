"""
An application server that speaks HTTP itself, and hands a connection over when it is upgraded.

What a class here does on purpose is what some framework does in earnest. Nothing of it may break
without a line in the changelog.
"""

import asyncio
import http
import logging

import pytest
from peer import CLOSE, REQUEST, TEXT, close_payload, port_of, tcp_to, uri_of

import websockets
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.server import WebSocketServerProtocol


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
