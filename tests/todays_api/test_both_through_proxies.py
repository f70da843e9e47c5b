"""
Clients on asyncio and on trio behind proxies, which run on asyncio.
"""

import contextlib
import ssl
import sys

import pytest
from both import (
    carrier_to,
    client_module,
    connect,
    port_of,
    proxy_of,
    serving,
    serving_at,
    started,
    tls_failures,
    until,
)
from peer import needs_unix
from programs import free_port
from proxies import ESTABLISHED, HTTPProxy, SOCKSProxy
from proxy import open_files
from todays import echo

from websockets.exceptions import (
    InvalidProxy,
    InvalidProxyMessage,
    InvalidProxyStatus,
    InvalidStatus,
    ProxyError,
)
from websockets.http11 import USER_AGENT

pytestmark = pytest.mark.and_trio

VARIABLES = ("ws", "wss", "http", "https", "socks", "no", "all")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    """Forget what the system of whoever runs this is set to."""
    for name in VARIABLES:
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name.upper()}_PROXY", raising=False)


async def works(ws):
    for message in ("through", "x" * 100_000):
        await ws.send(message)
        assert await ws.recv() == message


async def fails(connecting):
    async with connecting:
        pass


@contextlib.asynccontextmanager
async def all_closed():
    """Check that no file stays open."""
    before = open_files()
    yield
    # What was open before may be closed meanwhile.
    await until(lambda: open_files() <= before)


# HTTP


async def test_through_an_http_proxy():
    async with serving(echo) as server:
        async with proxy_of(HTTPProxy, port_of(server)) as proxy:
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


async def test_credentials_and_user_agent_for_the_proxy():
    async with serving(echo) as server:
        async with proxy_of(HTTPProxy, port_of(server)) as proxy:
            for agent in ("mine", None):
                async with connect(
                    f"ws://example.test:{port_of(server)}/",
                    proxy=f"http://user:pass%20word@{proxy.host}",
                    user_agent_header=agent,
                ) as ws:
                    assert "Proxy-Authorization" not in ws.request.headers
                told = proxy.seen.pop()
                assert "Proxy-Authorization: Basic dXNlcjpwYXNzIHdvcmQ=" in told
                assert ("User-Agent: mine" in told) is (agent is not None)


@pytest.mark.parametrize("at_once", [10, 100])
async def test_what_comes_right_behind_the_answer_of_the_proxy(at_once):
    """A proxy that says at once what the server says when it hears of the client."""
    banner = b"HTTP/1.1 400 Too Early\r\nContent-Length: 0\r\n\r\n"

    async def relay(reader, writer):
        await reader.read(1)
        writer.write(banner[at_once:])

    async with proxy_of(HTTPProxy, 0, ESTABLISHED + banner[:at_once]) as proxy:
        proxy._relay = relay
        with pytest.raises(InvalidStatus) as raised:
            await fails(connect("ws://example.test/", proxy=f"http://{proxy.host}"))
        assert raised.value.response.reason_phrase == "Too Early"


async def test_tls_behind_an_http_proxy(certificates):
    async with serving(echo, ssl=certificates.server_context()) as server:
        async with proxy_of(HTTPProxy, port_of(server)) as proxy:
            uri, context = "wss://localhost/", certificates.client_context()
            async with connect(uri, proxy=f"http://{proxy.host}", ssl=context) as ws:
                await works(ws)
            assert proxy.seen[0][0] == "CONNECT localhost:443 HTTP/1.1"
            async with all_closed():
                with pytest.raises(tls_failures()):
                    await fails(
                        connect("wss://example.test/", proxy=f"http://{proxy.host}", ssl=context)
                    )
                await until(lambda: proxy.ended == 2)
            async with connect(
                "wss://example.test/",
                proxy=f"http://{proxy.host}",
                ssl=context,
                server_hostname="localhost",
            ) as ws:
                await works(ws)


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_through_an_https_proxy(certificates, scheme):
    context = certificates.client_context()
    tls = {"ssl": certificates.server_context()} if scheme == "wss" else {}
    async with serving(echo, **tls) as server:
        async with proxy_of(HTTPProxy, port_of(server), ssl=certificates.server_context()) as proxy:
            options = {"proxy": f"https://{proxy.host}", "proxy_ssl": context}
            if tls:
                options["ssl"] = context
            async with connect(f"{scheme}://localhost/", **options) as ws:
                await works(ws)
                for size in (0, 100_000, 1_000_000):
                    await ws.send("x" * size)
                    assert await ws.recv() == "x" * size
            assert ws.close_code == 1000
            unknown = {name: value for name, value in options.items() if name != "proxy_ssl"}
            for wrong in (unknown, {**options, "proxy_server_hostname": "example.test"}):
                with pytest.raises(tls_failures()):
                    await fails(connect(f"{scheme}://localhost/", **wrong))


@pytest.mark.parametrize("status", [407, 403, 502, 300, 100])
async def test_a_proxy_that_refuses(status):
    response = f"HTTP/1.1 {status} No\r\nX: y\r\nContent-Length: 3\r\n\r\nabc".encode()
    async with proxy_of(HTTPProxy, 0, response) as proxy, all_closed():
        with pytest.raises(InvalidProxyStatus) as raised:
            await fails(connect("ws://example.test/", proxy=f"http://{proxy.host}"))
        assert str(raised.value) == f"proxy rejected connection: HTTP {status}"
        assert raised.value.response.headers["X"] == "y"
        assert isinstance(raised.value, ProxyError)
        await until(lambda: proxy.ended)


@pytest.mark.parametrize("status", [201, 299])
async def test_other_statuses_of_success(status):
    async with serving(echo) as server:
        response = f"HTTP/1.1 {status} OK\r\n\r\n".encode()
        async with proxy_of(HTTPProxy, port_of(server), response) as proxy:
            async with connect("ws://example.test/", proxy=f"http://{proxy.host}") as ws:
                await works(ws)


@pytest.mark.parametrize(
    "response, cause",
    [
        (b"SSH-2.0-x\r\n\r\n", ValueError),
        (b"HTTP/1.1 200 OK\r\nno header\r\n\r\n", ValueError),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n", EOFError),
        (b"\x05", EOFError),
    ],
)
async def test_a_proxy_that_can_not_be_understood(response, cause):
    async with proxy_of(HTTPProxy, 0, response) as proxy, all_closed():
        with pytest.raises(InvalidProxyMessage) as raised:
            await fails(connect("ws://example.test/", proxy=f"http://{proxy.host}"))
        assert str(raised.value) == "did not receive a valid HTTP response from proxy"
        assert isinstance(raised.value.__cause__, cause)


async def test_a_proxy_may_speak_http_1_0():
    async with serving(echo) as server:
        async with proxy_of(
            HTTPProxy, port_of(server), ESTABLISHED.replace(b"1.1", b"1.0")
        ) as proxy:
            proxy.negotiate = accepting_all(proxy)
            async with connect("ws://example.test/", proxy=f"http://{proxy.host}") as ws:
                await works(ws)


def accepting_all(proxy):
    negotiate = proxy.negotiate

    async def accept(reader, writer):
        await negotiate(reader, writer)
        return True

    return accept


async def test_a_proxy_that_is_not_there():
    port = free_port()
    for scheme in ("http", "socks5"):
        with pytest.raises(OSError):
            await fails(connect("ws://example.test/", proxy=f"{scheme}://127.0.0.1:{port}"))


@pytest.mark.parametrize("kind", [HTTPProxy, SOCKSProxy])
@pytest.mark.parametrize("how", ["time-out", "cancelled"])
async def test_a_proxy_that_does_not_answer(kind, how):
    scheme = "http" if kind is HTTPProxy else "socks5"
    async with proxy_of(kind, 0) as proxy, all_closed():
        reached = []

        async def negotiate(reader, writer):
            reached.append(await reader.read(1))
            return False

        proxy.negotiate = negotiate
        # It has to be reached before, on a busy machine, too.
        open_timeout = 1 if how == "time-out" else None
        uri = f"{scheme}://{proxy.host}"
        connecting = started(
            fails(connect("ws://example.test/", proxy=uri, open_timeout=open_timeout))
        )
        await until(lambda: reached or connecting.done())
        if how == "cancelled":
            connecting.cancel()
            await until(connecting.done)
            assert connecting.cancelled()
        else:
            with pytest.raises(TimeoutError, match="^timed out during opening handshake$"):
                await connecting
        await until(lambda: proxy.ended)


async def test_a_server_behind_a_proxy_that_does_not_answer():
    async with proxy_of(HTTPProxy, 0) as proxy, all_closed():
        proxy._relay = lambda reader, writer: reader.read()
        with pytest.raises(TimeoutError):
            await fails(
                connect("ws://example.test/", proxy=f"http://{proxy.host}", open_timeout=0.5)
            )
        await until(lambda: proxy.ended)


# Arguments


@pytest.mark.parametrize(
    "options, error, text",
    [
        (
            {"proxy": "http://localhost:1", "proxy_ssl": ssl.create_default_context()},
            ValueError,
            "proxy_ssl argument is incompatible with an http:// proxy",
        ),
        (
            {"proxy": "ftp://localhost"},
            InvalidProxy,
            "ftp://localhost isn't a valid proxy: scheme ftp isn't supported",
        ),
        (
            {"proxy": "http://localhost/path"},
            InvalidProxy,
            "http://localhost/path isn't a valid proxy: path is meaningless",
        ),
    ],
)
async def test_arguments_that_can_not_be(options, error, text):
    with pytest.raises(error) as raised:
        await fails(connect("ws://example.test/", **options))
    assert str(raised.value) == text


async def test_host_and_port_are_those_of_the_proxy():
    async with serving(echo) as server:
        async with proxy_of(HTTPProxy, port_of(server)) as proxy:
            where = {"host": "127.0.0.1", "port": proxy.port}
            async with connect("ws://example.test/", proxy="http://proxy.test", **where) as ws:
                await works(ws)


# The system's


@pytest.mark.parametrize(
    "variable, secure, used",
    [
        ("ws", False, True),
        ("wss", True, True),
        ("http", False, True),
        ("https", False, True),
        ("https", True, True),
        ("http", True, False),
        ("wss", False, False),
        ("all", False, False),
    ],
)
async def test_variables_of_the_system(monkeypatch, certificates, variable, secure, used):
    tls = {"ssl": certificates.server_context()} if secure else {}
    theirs = {"ssl": certificates.client_context()} if secure else {}
    async with serving(echo, **tls) as server:
        uri = f"{'wss' if secure else 'ws'}://localhost:{port_of(server)}"
        async with proxy_of(HTTPProxy, port_of(server)) as proxy:
            monkeypatch.setenv(f"{variable}_proxy", f"http://{proxy.host}")
            async with connect(uri, **theirs) as ws:
                await works(ws)
            assert len(proxy.seen) == used
            async with connect(uri, proxy=None, **theirs) as ws:
                await works(ws)
            monkeypatch.setenv("no_proxy", "localhost")
            async with connect(uri, **theirs) as ws:
                await works(ws)
            assert len(proxy.seen) == used


async def test_a_socks_proxy_of_the_system(monkeypatch):
    pytest.importorskip("python_socks")
    async with serving(echo) as server:
        async with proxy_of(SOCKSProxy, port_of(server)) as proxy:
            monkeypatch.setenv("socks_proxy", f"http://{proxy.host}")
            monkeypatch.setenv("http_proxy", "http://nowhere.test")
            async with connect("ws://example.test:1234/") as ws:
                await works(ws)
            assert proxy.seen == [(5, "example.test", 1234, None)]


async def test_a_way_of_the_program_needs_no_proxy(monkeypatch):
    monkeypatch.setenv("ws_proxy", "http://127.0.0.1:1")
    async with serving(echo) as server:
        given, _ = carrier_to(server)
        async with connect("ws://example.test/", **given) as ws:
            await works(ws)


@needs_unix
async def test_a_unix_socket_needs_no_proxy(monkeypatch, tmp_path):
    monkeypatch.setenv("ws_proxy", "http://127.0.0.1:1")
    path = str(tmp_path / "socket")
    async with serving_at(path, echo):
        async with client_module().unix_connect(path) as ws:
            await works(ws)


# SOCKS


@pytest.mark.parametrize(
    "scheme, seen",
    [
        ("socks5", (5, "127.0.0.1", 1234, None)),
        ("socks5h", (5, "localhost", 1234, None)),
        ("socks4", (4, "127.0.0.1", 1234, "")),
        ("socks4a", (4, "localhost", 1234, "")),
    ],
)
async def test_through_a_socks_proxy(scheme, seen):
    pytest.importorskip("python_socks")
    async with serving(echo) as server:
        async with proxy_of(SOCKSProxy, port_of(server)) as proxy, all_closed():
            uri = f"{scheme}://{proxy.host}"
            host = "127.0.0.1" if seen[1] == "127.0.0.1" else "localhost"
            async with connect(f"ws://{host}:1234/", proxy=uri) as ws:
                await works(ws)
                assert ws.request.headers["Host"] == f"{host}:1234"
            assert proxy.seen == [seen]
            await until(lambda: proxy.ended)


async def test_tls_behind_a_socks_proxy(certificates):
    pytest.importorskip("python_socks")
    context = certificates.client_context()
    async with serving(echo, ssl=certificates.server_context()) as server:
        async with proxy_of(SOCKSProxy, port_of(server)) as proxy:
            uri = f"socks5h://{proxy.host}"
            async with connect("wss://localhost/", proxy=uri, ssl=context) as ws:
                await works(ws)
            assert proxy.seen == [(5, "localhost", 443, None)]
            async with all_closed():
                with pytest.raises(tls_failures()):
                    await fails(connect("wss://example.test/", proxy=uri, ssl=context))
                await until(lambda: proxy.ended == 2)


async def test_credentials_for_a_socks_proxy():
    pytest.importorskip("python_socks")
    async with serving(echo) as server:
        async with (
            proxy_of(SOCKSProxy, port_of(server), ("user", "password")) as proxy,
            all_closed(),
        ):
            uri = f"socks5h://user:password@{proxy.host}"
            async with connect("ws://example.test/", proxy=uri) as ws:
                await works(ws)
            for wrong in (f"socks5h://user:x@{proxy.host}", f"socks5h://{proxy.host}"):
                with pytest.raises(
                    ProxyError, match="^failed to connect to SOCKS proxy$"
                ) as raised:
                    await fails(connect("ws://example.test/", proxy=wrong))
                assert raised.value.__cause__ is not None
            await until(lambda: proxy.ended == 3)


@pytest.mark.parametrize("scheme", ["socks5h", "socks4a"])
async def test_a_socks_proxy_that_refuses(scheme):
    pytest.importorskip("python_socks")
    async with proxy_of(SOCKSProxy, 0, refuses=True) as proxy, all_closed():
        with pytest.raises(ProxyError, match="^failed to connect to SOCKS proxy$"):
            await fails(connect("ws://example.test/", proxy=f"{scheme}://{proxy.host}"))
        await until(lambda: proxy.ended)


@pytest.mark.one_loop
async def test_without_python_socks(monkeypatch):
    for name in list(sys.modules):
        if name.startswith("python_socks"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "python_socks", None)
    with pytest.raises(ImportError) as raised:
        await fails(connect("ws://example.test/", proxy="socks5://localhost"))
    assert str(raised.value) == "connecting through a SOCKS proxy requires python-socks"
