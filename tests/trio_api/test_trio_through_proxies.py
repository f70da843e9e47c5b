"""
Clients on trio behind proxies, which run on asyncio.
"""

import contextlib
import socket

import pytest
from beside import on_asyncio
from on_trio import connect, echo, hold, on_trio, port_of, serving, trio
from proxies import ESTABLISHED, HTTPProxy, SOCKSProxy

from websockets.exceptions import (
    InvalidProxy,
    InvalidProxyMessage,
    InvalidProxyStatus,
    InvalidStatus,
    ProxyError,
)
from websockets.http11 import USER_AGENT


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    """Forget what the system of whoever runs this is set to."""
    for name in ("ws", "wss", "http", "https", "socks", "no", "all"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name.upper()}_PROXY", raising=False)


@contextlib.contextmanager
def proxy_of(kind, *args, **options):
    with on_asyncio(lambda: kind(*args, **options)) as proxy:
        yield proxy


async def works(ws):
    for message in ("through", "x" * 100_000):
        await ws.send(message)
        assert await ws.recv() == message


@on_trio
async def test_through_an_http_proxy():
    async with serving(echo) as server:
        with proxy_of(HTTPProxy, port_of(server)) as proxy:
            async with connect("ws://example.test/path", proxy=f"http://{proxy.host}") as ws:
                await works(ws)
                assert ws.request.headers["Host"] == "example.test"
                assert ws.remote_address[1] == proxy.port
            assert proxy.seen == [
                [
                    "CONNECT example.test:80 HTTP/1.1",
                    "Host: example.test",
                    f"User-Agent: {USER_AGENT}",
                ]
            ]


@on_trio
async def test_the_proxy_of_the_system(monkeypatch):
    async with serving(echo) as server:
        with proxy_of(HTTPProxy, port_of(server)) as proxy:
            monkeypatch.setenv("ws_proxy", f"http://{proxy.host}")
            async with connect("ws://example.test/") as ws:
                await works(ws)
            for options in (
                {"host": "127.0.0.1", "port": port_of(server), "proxy": None},
                {"stream": await trio.open_tcp_stream("127.0.0.1", port_of(server))},
            ):
                async with connect("ws://example.test/", **options) as ws:
                    await works(ws)
            assert len(proxy.seen) == 1


@on_trio
async def test_credentials_and_user_agent_for_the_proxy():
    async with serving(hold) as server:
        with proxy_of(HTTPProxy, port_of(server)) as proxy:
            for agent in ("mine", None):
                async with connect(
                    "ws://example.test/",
                    proxy=f"http://user:pass%20word@{proxy.host}",
                    user_agent_header=agent,
                ) as ws:
                    assert "Proxy-Authorization" not in ws.request.headers
                told = proxy.seen.pop()
                assert "Proxy-Authorization: Basic dXNlcjpwYXNzIHdvcmQ=" in told
                assert ("User-Agent: mine" in told) is (agent is not None)


@on_trio
async def test_tls_behind_an_http_proxy(certificates):
    context = certificates.client_context()
    async with serving(echo, ssl=certificates.server_context()) as server:
        with proxy_of(HTTPProxy, port_of(server)) as proxy:
            options = {"proxy": f"http://{proxy.host}", "ssl": context}
            async with connect("wss://localhost/", **options) as ws:
                await works(ws)
            assert proxy.seen[0][0] == "CONNECT localhost:443 HTTP/1.1"
            with pytest.raises(trio.BrokenResourceError):
                async with connect("wss://example.test/", **options):
                    pass


@pytest.mark.parametrize("scheme", ["ws", "wss"])
@on_trio
async def test_through_an_https_proxy(certificates, scheme):
    context = certificates.client_context()
    tls = {"ssl": certificates.server_context()} if scheme == "wss" else {}
    async with serving(echo, **tls) as server:
        secure = certificates.server_context()
        with proxy_of(HTTPProxy, port_of(server), ssl=secure) as proxy:
            options = {"proxy": f"https://{proxy.host}", "proxy_ssl": context}
            if tls:
                options["ssl"] = context
            async with connect(f"{scheme}://localhost/", **options) as ws:
                await works(ws)
            assert ws.close_code == 1000
            for wrong in ({"proxy_ssl": None}, {"proxy_server_hostname": "example.test"}):
                with pytest.raises(trio.BrokenResourceError):
                    async with connect(f"{scheme}://localhost/", **{**options, **wrong}):
                        pass


@pytest.mark.parametrize("status", [407, 403, 502, 300])
@on_trio
async def test_a_proxy_that_refuses(status):
    answer = f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()
    with proxy_of(HTTPProxy, 0, answer) as proxy:
        with pytest.raises(InvalidProxyStatus) as raised:
            async with connect("ws://example.test/", proxy=f"http://{proxy.host}"):
                pass
        assert str(raised.value) == f"proxy rejected connection: HTTP {status}"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200", b"SSH-2.0\r\n\r\n"])
@on_trio
async def test_a_proxy_that_can_not_be_understood(answer):
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")

    async def accept(stream):
        async with stream:
            await stream.receive_some()
            await stream.send_all(answer)

    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, accept, listeners)
        port = listeners[0].socket.getsockname()[1]
        with pytest.raises(InvalidProxyMessage) as raised:
            async with connect("ws://example.test/", proxy=f"http://127.0.0.1:{port}"):
                pass
        assert str(raised.value) == "did not receive a valid HTTP response from proxy"
        nursery.cancel_scope.cancel()


@on_trio
async def test_what_comes_right_behind_the_answer_of_the_proxy():
    banner = b"HTTP/1.1 400 Too Early\r\nContent-Length: 0\r\n\r\n"
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")

    async def accept(stream):
        async with stream:
            await stream.receive_some()
            await stream.send_all(ESTABLISHED + banner[:10])
            await stream.receive_some()
            await stream.send_all(banner[10:])
            while await stream.receive_some():
                pass

    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, accept, listeners)
        port = listeners[0].socket.getsockname()[1]
        with pytest.raises(InvalidStatus) as raised:
            async with connect("ws://example.test/", proxy=f"http://127.0.0.1:{port}"):
                pass
        assert raised.value.response.reason_phrase == "Too Early"
        nursery.cancel_scope.cancel()


@on_trio
async def test_a_proxy_that_is_not_there():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    with pytest.raises(OSError):
        async with connect("ws://example.test/", proxy=f"http://127.0.0.1:{port}"):
            pass


@pytest.mark.parametrize("proxy", ["ftp://localhost", "http://", "http://localhost/path"])
@on_trio
async def test_what_is_no_proxy(proxy):
    with pytest.raises(InvalidProxy):
        async with connect("ws://example.test/", proxy=proxy):
            pass


@on_trio
async def test_tls_for_a_proxy_without(certificates):
    context = certificates.client_context()
    with pytest.raises(ValueError) as raised:
        async with connect("ws://example.test/", proxy="http://localhost", proxy_ssl=context):
            pass
    assert str(raised.value) == "proxy_ssl argument is incompatible with an http:// proxy"


@pytest.mark.parametrize("scheme", ["socks5h", "socks5", "socks4a", "socks4"])
@on_trio
async def test_through_a_socks_proxy(scheme):
    pytest.importorskip("python_socks")
    async with serving(echo) as server:
        with proxy_of(SOCKSProxy, port_of(server)) as proxy:
            async with connect("ws://127.0.0.1/", proxy=f"{scheme}://{proxy.host}") as ws:
                await works(ws)
            assert len(proxy.seen) == 1


@on_trio
async def test_a_socks_proxy_that_refuses():
    pytest.importorskip("python_socks")
    with proxy_of(SOCKSProxy, 0, refuses=True) as proxy:
        with pytest.raises(ProxyError) as raised:
            async with connect("ws://example.test/", proxy=f"socks5h://{proxy.host}"):
                pass
        assert str(raised.value) == "failed to connect to SOCKS proxy"
        assert raised.value.__cause__ is not None
