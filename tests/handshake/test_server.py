"""Servers: the opening handshake seen from a client that writes bytes, handlers, shutting down."""

import asyncio
import functools
import http
import logging
import socket

import pytest
from peer import REQUEST, TEXT, close_payload, echo, frame, hold, port_of, tcp_to, turns

import websockets
from websockets.http import Headers


def header(head, name):
    """Return the values of a header in the bytes of a head."""
    lines = head.decode().split("\r\n")[1:]
    fields = [line.split(": ", 1) for line in lines if line]
    return [value for field, value in fields if field.lower() == name.lower()]


async def answer(request, handler=hold, **kwargs):
    """Return the head and the body of the response to a request."""
    async with websockets.serve(handler, "127.0.0.1", 0, **kwargs) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(request)
            head = await peer.read_head()
            body = b"" if b" 101 " in head.split(b"\r\n")[0] else await peer.read_eof()
            return head, body


def status(head):
    return int(head.split(b" ", 2)[1])


# The handshake


async def test_the_handshake_of_rfc_6455_section_1_3_byte_for_byte():
    request = (
        b"GET /chat HTTP/1.1\r\n"
        b"Host: server.example.com\r\n"
        b"Upgrade: websocket\r\n"
        b"Connection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Origin: http://example.com\r\n"
        b"Sec-WebSocket-Protocol: chat, superchat\r\n"
        b"Sec-WebSocket-Version: 13\r\n\r\n"
    )
    head, _ = await answer(
        request,
        subprotocols=["chat"],
        origins=["http://example.com"],
        extra_headers={"Date": "today", "Server": "ours"},
    )
    assert head == (
        b"HTTP/1.1 101 Switching Protocols\r\n"
        b"Upgrade: websocket\r\n"
        b"Connection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        b"Sec-WebSocket-Protocol: chat\r\n"
        b"Date: today\r\n"
        b"Server: ours\r\n\r\n"
    )


async def test_a_client_that_does_not_wait_for_the_response():
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        async with tcp_to(port_of(server)) as peer:
            early = frame(TEXT, b"early", masked=True) + frame(8, close_payload(1000), masked=True)
            for byte in REQUEST + b"\r\n" + early:
                peer.write(bytes([byte]))
                await asyncio.sleep(0)
            await peer.read_head()
            assert await peer.read() == (0x81, b"early")
            assert await peer.read_close() == (1000, "")


async def test_handlers_get_the_path_and_the_headers():
    seen = []

    async def handler(ws, path):
        seen.append((path, ws.path, ws.request_headers["X-Test"], ws.response_headers["Upgrade"]))

    await answer(REQUEST + b"X-Test: 1\r\n\r\n", handler)
    assert seen == [("/chat?room=1", "/chat?room=1", "1", "websocket")]


BAD_REQUESTS = {
    "not HTTP": (b"hello\r\n\r\n", 400, "request line"),
    "bare LF": (b"GET / HTTP/1.1\n\n", 400, "CRLF"),
    "POST": (REQUEST.replace(b"GET", b"POST") + b"\r\n", 405, "POST"),
    "HTTP/1.0": (REQUEST.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n", 505, "HTTP/1.0"),
    "folded field": (REQUEST + b"X: a\r\n b\r\n\r\n", 400, "header field"),
    "long request line": (b"GET /" + b"x" * 8192 + b" HTTP/1.1\r\n\r\n", 414, "8192"),
    "long field": (REQUEST + b"X: " + b"x" * 8192 + b"\r\n\r\n", 431, "8192"),
    "many fields": (REQUEST + b"X: x\r\n" * 128 + b"\r\n", 431, "128"),
    "no Host": (REQUEST.replace(b"Host: localhost\r\n", b"") + b"\r\n", 400, "Host"),
    "two Hosts": (REQUEST + b"Host: other\r\n\r\n", 400, "Host"),
    "body": (REQUEST + b"Content-Length: 1\r\n\r\n", 400, "Content-Length"),
    "chunked body": (REQUEST + b"Transfer-Encoding: chunked\r\n\r\n", 400, "Transfer-Encoding"),
    "no upgrade": (REQUEST.replace(b"Upgrade: websocket\r\n", b"") + b"\r\n", 426, "Upgrade"),
    "wrong upgrade": (REQUEST.replace(b"websocket", b"notwebsocket") + b"\r\n", 426, "Upgrade"),
    "wrong connection": (
        REQUEST.replace(b"Connection: Upgrade", b"Connection: close") + b"\r\n",
        426,
        "Connection",
    ),
    "wrong version": (REQUEST.replace(b"13", b"8") + b"\r\n", 426, "Sec-WebSocket-Version"),
    "no key": (REQUEST.replace(b"Sec-WebSocket-Key", b"X-Key") + b"\r\n", 400, "Key"),
    "short key": (REQUEST.replace(b"dGhl", b"") + b"\r\n", 400, "Key"),
    "key in UTF-8": (REQUEST.replace(b"dGhl", "d\u00e9l".encode()) + b"\r\n", 400, "Key"),
    "two keys": (REQUEST + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 400, "Key"),
    "bad extensions": (
        REQUEST + b"Sec-WebSocket-Extensions: a; b=\xe9\r\n\r\n",
        400,
        "Sec-WebSocket-Extensions",
    ),
    "bad subprotocols": (
        REQUEST + b"Sec-WebSocket-Protocol: \xff\r\n\r\n",
        400,
        "Sec-WebSocket-Protocol",
    ),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
async def test_a_bad_request_gets_a_response_that_says_what_was_wrong(name, caplog):
    request, expected, words = BAD_REQUESTS[name]
    head, body = await answer(request, subprotocols=["chat"])
    assert status(head) == expected
    assert words in body.decode()
    assert header(head, "Content-Length") == [str(len(body))]
    assert header(head, "Connection") == ["close"]
    if "version" in name:
        assert header(head, "Sec-WebSocket-Version") == ["13"]
    if "upgrade" in name:
        assert header(head, "Upgrade") == ["websocket"]
    assert not caplog.records


async def test_firefox_lists_keep_alive_before_upgrade():
    request = REQUEST.replace(b"Connection: Upgrade", b"Connection: keep-alive, Upgrade")
    head, _ = await answer(request + b"\r\n")
    assert status(head) == 101


async def test_an_empty_line_before_the_request_is_ignored():
    head, _ = await answer(b"\r\n" + REQUEST + b"\r\n")
    assert status(head) == 101


async def test_a_client_that_dribbles_is_cut_off():
    async with websockets.serve(hold, "127.0.0.1", 0, open_timeout=0.02) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST)
            assert status(await peer.read_head()) == 408
            await peer.read_eof()


async def test_a_client_that_goes_away_in_the_handshake_is_no_error(caplog):
    async with websockets.serve(hold, "127.0.0.1", 0) as server:
        for data in (b"", REQUEST):
            async with tcp_to(port_of(server)) as peer:
                peer.write(data)
            async with tcp_to(port_of(server)) as peer:
                peer.write(data)
                peer.writer.transport.abort()
    assert not caplog.records


# Origins, subprotocols, headers


@pytest.mark.parametrize(
    "origins, sent, expected",
    [
        (None, [], 101),
        (None, ["http://any"], 101),
        (["http://a"], ["http://a"], 101),
        (["http://a"], ["http://b"], 403),
        (["http://a"], [], 403),
        (["http://a", None], [], 101),
        (["http://a"], ["http://a", "http://a"], 400),
    ],
)
async def test_origins(origins, sent, expected):
    request = REQUEST + b"".join(b"Origin: %s\r\n" % origin.encode() for origin in sent)
    head, _ = await answer(request + b"\r\n", origins=origins)
    assert status(head) == expected


@pytest.mark.parametrize(
    "offered, supported, chosen",
    [
        ("a", ["a"], "a"),
        ("a, b", ["b", "a"], "b"),
        ("a, b, c", ["c", "b"], "c"),
        ("a", ["b"], None),
        ("a", None, None),
    ],
)
async def test_the_subprotocol_that_both_prefer_is_chosen(offered, supported, chosen):
    request = REQUEST + f"Sec-WebSocket-Protocol: {offered}\r\n\r\n".encode()
    head, _ = await answer(request, subprotocols=supported)
    assert header(head, "Sec-WebSocket-Protocol") == ([chosen] if chosen else [])


def second(client_subprotocols, server_subprotocols):
    return client_subprotocols[1]


class ChoosesSecond(websockets.WebSocketServerProtocol):
    def select_subprotocol(self, client_subprotocols, server_subprotocols):
        return second(client_subprotocols, server_subprotocols)


@pytest.mark.parametrize(
    "kwargs", [{"select_subprotocol": second}, {"create_protocol": ChoosesSecond}]
)
async def test_select_subprotocol_by_argument_and_by_subclass(kwargs):
    request = REQUEST + b"Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n\r\n"
    head, _ = await answer(request, subprotocols=["a", "b"], **kwargs)
    assert header(head, "Sec-WebSocket-Protocol") == ["b"]


@pytest.mark.parametrize(
    "extra_headers",
    [
        Headers({"X-Extra": "1"}),
        {"X-Extra": "1"},
        [("X-Extra", "1")],
        lambda path, headers: [("X-Extra", "1")] if path == "/chat?room=1" else [],
    ],
)
async def test_extra_headers(extra_headers):
    head, _ = await answer(REQUEST + b"\r\n", extra_headers=extra_headers)
    assert header(head, "X-Extra") == ["1"]


@pytest.mark.parametrize("value", ["a\r\nX-Smuggled: 1", "a\0"])
async def test_control_characters_cannot_get_into_the_response(value, caplog):
    caplog.set_level(logging.CRITICAL, "websockets.server")
    head, _ = await answer(REQUEST + b"\r\n", extra_headers={"X": value})
    assert status(head) == 500
    assert not header(head, "X-Smuggled")


def test_subprotocols_are_a_list():
    with pytest.raises(TypeError, match="list"):
        websockets.serve(hold, subprotocols="chat")


def test_compression_is_deflate_or_none():
    with pytest.raises(ValueError, match="compression"):
        websockets.serve(hold, compression="gzip")


# process_request


def plain(path, request_headers):
    return http.HTTPStatus.OK, {"X-Seen": path}, b"healthy\n"


async def coroutine(path, request_headers):
    return 200, [("X-Seen", path)], b"healthy\n"


class Answering(websockets.WebSocketServerProtocol):
    async def process_request(self, path, request_headers):
        return plain(path, request_headers)


@pytest.mark.parametrize(
    "kwargs",
    [{"process_request": plain}, {"process_request": coroutine}, {"create_protocol": Answering}],
    ids=["function", "coroutine", "subclass"],
)
async def test_process_request_answers_any_get_request(kwargs):
    head, body = await answer(b"GET /health HTTP/1.1\r\n\r\n", **kwargs)
    assert (status(head), body) == (200, b"healthy\n")
    assert header(head, "X-Seen") == ["/health"]
    assert header(head, "Content-Length") == ["8"]


async def test_process_request_that_returns_none_lets_the_handshake_go_on():
    async def process_request(path, request_headers):
        return None

    head, _ = await answer(REQUEST + b"\r\n", process_request=process_request)
    assert status(head) == 101


@pytest.mark.parametrize(
    "wrong", [ValueError("on purpose"), ConnectionError("on purpose"), "not a triple"], ids=repr
)
async def test_process_request_that_fails_is_logged_and_gives_500(wrong, caplog):
    def process_request(path, request_headers):
        if isinstance(wrong, Exception):
            raise wrong
        return wrong

    caplog.set_level(logging.ERROR, "websockets.server")
    head, body = await answer(REQUEST + b"\r\n", process_request=process_request)
    assert status(head) == 500 and b"on purpose" not in body
    assert [record.name for record in caplog.records] == ["websockets.server"]
    assert caplog.records[0].exc_info


# Handlers


async def one_argument(ws):
    await ws.send("hello")


async def two_arguments(ws, path):
    await ws.send("hello")


async def three_arguments(greeting, ws, path):
    await ws.send(greeting)


class Callable:
    async def __call__(self, ws):
        await ws.send("hello")

    async def method(self, ws, path=None):
        await ws.send("hello" if path else "no path")


@pytest.mark.parametrize(
    "handler",
    [
        one_argument,
        two_arguments,
        functools.partial(three_arguments, "hello"),
        Callable(),
        Callable().method,
    ],
    ids=["one", "two", "partial", "object", "method"],
)
async def test_handlers_of_any_shape(handler):
    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async with websockets.connect(f"ws://127.0.0.1:{port_of(server)}") as ws:
            assert await ws.recv() == "hello"
            with pytest.raises(websockets.ConnectionClosedOK):
                await ws.recv()


async def test_a_handler_that_fails_is_logged_once_and_closes_with_1011(caplog):
    async def handler(ws, path):
        raise ZeroDivisionError("on purpose")

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async with websockets.connect(f"ws://127.0.0.1:{port_of(server)}") as ws:
            with pytest.raises(websockets.ConnectionClosedError) as error:
                await ws.recv()
    assert error.value.code == 1011
    [record] = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert record.name == "websockets.server" and record.exc_info[0] is ZeroDivisionError


async def test_a_handler_that_its_connection_ends_under_is_no_error(caplog):
    async def handler(ws, path):
        while True:
            await ws.recv()

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        for code in (1000, 4000):
            ws = await websockets.connect(f"ws://127.0.0.1:{port_of(server)}")
            await ws.close(code)
        ws = await websockets.connect(f"ws://127.0.0.1:{port_of(server)}")
        ws.transport.abort()
        await ws.wait_closed()
    assert not caplog.records


async def test_cancelling_a_handler_tells_the_client_and_ends_the_connection():
    async with websockets.serve(hold, "127.0.0.1", 0) as server:
        async with websockets.connect(f"ws://127.0.0.1:{port_of(server)}") as ws:
            [protocol] = server.websockets
            protocol.handler_task.cancel()
            with pytest.raises(websockets.ConnectionClosedOK) as error:
                await ws.recv()
            assert error.value.code == 1001
            await asyncio.wait([protocol.handler_task])
            assert protocol.handler_task.cancelled()


# Shutting down


async def test_close_sends_1001_and_waits_for_handlers():
    events = []
    go_on = asyncio.Event()

    async def handler(ws, path):
        try:
            await ws.recv()
        except websockets.ConnectionClosedOK as exc:
            events.append(exc.code)
        await go_on.wait()
        events.append("returned")

    server = await websockets.serve(handler, "127.0.0.1", 0)
    port = port_of(server)
    ws = await websockets.connect(f"ws://127.0.0.1:{port}")
    assert server.is_serving()
    server.close()
    server.close()
    assert server.sockets is None and not server.is_serving()
    with pytest.raises(websockets.ConnectionClosedOK) as error:
        await ws.recv()
    assert error.value.code == 1001
    waiting = [asyncio.ensure_future(server.wait_closed()) for _ in range(2)]
    while not events:
        await turns(1)
    await turns()
    assert events == [1001] and not any(task.done() for task in waiting)
    go_on.set()
    await asyncio.gather(*waiting)
    assert events == [1001, "returned"]
    await server.wait_closed()
    with pytest.raises(OSError):
        await websockets.connect(f"ws://127.0.0.1:{port}")
    await ws.wait_closed()


async def test_close_answers_503_to_handshakes_that_are_not_complete():
    server = await websockets.serve(hold, "127.0.0.1", 0)
    async with tcp_to(port_of(server)) as peer:
        peer.write(REQUEST)
        while not server.websockets:
            await asyncio.sleep(0)
        server.close()
        assert status(await peer.read_head()) == 503
        assert b"shutting down" in await peer.read_eof()
    await server.wait_closed()


async def test_close_answers_503_while_process_request_runs():
    events = []

    class Slow(websockets.WebSocketServerProtocol):
        async def process_request(self, path, request_headers):
            events.append("begun")
            await self.wait_closed()
            events.append("told")

    server = await websockets.serve(hold, "127.0.0.1", 0, create_protocol=Slow)
    async with tcp_to(port_of(server)) as peer:
        peer.write(REQUEST + b"\r\n")
        while not events:
            await asyncio.sleep(0)
        server.close()
        assert status(await peer.read_head()) == 503
        await peer.read_eof()
    await server.wait_closed()
    assert events == ["begun", "told"]


async def test_close_before_a_connection_is_made_by_the_loop():
    server = await websockets.serve(hold, "127.0.0.1", 0, close_timeout=0.02)
    port = port_of(server)
    with socket.create_connection(("127.0.0.1", port)):
        server.close()
        await server.wait_closed()


async def test_serve_forever_ends_with_its_cancellation():
    server = await websockets.serve(hold, "127.0.0.1", 0, start_serving=False)
    assert not server.is_serving()
    serving = asyncio.ensure_future(server.serve_forever())
    while not server.is_serving():
        await asyncio.sleep(0)
    ws = await websockets.connect(f"ws://127.0.0.1:{port_of(server)}")
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    await ws.wait_closed()
    assert ws.close_code == 1001
    assert server.sockets is None


# Where servers listen


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


# Basic authentication


@pytest.mark.parametrize(
    "credentials, expected",
    [
        ("user:secret", 101),
        ("\u00fcser:p\u00e4ss:w\u00f6rd", 101),
        ("user:wrong", 401),
        ("nobody:secret", 401),
        ("nobody:", 401),
        (None, 401),
    ],
)
@pytest.mark.parametrize("by", ["list", "function"])
async def test_basic_auth(credentials, expected, by):
    known = [("user", "secret"), ("\u00fcser", "p\u00e4ss:w\u00f6rd")]

    async def check(username, password):
        return (username, password) in known

    names = []

    async def handler(ws, path):
        names.append(ws.username)

    factory = websockets.basic_auth_protocol_factory(
        "the realm",
        **({"credentials": known} if by == "list" else {"check_credentials": check}),
    )
    request = REQUEST
    if credentials is not None:
        value = websockets.headers.build_authorization_basic(*credentials.split(":", 1))
        request += f"Authorization: {value}\r\n".encode()
    head, _ = await answer(request + b"\r\n", handler, create_protocol=factory)
    assert status(head) == expected
    if expected == 401:
        assert header(head, "WWW-Authenticate")[0].startswith('Basic realm="the realm"')
    else:
        assert names == [credentials.split(":")[0]]


@pytest.mark.parametrize("value", ["Basic \xff", "Basic ////", "Bearer abc", ""])
async def test_malformed_credentials_are_401(value):
    factory = websockets.basic_auth_protocol_factory("realm", ("user", "secret"))
    request = REQUEST + b"Authorization: " + value.encode("latin-1") + b"\r\n\r\n"
    head, _ = await answer(request, create_protocol=factory)
    assert status(head) == 401


@pytest.mark.parametrize(
    "arguments",
    [{}, {"credentials": ("a", "b"), "check_credentials": hold}, {"credentials": [("a", 1)]}],
)
def test_basic_auth_refuses_wrong_arguments(arguments):
    with pytest.raises(TypeError):
        websockets.basic_auth_protocol_factory("realm", **arguments)
