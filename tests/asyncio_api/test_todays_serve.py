"""
serve() of today's API: the opening handshake, what a program says to it, and handlers.
"""

import asyncio

import pytest
from both import either_kind, response
from peer import REQUEST, port_of, tcp_to, turns, until
from todays import Records, closed, echo, end, hold, server_and_peer, uri_of

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, basic_auth, serve
from websockets.exceptions import (
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidStatus,
    NegotiationError,
)
from websockets.frames import Close

GOOD = REQUEST + b"\r\n"
FAILED = b"Failed to open a WebSocket connection"
FIXED = FAILED + b".\nSee server log for more information.\n"


async def test_open_timeout():
    assert await response(b"GET", open_timeout=0.01) == (None, [], b"", ["INFO connection closed"])

    async def process_request(connection, request):
        await asyncio.sleep(1000)

    options = {"open_timeout": 0.01, "process_request": process_request}
    assert await response(GOOD, **options) == (None, [], b"", ["INFO connection closed"])


# Subprotocols, origins, headers


async def test_select_subprotocol():
    def select(connection, offered):
        asked.append((type(connection), connection.request.path, offered))
        if "refuse" in offered:
            raise NegotiationError("none of these")
        if "fail" in offered:
            raise KeyError
        return offered[0] if offered else None

    asked = []

    async def status_of(offered):
        header = f"Sec-WebSocket-Protocol: {', '.join(offered)}\r\n".encode() if offered else b""
        return await response(REQUEST + header + b"\r\n", select_subprotocol=select)

    status, headers, _, _ = await status_of(["x", "y"])
    assert status == 101 and "Sec-WebSocket-Protocol: x" in headers
    assert asked == [(ServerConnection, "/chat?room=1", ["x", "y"])]
    assert (await status_of([]))[0] == 101
    status, _, body, _ = await status_of(["refuse"])
    assert (status, body) == (400, FAILED + b": none of these.\n")
    status, _, body, lines = await status_of(["fail"])
    assert (status, body) == (500, FIXED)
    assert lines[0] == "ERROR opening handshake failed"


# process_request and process_response


@either_kind
async def test_process_request_sees_all_requests(kind):
    seen = []

    def answer(connection, request):
        seen.append((request.method, request.protocol, request.path, connection.state.name))
        assert connection.request is request and connection.response is None
        assert connection.request_rcvd.done()

    for request_, status in [
        (GOOD, 101),
        (b"HEAD /x HTTP/1.1\r\n\r\n", 405),
        (b"GET /y HTTP/1.0\r\n\r\n", 505),
    ]:
        assert (await response(request_, process_request=kind(answer)))[0] == status
    assert seen == [
        ("GET", "HTTP/1.1", "/chat?room=1", "CONNECTING"),
        ("HEAD", "HTTP/1.1", "/x", "CONNECTING"),
        ("GET", "HTTP/1.0", "/y", "CONNECTING"),
    ]


# Handlers


@pytest.mark.parametrize(
    "exc, code",
    [
        (None, 1000),
        (ValueError("of the handler"), 1011),
        (ConnectionClosedOK(Close(1000, ""), Close(1000, ""), True), 1011),
        (ConnectionClosedError(None, None), 1011),
    ],
)
async def test_how_a_handler_ends(exc, code):
    records = Records()

    async def handler(connection):
        if exc is not None:
            raise exc

    async with server_and_peer(handler, logger=records.logger) as (ws, peer):
        await end(peer)
        await closed(ws)
        assert ws.protocol.close_sent == Close(code, "")
    errors = [record for record in records.records if record.levelname == "ERROR"]
    assert [record.getMessage() for record in errors] == ["connection handler failed"] * bool(exc)
    assert [record.exc_info[1] for record in errors] == [exc] * bool(exc)


@pytest.mark.parametrize("exc", [asyncio.CancelledError, GeneratorExit])
async def test_a_handler_that_is_ended(exc):
    async def handler(connection):
        raise exc

    async with server_and_peer(handler) as (ws, peer):
        assert (await peer.read_close())[0] in (1001, 1011)
        await peer.close()
        await closed(ws)


async def test_a_handler_that_does_not_catch_the_end():
    records = Records()

    async def handler(connection):
        await connection.recv()

    async with server_and_peer(handler, logger=records.logger) as (ws, peer):
        await peer.close()
        await closed(ws)
        await turns()
    assert "ERROR connection handler failed" in records.lines


@pytest.mark.parametrize("handler", [1, "handler"])
async def test_what_is_no_handler(handler):
    with pytest.raises(TypeError):
        serve(handler, "127.0.0.1", 0)


async def test_wrong_arguments_are_told_at_once():
    for options, error, text in [
        ({"compression": "gzip"}, ValueError, "unsupported compression: gzip"),
        ({"subprotocols": "a"}, TypeError, "subprotocols must be a list, not a str"),
        ({"subprotocols": ["a b"]}, ValueError, "invalid subprotocol: a b"),
        ({"max_queue": (1, 2)}, ValueError, "max_queue"),
    ]:
        with pytest.raises(error) as raised:
            serve(hold, "127.0.0.1", 0, **options)
        assert text in str(raised.value)


# Subclasses


async def test_methods_that_subclasses_override():
    calls = []

    class Connection(ServerConnection):
        async def handshake(self, *args, **kwargs):
            calls.append("handshake")
            await super().handshake(*args, **kwargs)

        def process_event(self, event):
            calls.append(str(event) if hasattr(event, "opcode") else type(event).__name__)
            super().process_event(event)

        async def close(self, *args, **kwargs):
            calls.append(("close", args, kwargs))
            await super().close(*args, **kwargs)

    def create(protocol, server, **options):
        calls.append(sorted(options))
        return Connection(protocol, server, **options)

    async with serve(echo, "127.0.0.1", 0, create_connection=create) as server:
        async with connect(uri_of(server)) as ws:
            await ws.send("x")
            assert await ws.recv() == "x"
        await until(lambda: ("close", (), {}) in calls)
        assert calls == [
            ["close_timeout", "max_queue", "ping_interval", "ping_timeout", "write_limit"],
            "handshake",
            "Request",
            "TEXT 'x' [1 byte]",
            "CLOSE 1000 (OK) [2 bytes]",
            ("close", (), {}),
        ]
        calls.clear()
        async with connect(uri_of(server)) as ws:
            server.close(code=1012, reason="restart")
            await server.wait_closed()
            assert ("close", (1012, "restart"), {}) in calls
            with pytest.raises(
                ConnectionClosedError, match=r"received 1012 \(service restart\) restart"
            ):
                await ws.recv()


async def test_create_connection_that_fails_ends_that_one_connection():
    records = Records()

    def create(*args, **kwargs):
        raise KeyError

    async with serve(
        hold, "127.0.0.1", 0, logger=records.logger, create_connection=create
    ) as server:
        async with tcp_to(port_of(server)) as peer:
            assert await peer.read_eof() == b""
    assert "ERROR error in create_connection" in records.lines


# Basic authentication


async def check(user, password):
    await asyncio.sleep(0)
    return (user, password) == ("é", "b")


@pytest.mark.parametrize(
    "options, error, text",
    [
        ({}, ValueError, "provide either credentials or check_credentials"),
        (
            {"credentials": ("a", "b"), "check_credentials": check},
            ValueError,
            "provide either credentials or check_credentials",
        ),
        ({"credentials": 1}, TypeError, "invalid credentials argument: 1"),
        ({"credentials": [("a",)]}, TypeError, "invalid credentials argument: [('a',)]"),
        ({"credentials": ("a", 1)}, TypeError, "invalid credentials argument: ('a', 1)"),
    ],
)
def test_credentials_that_can_not_be(options, error, text):
    with pytest.raises(error) as raised:
        basic_auth(**options)
    assert str(raised.value) == text


async def test_basic_auth_by_uri():
    options = {"process_request": basic_auth("realm", ("user", "p:w"))}
    async with serve(hold, "127.0.0.1", 0, **options) as server:
        async with connect(uri_of(server).replace("ws://", "ws://user:p%3Aw@")):
            [connection] = server.connections
            assert connection.username == "user"
        with pytest.raises(InvalidStatus):
            await connect(uri_of(server))


async def test_basic_auth_inside_of_another_function():
    auth = basic_auth("realm", ("user", "password"))

    async def process_request(connection, request):
        if request.path == "/open":
            return None
        return await auth(connection, request)

    async with serve(hold, "127.0.0.1", 0, process_request=process_request) as server:
        async with connect(uri_of(server, "/open")) as ws:
            assert ws.response.status_code == 101
        with pytest.raises(InvalidStatus) as raised:
            await connect(uri_of(server, "/closed"))
        assert raised.value.response.status_code == 401
