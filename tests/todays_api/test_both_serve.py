"""
serve() on asyncio and on trio: the opening handshake, and what a program says to it.
"""

import base64
import re

import pytest
from both import (
    both_ends,
    connect,
    either_kind,
    follow,
    never,
    pause,
    response,
    server_module,
    serving,
    until,
    uri_of,
)
from peer import REQUEST
from todays import hold

from websockets.exceptions import (
    InvalidStatus,
    NegotiationError,
)
from websockets.http11 import SERVER, Response

pytestmark = pytest.mark.and_trio


GOOD = REQUEST + b"\r\n"


FAILED = b"Failed to open a WebSocket connection"


FIXED = FAILED + b".\nSee server log for more information.\n"


REFUSALS = {
    "method": (GOOD.replace(b"GET", b"POST"), 405, b"unsupported HTTP method: POST", "Allow: GET"),
    "HTTP/1.0": (GOOD.replace(b"/1.1", b"/1.0"), 505, b"unsupported HTTP version: HTTP/1.0", ""),
    "no key": (
        GOOD.replace(b"Sec-WebSocket-Key", b"X"),
        400,
        b"missing Sec-WebSocket-Key header",
        "",
    ),
    "version": (
        GOOD.replace(b"n: 13", b"n: 12"),
        400,
        b"invalid Sec-WebSocket-Version header: 12",
        "",
    ),
}


@pytest.mark.parametrize("request_, status, words, header", REFUSALS.values(), ids=REFUSALS)
async def test_refusals(request_, status, words, header):
    seen, headers, body, lines = await response(request_)
    assert seen == status and body == FAILED + b": " + words + b".\n"
    assert header in [*headers, ""] and f"Server: {SERVER}" in headers
    assert "Connection: close" in headers and f"Content-Length: {len(body)}" in headers
    assert re.fullmatch(rf"INFO connection rejected \({status} .*\)", lines[0])
    assert lines[1:] == ["INFO connection closed"]


async def test_a_browser_is_told_what_this_is():
    status, headers, body, _ = await response(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert status == 426 and "Upgrade: websocket" in headers
    assert body.startswith(FAILED + b": missing Connection header.\n\n")
    assert b"browser" in body


@pytest.mark.parametrize(
    "request_, status",
    [
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
        (REQUEST + b"A: " + b"x" * 9000 + b"\r\n\r\n", 431),
        (REQUEST + b"A: b\r\n" * 200 + b"\r\n", 431),
    ],
)
async def test_requests_that_are_too_long(request_, status):
    seen, headers, body, lines = await response(request_)
    assert seen == status and body.startswith(FAILED + b": ")
    assert [line.split(" ")[0] for line in lines] == ["INFO", "INFO"]


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        REQUEST + b"Content-Length: 3\r\n\r\nabc",
        REQUEST + b"Transfer-Encoding: chunked\r\n\r\n",
    ],
)
async def test_what_can_not_be_read_is_not_answered(request_):
    assert await response(request_) == (None, [], b"", ["INFO connection closed"])


# Subprotocols, origins, headers


@pytest.mark.parametrize(
    "offered, chosen",
    [("b, a", "a"), ("c, b", "b"), ("c", None), (None, None)],
)
async def test_subprotocols_of_the_server(offered, chosen):
    header = b"" if offered is None else f"Sec-WebSocket-Protocol: {offered}\r\n".encode()
    status, headers, body, _ = await response(REQUEST + header + b"\r\n", subprotocols=["a", "b"])
    if chosen is None:
        assert status == 400
        missing = b"missing subprotocol\n" if offered is None else b"a, b.\n"
        assert body.replace(b"subprotocol.", b"subprotocol").endswith(missing)
    else:
        assert status == 101 and f"Sec-WebSocket-Protocol: {chosen}" in headers


@pytest.mark.parametrize(
    "origins, origin, accepted",
    [
        (None, "https://a", True),
        (["https://a"], "https://a", True),
        (["https://a"], "https://b", False),
        (["https://a"], None, False),
        (["https://a", None], None, True),
        ([re.compile(r"https://.*\.a")], "https://x.a", True),
        ([re.compile(r"https://.*\.a")], "https://x.a.b", False),
    ],
)
async def test_origins(origins, origin, accepted):
    header = b"" if origin is None else f"Origin: {origin}\r\n".encode()
    status, _, body, _ = await response(REQUEST + header + b"\r\n", origins=origins)
    assert status == (101 if accepted else 403)
    if not accepted:
        words = "missing Origin header" if origin is None else f"invalid Origin header: {origin}"
        assert body == FAILED + f": {words}.\n".encode()


@pytest.mark.parametrize("header", [SERVER, "mine", None])
async def test_the_server_header(header):
    for request_ in (GOOD, GOOD.replace(b"GET", b"POST")):
        _, headers, _, _ = await response(request_, server_header=header)
        told = [line for line in headers if line.startswith("Server: ")]
        assert told == ([] if header is None else [f"Server: {header}"])


@either_kind
async def test_process_request_may_answer(kind):
    def answer(connection, request):
        response = connection.respond(404, "nothing here, é\n")
        response.headers["X"] = "y"
        return response

    status, headers, body, lines = await response(GOOD, process_request=kind(answer))
    assert (status, body) == (404, "nothing here, é\n".encode())
    assert "X: y" in headers and f"Server: {SERVER}" in headers
    assert "Content-Type: text/plain; charset=utf-8" in headers
    assert lines == ["INFO HTTP response sent (404 Not Found)", "INFO connection closed"]


@either_kind
async def test_process_response_may_edit_or_replace_the_response(kind):
    def edit(connection, request, response):
        assert connection.response is response and response.headers["Server"] == SERVER
        response.headers["X"] = "y"

    status, headers, _, _ = await response(GOOD, process_response=kind(edit))
    assert status == 101 and "X: y" in headers

    def replace(connection, request, response):
        assert response.status_code == 405
        return Response(200, "OK", {"Content-Length": "2"} and headers_of("2"), b"hi")

    bad = GOOD.replace(b"GET", b"POST")
    status, headers, body, lines = await response(bad, process_response=kind(replace))
    assert (status, headers, body) == (200, ["Content-Length: 2"], b"hi")
    assert lines[0] == "INFO connection rejected (200 OK)"


def headers_of(length):
    from websockets.datastructures import Headers

    return Headers({"Content-Length": length})


@either_kind
@pytest.mark.parametrize("name", ["process_request", "process_response"])
@pytest.mark.parametrize("wrong", ["raises", "returns something else"])
async def test_a_function_of_the_program_that_fails(kind, name, wrong):
    def answer(*args):
        if wrong == "raises":
            raise KeyError
        return "no response"

    status, _, body, lines = await response(GOOD, **{name: kind(answer)})
    assert (status, body) == (500, FIXED)
    assert lines[0] == f"ERROR {name} failed"
    assert "opening handshake failed" not in "".join(lines)


async def test_open_timeout():
    assert await response(b"GET", open_timeout=0.01) == (None, [], b"", ["INFO connection closed"])

    async def process_request(connection, request):
        await never()

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
    assert asked == [(server_module().ServerConnection, "/chat?room=1", ["x", "y"])]
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


# Basic authentication


async def check(user, password):
    await pause()
    return (user, password) == ("é", "b")


def authorization(user, password):
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    return f"Authorization: Basic {credentials}\r\n".encode()


@pytest.mark.parametrize(
    "options",
    [
        {"credentials": ("é", "b")},
        {"credentials": [("x", "y"), ("é", "b")]},
        {"check_credentials": check},
        {"check_credentials": lambda user, password: (user, password) == ("é", "b")},
    ],
    ids=["one", "several", "coroutine", "function"],
)
async def test_basic_auth(options):
    process_request = server_module().basic_auth("the realm", **options)
    names = []

    async def handler(connection):
        names.append(connection.username)

    for header, words in [
        (b"", b"Missing credentials\n"),
        (b"Authorization: Basic !!\r\n", b"Unsupported credentials\n"),
        (b"Authorization: Digest x\r\n", b"Unsupported credentials\n"),
        (authorization("é", "c"), b"Invalid credentials\n"),
        (authorization("é", "b"), b""),
    ]:
        status, headers, body, _ = await response(
            REQUEST + header + b"\r\n", handler=handler, process_request=process_request
        )
        assert (status, body) == (401 if words else 101, words)
        challenge = 'WWW-Authenticate: Basic realm="the realm", charset="UTF-8"'
        assert (challenge in headers) is (status == 401)
    assert names == ["é"]


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
async def test_credentials_that_can_not_be(options, error, text):
    with pytest.raises(error) as raised:
        server_module().basic_auth(**options)
    assert str(raised.value) == text


async def test_basic_auth_by_uri():
    options = {"process_request": server_module().basic_auth("realm", ("user", "p:w"))}
    async with serving(hold, **options) as server:
        async with connect(uri_of(server).replace("ws://", "ws://user:p%3Aw@")):
            await until(lambda: server.connections)
            [connection] = server.connections
            assert connection.username == "user"
        with pytest.raises(InvalidStatus):
            await follow(connect(uri_of(server)))


async def test_basic_auth_inside_of_another_function():
    auth = server_module().basic_auth("realm", ("user", "password"))

    async def process_request(connection, request):
        if request.path == "/open":
            return None
        return await auth(connection, request)

    async with serving(hold, process_request=process_request) as server:
        async with connect(uri_of(server, "/open")) as ws:
            assert ws.response.status_code == 101
        with pytest.raises(InvalidStatus) as raised:
            await follow(connect(uri_of(server, "/closed")))
        assert raised.value.response.status_code == 401


async def test_what_a_servers_connection_knows():
    async with both_ends() as (server, client):
        assert server.local_address == client.remote_address
        assert server.remote_address == client.local_address
        assert not hasattr(server, "username")
        assert server in server.server.connections
        assert server.request.headers["Host"] == client.request.headers["Host"]
