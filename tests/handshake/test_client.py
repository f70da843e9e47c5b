"""Clients: the opening handshake seen from a server that writes bytes, and where clients connect."""

import asyncio
import base64
import contextlib
import gc

import pytest
from peer import Peer, port_of

import websockets
from websockets.handshake import accept_key


class Server:
    """Answers each connection with the next of its responses, and keeps the requests."""

    def __init__(self, *responses):
        self.responses = list(responses)
        self.requests = []

    async def accept(self, reader, writer):
        peer = Peer(reader, writer, masked=False)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await peer.read_head()).decode()
            self.requests.append(head)
            response = self.responses.pop(0)
            if callable(response):
                response = response(head)
            peer.write(response)
            if b" 101 " in response and response.endswith(b"\r\n\r\n"):
                await peer.read_eof()
        await peer.close()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", 0)
        self.port = port_of(self.server)
        self.uri = f"ws://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *exc_info):
        self.server.close()
        await self.server.wait_closed()


def field(head, name):
    for line in head.split("\r\n")[1:]:
        key, _, value = line.partition(": ")
        if key.lower() == name.lower():
            return value
    return None


def accepting(*extra, **changes):
    """Make a response that accepts a handshake, with changes to its headers."""

    def respond(head):
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": accept_key(field(head, "Sec-WebSocket-Key")),
        }
        headers.update({name.replace("_", "-"): value for name, value in changes.items()})
        lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
        return "\r\n".join(["HTTP/1.1 101 Switching Protocols", *lines, *extra, "", ""]).encode()

    return respond


def redirecting(location, status="302 Found"):
    return f"HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


async def connect_and_close(uri, **kwargs):
    """Open a connection, end it, and return the protocol."""
    ws = await websockets.connect(uri, **kwargs)
    ws.transport.abort()
    await ws.wait_closed()
    return ws


# The request


async def test_the_request_of_a_client():
    async with Server(accepting()) as server:
        ws = await connect_and_close(f"{server.uri}/caf\u00e9?a=b c".replace(" ", "%20"))
    lines = server.requests[0].split("\r\n")
    assert lines[0] == "GET /caf%C3%A9?a=b%20c HTTP/1.1"
    assert lines[1] == f"Host: 127.0.0.1:{server.port}"
    assert lines[2:4] == ["Upgrade: websocket", "Connection: Upgrade"]
    assert lines[5] == "Sec-WebSocket-Version: 13"
    assert lines[6] == "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    assert len(base64.b64decode(field(server.requests[0], "Sec-WebSocket-Key"))) == 16
    assert ws.path == "/caf%C3%A9?a=b%20c"
    assert ws.request_headers["Host"] == f"127.0.0.1:{server.port}"
    assert ws.response_headers["Upgrade"] == "websocket"


async def test_every_handshake_has_a_key_of_its_own():
    async with Server(*[accepting()] * 3) as server:
        for _ in range(3):
            await connect_and_close(server.uri)
    assert len({field(head, "Sec-WebSocket-Key") for head in server.requests}) == 3


async def test_origin_user_info_and_extra_headers():
    async with Server(accepting()) as server:
        await connect_and_close(
            server.uri.replace("//", "//us%65r:p%C3%A4ss@"),
            origin="http://here",
            extra_headers=[("X-Extra", "1"), ("User-Agent", "mine"), ("host", "there")],
            compression=None,
        )
    [head] = server.requests
    credentials = base64.b64encode("user:p\u00e4ss".encode()).decode()
    assert field(head, "Authorization") == f"Basic {credentials}"
    assert field(head, "Origin") == "http://here"
    assert field(head, "X-Extra") == "1"
    assert field(head, "User-Agent") == "mine"
    assert head.lower().count("host:") == 1 and field(head, "Host") == "there"
    assert field(head, "Sec-WebSocket-Extensions") is None


@pytest.mark.parametrize("uri", ["http://localhost/", "ws://", "ws://localhost/#x", "localhost"])
async def test_an_invalid_uri(uri):
    with pytest.raises(websockets.InvalidURI) as error:
        await websockets.connect(uri)
    assert error.value.uri == uri


@pytest.mark.parametrize(
    "uri, kwargs, error",
    [
        ("ws://localhost", {"ssl": True}, ValueError),
        ("wss://localhost", {"ssl": None}, ValueError),
        ("ws://localhost", {"compression": "gzip"}, ValueError),
        ("ws://localhost", {"subprotocols": "chat"}, TypeError),
    ],
)
def test_wrong_arguments(uri, kwargs, error):
    with pytest.raises(error):
        websockets.connect(uri, **kwargs)


# The response


BAD_RESPONSES = {
    "not HTTP": (b"hello\r\n\r\n", websockets.InvalidMessage, "status line"),
    "HTTP/1.0": (b"HTTP/1.0 101 OK\r\n\r\n", websockets.InvalidMessage, "HTTP/1.0"),
    "ended": (b"HTTP/1.1 101 Swi", websockets.InvalidMessage, "ended"),
    "too long": (b"HTTP/1.1 101 " + b"x" * 9000, websockets.SecurityError, "8192"),
    "no upgrade": (accepting(Upgrade=None), websockets.InvalidUpgrade, "Upgrade"),
    "wrong upgrade": (accepting(Upgrade="h2c"), websockets.InvalidUpgrade, "h2c"),
    "no connection": (accepting(Connection="close"), websockets.InvalidUpgrade, "close"),
    "no accept": (accepting(Sec_WebSocket_Accept=None), websockets.InvalidHeader, "Accept"),
    "wrong accept": (
        accepting(Sec_WebSocket_Accept="c3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        websockets.InvalidHeaderValue,
        "Accept",
    ),
    "extension not offered": (
        accepting("Sec-WebSocket-Extensions: x-other"),
        websockets.NegotiationError,
        "x-other",
    ),
    "extension twice": (
        accepting("Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate"),
        websockets.NegotiationError,
        "permessage-deflate",
    ),
    "extension malformed": (
        accepting("Sec-WebSocket-Extensions: a;;"),
        websockets.InvalidHeaderFormat,
        "Sec-WebSocket-Extensions",
    ),
    "subprotocol not offered": (
        accepting("Sec-WebSocket-Protocol: other"),
        websockets.NegotiationError,
        "other",
    ),
    "two subprotocols": (
        accepting("Sec-WebSocket-Protocol: a, b"),
        websockets.InvalidHeader,
        "Sec-WebSocket-Protocol",
    ),
}


@pytest.mark.parametrize("name", BAD_RESPONSES)
async def test_a_bad_response_is_an_invalid_handshake(name):
    response, error, words = BAD_RESPONSES[name]
    async with Server(response) as server:
        with pytest.raises(error, match=words) as raised:
            await websockets.connect(server.uri, subprotocols=["a", "b"])
    assert isinstance(raised.value, websockets.InvalidHandshake)


async def test_a_status_other_than_101():
    async with Server(b"HTTP/1.1 401 Unauthorized\r\nX-Why: because\r\n\r\n") as server:
        with pytest.raises(websockets.InvalidStatusCode, match="401") as error:
            await websockets.connect(server.uri)
    assert error.value.status_code == 401
    assert error.value.headers["X-Why"] == "because"


async def test_messages_may_come_with_the_response():
    def respond(head):
        return accepting()(head) + b"\x81\x05early\x88\x02\x03\xe8"

    async with Server(respond) as server:
        ws = await websockets.connect(server.uri)
        assert await ws.recv() == "early"
        with pytest.raises(websockets.ConnectionClosedOK):
            await ws.recv()


async def test_an_overridden_close_connection_begins_before_the_first_message():
    class Noting(websockets.WebSocketClientProtocol):
        begun = False

        async def close_connection(self):
            self.begun = True
            await super().close_connection()

    def respond(head):
        return accepting()(head) + b"\x81\x05early\x88\x02\x03\xe8"

    async with Server(respond) as server:
        ws = await websockets.connect(server.uri, create_protocol=Noting)
        assert ws.begun and await ws.recv() == "early"
        await ws.close_connection_task


async def test_a_subprotocol_that_was_offered():
    async with Server(accepting("Sec-WebSocket-Protocol: b")) as server:
        ws = await connect_and_close(server.uri, subprotocols=["a", "b"])
    assert field(server.requests[0], "Sec-WebSocket-Protocol") == "a, b"
    assert ws.subprotocol == "b"


# No connection


async def test_nobody_listens():
    async with Server() as server:
        uri = server.uri
    with pytest.raises(OSError):
        await websockets.connect(uri)


@pytest.mark.filterwarnings("error::ResourceWarning")
@pytest.mark.parametrize("how", ["timeout", "cancelled", "cancelled with a timeout"])
async def test_a_server_that_does_not_answer_leaves_no_socket_behind(how):
    connected = asyncio.Event()
    ended = asyncio.Event()

    async def silent(reader, writer):
        connected.set()
        with contextlib.suppress(ConnectionError):
            while await reader.read(1000):
                pass
        ended.set()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    uri = f"ws://127.0.0.1:{port_of(server)}"
    if how == "timeout":
        with pytest.raises(asyncio.TimeoutError):
            await websockets.connect(uri, open_timeout=0.02)
    else:
        open_timeout = 60 if "with" in how else None
        connecting = asyncio.ensure_future(connect_and_close(uri, open_timeout=open_timeout))
        await connected.wait()
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
    await ended.wait()
    server.close()
    await server.wait_closed()
    gc.collect()


# Redirects


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 x", "308 x"])
async def test_relative_redirects_are_followed(status):
    async with Server(redirecting("other?x=1", status), accepting()) as server:
        ws = await connect_and_close(
            f"{server.uri.replace('//', '//user:pass@')}/some/where",
            extra_headers={"Cookie": "a=b"},
        )
    assert server.requests[1].startswith("GET /some/other?x=1 HTTP/1.1")
    # It is the same origin, so that it may see the same secrets.
    assert field(server.requests[1], "Authorization") is not None
    assert field(server.requests[1], "Cookie") == "a=b"
    assert ws.path == "/some/other?x=1"


@pytest.mark.parametrize("scheme", ["ws", "http"])
async def test_a_redirect_to_another_origin_does_not_get_the_secrets(scheme):
    async with Server(accepting()) as other:
        location = f"{scheme}://localhost:{other.port}/there"
        async with Server(redirecting(location)) as server:
            await connect_and_close(
                server.uri.replace("//", "//user:pass@"),
                extra_headers=[
                    ("Cookie", "a=b"),
                    ("proxy-authorization", "x"),
                    ("X-Harmless", "1"),
                ],
            )
    head = other.requests[0]
    assert head.startswith("GET /there ")
    assert field(head, "Host") == f"localhost:{other.port}"
    assert field(head, "X-Harmless") == "1"
    for name in ("Authorization", "Cookie", "Proxy-Authorization"):
        assert field(head, name) is None


async def test_redirects_have_an_end():
    async with Server(*[redirecting("/again")] * 20) as server:
        with pytest.raises(websockets.SecurityError, match="10 redirects"):
            await websockets.connect(server.uri)
    assert len(server.requests) == 10


async def test_a_subclass_says_how_many_redirects_are_followed():
    class Impatient(websockets.connect):
        MAX_REDIRECTS_ALLOWED = 3

    async with Server(*[redirecting("/again")] * 20) as server:
        with pytest.raises(websockets.SecurityError, match="3 redirects"):
            await Impatient(server.uri)
    assert len(server.requests) == 3


async def test_a_redirect_from_tls_to_plain_text_is_refused(certificates):
    def process_request(path, headers):
        return 302, {"Location": "ws://localhost/"}, b""

    async with websockets.serve(
        lambda ws: ws.wait_closed(),
        "127.0.0.1",
        0,
        ssl=certificates.server_context(),
        process_request=process_request,
    ) as server:
        with pytest.raises(websockets.SecurityError, match="non-secure"):
            await websockets.connect(
                f"wss://localhost:{port_of(server)}", ssl=certificates.client_context()
            )


@pytest.mark.parametrize("location", ["ftp://example.com/", "ws://[::", "ws://a\t/", "ws://a b/"])
async def test_a_redirect_to_what_is_no_uri(location):
    async with Server(redirecting(location)) as server:
        with pytest.raises(websockets.InvalidURI):
            await websockets.connect(server.uri)


# Forms of connect()


async def greet(ws, path):
    await ws.send(path)


async def test_connect_can_be_made_outside_the_loop_and_entered_in_another_task():
    async with websockets.serve(greet, "127.0.0.1", 0) as server:
        uri = f"ws://127.0.0.1:{port_of(server)}/x"
        loop = asyncio.get_running_loop()
        connecting = await loop.run_in_executor(None, websockets.connect, uri)

        async def enter():
            async with connecting as ws:
                return await ws.recv()

        assert await asyncio.ensure_future(enter()) == "/x"


async def test_create_protocol_may_be_a_function_or_a_subclass():
    class Mine(websockets.WebSocketClientProtocol):
        latency = property(lambda self: 42)
        name = "mine"

    def make(**kwargs):
        return Mine(**kwargs)

    async with websockets.serve(greet, "127.0.0.1", 0) as server:
        uri = f"ws://127.0.0.1:{port_of(server)}/x"
        for kwargs in ({"create_protocol": Mine}, {"create_protocol": make}, {"klass": Mine}):
            async with websockets.connect(uri, **kwargs) as ws:
                assert isinstance(ws, Mine) and (ws.latency, ws.name) == (42, "mine")


async def test_leaving_the_context_closes_the_connection():
    async with websockets.serve(lambda ws: ws.wait_closed(), "127.0.0.1", 0) as server:
        async with websockets.connect(f"ws://127.0.0.1:{port_of(server)}") as ws:
            pass
        assert ws.closed and ws.close_code == 1000


async def test_ipv6():
    async with websockets.serve(greet, "::1", 0) as server:
        async with websockets.connect(f"ws://[::1]:{port_of(server)}/six") as ws:
            assert await ws.recv() == "/six"
            assert ws.request_headers["Host"] == f"[::1]:{port_of(server)}"


async def test_tls_checks_the_certificate(certificates):
    async with websockets.serve(greet, "127.0.0.1", 0, ssl=certificates.server_context()) as server:
        context = certificates.client_context()
        uri = f"wss://example.com:{port_of(server)}"
        with pytest.raises(OSError, match="example.com|mismatch"):
            await websockets.connect(uri, ssl=context, host="127.0.0.1")
        async with websockets.connect(
            uri, ssl=context, host="127.0.0.1", server_hostname="localhost"
        ) as ws:
            assert await ws.recv() == "/"
