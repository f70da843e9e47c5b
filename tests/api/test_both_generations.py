"""
The top level in today's language: what programs of either generation find there and can do.
"""

import inspect
import subprocess
import sys

import pytest
from peer import port_of

import websockets
import websockets.asyncio.client
import websockets.asyncio.server


async def echo(ws, path="/"):
    async for message in ws:
        await ws.send(message)


def serving(handler=echo, **kwargs):
    return websockets.serve(handler, "127.0.0.1", 0, **kwargs)


def uri_of(server):
    return f"ws://127.0.0.1:{port_of(server)}/chat?room=1"


# Names

TODAYS = {
    "asyncio.client": ["ClientConnection"],
    "asyncio.router": ["Router", "route", "unix_route"],
    "asyncio.server": ["Server", "ServerConnection", "basic_auth"],
    "client": ["ClientProtocol"],
    "server": ["ServerProtocol"],
    "protocol": ["Protocol", "Side", "State"],
    "datastructures": ["Headers", "HeadersLike", "MultipleValuesError"],
    "frames": ["Close", "CloseCode", "Opcode"],
    "http11": ["Request", "Response"],
    "exceptions": ["InvalidStatus", "ConcurrencyError", "InvalidProxyStatus", "TooManyHeaders"],
    "typing": ["Data", "ExtensionName", "LoggerLike", "StatusLike", "Origin", "Subprotocol"],
}


@pytest.mark.parametrize("module", TODAYS)
def test_todays_names(module):
    for name in TODAYS[module]:
        found = getattr(websockets, name)
        assert name in websockets.__all__ and name in dir(websockets)
        assert found is getattr(sys.modules[f"websockets.{module}"], name)


def test_a_name_that_is_none():
    with pytest.raises(AttributeError, match="module 'websockets' has no attribute 'conect'"):
        websockets.conect  # noqa: B018


def test_programs_compare_the_version():
    version = websockets.__version__
    assert version == websockets.version.version >= "17.0"
    assert tuple(int(part) for part in version.split(".")) >= (17, 0)


def test_importing_loads_little():
    code = "import sys, websockets; print([m for m in ('asyncio', 'ssl', 'typing') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "asyncio" not in found.stdout and "ssl" not in found.stdout
    code = (
        "import websockets; websockets.frames.CloseCode, websockets.exceptions, websockets.http11"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Connections


async def test_a_connection_has_what_todays_has():
    seen = []

    async def handler(ws):
        assert isinstance(ws, websockets.ServerConnection)
        seen.append((ws.request.path, ws.request.headers["Host"], ws.response.status_code))
        await echo(ws)

    async with serving(handler) as server:
        async with websockets.connect(
            uri_of(server), additional_headers={"X-One": "1"}, open_timeout=5, proxy=None
        ) as ws:
            assert isinstance(ws, websockets.ClientConnection)
            assert ws.state is websockets.State.OPEN
            assert ws.request.headers["X-One"] == "1" and ws.request.path == "/chat?room=1"
            assert ws.response.status_code == 101
            assert ws.response.headers["Upgrade"] == "websocket"
            assert ws.id == ws.id and ws.id.version == 4
            assert (ws.protocol.state, ws.protocol.side) == (1, websockets.Side.CLIENT)
            await ws.send(b"text", text=True)
            assert await ws.recv(decode=False) == b"text"
            await ws.send(["a", "b"])
            assert [part async for part in ws.recv_streaming()] == ["ab"]
            latency = await (await ws.ping())
            assert 0 < latency == ws.latency
        assert ws.closed and not ws.open
        assert ws.state is websockets.State.CLOSED
        closed = ws.protocol.close_exc
        assert str(closed) == str(ws.close_exc) == "sent 1000 (OK); then received 1000 (OK)"
    [(path, host, status)] = seen
    assert (path, status) == ("/chat?room=1", 101) and host.startswith("127.0.0.1:")


async def test_a_connection_before_it_is_open():
    ws = websockets.WebSocketClientProtocol()
    assert ws.request is None and ws.response is None
    assert ws.state is websockets.State.CONNECTING and ws.protocol.state == 0


async def test_attributes_give_way_to_those_of_programs():
    class Client(websockets.WebSocketClientProtocol):
        def __init__(self, *args, **kwargs):
            self.id = "mine"
            self.protocol = "also mine"
            self.response = self.request = self.debug = None
            super().__init__(*args, **kwargs)

    async with serving() as server:
        async with websockets.connect(uri_of(server), create_protocol=Client) as ws:
            await ws.send("text")
            assert await ws.recv() == "text"
            assert (ws.id, ws.protocol, ws.request) == ("mine", "also mine", None)


# Exceptions


async def test_one_exception_is_caught_both_ways():
    async def refuse(path, headers):
        return 403, [("X-Why", "because")], b"no\n"

    async with serving(process_request=refuse) as server:
        for kind in (websockets.InvalidStatus, websockets.InvalidStatusCode):
            with pytest.raises(kind) as raised:
                await websockets.connect(uri_of(server))
            exc = raised.value
            assert str(exc) == "server rejected WebSocket connection: HTTP 403"
            assert exc.status_code == exc.response.status_code == 403
            assert exc.headers["X-Why"] == exc.response.headers["X-Why"] == "because"


# Arguments


async def test_headers_by_either_name():
    with pytest.raises(TypeError, match="either extra_headers or additional_headers"):
        websockets.connect("ws://localhost", extra_headers={}, additional_headers={})
    websockets.connect("ws://localhost", additional_headers=None, ssl=None)


async def test_create_connection_makes_todays_connections():
    class Client(websockets.ClientConnection):
        async def recv(self, *args, **kwargs):
            return (await super().recv(*args, **kwargs)) + "!"

    class Server(websockets.ServerConnection):
        pass

    seen = []

    async def handler(ws):
        seen.append(type(ws))
        await echo(ws)

    async with serving(handler, create_connection=Server) as server:
        assert isinstance(server, websockets.Server)
        async with websockets.connect(uri_of(server), create_connection=Client) as ws:
            await ws.send("text")
            assert await ws.recv() == "text!"
            assert not hasattr(ws, "open") and not hasattr(ws, "closed")
    assert seen == [Server]


@pytest.mark.parametrize("sign", ["handler", "process_response"])
async def test_arguments_that_only_todays_api_has(sign):
    seen = []

    def process_response(connection, request, response):
        response.headers["X-Path"] = request.path

    async def handler(ws):
        seen.append(ws.request.path)

    if sign == "handler":
        serving_todays = websockets.serve(handler=handler, host="127.0.0.1", port=0)
    else:
        serving_todays = serving(handler, process_response=process_response)
    async with serving_todays as server:
        async with websockets.connect(uri_of(server)) as ws:
            await ws.wait_closed()
            assert (sign == "process_response") is ("X-Path" in ws.response_headers)
    assert seen == ["/chat?room=1"]


async def process_request_later(connection, request):
    return None


@pytest.mark.parametrize(
    ("name", "callback"),
    [
        ("process_request", lambda connection, request: None),
        ("process_request", lambda conn, req: None),
        ("process_request", lambda _, request: None),
        ("process_request", lambda ws, _req: None),
        ("process_request", process_request_later),
        ("process_request", websockets.basic_auth("realm", ("user", "secret"))),
        ("select_subprotocol", lambda connection, subprotocols: None),
        ("select_subprotocol", lambda websocket, offered: None),
    ],
)
async def test_todays_callbacks_are_told_where_they_belong(name, callback):
    with pytest.raises(TypeError, match=rf"{name} .* websockets\.asyncio\.server\.serve\(\)"):
        serving(**{name: callback})


async def test_callbacks_of_8_1_are_taken_for_what_they_are():
    def process_request(path, request_headers):
        assert request_headers["Host"]
        return None

    def select_subprotocol(client_subprotocols, server_subprotocols):
        return server_subprotocols[0]

    callbacks = {"process_request": process_request, "select_subprotocol": select_subprotocol}
    async with serving(subprotocols=["chat"], **callbacks) as server:
        async with websockets.connect(uri_of(server), subprotocols=["chat"]) as ws:
            assert ws.subprotocol == "chat"


async def test_a_callback_may_answer_with_a_response():
    def process_request(path, request_headers):
        headers = websockets.Headers({"X-Here": path})
        return websockets.Response(200, "OK", headers, b"fine\n")

    async with serving(process_request=process_request) as server:
        with pytest.raises(websockets.InvalidStatus) as raised:
            await websockets.connect(uri_of(server))
        assert raised.value.response.headers["X-Here"] == "/chat?room=1"


async def test_pairs_and_reconnecting_are_the_same():
    async with serving() as server:
        uri = uri_of(server)
        async for ws in websockets.connect(
            uri,
            max_size=(1000, 100),
            max_queue=(8, 2),
            write_limit=(1000, 10),
            process_exception=lambda exc: exc,
            reconnect_delays=lambda: iter([0]),
        ):
            await ws.send("text")
            assert await ws.recv() == "text"
            break
        await ws.close()


def test_signatures_are_those_of_the_class_that_is_built():
    assert "ws_handler" in inspect.signature(websockets.serve).parameters
    assert "create_protocol" in inspect.signature(websockets.connect).parameters
    assert inspect.iscoroutinefunction(websockets.ClientConnection.recv)
