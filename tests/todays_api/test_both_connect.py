"""
connect() on asyncio and on trio: the request, and what may be wrong with the response.
"""

import pytest
from both import (
    CLOSE_METHOD,
    accepting_by,
    answered,
    answering,
    both_ends,
    carrier_to,
    client_and_peer,
    client_module,
    close,
    connect,
    failing,
    follow,
    port_of,
    request_of,
    runs_on_trio,
    serving,
    serving_at,
    time_outs,
    tls_failures,
    uri_of,
)
from peer import needs_unix
from programs import free_port
from todays import Records, accepting, echo, hold

from websockets.datastructures import Headers
from websockets.exceptions import (
    HeaderLineTooLong,
    InvalidHeader,
    InvalidHeaderValue,
    InvalidMessage,
    InvalidStatus,
    InvalidUpgrade,
    InvalidURI,
    NegotiationError,
    StatusLineTooLong,
    TooManyHeaders,
)
from websockets.http11 import USER_AGENT

pytestmark = pytest.mark.and_trio

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
        (URI, {"extra_headers": {}}, TypeError, "did you mean 'additional_headers'?"),
        (URI, {"create_protocol": print}, TypeError, "did you mean 'create_connection'?"),
    ],
)
async def test_what_is_wrong_when_it_is_built(uri, options, error, text):
    with pytest.raises(error) as raised:
        client_module().connect(uri, **options)
    assert text in str(raised.value)


# The request


async def test_the_headers_of_a_request_in_their_order():
    assert await request_of("ws://127.0.0.1:{}") == [
        "GET / HTTP/1.1",
        "Host: 127.0.0.1:PORT",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        f"User-Agent: {USER_AGENT}",
    ]
    assert await request_of(
        "ws://user:pass%20word@127.0.0.1:{}/path?query",
        origin="https://example.com",
        compression=None,
        subprotocols=["a", "b"],
        additional_headers=[("X", "1"), ("X", "2"), ("Host", "another")],
        user_agent_header="agent",
    ) == [
        "GET /path?query HTTP/1.1",
        "Host: 127.0.0.1:PORT",
        "Authorization: Basic dXNlcjpwYXNzIHdvcmQ=",
        "Origin: https://example.com",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: a, b",
        "X: 1",
        "X: 2",
        "Host: another",
        "User-Agent: agent",
    ]


@pytest.mark.parametrize(
    "headers, agent, lines",
    [
        ({"User-Agent": "theirs"}, "ours", ["User-Agent: theirs"]),
        (Headers(A="b"), None, ["A: b"]),
        (lambda: iter([("A", "b")]), "ours", ["A: b", "User-Agent: ours"]),
        (None, None, []),
    ],
)
async def test_headers_of_the_program(headers, agent, lines):
    uri = "ws://127.0.0.1:{}"
    headers = headers() if callable(headers) else headers
    options = {"additional_headers": headers, "user_agent_header": agent, "compression": None}
    assert (await request_of(uri, **options))[6:] == lines


async def test_another_host_changes_where_tcp_goes_only():
    async with answering(accepting) as server:
        where = {"host": "127.0.0.1", "port": port_of(server)}
        await follow(connect("ws://example.com/é?ü", proxy=None, **where))
        head = server.requests[0].decode()
    assert head.startswith("GET /%C3%A9?%C3%BC HTTP/1.1\r\nHost: example.com\r\n")


async def test_request_and_response_are_kept():
    async with client_and_peer() as (ws, peer):
        assert ws.request.path == "/" and ws.request.headers["Upgrade"] == "websocket"
        assert (ws.response.status_code, ws.response.headers["Connection"]) == (101, "Upgrade")


# What may go wrong


@pytest.mark.parametrize(
    "response, body",
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\nX: y\r\n\r\nabc", b"abc"),
        (
            b"HTTP/1.1 404 Not Found\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            b"abc",
        ),
        (b"HTTP/1.1 404 Not Found\r\nX: y\r\nContent-Length: 0\r\n\r\n", b""),
    ],
)
async def test_another_status_than_101(response, body):
    exc = await failing(response)
    assert type(exc) is InvalidStatus
    assert str(exc) == "server rejected WebSocket connection: HTTP 404"
    assert (exc.response.status_code, exc.response.reason_phrase) == (404, "Not Found")
    assert exc.response.headers["X"] == "y" and bytes(exc.response.body) == body


SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\n"


LIMIT = "read {} bytes, expected no more than 8192 bytes"


@pytest.mark.parametrize(
    "response, cause, text",
    [
        (b"FOO\r\n\r\n", ValueError, "invalid HTTP status line: FOO"),
        (
            b"HTTP/1.0 200 OK\r\n\r\n",
            ValueError,
            "unsupported protocol; expected HTTP/1.1: HTTP/1.0 200 OK",
        ),
        (SWITCHING + b"A b\r\n\r\n", ValueError, "invalid HTTP header line: A b"),
        (SWITCHING + b"A: " + b"x" * 9000 + b"\r\n\r\n", HeaderLineTooLong, LIMIT.format(9005)),
        (
            SWITCHING + b"A: b\r\n" * 129 + b"\r\n",
            TooManyHeaders,
            "expected no more than 128 headers",
        ),
    ],
)
async def test_what_is_no_response(response, cause, text):
    exc = await failing(response)
    assert type(exc) is InvalidMessage
    assert str(exc) == "did not receive a valid HTTP response"
    assert type(exc.__cause__) is cause and str(exc.__cause__) == text


async def test_a_status_line_that_is_too_long():
    exc = await failing(b"HTTP/1.1 101 " + b"x" * 9000 + b"\r\n\r\n")
    assert type(exc) is StatusLineTooLong and str(exc) == LIMIT.format(9015)


UPGRADE = SWITCHING + b"Upgrade: websocket\r\nConnection: Upgrade\r\n"


@pytest.mark.parametrize(
    "response, error, text",
    [
        (SWITCHING + b"\r\n", InvalidUpgrade, "missing Connection header"),
        (SWITCHING + b"Connection: Upgrade\r\n\r\n", InvalidUpgrade, "missing Upgrade header"),
        (UPGRADE + b"\r\n", InvalidHeader, "missing Sec-WebSocket-Accept header"),
        (
            UPGRADE + b"Sec-WebSocket-Accept: x\r\n\r\n",
            InvalidHeaderValue,
            "invalid Sec-WebSocket-Accept header: x",
        ),
    ],
)
async def test_wrong_headers(response, error, text):
    exc = await failing(response)
    assert type(exc) is error and str(exc) == text


@pytest.mark.parametrize(
    "header, options, text",
    [
        ("Sec-WebSocket-Extensions: x", {"compression": None}, "no extensions supported"),
        (
            "Sec-WebSocket-Extensions: x; a=1",
            {},
            "Unsupported extension: name = x, params = [('a', '1')]",
        ),
        ("Sec-WebSocket-Protocol: a", {}, "no subprotocols supported"),
        ("Sec-WebSocket-Protocol: a", {"subprotocols": ["b"]}, "unsupported subprotocol: a"),
    ],
)
async def test_what_was_not_offered(header, options, text):
    exc = await failing(lambda head: accepting(head, header), **options)
    assert type(exc) is NegotiationError and str(exc) == text


@pytest.mark.parametrize("response", [b"", b"HTTP/1.1 101 Sw", SWITCHING + b"Upgrade:"])
async def test_a_connection_that_ends_before_the_response(response):
    async def accept(peer):
        await peer.read_head()
        await peer.write(response)

    async with accepting_by(accept) as server:
        with pytest.raises(InvalidMessage) as raised:
            await follow(connect(uri_of(server)))
    assert str(raised.value) == "did not receive a valid HTTP response"
    assert isinstance(raised.value.__cause__, EOFError)


@pytest.mark.parametrize("header, chosen", [([], None), (["Sec-WebSocket-Protocol: b"], "b")])
async def test_the_subprotocol(header, chosen):
    async with answering(lambda head: accepting(head, *header)) as server:
        ws = await follow(connect(uri_of(server), subprotocols=["a", "b"]))
        assert ws.subprotocol == chosen


async def test_open_timeout():
    async with answering(b"") as server:
        for timeout in (0.05, 0):
            with pytest.raises(
                TimeoutError, match="^timed out during opening handshake$"
            ) as raised:
                await follow(connect(uri_of(server), open_timeout=timeout))
            assert isinstance(raised.value.__cause__, time_outs())


async def test_a_port_where_nobody_listens():
    with pytest.raises(OSError):
        await follow(connect(f"ws://127.0.0.1:{free_port()}"))


async def test_tls(certificates):
    async with serving(hold, ssl=certificates.server_context()) as server:
        uri = uri_of(server, scheme="wss", host="localhost")
        async with connect(uri, ssl=certificates.client_context()) as ws:
            assert ws.remote_address[1] == port_of(server)
        assert ws.close_code == 1000
        context = certificates.client_context()
        for wrong in ({}, {"ssl": context, "server_hostname": "example.com"}):
            with pytest.raises(tls_failures()):
                await follow(connect(uri, **wrong))
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


async def test_a_loop_is_a_context_too():
    async with serving(hold) as server:
        connecting = connect(uri_of(server))
        async with connecting:
            with pytest.raises(RuntimeError, match=r"^connect\(\) isn't reentrant$"):
                await connecting.__aiter__().__anext__()
        connections = connecting.__aiter__()
        first = await connections.__anext__()
        second = await connections.__anext__()
        assert (first.close_code, second.state.name) == (1000, "OPEN")
        if not runs_on_trio():
            assert connecting.connection is second
            with pytest.raises(RuntimeError, match=r"^connect\(\) isn't reentrant$"):
                await connecting.__aenter__()
            await connections.aclose()
            assert not hasattr(connecting, "connection")
        await close(second)


async def test_a_context_that_fails_closes_with_1011():
    async with serving(hold) as server:
        with pytest.raises(KeyError):
            async with connect(uri_of(server)) as ws:
                raise KeyError
        assert ws.protocol.close_sent.code == 1011


@needs_unix
async def test_a_unix_socket(tmp_path):
    path = str(tmp_path / "socket")
    records, unix_connect = Records(), client_module().unix_connect
    async with serving_at(path, hold, logger=records.logger) as server:
        assert records.lines == [f"INFO server listening on {path}"]
        async with unix_connect(path) as ws:
            assert ws.request.headers["Host"] == "localhost"
            assert ws.remote_address == path
        async with unix_connect(path, "ws://example.com/path") as ws:
            assert ws.request.headers["Host"] == "example.com" and ws.request.path == "/path"
        given, _ = carrier_to(server)
        async with unix_connect(**given) as ws:
            assert ws.state.name == "OPEN"


@needs_unix
async def test_tls_on_a_unix_socket(tmp_path, certificates):
    path = str(tmp_path / "socket")
    unix_connect = client_module().unix_connect
    async with serving_at(path, echo, ssl=certificates.server_context()):
        async with unix_connect(path, ssl=certificates.client_context()) as ws:
            await ws.send("x")
            assert await ws.recv() == "x"


async def test_a_way_of_the_program():
    async with serving(hold) as server:
        given, _ = carrier_to(server)
        async with connect("ws://example.com/", **given) as ws:
            assert ws.request.headers["Host"] == "example.com"
            assert ws.remote_address[1] == port_of(server)


# Subclasses


async def test_methods_that_subclasses_override():
    calls = []

    class Connection(client_module().ClientConnection):
        kind = "of a subclass"

        async def handshake(self, *args, **kwargs):
            calls.append(("handshake", self.state.name))
            await super().handshake(*args, **kwargs)

        async def send(self, *args, **kwargs):
            calls.append("send")
            await super().send(*args, **kwargs)

        async def end(self, *args, **kwargs):
            calls.append(("close", args, kwargs))
            await getattr(super(), CLOSE_METHOD[runs_on_trio()])(*args, **kwargs)

    setattr(Connection, CLOSE_METHOD[runs_on_trio()], Connection.end)

    class Connecting(client_module().connect):
        async def connect(self, *args):
            calls.append("connect")
            return await super().connect(*args)

        async def open(self):
            calls.append("open TCP")
            return await getattr(super(), open_tcp)()

    open_tcp = "open_tcp_stream" if runs_on_trio() else "open_tcp_connection"
    setattr(Connecting, open_tcp, Connecting.open)

    def create(*args, **options):
        calls.append(sorted(options.keys() - {"write_limit"}))
        return Connection(*args, **options)

    async with serving(echo) as server:
        async with Connecting(uri_of(server), create_connection=create) as ws:
            await ws.send("x")
            assert ws.kind == "of a subclass"
            ws.own = "attribute"
    options = ["close_timeout", "max_queue", "ping_interval", "ping_timeout"]
    assert calls == [
        "connect",
        "open TCP",
        options,
        ("handshake", "CONNECTING"),
        "send",
        ("close", (), {}),
    ]


async def test_a_subclass_may_see_each_event():
    events = []

    class Watching(client_module().ClientConnection):
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
            await answered(await ws.ping(b"x"))
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
