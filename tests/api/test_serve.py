"""
serve(), unix_serve() and the server that they give, as documented.
"""

import asyncio
import socket

import pytest
from peer import REQUEST, echo, hold, needs_unix, port_of, server_and_peer, tcp_to, uri_of

import websockets


@pytest.mark.parametrize("operation", ["send", "recv", "ping", "pong"])
async def test_a_handler_learns_of_the_shutdown_when_it_next_uses_its_connection(operation):
    entered, go_on = asyncio.Event(), asyncio.Event()
    errors = []

    async def handler(ws, path):
        entered.set()
        await go_on.wait()
        try:
            await (ws.send("x") if operation == "send" else getattr(ws, operation)())
        except websockets.ConnectionClosedOK as exc:
            errors.append(exc.code)

    server = await websockets.serve(handler, "127.0.0.1", 0)
    async with websockets.connect(uri_of(server)) as ws:
        await entered.wait()
        server.close()
        await ws.wait_closed()
        go_on.set()
        await server.wait_closed()
    assert errors == [1001]


async def test_leaving_the_context_of_serve_shuts_the_server_down():
    async with websockets.serve(hold, "127.0.0.1", 0) as server:
        assert isinstance(server, websockets.WebSocketServer)
        ws = await websockets.connect(uri_of(server))
    assert server.sockets is None
    await ws.wait_closed()
    assert ws.close_code == 1001


async def test_the_connection_ends_when_the_handler_does():
    async with server_and_peer(lambda ws: asyncio.sleep(0)) as (ws, peer):
        assert await peer.read_close() == (1000, "")


async def test_serve_hands_arguments_of_create_server_on():
    async with websockets.serve(
        hold, "localhost", 0, family=socket.AF_INET, reuse_address=True, backlog=7
    ) as server:
        assert {sock.family for sock in server.sockets} == {socket.AF_INET}
        async with websockets.connect(uri_of(server)):
            pass
    with pytest.raises(TypeError, match="nonsense"):
        await websockets.serve(hold, "127.0.0.1", 0, nonsense=True)


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="ports can't be shared")
async def test_servers_share_a_port():
    async with websockets.serve(hold, "127.0.0.1", 0, reuse_port=True) as server:
        port = port_of(server)
        async with websockets.serve(hold, "127.0.0.1", port, reuse_port=True) as other:
            assert port_of(other) == port


async def test_a_server_that_does_not_serve_yet():
    server = await websockets.serve(hold, "127.0.0.1", 0, start_serving=False)
    assert not server.is_serving()
    await server.start_serving()
    async with websockets.connect(uri_of(server)) as ws:
        assert ws.open
    server.close()
    await server.wait_closed()


async def test_extra_headers_are_sent_only_when_the_handshake_succeeds():
    async with websockets.serve(
        hold, "127.0.0.1", 0, extra_headers={"X-Extra": "1"}, origins=["http://here"]
    ) as server:
        async with websockets.connect(uri_of(server), origin="http://here") as ws:
            assert ws.response_headers["X-Extra"] == "1"
        with pytest.raises(websockets.InvalidStatusCode) as error:
            await websockets.connect(uri_of(server))
        assert error.value.status_code == 403
        assert "X-Extra" not in error.value.headers


@needs_unix
async def test_unix_sockets_take_all_options_of_tcp(tmp_path, certificates):
    path = str(tmp_path / "socket")
    async with websockets.unix_serve(
        echo,
        path=path,
        ssl=certificates.server_context(),
        subprotocols=["chat"],
        extra_headers={"X-Extra": "1"},
        backlog=3,
    ) as server:
        assert [sock.family for sock in server.sockets] == [socket.AF_UNIX]
        async with websockets.unix_connect(
            path,
            "wss://localhost:1234/there",
            ssl=certificates.client_context(),
            subprotocols=["chat"],
        ) as ws:
            assert isinstance(ws, websockets.WebSocketClientProtocol)
            assert (ws.path, ws.subprotocol) == ("/there", "chat")
            assert ws.request_headers["Host"] == "localhost:1234"
            assert ws.response_headers["X-Extra"] == "1"
            await ws.send("x")
            assert await ws.recv() == "x"


async def test_sockets_are_those_that_the_server_listens_on():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        address = sock.getsockname()
        server = await websockets.serve(hold, sock=sock)
        assert isinstance(server.sockets, list)
        assert [s.getsockname() for s in server.sockets] == [address]
        server.close()
        assert server.sockets is None
        await server.wait_closed()
        assert server.sockets is None


async def test_wait_closed_returns_when_all_connections_are_closed_and_all_handlers_returned():
    protocols, returned = [], []

    async def handler(ws, path):
        protocols.append(ws)
        try:
            await ws.wait_closed()
        finally:
            await asyncio.sleep(0)
            returned.append(ws)

    server = await websockets.serve(handler, "127.0.0.1", 0)
    clients = [await websockets.connect(uri_of(server)) for _ in range(3)]
    async with tcp_to(port_of(server)) as peer:
        peer.write(REQUEST)
        while len(server.websockets) < 4:
            await asyncio.sleep(0)
        server.close()
        assert b" 503 " in await peer.read_eof()
        await peer.close()
        await server.wait_closed()
        assert len(protocols) == 3 and set(returned) == set(protocols)
        assert all(ws.closed for ws in protocols) and not server.websockets
    for client in clients:
        await client.wait_closed()


async def test_without_a_limit_a_client_may_take_its_time():
    async with websockets.serve(echo, "127.0.0.1", 0, open_timeout=None) as server:
        async with websockets.connect(uri_of(server), open_timeout=None) as ws:
            await ws.send("x")
            assert await ws.recv() == "x"
        assert server.get_loop() is asyncio.get_running_loop()


@pytest.mark.parametrize("value, expected", [("mine/1", "mine/1"), (None, None)])
async def test_server_header_and_user_agent_header(value, expected):
    async with websockets.serve(hold, "127.0.0.1", 0, server_header=value) as server:
        async with websockets.connect(
            f"ws://127.0.0.1:{port_of(server)}", user_agent_header=value
        ) as ws:
            assert ws.request_headers.get("User-Agent") == expected
            assert ws.response_headers.get("Server") == expected


async def first_line(port, request):
    async with tcp_to(port) as peer:
        peer.write(request)
        return (await peer.read_head()).split(b"\r\n")[0]


@pytest.mark.parametrize(
    "host, accepted",
    [
        ("localhost", True),
        ("LOCALHOST:8765", True),
        ("[::1]", True),
        ("[::1]:80", True),
        ("evil.example", False),
        ("evil.example:8765", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
async def test_allowed_hosts(host, accepted):
    async with websockets.serve(
        hold, "127.0.0.1", 0, allowed_hosts=["localhost", "[::1]"]
    ) as server:
        request = REQUEST.replace(b"Host: localhost", b"Host: " + host.encode()) + b"\r\n"
        line = await first_line(port_of(server), request)
        assert (b" 101 " if accepted else b" 421 ") in line


async def test_what_is_set_on_one_connection_is_not_on_another():
    connections = []

    async def handler(ws, path):
        connections.append(ws)
        ws.extensions.append("mine")
        ws.close_timeout = len(connections)
        ws.ws_handler = None
        await ws.wait_closed()

    arguments = {"compression": None, "max_size": 7, "subprotocols": ["chat"], "extra_headers": {}}
    async with websockets.serve(handler, "127.0.0.1", 0, **arguments) as server:
        for count in (1, 2):
            async with websockets.connect(uri_of(server), compression=None):
                pass
            ws = connections[-1]
            assert (ws.extensions, ws.close_timeout) == (["mine"], count)
            assert (ws.max_size, ws.available_subprotocols, ws.origins) == (7, ["chat"], None)
            assert ws.ws_server is server
