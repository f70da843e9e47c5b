"""
Servers on asyncio and on trio that choose handlers by the path.
"""

import sys

import pytest
from both import (
    connect,
    either_kind,
    listening,
    router_module,
    runs_on_trio,
    tcp_to,
    uri_of,
)
from peer import REQUEST

from websockets.exceptions import InvalidStatus

pytestmark = pytest.mark.and_trio

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


def routed(**options):
    """A server that chooses handlers."""
    return listening(router_module().route, url_map(), **options)


async def told(server, path):
    async with connect(uri_of(server, path)) as ws:
        return await ws.recv()


async def test_what_was_captured_is_given_to_the_handler():
    async with routed() as server:
        assert await told(server, "/name/x?query") == "{'name': 'x'}"
        assert await told(server, "/number/4/") == "{'number': 4}"


async def answer(server, path, host=b"localhost"):
    async with tcp_to(server) as peer:
        request = REQUEST.replace(b"/chat?room=1", path)
        await peer.write(request.replace(b"Host: localhost", b"Host: " + host) + b"\r\n")
        head = (await peer.read_head()).decode()
        location = [line[10:] for line in head.split("\r\n") if line.startswith("Location: ")]
        return int(head.split()[1]), location, await peer.read_eof()


async def test_paths_that_lead_nowhere():
    async with routed() as server:
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
    async with routed(**options) as server:
        for path, target in [(b"/old", "/name/new"), (b"/number/4", "/number/4/")]:
            status, location, body = await answer(server, path, b"the.host")
            assert (status, location) == (302, [url + target])
            assert body == f"Found at {url}{target}".encode()


async def test_clients_follow_them():
    async with routed() as server:
        assert await told(server, "/old") == "{'name': 'new'}"


async def test_tls(certificates):
    async with routed(ssl=certificates.server_context()) as server:
        uri = uri_of(server, "/number/4", "wss", "localhost")
        async with connect(uri, ssl=certificates.client_context()) as ws:
            assert await ws.recv() == "{'number': 4}"


@either_kind
async def test_process_request_comes_first(kind):
    def refuse(connection, request):
        if request.path == "/name/nobody":
            return connection.respond(403, "not you\n")
        return None

    async with routed(process_request=kind(refuse)) as server:
        assert await told(server, "/name/x") == "{'name': 'x'}"
        with pytest.raises(InvalidStatus) as raised:
            await told(server, "/name/nobody")
        assert raised.value.response.body == b"not you\n"


async def test_a_router_of_the_program():
    class Own(router_module().Router):
        def not_found(self, connection):
            return connection.respond(410, "gone\n")

        def redirect(self, connection, url):
            return connection.respond(200, url)

        def get_server_name(self, connection, request):
            return "own.test"

    async with routed(create_router=Own) as server:
        assert await answer(server, b"/") == (410, [], b"gone\n")
        assert await answer(server, b"/old") == (200, [], b"ws://own.test/name/new")


async def test_what_a_router_tells():
    rules, Router = url_map(), router_module().Router
    router = Router(rules, "name", "wss")
    assert (router.url_map, router.server_name, router.url_scheme) == (rules, "name", "wss")
    assert all(rule.websocket for rule in rules.iter_rules())
    assert (Router(rules).server_name, Router(rules).url_scheme) == (None, "ws")


async def test_without_werkzeug(monkeypatch):
    route = router_module().route
    for name in list(sys.modules):
        if name == "werkzeug" or name.startswith("werkzeug."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "werkzeug", None)
    with pytest.raises(ImportError) as raised:
        starting = route(None)
        if runs_on_trio():
            await starting
    assert str(raised.value) == "route() requires werkzeug"
