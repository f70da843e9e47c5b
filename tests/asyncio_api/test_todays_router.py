"""
Servers that choose handlers by the path.
"""

import sys

import pytest
from peer import REQUEST, needs_unix, port_of, tcp_to
from todays import uri_of

from websockets.asyncio.client import connect, unix_connect
from websockets.asyncio.router import Router, route, unix_route
from websockets.exceptions import InvalidStatus

routing = pytest.importorskip("werkzeug.routing")


async def tell(connection, **captured):
    assert connection.handler is tell and connection.handler_kwargs == captured
    await connection.send(repr(captured))


def url_map():
    return routing.Map(
        [
            routing.Rule("/name/<name>", endpoint=tell),
            routing.Rule("/number/<int:number>/", endpoint=tell),
            routing.Rule("/old", redirect_to="/name/new"),
        ]
    )


async def told(server, path, **options):
    async with connect(uri_of(server, path), **options) as ws:
        return await ws.recv()


async def test_what_was_captured_is_given_to_the_handler():
    async with route(url_map(), "127.0.0.1", 0) as server:
        assert await told(server, "/name/x?query") == "{'name': 'x'}"
        assert await told(server, "/number/4/") == "{'number': 4}"


async def answer(server, path, host=b"localhost"):
    async with tcp_to(port_of(server)) as peer:
        request = REQUEST.replace(b"/chat?room=1", path)
        peer.write(request.replace(b"Host: localhost", b"Host: " + host) + b"\r\n")
        head = (await peer.read_head()).decode()
        location = [line[10:] for line in head.split("\r\n") if line.startswith("Location: ")]
        return int(head.split()[1]), location, await peer.read_eof()


async def test_paths_that_lead_nowhere():
    async with route(url_map(), "127.0.0.1", 0) as server:
        for path in (b"/", b"/name", b"/number/x/"):
            assert await answer(server, path) == (404, [], b"Not Found")


@pytest.mark.parametrize(
    "options, url",
    [
        ({}, "ws://the.host"),
        ({"server_name": "example.com"}, "ws://example.com"),
        ({"ssl": True}, "wss://the.host"),
    ],
)
async def test_redirects(options, url):
    async with route(url_map(), "127.0.0.1", 0, **options) as server:
        for path, target in [(b"/old", "/name/new"), (b"/number/4", "/number/4/")]:
            status, location, body = await answer(server, path, b"the.host")
            assert (status, location) == (302, [url + target])
            assert body == f"Found at {url}{target}".encode()


async def test_clients_follow_them():
    async with route(url_map(), "127.0.0.1", 0) as server:
        assert await told(server, "/old") == "{'name': 'new'}"


async def test_tls(certificates):
    async with route(url_map(), "localhost", 0, ssl=certificates.server_context()) as server:
        uri = f"wss://localhost:{port_of(server)}/number/4"
        async with connect(uri, ssl=certificates.client_context()) as ws:
            assert await ws.recv() == "{'number': 4}"


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_process_request_comes_first(asynchronous):
    def refuse(connection, request):
        if request.path == "/name/nobody":
            return connection.respond(403, "not you\n")
        return None

    async def refuse_later(connection, request):
        return refuse(connection, request)

    options = {"process_request": refuse_later if asynchronous else refuse}
    async with route(url_map(), "127.0.0.1", 0, **options) as server:
        assert await told(server, "/name/x") == "{'name': 'x'}"
        with pytest.raises(InvalidStatus) as raised:
            await told(server, "/name/nobody")
        assert raised.value.response.body == b"not you\n"


async def test_a_router_of_the_program():
    class Own(Router):
        def not_found(self, connection):
            return connection.respond(410, "gone\n")

        def redirect(self, connection, url):
            return connection.respond(200, url)

        def get_server_name(self, connection, request):
            return "own.test"

    async with route(url_map(), "127.0.0.1", 0, create_router=Own) as server:
        assert await answer(server, b"/") == (410, [], b"gone\n")
        assert await answer(server, b"/old") == (200, [], b"ws://own.test/name/new")


def test_what_a_router_tells():
    rules = url_map()
    router = Router(rules, "name", "wss")
    assert (router.url_map, router.server_name, router.url_scheme) == (rules, "name", "wss")
    assert all(rule.websocket for rule in rules.iter_rules())
    assert (Router(rules).server_name, Router(rules).url_scheme) == (None, "ws")


@needs_unix
async def test_a_unix_socket(tmp_path):
    path = str(tmp_path / "socket")
    async with unix_route(url_map(), path):
        async with unix_connect(path, "ws://localhost/name/x") as ws:
            assert await ws.recv() == "{'name': 'x'}"


@pytest.mark.parametrize("function", [route, unix_route])
def test_without_werkzeug(monkeypatch, function):
    for name in list(sys.modules):
        if name == "werkzeug" or name.startswith("werkzeug."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "werkzeug", None)
    with pytest.raises(ImportError) as raised:
        function(None)
    assert str(raised.value) == f"{function.__name__}() requires werkzeug"
