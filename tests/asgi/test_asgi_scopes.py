"""
What an ASGI application is told of a connection: its scope.
"""

import json
import sys

import pytest
from hosting import accept, hosting
from peer import REQUEST, needs_unix, tcp_to

from websockets.asyncio.client import connect, unix_connect


class Telling:
    """An application that keeps its scope, and closes."""

    async def __call__(self, scope, receive, send):
        self.scope = scope
        await accept(receive, send)
        await send({"type": "websocket.close"})


async def scope_for(path="/", *, ssl=None, client_ssl=None, config=None, **options):
    application = Telling()
    async with hosting(application, ssl=ssl, **(config or {})) as host:
        async with connect(host.uri + path, ssl=client_ssl, **options) as ws:
            await ws.wait_closed()
            application.port, application.local = host.port, ws.local_address
    return application.scope, application


async def test_all_that_a_scope_has():
    scope, told = await scope_for("/a%20b/%C3%A9?c=%20d&e", proxy=None, user_agent_header=None)
    headers = scope.pop("headers")
    assert scope == {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "ws",
        "server": ("127.0.0.1", told.port),
        "client": told.local[:2],
        "root_path": "",
        "path": "/a b/é",
        "raw_path": b"/a%20b/%C3%A9",
        "query_string": b"c=%20d&e",
        "subprotocols": [],
        "state": {"kept": []},
        "extensions": {"websocket.http.response": {}},
    }
    assert (b"host", f"127.0.0.1:{told.port}".encode()) in headers
    assert {name for name, _ in headers} == {
        b"host",
        b"upgrade",
        b"connection",
        b"sec-websocket-key",
        b"sec-websocket-version",
        b"sec-websocket-extensions",
    }


async def test_headers_are_bytes_in_their_order():
    application = Telling()
    fields = b"X-B: 1\r\nx-a: \xe9 \t\xff\r\nX-b: 2\r\nCookie: \r\n"
    async with hosting(application) as host, tcp_to(host.port) as peer:
        peer.write(REQUEST + fields + b"\r\n")
        await peer.read_head()
        await peer.read_close()
    assert application.scope["headers"][-4:] == [
        (b"x-b", b"1"),
        (b"x-a", b"\xe9 \t\xff"),
        (b"x-b", b"2"),
        (b"cookie", b""),
    ]


@pytest.mark.parametrize(
    "offered, subprotocols", [(None, []), (["a"], ["a"]), (["b", "a"], ["b", "a"])]
)
async def test_subprotocols(offered, subprotocols):
    scope, _ = await scope_for(subprotocols=offered)
    assert scope["subprotocols"] == subprotocols


async def test_where_the_application_is_mounted():
    scope, _ = await scope_for("/a%20b?c", config={"root_path": "/mounted"})
    assert scope["root_path"] == "/mounted"
    assert scope["path"] == "/mounted/a b"
    assert scope["raw_path"] == b"/mounted/a%20b"
    assert scope["query_string"] == b"c"


async def test_the_version_that_the_application_speaks():
    scope, _ = await scope_for(config={"asgi_version": "2.0"})
    assert scope["asgi"] == {"version": "2.0", "spec_version": "2.4"}


async def test_tls(certificates):
    scope, told = await scope_for(
        ssl=certificates.server_context(), client_ssl=certificates.client_context()
    )
    assert scope["scheme"] == "wss"
    assert scope["client"] == told.local[:2]


@needs_unix
async def test_a_unix_socket(tmp_path):
    await over_a_unix_socket(str(tmp_path / "socket"))


@pytest.mark.one_loop
@pytest.mark.skipif(sys.platform != "linux", reason="there are no such names")
async def test_a_unix_socket_without_a_file(tmp_path):
    await over_a_unix_socket(f"\0{tmp_path}")


async def over_a_unix_socket(path):
    application = Telling()
    async with hosting(application, path=path):
        async with unix_connect(path) as ws:
            await ws.wait_closed()
    assert application.scope["server"] == (path, None)
    assert application.scope["client"] is None


async def test_each_connection_has_a_state_of_its_own():
    async def application(scope, receive, send):
        scope["state"]["mine"] = scope["path"]
        scope["state"]["kept"].append(scope["path"])
        await accept(receive, send)
        await send({"type": "websocket.send", "text": json.dumps(scope["state"])})

    async with hosting(application) as host:
        async with connect(host.uri + "/1") as first, connect(host.uri + "/2") as second:
            assert json.loads(await first.recv()) == {"mine": "/1", "kept": ["/1"]}
            assert json.loads(await second.recv()) == {"mine": "/2", "kept": ["/1", "/2"]}
        assert host.app_state == {"kept": ["/1", "/2"]}


async def test_the_log_tells_what_a_proxy_has_told(caplog):
    caplog.set_level("INFO", "uvicorn.error")

    async def application(scope, receive, send):
        # As middleware that trusts a proxy does.
        scope["client"] = ("192.0.2.1", 0)
        await accept(receive, send)

    async with hosting(application) as host, connect(host.uri + "/a%20b?c=d") as ws:
        await ws.wait_closed()
    assert '192.0.2.1:0 - "WebSocket /a%20b?c=d" [accepted]' in caplog.messages
