"""
Servers on trio that choose handlers by the path.
"""

import functools

import pytest
from on_trio import REQUEST, connect, on_trio, port_of, tcp_to, trio, uri_of

from websockets.exceptions import InvalidStatus
from websockets.trio.router import Router, route

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


def routing_test(**options):
    """Run a test with a server that chooses handlers."""

    def decorate(function):
        @on_trio
        async def run():
            async with trio.open_nursery() as nursery:
                listening = functools.partial(route, url_map(), 0, host="127.0.0.1", **options)
                await function(await nursery.start(listening))
                nursery.cancel_scope.cancel()

        return run

    return decorate


async def told(server, path):
    async with connect(uri_of(server, path)) as ws:
        return await ws.recv()


async def answer(server, path):
    async with await tcp_to(port_of(server)) as peer:
        await peer.write(REQUEST.replace(b"/chat?room=1", path) + b"\r\n")
        head = (await peer.read_head()).decode()
        location = [line[10:] for line in head.split("\r\n") if line.startswith("Location: ")]
        return int(head.split()[1]), location, await peer.read_eof()


@routing_test()
async def test_what_was_captured_is_given_to_the_handler(server):
    assert await told(server, "/name/x?query") == "{'name': 'x'}"
    assert await told(server, "/number/4/") == "{'number': 4}"


@routing_test()
async def test_paths_that_lead_nowhere(server):
    for path in (b"/", b"/name", b"/number/x/"):
        assert await answer(server, path) == (404, [], b"Not Found")


@routing_test(ssl=True, server_name="example.com")
async def test_redirects_with_tls_in_front(server):
    assert await answer(server, b"/number/4") == (
        302,
        ["wss://example.com/number/4/"],
        b"Found at wss://example.com/number/4/",
    )


@on_trio
async def test_with_tls(certificates):
    async with trio.open_nursery() as nursery:
        context = certificates.server_context()
        listening = functools.partial(route, url_map(), 0, host="127.0.0.1", ssl=context)
        server = await nursery.start(listening)
        uri = uri_of(server, "/name/x", scheme="wss", host="localhost")
        async with connect(uri, ssl=certificates.client_context()) as ws:
            assert await ws.recv() == "{'name': 'x'}"
        nursery.cancel_scope.cancel()


def refuse_some(connection, request):
    return connection.respond(403, "no\n") if "closed" in request.path else None


@routing_test(process_request=refuse_some)
async def test_a_plain_function_of_the_program(server):
    with pytest.raises(InvalidStatus, match="403"):
        await told(server, "/name/closed")
    assert await told(server, "/name/open") == "{'name': 'open'}"


async def refuse(connection, request):
    return connection.respond(403, "no\n") if "closed" in request.path else None


@routing_test(process_request=refuse)
async def test_a_process_request_of_the_program_comes_first(server):
    with pytest.raises(InvalidStatus, match="403"):
        await told(server, "/name/closed")
    assert await told(server, "/name/open") == "{'name': 'open'}"


class Own(Router):
    def not_found(self, connection):
        return connection.respond(404, "own")


@routing_test(create_router=Own)
async def test_a_router_of_the_program(server):
    assert await answer(server, b"/nowhere") == (404, [], b"own")
