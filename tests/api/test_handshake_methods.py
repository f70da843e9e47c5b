"""
Methods of the opening handshake that programs override or call, as documented.
"""

import asyncio
import http

import pytest
from peer import BASES, REQUEST, SIDES, both_ends, hold, port_of, response_to, tcp_to, uri_of

import websockets
from websockets.http import Headers, read_response


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


async def test_process_request_of_a_subclass_may_be_a_plain_function():
    class Plain(websockets.WebSocketServerProtocol):
        def process_request(self, path, request_headers):
            return None if path == "/chat?room=1" else (http.HTTPStatus.OK, {}, b"")

    assert (await response_to(REQUEST + b"\r\n", create_protocol=Plain))[0] == 101
    request = REQUEST.replace(b"/chat", b"/") + b"\r\n"
    assert (await response_to(request, create_protocol=Plain))[0] == 200


async def test_a_status_that_nobody_knows_has_no_phrase():
    status, headers, body = await response_to(
        REQUEST + b"\r\n", process_request=lambda path, headers: (299, {}, b"odd")
    )
    assert (status, body) == (299, b"odd")


def test_subprotocols_of_a_protocol_are_a_list():
    with pytest.raises(TypeError, match="list"):
        websockets.WebSocketServerProtocol(hold, None, subprotocols="chat")
