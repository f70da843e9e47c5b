"""Promises of the public document that have no other place, in the document's order."""

import asyncio
import contextlib
import http
import socket
import ssl

import pytest
from peer import (
    BASES,
    BINARY,
    CLOSE,
    PING,
    PONG,
    REQUEST,
    SIDES,
    TEXT,
    both_sides,
    client_and_peer,
    close_payload,
    echo,
    frame,
    hold,
    needs_unix,
    port_of,
    server_and_peer,
    tcp_to,
    uri_of,
)

import websockets
from websockets.http import Headers, read_request, read_response


@contextlib.asynccontextmanager
async def both_ends(server_options=None, **client_options):
    """Our server's end and our client's end of a connection."""
    opened = asyncio.Queue()

    async def handler(ws, path):
        opened.put_nowait(ws)
        await ws.wait_closed()

    async with websockets.serve(handler, "127.0.0.1", 0, **(server_options or {})) as server:
        async with websockets.connect(uri_of(server), **client_options) as client:
            yield await opened.get(), client


async def finished(task):
    await asyncio.wait([task])
    return task


async def hang_up_after_close(peer, code):
    assert (await peer.read_close())[0] == code
    await peer.close()


# serve()


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


async def test_create_protocol_gets_documented_arguments_only():
    made = []

    def make_server(
        ws_handler,
        ws_server,
        *,
        host,
        port,
        secure,
        ping_interval,
        ping_timeout,
        close_timeout,
        max_size,
        max_queue,
        read_limit,
        write_limit,
        loop=None,
        timeout=None,
        legacy_recv=False,
        origins,
        extensions,
        subprotocols,
        extra_headers,
        process_request,
        select_subprotocol,
    ):
        arguments = {name: value for name, value in locals().items() if name != "made"}
        made.append(arguments)
        return websockets.WebSocketServerProtocol(
            arguments.pop("ws_handler"), arguments.pop("ws_server"), **arguments
        )

    def make_client(
        *,
        host,
        port,
        secure,
        ping_interval,
        ping_timeout,
        close_timeout,
        max_size,
        max_queue,
        read_limit,
        write_limit,
        loop=None,
        timeout=None,
        legacy_recv=False,
        origin,
        extensions,
        subprotocols,
        extra_headers,
    ):
        arguments = {name: value for name, value in locals().items() if name != "made"}
        made.append(arguments)
        return websockets.WebSocketClientProtocol(**arguments)

    async with both_ends({"create_protocol": make_server}, create_protocol=make_client):
        pass
    for arguments in made:
        assert arguments["secure"] is False
        assert arguments["host"] == "127.0.0.1"
        assert arguments["max_size"] == 2**20 and arguments["max_queue"] == 32
        assert arguments["read_limit"] == arguments["write_limit"] == 2**16
        assert (arguments["ping_interval"], arguments["ping_timeout"]) == (20, 20)
        assert arguments["close_timeout"] == 10
    assert len(made) == 2


async def test_options_of_the_connection_are_handed_on():
    options = {
        "ping_interval": 11,
        "ping_timeout": 12,
        "close_timeout": 13,
        "max_size": 14,
        "max_queue": 15,
        "read_limit": 16,
        "write_limit": 17,
    }
    async with both_ends(options, **options) as ends:
        for ws in ends:
            assert {name: getattr(ws, name) for name in options} == options


@pytest.mark.parametrize("server", ["deflate", None])
@pytest.mark.parametrize("client", ["deflate", None])
async def test_compression_is_agreed_upon_unless_a_side_switches_it_off(server, client):
    async with both_ends({"compression": server}, compression=client) as ends:
        for ws in ends:
            agreed = ws.response_headers.get("Sec-WebSocket-Extensions")
            if server and client:
                assert agreed.startswith("permessage-deflate")
            else:
                assert agreed is None


async def test_compression_is_on_by_default():
    async with both_ends() as (server, client):
        assert "permessage-deflate" in client.request_headers["Sec-WebSocket-Extensions"]
        assert "permessage-deflate" in client.response_headers["Sec-WebSocket-Extensions"]


async def test_the_server_prefers_the_extension_that_comes_first():
    first = websockets.ServerPerMessageDeflateFactory(server_no_context_takeover=True)
    second = websockets.ServerPerMessageDeflateFactory()
    async with both_ends({"extensions": [first, second]}) as (server, client):
        answer = client.response_headers["Sec-WebSocket-Extensions"]
        assert "server_no_context_takeover" in answer
    async with both_ends({"extensions": [second, first]}) as (server, client):
        answer = client.response_headers["Sec-WebSocket-Extensions"]
        assert "server_no_context_takeover" not in answer


async def test_the_client_offers_its_extensions_in_their_order():
    first = websockets.ClientPerMessageDeflateFactory(server_max_window_bits=10)
    second = websockets.ClientPerMessageDeflateFactory()
    async with both_ends(extensions=[first, second]) as (server, client):
        assert client.request_headers["Sec-WebSocket-Extensions"] == (
            "permessage-deflate; server_max_window_bits=10, permessage-deflate"
        )
        assert "server_max_window_bits=10" in client.response_headers["Sec-WebSocket-Extensions"]


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


# unix_serve() and unix_connect()


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


# WebSocketServer


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


# WebSocketServerProtocol


async def test_handshake_returns_the_path_of_the_request():
    paths = []

    class Noting(websockets.WebSocketServerProtocol):
        async def handshake(self, *args, **kwargs):
            paths.append(await super().handshake(*args, **kwargs))
            return paths[-1]

    async with websockets.serve(hold, "127.0.0.1", 0, create_protocol=Noting) as server:
        async with websockets.connect(uri_of(server, "/a%20b?c=d")):
            assert paths == ["/a%20b?c=d"]


@pytest.mark.parametrize("side", ["server", "client"])
async def test_handshake_raises_invalid_handshake(side):
    errors = []

    def noting(base):
        class Noting(base):
            async def handshake(self, *args, **kwargs):
                try:
                    return await super().handshake(*args, **kwargs)
                except websockets.InvalidHandshake as exc:
                    errors.append(exc)
                    raise

        return Noting

    options = {side: {"create_protocol": noting(BASES[SIDES[side]])}}
    async with websockets.serve(
        hold, "127.0.0.1", 0, origins=["http://here"], **options.get("server", {})
    ) as server:
        with pytest.raises(websockets.InvalidStatusCode):
            await websockets.connect(uri_of(server), **options.get("client", {}))
    kind = websockets.InvalidOrigin if side == "server" else websockets.InvalidStatusCode
    assert [type(exc) for exc in errors] == [kind]


async def test_handshake_has_its_options_in_its_arguments():
    class Server(websockets.WebSocketServerProtocol):
        async def handshake(self, **kwargs):
            assert set(kwargs) == {
                "origins",
                "available_extensions",
                "available_subprotocols",
                "extra_headers",
            }
            return await super().handshake(available_subprotocols=["b"], extra_headers={"X": "1"})

    class Client(websockets.WebSocketClientProtocol):
        async def handshake(self, wsuri, **kwargs):
            assert isinstance(wsuri, websockets.WebSocketURI)
            assert await super().handshake(wsuri, "http://here", None, ["a", "b"]) is None

    async with both_ends({"create_protocol": Server}, create_protocol=Client) as (server, client):
        assert client.request_headers["Origin"] == "http://here"
        assert client.response_headers["X"] == "1"
        assert server.subprotocol == client.subprotocol == "b"
        assert "Sec-WebSocket-Extensions" not in client.request_headers


@pytest.mark.parametrize(
    "headers",
    [Headers([("X", "1"), ("X", "2")]), {"X": "1, 2"}, [("X", "1"), ("X", "2")], (), {}],
    ids=["Headers", "mapping", "pairs", "no pairs", "empty mapping"],
)
@pytest.mark.parametrize("body", [b"", b"body\n"])
async def test_process_request_returns_a_status_headers_and_a_body(headers, body):
    async def process_request(path, request_headers):
        assert isinstance(request_headers, Headers)
        return http.HTTPStatus.FORBIDDEN, headers, body

    async with (
        websockets.serve(hold, "127.0.0.1", 0, process_request=process_request) as server,
        tcp_to(port_of(server)) as peer,
    ):
        peer.write(REQUEST + b"\r\n")
        status, reason, response_headers = await read_response(peer.reader)
        assert (status, reason) == (403, "Forbidden")
        assert ", ".join(response_headers.get_all("X")) == ("1, 2" if headers else "")
        assert await peer.read_eof() == body


async def test_process_request_of_a_subclass_may_keep_what_it_learns():
    class Learning(websockets.WebSocketServerProtocol):
        async def process_request(self, path, request_headers):
            self.token = path.partition("token=")[2]

    async with websockets.serve(
        lambda ws, path: ws.send(ws.token), "127.0.0.1", 0, create_protocol=Learning
    ) as server:
        async with websockets.connect(uri_of(server, "/?token=42")) as ws:
            assert await ws.recv() == "42"


async def test_the_argument_process_request_of_the_constructor():
    async def process_request(path, request_headers):
        return http.HTTPStatus.OK, {}, path.encode()

    class ForOneServer:
        def __init__(self):
            self.known = set()

        def register(self, protocol):
            self.known.add(protocol)

        def unregister(self, protocol):
            self.known.remove(protocol)

        def is_serving(self):
            return True

    keeper = ForOneServer()
    server = await asyncio.get_running_loop().create_server(
        lambda: websockets.WebSocketServerProtocol(hold, keeper, process_request=process_request),
        "127.0.0.1",
        0,
    )
    async with tcp_to(port_of(server)) as peer:
        peer.write(b"GET /alive HTTP/1.1\r\n\r\n")
        assert (await peer.read_eof()).endswith(b"\r\n\r\n/alive")
        assert keeper.known
    while keeper.known:
        await asyncio.sleep(0)
    server.close()
    await server.wait_closed()


async def test_a_server_may_require_a_subprotocol():
    class Strict(websockets.WebSocketServerProtocol):
        def select_subprotocol(self, client_subprotocols, server_subprotocols):
            if client_subprotocols != ["chat"]:
                raise websockets.NegotiationError("speak chat")
            return "chat"

    options = {"create_protocol": Strict, "subprotocols": ["chat"]}
    async with both_ends(options, subprotocols=["chat"]) as (server, client):
        assert server.subprotocol == client.subprotocol == "chat"
    async with websockets.serve(hold, "127.0.0.1", 0, **options) as server:
        with pytest.raises(websockets.InvalidStatusCode) as error:
            await websockets.connect(uri_of(server), subprotocols=["other"])
        assert error.value.status_code == 400


async def test_no_common_subprotocol_is_no_subprotocol():
    async with both_ends({"subprotocols": ["a"]}, subprotocols=["b"]) as ends:
        assert [ws.subprotocol for ws in ends] == [None, None]
    options = {"subprotocols": ["a"], "select_subprotocol": lambda client, server: None}
    async with both_ends(options, subprotocols=["a"]) as ends:
        assert [ws.subprotocol for ws in ends] == [None, None]


# connect()


async def test_connect_gives_a_client_protocol():
    async with websockets.serve(hold, "127.0.0.1", 0) as server:
        ws = await websockets.connect(uri_of(server))
        assert isinstance(ws, websockets.WebSocketClientProtocol)
        await ws.close()
        with pytest.raises(ZeroDivisionError):
            async with websockets.connect(uri_of(server)) as ws:
                raise ZeroDivisionError
        assert ws.closed


async def test_connect_hands_arguments_of_create_connection_on():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        local_addr = sock.getsockname()
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        uri = f"ws://localhost:{port_of(server)}"
        async with websockets.connect(uri, local_addr=local_addr, family=socket.AF_INET) as ws:
            assert ws.local_address == local_addr
        with pytest.raises(TypeError, match="nonsense"):
            await websockets.connect(uri, nonsense=True)


async def test_wss_uses_the_default_context(certificates, tmp_path, monkeypatch):
    authority = str(tmp_path / "authority.pem")
    certificates.authority.cert_pem.write_to_path(authority)
    async with websockets.serve(echo, "127.0.0.1", 0, ssl=certificates.server_context()) as server:
        uri = f"wss://localhost:{port_of(server)}"
        with pytest.raises(ssl.SSLCertVerificationError):
            await websockets.connect(uri, host="127.0.0.1")
        monkeypatch.setenv("SSL_CERT_FILE", authority)
        for kwargs in ({}, {"ssl": True}):
            async with websockets.connect(uri, host="127.0.0.1", **kwargs) as ws:
                await ws.send("over TLS")
                assert await ws.recv() == "over TLS"


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_host_and_port_change_only_where_the_connection_goes(scheme, certificates):
    asked_for = []
    options, kwargs = {}, {}
    if scheme == "wss":
        context = certificates.server_context()
        context.sni_callback = lambda sock, name, context: asked_for.append(name)
        options, kwargs = {"ssl": context}, {"ssl": certificates.client_context()}
    async with websockets.serve(hold, "127.0.0.1", 0, **options) as server:
        async with websockets.connect(
            f"{scheme}://localhost:1/x", host="127.0.0.1", port=port_of(server), **kwargs
        ) as ws:
            assert ws.request_headers["Host"] == "localhost:1"
            assert ws.remote_address == ("127.0.0.1", port_of(server))
    assert asked_for == (["localhost"] if scheme == "wss" else [])


@pytest.mark.parametrize(
    "extra_headers",
    [Headers([("X", "1"), ("X", "2")]), {"X": "1, 2"}, [("X", "1"), ("X", "2")]],
    ids=["Headers", "mapping", "pairs"],
)
async def test_extra_headers_of_requests(extra_headers):
    async with both_ends(extra_headers=extra_headers) as (server, client):
        assert ", ".join(server.request_headers.get_all("X")) == "1, 2"


async def test_user_info_is_sent_as_basic_auth():
    factory = websockets.basic_auth_protocol_factory("realm", ("us er", "p:w"))
    async with websockets.serve(
        lambda ws, path: ws.send(ws.username), "127.0.0.1", 0, create_protocol=factory
    ) as server:
        uri = uri_of(server)
        async with websockets.connect(uri.replace("//", "//us%20er:p%3Aw@")) as ws:
            assert await ws.recv() == "us er"
            assert "@" not in ws.request_headers["Host"]
        for user_info in ("", "us%20er:wrong@"):
            with pytest.raises(websockets.InvalidStatusCode) as error:
                await websockets.connect(uri.replace("//", f"//{user_info}"))
            assert error.value.status_code == 401


# WebSocketCommonProtocol


async def test_without_an_interval_no_ping_is_sent():
    for connection in SIDES.values():
        async with connection(ping_interval=None, ping_timeout=0.001) as (ws, peer):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(peer.read(), 0.02)
            assert ws.open


@both_sides
async def test_a_message_of_a_mebibyte_is_the_largest_by_default(connection):
    async with connection() as (ws, peer):
        peer.send(BINARY, bytes(2**20))
        assert len(await ws.recv()) == 2**20
        peer.send(BINARY, bytes(2**20 + 1))
        with pytest.raises(websockets.ConnectionClosedError) as error:
            await asyncio.gather(ws.recv(), hang_up_after_close(peer, 1009))
        assert error.value.code == 1009


@both_sides
async def test_without_max_size_a_message_may_be_larger(connection):
    async with connection(max_size=None) as (ws, peer):
        peer.send(BINARY, bytes(2**21))
        assert len(await ws.recv()) == 2**21


@both_sides
@pytest.mark.parametrize("options, limit", [({}, 32), ({"max_queue": 5}, 5)])
async def test_what_is_behind_a_full_queue_waits_for_recv(connection, options, limit):
    async with connection(**options) as (ws, peer):
        message, ping = frame(TEXT, b"m", masked=peer.masked), frame(PING, masked=peer.masked)
        ws.data_received(message * (limit - 1) + ping)
        await ws.send("first")
        assert [await peer.read() for _ in range(2)] == [(0x80 | PONG, b""), (0x81, b"first")]
        ws.data_received(message * 2 + ping)
        await ws.send("second")
        assert await peer.read() == (0x81, b"second")
        for _ in range(limit + 1):
            await ws.recv()
        assert await peer.read() == (0x80 | PONG, b"")


@both_sides
async def test_without_max_queue_nothing_waits(connection):
    async with connection(max_queue=None) as (ws, peer):
        message, ping = frame(TEXT, b"m", masked=peer.masked), frame(PING, masked=peer.masked)
        ws.data_received(message * 10_000 + ping)
        assert await peer.read() == (0x80 | PONG, b"")
        assert [await ws.recv() for _ in range(10_000)] == ["m"] * 10_000


@both_sides
@pytest.mark.parametrize("options, high", [({}, 65536), ({"write_limit": 4000}, 4000)])
async def test_write_limit_is_the_high_water_limit_of_the_transport(connection, options, high):
    async with connection(**options) as (ws, peer):
        low, high_too = ws.transport.get_write_buffer_limits()
        assert (low, high_too) == (high // 4, high)


async def test_what_the_handshake_leaves_in_attributes():
    options = {"subprotocols": ["chat"], "extra_headers": {"X-Response": "1"}}
    async with both_ends(options, subprotocols=["chat"], extra_headers={"X-Request": "1"}) as ends:
        for ws in ends:
            assert ws.path == "/"
            assert isinstance(ws.request_headers, Headers)
            assert isinstance(ws.response_headers, Headers)
            assert ws.request_headers["X-Request"] == ws.response_headers["X-Response"] == "1"
            assert ws.subprotocol == "chat"
        server, client = ends
        assert server.request_headers == client.request_headers
        assert server.response_headers == client.response_headers


@both_sides
async def test_close_has_code_1000_and_no_reason_by_default(connection):
    async with connection() as (ws, peer):
        closing = asyncio.ensure_future(ws.close())
        assert await peer.read() == (0x80 | CLOSE, close_payload(1000))
        peer.send(CLOSE, close_payload(1000))
        await closing
        assert (ws.close_code, ws.close_reason) == (1000, "")


async def test_close_of_a_client_waits_for_the_end_of_tcp():
    async with client_and_peer() as (ws, peer):
        closing = asyncio.ensure_future(ws.close())
        await peer.read_close()
        peer.write(frame(CLOSE, close_payload(1000)))
        while ws.close_code is None:
            await asyncio.sleep(0)
        assert not closing.done() and not ws.closed
        peer.writer.write_eof()
        await closing
        assert ws.closed


@both_sides
async def test_a_task_that_closes_never_has_an_exception(connection):
    async with connection() as (ws, peer):
        peer.writer.transport.abort()
        closing = await finished(asyncio.ensure_future(ws.close()))
        assert closing.exception() is None
        assert ws.closed


@both_sides
async def test_any_number_of_tasks_wait_for_the_end(connection):
    async with connection() as (ws, peer):
        waiting = [asyncio.ensure_future(ws.wait_closed()) for _ in range(3)]
        closing = [asyncio.ensure_future(ws.close()) for _ in range(2)]
        await peer.read_close()
        waiting[0].cancel()
        peer.send(CLOSE, close_payload(1000))
        await asyncio.gather(*waiting[1:], *closing)
        assert waiting[0].cancelled() and ws.closed
        assert await ws.wait_closed() is None


@both_sides
async def test_recv_again_and_again_after_the_end(connection):
    async with connection() as (ws, peer):
        peer.send(CLOSE, close_payload(4000, "over"))
        await ws.wait_closed()
        for _ in range(3):
            with pytest.raises(websockets.ConnectionClosedError) as error:
                await ws.recv()
            assert (error.value.code, error.value.reason) == (4000, "over")


def run_without_waiting(coroutine):
    """Run a coroutine that doesn't yield control to the event loop, and return its result."""
    try:
        coroutine.send(None)
    except StopIteration as exc:
        return exc.value
    coroutine.close()
    pytest.fail("the event loop got control")


@both_sides
async def test_nothing_waits_while_there_is_room_in_the_write_buffer(connection):
    async with connection() as (ws, peer):
        run_without_waiting(ws.send("text"))
        run_without_waiting(ws.send(["a", "b"]))
        pong = run_without_waiting(ws.ping(b"!"))
        run_without_waiting(ws.pong())
        received = [await peer.read() for _ in range(6)]
        assert received[0] == (0x81, b"text")
        assert received[-2:] == [(0x80 | PING, b"!"), (0x80 | PONG, b"")]
        peer.send(PONG, b"!")
        assert await pong is None


@both_sides
async def test_fragments_may_be_of_any_bytes_like_type(connection):
    async with connection() as (ws, peer):
        await ws.send([b"a", bytearray(b"b"), memoryview(b"c")])
        frames = [await peer.read() for _ in range(3)]
        assert [payload for _, payload in frames] == [b"a", b"b", b"c"]


@both_sides
async def test_pings_have_four_random_bytes_and_pongs_none(connection):
    async with connection() as (ws, peer):
        for _ in range(10):
            await ws.ping()
        payloads = {(await peer.read())[1] for _ in range(10)}
        assert len(payloads) == 10 and {len(payload) for payload in payloads} == {4}
        await ws.pong()
        assert await peer.read() == (0x80 | PONG, b"")


@both_sides
@pytest.mark.parametrize("name, opcode", [("ping", PING), ("pong", PONG)])
@pytest.mark.parametrize("data", ["caf\u00e9", b"\xff", bytearray(b"x"), memoryview(b"abc")[::2]])
async def test_pings_and_pongs_carry_text_or_bytes(connection, name, opcode, data):
    async with connection() as (ws, peer):
        await getattr(ws, name)(data)
        expected = data.encode() if isinstance(data, str) else bytes(data)
        assert await peer.read() == (0x80 | opcode, expected)


@both_sides
async def test_a_pong_tells_that_the_messages_before_the_ping_were_received(connection):
    async with connection() as (ws, peer):
        for n in range(10):
            await ws.send(str(n))
        pong = await ws.ping(b"?")
        received = [await peer.read() for _ in range(11)]
        assert received == [(0x81, b"%d" % n) for n in range(10)] + [(0x80 | PING, b"?")]
        assert not pong.done()
        peer.send(PONG, b"?")
        await pong


@both_sides
async def test_operations_during_the_closing_handshake_raise_connection_closed(connection):
    async with connection() as (ws, peer):
        closing = asyncio.ensure_future(ws.close(1001))
        await peer.read_close()
        assert not ws.open and not ws.closed
        operations = [ws.send("x"), ws.send(["x"]), ws.ping(), ws.pong(), ws.recv()]
        tasks = [asyncio.ensure_future(operation) for operation in operations]
        await asyncio.sleep(0)
        peer.send(CLOSE, close_payload(1001))
        await closing
        for task in tasks:
            with pytest.raises(websockets.ConnectionClosedOK) as error:
                await task
            assert error.value.code == 1001


async def test_open_and_closed_during_the_opening_handshake():
    seen = []

    class Looking(websockets.WebSocketServerProtocol):
        async def process_request(self, path, request_headers):
            seen.append((self.open, self.closed, self.local_address, self.remote_address))

    async with server_and_peer(create_protocol=Looking) as (ws, peer):
        assert seen == [(False, False, ws.local_address, ws.remote_address)]
        assert len(ws.local_address) == len(ws.remote_address) == 2


# Extensions


class Rot:
    """An extension as a program would write it: it shifts payloads, and marks that by RSV2."""

    name = "x-rot"

    def __init__(self, shift=1):
        self.shift = shift

    def get_request_params(self):
        return [("shift", str(self.shift)), ("maybe", None)]

    def process_request_params(self, params, accepted_extensions):
        if ("maybe", None) not in params:
            raise websockets.NegotiationError("no")
        shift = dict(params)["shift"]
        return [("shift", shift)], Rot(int(shift))

    def process_response_params(self, params, accepted_extensions):
        assert params == [("shift", str(self.shift))]
        return self

    def encode(self, frame):
        if frame.opcode >= 8:
            return frame
        return frame._replace(data=bytes((b + self.shift) % 256 for b in frame.data), rsv2=True)

    def decode(self, frame, *, max_size=None):
        if not frame.rsv2:
            return frame
        return frame._replace(data=bytes((b - self.shift) % 256 for b in frame.data), rsv2=False)


@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_an_extension_of_a_program(compression):
    async with websockets.serve(
        echo, "127.0.0.1", 0, extensions=[Rot()], compression=compression
    ) as server:
        async with websockets.connect(
            uri_of(server), extensions=[Rot(200)], compression=compression
        ) as ws:
            agreed = ws.response_headers["Sec-WebSocket-Extensions"]
            assert agreed.startswith("x-rot; shift=200")
            assert ("permessage-deflate" in agreed) == bool(compression)
            for message in ("text" * 100, b"\x00\xff", ""):
                await ws.send(message)
                assert await ws.recv() == message
            await ws.send([b"ab", b"", b"cd"])
            assert await ws.recv() == b"abcd"
            await (await ws.ping())
    assert ws.close_code == 1000


async def test_what_an_extension_sends_on_the_wire():
    request = REQUEST + b"Sec-WebSocket-Extensions: x-rot; shift=1; maybe\r\n\r\n"
    async with websockets.serve(echo, "127.0.0.1", 0, extensions=[Rot()]) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(request)
            head = await peer.read_head()
            assert b"Sec-WebSocket-Extensions: x-rot; shift=1\r\n" in head
            peer.send(TEXT, b"bcd", rsv=2)
            assert await peer.read() == (0xA1, b"bcd")
            peer.send(TEXT, b"abc")
            assert await peer.read() == (0xA1, b"bcd")
            peer.send(TEXT, b"abc", rsv=1)
            assert (await peer.read_close())[0] == 1002


async def test_an_extension_that_declines_is_left_out():
    request = REQUEST + b"Sec-WebSocket-Extensions: x-rot; shift=1, x-unknown\r\n\r\n"
    async with websockets.serve(hold, "127.0.0.1", 0, extensions=[Rot()]) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(request)
            assert b"Sec-WebSocket-Extensions" not in await peer.read_head()


@pytest.mark.parametrize("side", ["server", "client"])
async def test_compress_settings_are_those_of_zlib(side):
    sizes = []

    class Measuring(websockets.WebSocketCommonProtocol):
        def data_received(self, data):
            sizes.append(len(data))
            super().data_received(data)

    class MeasuringServer(Measuring, websockets.WebSocketServerProtocol):
        pass

    class MeasuringClient(Measuring, websockets.WebSocketClientProtocol):
        pass

    for level in (0, 9):
        settings = {"compress_settings": {"level": level}}
        server, client = {}, {}
        if side == "server":
            server["extensions"] = [websockets.ServerPerMessageDeflateFactory(**settings)]
            client["create_protocol"] = MeasuringClient
        else:
            client["extensions"] = [websockets.ClientPerMessageDeflateFactory(**settings)]
            server["create_protocol"] = MeasuringServer
        async with both_ends(server, **client) as ends:
            sender, receiver = ends if side == "server" else ends[::-1]
            sizes.clear()
            await sender.send("x" * 1000)
            assert await receiver.recv() == "x" * 1000
            assert (sum(sizes) > 1000) == (level == 0)


# Basic auth


async def test_basic_auth_with_a_subclass_of_its_protocol():
    class Mine(websockets.BasicAuthWebSocketServerProtocol):
        async def process_request(self, path, request_headers):
            if path == "/health":
                return http.HTTPStatus.OK, {}, b"healthy\n"
            response = await super().process_request(path, request_headers)
            if response is None and self.username != "admin":
                return http.HTTPStatus.FORBIDDEN, {}, b""
            return response

    factory = websockets.basic_auth_protocol_factory(
        "the realm", [("admin", "a"), ("guest", "g")], create_protocol=Mine
    )
    async with websockets.serve(hold, "127.0.0.1", 0, create_protocol=factory) as server:
        uri = uri_of(server)
        async with websockets.connect(uri.replace("//", "//admin:a@")) as ws:
            assert ws.open
        answers = {
            uri.replace("//", "//guest:g@"): 403,
            uri.replace("//", "//admin:g@"): 401,
            uri: 401,
            f"{uri}/health": 200,
        }
        for refused, status in answers.items():
            with pytest.raises(websockets.InvalidStatusCode) as error:
                await websockets.connect(refused)
            assert error.value.status_code == status
            if status == 401:
                challenge = error.value.headers["WWW-Authenticate"]
                assert challenge.startswith('Basic realm="the realm"')


@pytest.mark.parametrize("credentials", ["ab", ("a",), ("a", "b", "c"), [("a", b"b")], 1, [None]])
def test_basic_auth_needs_pairs(credentials):
    with pytest.raises(TypeError):
        websockets.basic_auth_protocol_factory("realm", credentials)


# Low level


async def test_a_server_made_of_the_low_level_functions():
    async def accept(reader, writer):
        path, headers = await read_request(reader)
        key = websockets.check_request(headers)
        response = Headers()
        assert websockets.build_response(response, key) is None
        writer.write(f"HTTP/1.1 101 Switching Protocols\r\n{response}".encode())
        while True:
            frame = await websockets.Frame.read(reader.readexactly, mask=True, max_size=100)
            if frame.opcode == CLOSE:
                code, reason = websockets.parse_close(frame.data)
                frame = frame._replace(data=websockets.serialize_close(code, reason[::-1]))
            frame.write(writer.write, mask=False)
            if frame.opcode == CLOSE:
                break
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with websockets.connect(uri_of(server), compression=None) as ws:
        for message in ("text", b"binary", ["in", "pieces"]):
            await ws.send(message)
            assert await ws.recv() == ("".join(message) if isinstance(message, list) else message)
        await ws.close(4000, "abc")
        assert (ws.close_code, ws.close_reason) == (4000, "cba")
    server.close()
    await server.wait_closed()


async def test_a_client_made_of_the_low_level_functions():
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
        uri = websockets.parse_uri("ws://localhost/chat")
        headers = Headers(Host=uri.host)
        key = websockets.build_request(headers)
        writer.write(f"GET {uri.resource_name} HTTP/1.1\r\n{headers}".encode())
        status, reason, response = await read_response(reader)
        assert (status, reason) == (101, "Switching Protocols")
        assert websockets.check_response(response, key) is None
        opcode, data = websockets.prepare_data("text")
        websockets.Frame(fin=True, opcode=opcode, data=data).write(writer.write, mask=True)
        frame = await websockets.Frame.read(reader.readexactly, mask=False)
        assert frame == websockets.Frame(fin=True, opcode=TEXT, data=b"text")
        data = websockets.serialize_close(1000, "")
        websockets.Frame(fin=True, opcode=CLOSE, data=data).write(writer.write, mask=True)
        frame = await websockets.Frame.read(reader.readexactly, mask=False)
        assert websockets.parse_close(frame.data) == (1000, "")
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


def test_an_invalid_uri_is_a_value_error():
    with pytest.raises(ValueError, match="http://localhost"):
        websockets.parse_uri("http://localhost/")


async def test_loop_is_accepted():
    loop = asyncio.get_running_loop()
    with pytest.warns(DeprecationWarning, match="loop"):
        async with both_ends({"loop": loop}, loop=loop) as ends:
            assert [ws.loop for ws in ends] == [loop, loop]


def test_the_older_name_of_close_timeout():
    assert websockets.WebSocketCommonProtocol().close_timeout == 10
    assert websockets.WebSocketCommonProtocol(timeout=3).close_timeout == 3
    assert websockets.WebSocketCommonProtocol(timeout=3, close_timeout=4).close_timeout == 4
