"""
connect() of today's API on trio: arguments, the request, what may go wrong, and the ways to use it.
"""

import logging
import socket

import pytest
from on_trio import (
    ExceptionGroup,
    answering,
    both_ends,
    client_and_peer,
    echo,
    hold,
    listening,
    on_trio,
    port_of,
    serving,
    trio,
    uri_of,
)
from todays import Records, accepting

from websockets.exceptions import (
    InvalidMessage,
    InvalidURI,
)
from websockets.http11 import USER_AGENT
from websockets.trio import client
from websockets.trio.client import ClientConnection, connect, unix_connect
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
        (URI, {"ssl": object()}, ValueError, "ssl argument is incompatible with a ws:// URI"),
        (URI, {"compression": "gzip"}, ValueError, "unsupported compression: gzip"),
        (URI, {"subprotocols": 1}, TypeError, "subprotocols must be a list"),
        (URI, {"subprotocols": "chat"}, TypeError, "subprotocols must be a list, not a str"),
        (URI, {"subprotocols": ["a b"]}, ValueError, "invalid subprotocol: a b"),
        (URI, {"max_queue": (1, 2)}, ValueError, "max_queue"),
        (URI, {"max_queue": (1, -1)}, ValueError, "max_queue"),
        (URI, {"ping_intervall": 1}, TypeError, "unexpected keyword argument 'ping_intervall'"),
    ],
)
def test_what_is_wrong_when_it_is_built(uri, options, error, text):
    with pytest.raises(error) as raised:
        connect(uri, **options)
    assert text in str(raised.value)


def test_it_is_built_anywhere_and_tells_what_it_was_given():
    given = connect(URI, additional_headers={"A": "b"}, local_address="127.0.0.1", ssl=None)
    assert (given.uri, given.ws_uri) == (URI, parse_uri(URI))
    assert given.additional_headers == {"A": "b"}
    assert given.user_agent_header == USER_AGENT
    assert given.proxy is True and given.open_timeout == 10
    assert given.process_exception is client.process_exception
    assert given.reconnect_delays is client.backoff
    assert given.logger is logging.getLogger("websockets.client")
    assert (given.stream, given.ssl, given.server_hostname) == (None, None, None)
    assert not hasattr(given, "connection")
    assert client.MAX_REDIRECTS == 10


# The request


@on_trio
async def test_another_host_changes_where_tcp_goes_only():
    async with answering(accepting) as server:
        async with connect(
            "ws://example.com/é?ü", host="127.0.0.1", port=port_of(server), proxy=None
        ) as ws:
            await ws.stream.aclose()
        head = server.requests[0].decode()
    assert head.startswith("GET /%C3%A9?%C3%BC HTTP/1.1\r\nHost: example.com\r\n")


@on_trio
async def test_request_and_response_are_kept():
    async with client_and_peer() as (ws, peer):
        assert ws.request.path == "/" and ws.request.headers["Upgrade"] == "websocket"
        assert (ws.response.status_code, ws.response.headers["Connection"]) == (101, "Upgrade")


# What may go wrong


SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\n"


@pytest.mark.parametrize("response", [b"", b"HTTP/1.1 101 Sw", SWITCHING + b"Upgrade:"])
@on_trio
async def test_a_connection_that_ends_before_the_response(response):
    async def accept(peer):
        await peer.read_head()
        await peer.write(response)

    async with listening(accept) as server:
        with pytest.raises(InvalidMessage) as raised:
            async with connect(uri_of(server)):
                pass
    assert str(raised.value) == "did not receive a valid HTTP response"
    assert isinstance(raised.value.__cause__, EOFError)


@pytest.mark.parametrize("header, chosen", [([], None), (["Sec-WebSocket-Protocol: b"], "b")])
@on_trio
async def test_the_subprotocol(header, chosen):
    async with answering(lambda head: accepting(head, *header)) as server:
        async with connect(uri_of(server), subprotocols=["a", "b"]) as ws:
            assert ws.subprotocol == chosen
            await ws.stream.aclose()


@on_trio
async def test_open_timeout():
    async with answering(b"") as server:
        for timeout in (0.05, 0):
            with pytest.raises(
                TimeoutError, match="^timed out during opening handshake$"
            ) as raised:
                async with connect(uri_of(server), open_timeout=timeout):
                    pass
            assert isinstance(raised.value.__cause__, trio.TooSlowError)


@on_trio
async def test_a_port_where_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    with pytest.raises(OSError):
        async with connect(f"ws://127.0.0.1:{port}"):
            pass


@on_trio
async def test_tls(certificates):
    async with serving(hold, ssl=certificates.server_context()) as server:
        uri = uri_of(server, scheme="wss", host="localhost")
        async with connect(uri, ssl=certificates.client_context()) as ws:
            assert isinstance(ws.stream, trio.SSLStream)
            assert ws.remote_address[1] == port_of(server)
        assert ws.close_code == 1000
        with pytest.raises(trio.BrokenResourceError) as raised:
            async with connect(uri):
                pass
        assert "CERTIFICATE_VERIFY_FAILED" in str(raised.value.__cause__)
        with pytest.raises(trio.BrokenResourceError):
            options = {"server_hostname": "example.com", "ssl": certificates.client_context()}
            async with connect(uri, **options):
                pass
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


@on_trio
async def test_a_context_may_be_entered_again_but_not_twice_at_once():
    async with serving(hold) as server:
        connecting = connect(uri_of(server))
        for _ in range(2):
            async with connecting as ws:
                assert connecting.connection is ws
                with pytest.raises(RuntimeError, match=r"^connect\(\) isn't reentrant$"):
                    await connecting.__aenter__()
            assert not hasattr(connecting, "connection")
            assert ws.close_code == 1000


@on_trio
async def test_a_context_that_fails_closes_with_1011():
    async with serving(hold) as server:
        with pytest.raises(KeyError):
            async with connect(uri_of(server)) as ws:
                raise KeyError
        assert ws.protocol.close_sent.code == 1011


@on_trio
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

        async def aclose(self, *args, **kwargs):
            calls.append(("close", args, kwargs))
            await super().aclose(*args, **kwargs)

    class Connecting(connect):
        async def open_tcp_stream(self):
            calls.append("open_tcp_stream")
            return await super().open_tcp_stream()

        async def open_connection(self, nursery):
            calls.append("open_connection")
            return await super().open_connection(nursery)

        async def connect(self, nursery):
            calls.append("connect")
            return await super().connect(nursery)

    def create(nursery, stream, protocol, **options):
        calls.append(sorted(options))
        return Connection(nursery, stream, protocol, **options)

    async with serving(echo) as server:
        async with Connecting(uri_of(server), create_connection=create) as ws:
            await ws.send("x")
            assert ws.kind == "of a subclass"
            ws.own = "attribute"
    options = ["close_timeout", "max_queue", "ping_interval", "ping_timeout"]
    assert calls == [
        "connect",
        "open_connection",
        "open_tcp_stream",
        options,
        ("handshake", "CONNECTING"),
        "send",
        ("close", (), {}),
    ]


@on_trio
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
            await (await ws.ping(b"x")).wait()
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


def needs_unix(function):
    return pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs Unix sockets")(function)


async def unix_listener(path):
    sock = trio.socket.socket(trio.socket.AF_UNIX)
    await sock.bind(path)
    sock.listen()
    return trio.SocketListener(sock)


@needs_unix
@on_trio
async def test_a_unix_socket(tmp_path):
    path = str(tmp_path / "socket")
    records = Records()
    listeners = [await unix_listener(path)]
    async with serving(hold, listeners=listeners, logger=records.logger):
        assert records.lines == [f"INFO server listening on {path}"]
        async with unix_connect(path) as ws:
            assert ws.request.headers["Host"] == "localhost"
            assert ws.remote_address == path
        async with unix_connect(path, "ws://example.com/path") as ws:
            assert ws.request.headers["Host"] == "example.com" and ws.request.path == "/path"
        stream = await trio.open_unix_socket(path)
        async with unix_connect(stream=stream) as ws:
            assert ws.stream is stream


@needs_unix
@on_trio
async def test_tls_on_a_unix_socket(tmp_path, certificates):
    path = str(tmp_path / "socket")
    listeners = [await unix_listener(path)]
    async with serving(echo, listeners=listeners, ssl=certificates.server_context()):
        async with unix_connect(path, ssl=certificates.client_context()) as ws:
            await ws.send("x")
            assert await ws.recv() == "x"


def test_the_uri_of_a_unix_socket(certificates):
    assert unix_connect("path").uri == "ws://localhost/"
    assert unix_connect("path", ssl=certificates.client_context()).uri == "wss://localhost/"
    with pytest.raises(ValueError, match="^missing path argument$"):
        unix_connect()
    with pytest.raises(TypeError):
        unix_connect("path", host="localhost")


@on_trio
async def test_a_stream_of_the_program():
    async with serving(hold) as server:
        stream = await trio.open_tcp_stream("127.0.0.1", port_of(server))
        async with connect("ws://example.com/", stream=stream) as ws:
            assert ws.request.headers["Host"] == "example.com"
            assert ws.local_address == stream.socket.getsockname()
        with pytest.raises(trio.ClosedResourceError):
            await stream.send_all(b"x")


@on_trio
async def test_what_the_body_raises_comes_out_as_it_is():
    async with serving(hold) as server:
        for exc in (KeyError("x"), ExceptionGroup("x", [KeyError()]), KeyboardInterrupt()):
            with pytest.raises(type(exc)) as raised:
                async with connect(uri_of(server)):
                    raise exc
            assert raised.value is exc


def test_it_is_no_coroutine():
    with pytest.raises(TypeError):

        async def wait():
            await connect(URI)

        trio.run(wait)
