"""
connect() of today's API: arguments, the request, what may go wrong, and the ways to use it.
"""

import asyncio
import logging
import socket

import pytest
from peer import listening, needs_unix, port_of, turns
from todays import (
    Records,
    accepting,
    answering,
    both_ends,
    client_and_peer,
    echo,
    hold,
    uri_of,
)

from websockets.asyncio import client
from websockets.asyncio.client import ClientConnection, connect, unix_connect
from websockets.asyncio.server import serve, unix_serve
from websockets.exceptions import (
    InvalidMessage,
    InvalidURI,
)
from websockets.http11 import USER_AGENT
from websockets.uri import parse_uri

URI = "ws://localhost/"


# When it is built


@pytest.mark.parametrize(
    "uri, options, error, text",
    [
        (
            "http://localhost",
            {},
            InvalidURI,
            "http://localhost isn't a valid URI: scheme isn't ws or wss",
        ),
        ("ws://", {}, InvalidURI, "ws:// isn't a valid URI: hostname isn't provided"),
        (URI, {"ssl": True}, ValueError, "ssl argument is incompatible with a ws:// URI"),
        (URI, {"compression": "gzip"}, ValueError, "unsupported compression: gzip"),
        (URI, {"subprotocols": 1}, TypeError, "subprotocols must be a list"),
        (URI, {"subprotocols": "chat"}, TypeError, "subprotocols must be a list, not a str"),
        (URI, {"subprotocols": ["a b"]}, ValueError, "invalid subprotocol: a b"),
        (URI, {"max_queue": (1, 2)}, ValueError, "max_queue"),
        (URI, {"max_queue": (1, -1)}, ValueError, "max_queue"),
        (URI, {"ping_intervall": 1}, TypeError, "did you mean 'ping_interval'?"),
    ],
)
def test_what_is_wrong_when_it_is_built(uri, options, error, text):
    with pytest.raises(error) as raised:
        connect(uri, **options)
    assert text in str(raised.value)


def test_it_is_built_without_a_loop_and_tells_what_it_was_given():
    given = connect(URI, additional_headers={"A": "b"}, local_addr=("127.0.0.1", 0), ssl=None)
    assert (given.uri, given.ws_uri) == (URI, parse_uri(URI))
    assert given.additional_headers == {"A": "b"}
    assert given.user_agent_header == USER_AGENT
    assert given.proxy is True and given.open_timeout == 10
    assert given.process_exception is client.process_exception
    assert given.reconnect_delays is client.backoff
    assert given.logger is logging.getLogger("websockets.client")
    assert given.create_connection_kwargs == {"local_addr": ("127.0.0.1", 0), "ssl": None}
    assert not hasattr(given, "connection")
    assert client.MAX_REDIRECTS == 10


# The request


async def test_another_host_changes_where_tcp_goes_only():
    async with answering(accepting) as server:
        ws = await connect(
            "ws://example.com/é?ü", host="127.0.0.1", port=port_of(server), proxy=None
        )
        ws.transport.abort()
        await ws.wait_closed()
        head = server.requests[0].decode()
    assert head.startswith("GET /%C3%A9?%C3%BC HTTP/1.1\r\nHost: example.com\r\n")


async def test_request_and_response_are_kept():
    async with client_and_peer() as (ws, peer):
        assert ws.request.path == "/" and ws.request.headers["Upgrade"] == "websocket"
        assert (ws.response.status_code, ws.response.headers["Connection"]) == (101, "Upgrade")
        assert ws.response_rcvd.done()


# What may go wrong


SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\n"


@pytest.mark.parametrize("response", [b"", b"HTTP/1.1 101 Sw", SWITCHING + b"Upgrade:"])
async def test_a_connection_that_ends_before_the_response(response):
    async def accept(peer):
        await peer.read_head()
        peer.write(response)

    async with listening(accept) as server:
        with pytest.raises(InvalidMessage) as raised:
            await connect(uri_of(server))
    assert str(raised.value) == "did not receive a valid HTTP response"
    assert isinstance(raised.value.__cause__, EOFError)


@pytest.mark.parametrize("header, chosen", [([], None), (["Sec-WebSocket-Protocol: b"], "b")])
async def test_the_subprotocol(header, chosen):
    async with answering(lambda head: accepting(head, *header)) as server:
        ws = await connect(uri_of(server), subprotocols=["a", "b"])
        assert ws.subprotocol == chosen
        ws.transport.abort()
        await ws.wait_closed()


async def test_open_timeout():
    async with answering(b"") as server:
        for timeout in (0.05, 0):
            with pytest.raises(
                TimeoutError, match="^timed out during opening handshake$"
            ) as raised:
                await connect(uri_of(server), open_timeout=timeout)
            assert isinstance(raised.value.__cause__, (TimeoutError, asyncio.TimeoutError))


async def test_cancelling_leaves_nothing():
    async def accept(peer):
        await peer.read_head()
        reached.set()
        ended.append(await peer.read_eof())

    reached, ended = asyncio.Event(), []
    async with listening(accept) as server:
        connecting = asyncio.ensure_future(connect(uri_of(server)))
        await reached.wait()
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        while not ended:
            await asyncio.sleep(0)


async def test_wss_without_tls():
    with pytest.raises(ValueError, match="^ssl=None is incompatible with a wss:// URI$"):
        await connect("wss://127.0.0.1:1/", ssl=None)


async def test_a_port_where_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        await connect(f"ws://127.0.0.1:{port}")


async def test_tls(certificates):
    async with serve(hold, "localhost", 0, ssl=certificates.server_context()) as server:
        uri = f"wss://localhost:{port_of(server)}"
        async with connect(uri, ssl=certificates.client_context()) as ws:
            assert ws.transport.get_extra_info("ssl_object") is not None
        assert ws.close_code == 1000
        with pytest.raises(OSError):
            await connect(uri)
        with pytest.raises(OSError):
            await connect(uri, ssl=certificates.client_context(), server_hostname="example.com")
        other_name = f"wss://example.com:{port_of(server)}"
        async with connect(
            other_name,
            ssl=certificates.client_context(),
            server_hostname="localhost",
            host="localhost",
            proxy=None,
        ) as ws:
            assert ws.request.headers["Host"] == f"example.com:{port_of(server)}"


# Ways to use it


async def test_awaiting_the_same_object_opens_another_connection():
    async with serve(echo, "127.0.0.1", 0) as server:
        connecting = connect(uri_of(server))
        first, second = await connecting, await connecting
        assert first is not second
        for ws in (first, second):
            await ws.send("x")
            assert await ws.recv() == "x"
            await ws.close()


async def test_a_context_may_be_entered_again_but_not_twice_at_once():
    async with serve(hold, "127.0.0.1", 0) as server:
        connecting = connect(uri_of(server))
        for _ in range(2):
            async with connecting as ws:
                assert connecting.connection is ws
                with pytest.raises(RuntimeError, match=r"^connect\(\) isn't reentrant$"):
                    await connecting.__aenter__()
            assert not hasattr(connecting, "connection")
            assert ws.close_code == 1000


async def test_a_context_that_fails_closes_with_1011():
    async with serve(hold, "127.0.0.1", 0) as server:
        with pytest.raises(KeyError):
            async with connect(uri_of(server)) as ws:
                raise KeyError
        assert ws.protocol.close_sent.code == 1011


@needs_unix
async def test_a_unix_socket(tmp_path):
    path = str(tmp_path / "socket")
    async with unix_serve(hold, path):
        async with unix_connect(path) as ws:
            assert ws.request.headers["Host"] == "localhost"
            assert ws.remote_address == path
        async with unix_connect(path, "ws://example.com/path") as ws:
            assert ws.request.headers["Host"] == "example.com" and ws.request.path == "/path"
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(path)
            sock.setblocking(False)
            async with unix_connect(sock=sock) as ws:
                assert ws.state.name == "OPEN"


def test_the_uri_of_a_unix_socket():
    assert unix_connect("path").uri == "ws://localhost/"
    assert unix_connect("path", ssl=True).uri == "wss://localhost/"
    given = unix_connect("path").create_connection_kwargs
    assert given == {"unix": True, "path": "path"}


async def test_a_socket_of_the_program():
    async with serve(hold, "127.0.0.1", 0) as server:
        sock = socket.create_connection(("127.0.0.1", port_of(server)))
        sock.setblocking(False)
        async with connect("ws://example.com/", sock=sock) as ws:
            assert ws.request.headers["Host"] == "example.com"


# Subclasses


async def test_methods_that_subclasses_override():
    calls = []

    class Connection(ClientConnection):
        kind = "of a subclass"

        async def handshake(self, *args, **kwargs):
            calls.append(("handshake", self.state.name))
            await super().handshake(*args, **kwargs)

        async def send(self, *args, **kwargs):
            calls.append("send")
            await super().send(*args, **kwargs)

        async def close(self, *args, **kwargs):
            calls.append(("close", args, kwargs))
            await super().close(*args, **kwargs)

    class Connecting(connect):
        async def open_tcp_connection(self):
            calls.append("open_tcp_connection")
            return await super().open_tcp_connection()

        async def connect(self):
            calls.append("connect")
            return await super().connect()

    def create(protocol, **options):
        calls.append(sorted(options))
        return Connection(protocol, **options)

    async with serve(echo, "127.0.0.1", 0) as server:
        async with Connecting(uri_of(server), create_connection=create) as ws:
            await ws.send("x")
            assert ws.kind == "of a subclass"
            ws.own = "attribute"
    options = ["close_timeout", "max_queue", "ping_interval", "ping_timeout", "write_limit"]
    assert calls == [
        "connect",
        "open_tcp_connection",
        options,
        ("handshake", "CONNECTING"),
        "send",
        ("close", (), {}),
    ]


async def test_a_subclass_may_see_each_event():
    events = []

    class Watching(ClientConnection):
        def process_event(self, event):
            events.append(str(event) if hasattr(event, "opcode") else type(event).__name__)
            super().process_event(event)

    for compression in (None, "deflate"):
        events.clear()
        options = {"compression": compression}
        async with both_ends(options, create_connection=Watching, **options) as (server, ws):
            await server.send("hello")
            assert await ws.recv() == "hello"
            await server.send(["a", "b"])
            assert await ws.recv() == "ab"
            await (await ws.ping(b"x"))
        assert ws.response.status_code == 101
        assert events == [
            "Response",
            "TEXT 'hello' [5 bytes]",
            "TEXT 'a' [1 byte, continued]",
            "CONT 'b' [text, 1 byte, continued]",
            "CONT '' [0 bytes]",
            "PONG 'x' [text, 1 byte]",
            "CLOSE 1000 (OK) [2 bytes]",
        ]


async def test_a_connection_that_was_closed_before_it_was_open():
    records = Records()
    async with answering(b"") as server:
        connecting = asyncio.ensure_future(connect(uri_of(server), logger=records.logger))
        while not server.requests:
            await asyncio.sleep(0)
        connecting.cancel()
        await turns()
    assert connecting.cancelled() and not records.lines
