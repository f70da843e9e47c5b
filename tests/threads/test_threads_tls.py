"""
TLS in threads, and ways through proxies.
"""

import asyncio
import contextlib
import socket
import ssl
import threading

import pytest
from half_closing import HalfTLS
from peer import REQUEST, TEXT, frame
from proxies import HTTPProxy, SOCKSProxy
from threads import PATIENCE, Peer, Task, blocked, echo, serving, uri_of

from websockets.exceptions import (
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidProxyMessage,
    InvalidProxyStatus,
    ProxyError,
)
from websockets.protocol import State
from websockets.sync.client import ClientConnection, connect, reconnect


def secure(server, host="localhost"):
    return f"wss://{host}:{server.socket.getsockname()[1]}/"


def test_a_conversation(certificates):
    with serving(echo, ssl=certificates.server_context(), max_size=None) as server:
        with connect(
            secure(server), ssl=certificates.client_context(), proxy=None, max_size=None
        ) as ws:
            for size in (0, 1, 16384, 65536, 3_000_000):
                ws.send(b"x" * size)
                assert ws.recv() == b"x" * size
            assert ws.ping().wait(PATIENCE)
            assert ws.socket.version().startswith("TLS")
            assert ws.socket.getpeercert()["subjectAltName"]
            assert ws.remote_address[:2] == server.socket.getsockname()[:2]
        assert ws.close_code == 1000


def test_sending_and_receiving_at_the_same_time(certificates):
    with serving(echo, ssl=certificates.server_context()) as server:
        with connect(secure(server), ssl=certificates.client_context(), proxy=None) as ws:
            messages = [bytes([i % 256]) * (i * 37 % 5000) for i in range(1000)]
            task = Task(lambda: [ws.send(message) for message in messages])
            assert [ws.recv() for _ in messages] == messages
            task.result()


def test_two_sides_that_both_send_first(certificates):
    def handler(connection):
        connection.send(bytes(5_000_000))
        connection.send(connection.recv())

    options = {"max_size": None, "compression": None}
    with serving(handler, ssl=certificates.server_context(), **options) as server:
        with connect(
            secure(server), ssl=certificates.client_context(), proxy=None, **options
        ) as ws:
            ws.send(b"x" * 5_000_000)
            assert ws.recv() == bytes(5_000_000)
            assert ws.recv() == b"x" * 5_000_000


def test_a_certificate_that_nobody_knows(certificates, caplog):
    with serving(echo, ssl=certificates.server_context()) as server:
        with pytest.raises(ssl.SSLCertVerificationError):
            connect(secure(server), proxy=None)
        with pytest.raises(ssl.SSLCertVerificationError, match="wrong.test"):
            connect(
                secure(server),
                ssl=certificates.client_context(),
                server_hostname="wrong.test",
                proxy=None,
            )
    assert not caplog.records


def test_a_client_that_does_not_finish_its_tls_handshake(certificates):
    with serving(echo, ssl=certificates.server_context(), open_timeout=0.1) as server:
        with socket.create_connection(server.socket.getsockname()) as sock:
            sock.settimeout(PATIENCE)
            assert sock.recv(1) == b""
        with socket.create_connection(server.socket.getsockname()) as sock:
            sock.settimeout(PATIENCE)
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                while sock.recv(100):
                    pass


def test_a_server_that_does_not_finish_the_tls_handshake():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with pytest.raises(TimeoutError, match="timed out"):
            connect(f"wss://127.0.0.1:{listener.getsockname()[1]}/", open_timeout=0.05, proxy=None)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_an_orderly_end(certificates, version):
    context = certificates.server_context()
    context.maximum_version = context.minimum_version = version
    with serving(echo, ssl=context) as server:
        with ssl_client(server, certificates) as sock:
            sock.sendall(REQUEST + b"\r\n")
            while not sock.recv(65536).endswith(b"\r\n\r\n"):
                pass
            sock.sendall(frame(8, b"\x03\xe8", masked=True))
            assert sock.recv(100) == b"\x88\x02\x03\xe8"
            assert sock.recv(100) == b""  # by close_notify: suppress_ragged_eofs is off


@contextlib.contextmanager
def ssl_client(server, certificates):
    with socket.create_connection(server.socket.getsockname()) as sock:
        sock.settimeout(PATIENCE)
        context = certificates.client_context()
        with context.wrap_socket(
            sock, server_hostname="localhost", suppress_ragged_eofs=False
        ) as wrapped:
            yield wrapped


def test_a_tls_socket_that_the_program_has_made(certificates):
    with serving(echo, ssl=certificates.server_context(), max_size=None) as server:
        raw = socket.create_connection(server.socket.getsockname())
        sock = certificates.client_context().wrap_socket(raw, server_hostname="localhost")
        with connect("ws://localhost/", sock=sock, max_size=None) as ws:
            for size in (1, 100_000, 2_000_000):
                ws.send(b"x" * size)
                assert ws.recv() == b"x" * size
            task = Task(ws.recv)
            blocked(task, "recv")
            assert ws.ping().wait(PATIENCE)
            ws.send("y")
            assert task.result() == "y"
            with pytest.raises(TimeoutError):
                ws.recv(timeout=0.01)
        assert ws.close_code == 1000


@pytest.mark.parametrize("method", ["send", "recv"])
def test_an_interrupt_in_a_tls_socket_that_the_program_has_made(certificates, method):
    with serving(echo, ssl=certificates.server_context()) as server:
        raw = socket.create_connection(server.socket.getsockname())
        sock = certificates.client_context().wrap_socket(raw, server_hostname="localhost")
        with connect("ws://localhost/", sock=sock) as ws:
            work = getattr(sock, method)

            def interrupted(argument):
                done = work(argument)
                if threading.current_thread() is threading.main_thread():
                    delattr(sock, method)
                    raise KeyboardInterrupt
                return done

            setattr(sock, method, interrupted)
            with pytest.raises(KeyboardInterrupt):
                while True:
                    ws.send("x")
                    ws.recv()
            with pytest.raises(ConnectionClosedError) as raised:
                ws.recv(PATIENCE)
            assert raised.value.sent is raised.value.rcvd is None


def test_an_interrupt_while_encrypting_ends_the_connection(certificates):
    class Interrupted(ssl.SSLObject):
        armed = False

        def write(self, data):
            size = super().write(data)
            if self.armed:
                self.armed = False
                raise KeyboardInterrupt
            return size

    context = certificates.client_context()
    context.sslobject_class = Interrupted
    with serving(echo, ssl=certificates.server_context()) as server:
        with connect(secure(server), ssl=context, proxy=None) as ws:
            Interrupted.armed = True
            with pytest.raises(KeyboardInterrupt):
                ws.send("x")
            with pytest.raises(ConnectionClosedError):
                ws.recv(PATIENCE)


def test_a_message_before_garbage_is_received(certificates):
    received = []
    over = threading.Event()

    def handler(connection):
        try:
            for message in connection:
                received.append(message)
        except ConnectionClosedError as exc:
            received.append(type(exc.__cause__))
        over.set()

    options = {"ssl": certificates.server_context(), "compression": None}
    with serving(handler, **options) as server:
        with socket.create_connection(server.socket.getsockname()) as sock:
            peer = Peer(HalfTLS(sock, certificates.client_context()), masked=True)
            peer.write(REQUEST + b"\r\n")
            peer.read_head()
            peer.sock.sendall_before(frame(TEXT, b"first", masked=True), b"garbage" * 10)
            assert over.wait(PATIENCE)
    assert received == ["first", ssl.SSLError]


def test_tls_by_a_subclass(certificates):
    class Mine(reconnect):
        def enable_tls(self, sock, deadline):
            context = certificates.client_context()
            return context.wrap_socket(sock, server_hostname="localhost")

    with serving(echo, ssl=certificates.server_context()) as server:
        with Mine(secure(server), proxy=None) as ws:
            ws.send("x")
            assert ws.recv() == "x"


def test_the_one_thread_sees_to_tls(certificates):
    with serving(echo, ssl=certificates.server_context(), ping_interval=0.02) as server:
        with connect(
            secure(server),
            ssl=certificates.client_context(),
            proxy=None,
            ping_interval=0.02,
        ) as ws:
            while not ws.latency:
                assert not ws.wait_closed(0.01)
            [connection] = server.connections
            while not connection.latency:
                assert not ws.wait_closed(0.01)
            assert ws.state is State.OPEN


# Proxies


@contextlib.contextmanager
def running(make):
    """A proxy of the tests, which is a coroutine's, at work in a thread."""
    ready = threading.Event()
    found = []

    async def main():
        async with make() as proxy:
            found.extend([proxy, asyncio.get_running_loop(), asyncio.Event()])
            ready.set()
            await found[2].wait()

    task = Task(asyncio.run, main())
    ready.wait(PATIENCE)
    try:
        yield found[0]
    finally:
        found[1].call_soon_threadsafe(found[2].set)
        task.result()


def port_of(server):
    return server.socket.getsockname()[1]


def test_an_http_proxy():
    with serving(echo) as server, running(lambda: HTTPProxy(port_of(server))) as proxy:
        uri = f"http://me:secret@{proxy.host}"
        with connect("ws://elsewhere.test/", proxy=uri, user_agent_header="mine") as ws:
            ws.send("x")
            assert ws.recv() == "x"
        [lines] = proxy.seen
        assert lines[0] == "CONNECT elsewhere.test:80 HTTP/1.1"
        assert "User-Agent: mine" in lines
        assert any(line.startswith("Proxy-Authorization: Basic ") for line in lines)


def test_a_proxy_of_the_system(monkeypatch):
    with serving(echo) as server, running(lambda: HTTPProxy(port_of(server))) as proxy:
        monkeypatch.setenv("ws_proxy", f"http://{proxy.host}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with connect("ws://elsewhere.test/"):
            pass
        with connect(uri_of(server)):
            pass
        assert len(proxy.seen) == 1


def test_tls_through_a_proxy(certificates):
    with serving(echo, ssl=certificates.server_context()) as server:
        with running(lambda: HTTPProxy(port_of(server))) as proxy:
            with connect(
                "wss://localhost:1/",
                proxy=f"http://{proxy.host}",
                ssl=certificates.client_context(),
            ) as ws:
                ws.send("x")
                assert ws.recv() == "x"


@pytest.mark.parametrize("inner", [False, True])
def test_a_proxy_with_tls(certificates, inner):
    context = certificates.server_context() if inner else None
    with serving(echo, ssl=context, max_size=None) as server:
        with running(
            lambda: HTTPProxy(port_of(server), ssl=certificates.server_context())
        ) as proxy:
            with connect(
                "wss://localhost:1/" if inner else "ws://localhost:1/",
                proxy=f"https://{proxy.host}",
                proxy_ssl=certificates.client_context(),
                ssl=certificates.client_context() if inner else None,
                max_size=None,
            ) as ws:
                for size in (1, 1_000_000):
                    ws.send(b"x" * size)
                    assert ws.recv() == b"x" * size
                with pytest.raises(TimeoutError):
                    ws.recv(timeout=0.01)


def test_a_proxy_that_refuses():
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    with running(lambda: HTTPProxy(1, refusal)) as proxy:
        with pytest.raises(InvalidProxyStatus) as caught:
            connect("ws://elsewhere.test/", proxy=f"http://{proxy.host}")
    assert caught.value.response.status_code == 407


@pytest.mark.parametrize("answer", [b"hello\r\n\r\n", b"HTTP/1.1"])
def test_a_proxy_that_can_not_be_understood(answer):
    with running(lambda: HTTPProxy(1, answer)) as proxy:
        with pytest.raises(
            InvalidProxyMessage, match="^did not receive a valid HTTP response from proxy$"
        ):
            connect("ws://elsewhere.test/", proxy=f"http://{proxy.host}")


def test_a_proxy_that_does_not_answer():
    with running(lambda: HTTPProxy(1, b"")) as proxy:
        with pytest.raises(TimeoutError, match="^timed out while connecting to HTTP proxy$"):
            connect("ws://elsewhere.test/", proxy=f"http://{proxy.host}", open_timeout=0.05)


def test_a_context_for_a_proxy_without_tls(certificates):
    with pytest.raises(
        ValueError, match="^proxy_ssl argument is incompatible with an http:// proxy$"
    ):
        connect(
            "ws://elsewhere.test/",
            proxy="http://localhost:1",
            proxy_ssl=certificates.client_context(),
        )


@pytest.mark.parametrize("scheme", ["socks5h", "socks4a"])
def test_a_socks_proxy(scheme):
    pytest.importorskip("python_socks")
    with serving(echo) as server, running(lambda: SOCKSProxy(port_of(server))) as proxy:
        with connect(
            "ws://elsewhere.test/",
            proxy=f"{scheme}://{proxy.host}",
            source_address=("127.0.0.1", 0),
        ) as ws:
            ws.send("x")
            assert ws.recv() == "x"
        assert proxy.seen[0][1:3] == ("elsewhere.test", 80)


def test_a_socks_proxy_that_refuses():
    pytest.importorskip("python_socks")
    with running(lambda: SOCKSProxy(1, refuses=True)) as proxy:
        with pytest.raises(ProxyError, match="^failed to connect to SOCKS proxy$"):
            connect("ws://elsewhere.test/", proxy=f"socks5h://{proxy.host}")


def test_a_class_that_is_given_tls(certificates):
    seen = []

    class Mine(ClientConnection):
        def __init__(self, sock, protocol, **kwargs):
            seen.append(sock)
            super().__init__(sock, protocol, **kwargs)

    with serving(echo, ssl=certificates.server_context()) as server:
        with connect(
            secure(server), ssl=certificates.client_context(), proxy=None, create_connection=Mine
        ) as ws:
            assert seen == [ws.socket]
            task = Task(server.shutdown)
            with pytest.raises(ConnectionClosedOK):
                ws.recv()
            task.result()
