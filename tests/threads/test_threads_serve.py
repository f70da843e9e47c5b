"""
What the server for threads states: arguments, the order of a connection, its shutdown.
"""

import contextlib
import errno
import http
import re
import socket
import threading
import time

import pytest
from peer import CLOSE, REQUEST, TEXT, close_payload
from threads import PATIENCE, Peer, Task, blocked, echo, serving, uri_of

import websockets.sync.server
from websockets.datastructures import Headers
from websockets.exceptions import (
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidStatus,
    NegotiationError,
)
from websockets.http11 import Response
from websockets.protocol import State
from websockets.sync.client import connect
from websockets.sync.server import Server, ServerConnection, basic_auth, serve


def connected(server, **options):
    options.setdefault("proxy", None)
    return connect(uri_of(server, options.pop("path", "/")), **options)


async def check(user, password):
    return (user, password) == ("me", "secret")


def refusal(server, **options):
    with pytest.raises(InvalidStatus) as caught:
        with connected(server, **options):
            pass
    return caught.value.response


@contextlib.contextmanager
def raw(server):
    with socket.create_connection(server.socket.getsockname()) as sock:
        yield Peer(sock, True)


def test_a_conversation():
    with serving(echo) as server:
        assert server.fileno() == server.socket.fileno() > 0
        with connected(server) as ws:
            ws.send("x")
            assert ws.recv() == "x"
            [connection] = server.connections
            assert isinstance(connection, ServerConnection)
            assert connection.server is server
            assert connection.request.path == "/"
            assert connection.response.status_code == 101
            assert connection.remote_address == ws.local_address
    assert server.fileno() == -1
    assert server.connections == set()


def test_many_clients():
    with serving(echo) as server:

        def talk(i):
            with connected(server) as ws:
                for j in range(20):
                    ws.send(f"{i} {j}")
                    assert ws.recv() == f"{i} {j}"

        tasks = [Task(talk, i) for i in range(20)]
        for task in tasks:
            task.result()


def test_when_a_handler_returns_the_connection_is_closed():
    with serving(lambda connection: connection.send("bye")) as server:
        with connected(server) as ws:
            assert list(ws) == ["bye"]
            assert ws.close_code == 1000


def test_a_handler_that_fails(caplog):
    def handler(connection):
        raise LookupError("mine")

    with serving(handler) as server:
        with connected(server) as ws:
            with pytest.raises(ConnectionClosedError):
                ws.recv()
            assert ws.close_code == 1011
    assert "connection handler failed" in caplog.text and "LookupError: mine" in caplog.text


# The opening handshake


def test_process_request():
    def process_request(connection, request):
        assert connection.request is request
        if request.path == "/health":
            return connection.respond(http.HTTPStatus.OK, "fine\n")
        connection.seen = request.path
        return None

    with serving(echo, process_request=process_request, server_header="mine") as server:
        response = refusal(server, path="/health")
        assert (response.status_code, response.body) == (200, b"fine\n")
        assert response.headers["Server"] == "mine"
        with connected(server, path="/chat"):
            [connection] = server.connections
            assert connection.seen == "/chat"


def test_process_response():
    def process_response(connection, request, response):
        response.headers["X-Mine"] = "1"
        if request.path == "/other":
            return Response(418, "Teapot", Headers(Connection="close"), b"short and stout")
        return None

    with serving(echo, process_response=process_response, server_header=None) as server:
        with connected(server) as ws:
            assert ws.response.headers["X-Mine"] == "1"
            assert "Server" not in ws.response.headers
        assert refusal(server, path="/other").status_code == 418


@pytest.mark.parametrize("name", ["process_request", "process_response"])
def test_functions_that_fail(name, caplog):
    def fails(*args):
        raise LookupError("mine")

    with serving(echo, **{name: fails}) as server:
        response = refusal(server)
    assert response.status_code == 500
    assert response.body.startswith(b"Failed to open a WebSocket connection.\n")
    assert f"{name} failed" in caplog.text


@pytest.mark.parametrize(
    "origin, status", [("https://a.test", 101), ("https://xb.test", 101), (None, 403), ("x", 403)]
)
def test_origins(origin, status):
    with serving(echo, origins=["https://a.test", re.compile(r"https://.*b\.test")]) as server:
        if status == 101:
            with connected(server, origin=origin):
                pass
        else:
            assert refusal(server, origin=origin).status_code == status


def test_subprotocols():
    with serving(echo, subprotocols=["a"]) as server:
        assert refusal(server).status_code == 400
        assert refusal(server, subprotocols=["b"]).status_code == 400

    def select(connection, offered):
        if "b" in offered:
            raise NegotiationError("not b")
        assert isinstance(connection, ServerConnection)
        return offered[-1]

    with serving(echo, subprotocols=["a", "c"], select_subprotocol=select) as server:
        with connected(server, subprotocols=["a", "c"]) as ws:
            assert ws.subprotocol == "c"
        assert refusal(server, subprotocols=["b"]).status_code == 400


def test_what_is_no_request():
    with serving(echo) as server:
        with raw(server) as peer:
            peer.write(b"HELO\r\n\r\n")
            peer.read_eof()
        with raw(server) as peer:
            peer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert peer.read_head().startswith(b"HTTP/1.1 426 ")
            peer.read_eof()
        with raw(server) as peer:
            peer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert peer.read_head().startswith(b"HTTP/1.1 405 ")


def test_frames_right_behind_the_request():
    with serving(echo) as server, raw(server) as peer:
        from peer import frame

        peer.write(REQUEST + b"\r\n" + frame(TEXT, b"early", masked=True))
        assert peer.read_head().startswith(b"HTTP/1.1 101 ")
        assert peer.read() == (0x80 | TEXT, b"early")


@pytest.mark.parametrize("sent", [b"", REQUEST])
def test_clients_that_do_not_finish_their_handshakes(sent):
    with serving(echo, open_timeout=0.1) as server:
        with contextlib.ExitStack() as stack:
            peers = [stack.enter_context(raw(server)) for _ in range(20)]
            for peer in peers:
                peer.write(sent)
            for peer in peers:
                peer.read_eof()
        with connected(server) as ws:
            ws.send("x")
            assert ws.recv() == "x"


def test_a_class_of_its_own(caplog):
    class Mine(ServerConnection):
        pass

    with serving(echo, create_connection=Mine) as server:
        with connected(server):
            [connection] = server.connections
            assert type(connection) is Mine

    def fails(*args, **kwargs):
        raise LookupError("mine")

    with serving(echo, create_connection=fails) as server:
        with raw(server) as peer:
            peer.read_eof()
    assert "LookupError: mine" in caplog.text


@pytest.mark.parametrize(
    "credentials, body",
    [(None, b"Missing credentials\n"), ("me:wrong", b"Invalid credentials\n"), ("me:secret", None)],
)
@pytest.mark.parametrize(
    "options",
    [
        {"credentials": ("me", "secret")},
        {"credentials": [("you", "x"), ("me", "secret")]},
        {"check_credentials": lambda user, password: (user, password) == ("me", "secret")},
        {"check_credentials": check},
    ],
)
def test_basic_authentication(credentials, body, options):
    def handler(connection):
        connection.send(connection.username)

    with serving(handler, process_request=basic_auth("realm", **options)) as server:
        uri = uri_of(server)
        if credentials is not None:
            uri = uri.replace("//", f"//{credentials}@")
        if body is None:
            with connect(uri, proxy=None) as ws:
                assert ws.recv() == "me"
        else:
            with pytest.raises(InvalidStatus) as caught:
                connect(uri, proxy=None)
            response = caught.value.response
            assert (response.status_code, response.body) == (401, body)
            assert response.headers["WWW-Authenticate"] == 'Basic realm="realm", charset="UTF-8"'


def test_routes():
    routing = pytest.importorskip("werkzeug.routing")
    from websockets.sync.router import route

    def channel(connection, name):
        connection.send(f"{name} {connection.handler_kwargs}")

    url_map = routing.Map([routing.Rule("/channel/<name>", endpoint=channel)])
    server = route(url_map, "127.0.0.1", 0)
    task = Task(server.serve_forever)
    with server:
        with connected(server, path="/channel/a") as ws:
            assert ws.recv() == "a {'name': 'a'}"
        assert refusal(server, path="/elsewhere").status_code == 404
    task.result()


# Shutdown


def test_connections_are_closed():
    with serving(echo) as server:
        with connected(server) as one, connected(server) as two:
            one.ping().wait(PATIENCE)
            two.ping().wait(PATIENCE)
            task = Task(server.shutdown, code=4000, reason="over")
            for ws in (one, two):
                with pytest.raises(ConnectionClosedError, match="received 4000"):
                    ws.recv()
            task.result()
            server.shutdown()


def test_connections_may_be_waited_for():
    with serving(echo) as server:
        with connected(server) as ws:
            ws.ping().wait(PATIENCE)
            task = Task(server.shutdown, close_connections=False)
            blocked(task, "join")
            ws.send("still")
            assert ws.recv() == "still"
        task.result()


def test_a_handler_can_not_wait_for_itself():
    errors = []

    def handler(connection):
        try:
            server.shutdown(close_connections=False)
        except RuntimeError as exc:
            errors.append(exc)

    with serving(handler) as server:
        with connected(server) as ws:
            list(ws)
    assert errors


def test_a_handler_that_shuts_its_server_down():
    def handler(connection):
        for _ in connection:
            server.shutdown()

    server = serve(handler, "127.0.0.1", 0)
    task = Task(server.serve_forever)
    with connected(server) as ws:
        ws.send("stop")
        with pytest.raises(ConnectionClosedOK, match="received 1001"):
            ws.recv()
    task.result()
    server.shutdown()


def test_shutdown_waits_for_handlers():
    release = threading.Event()

    def handler(connection):
        with contextlib.suppress(ConnectionClosedOK):
            connection.recv()
        release.wait()

    with serving(handler) as server:
        with connected(server) as ws:
            ws.ping().wait(PATIENCE)
            task = Task(server.shutdown)
            with pytest.raises(ConnectionClosedOK):
                ws.recv()
            blocked(task, "join")
            release.set()
            task.result()


def test_a_request_that_comes_too_late():
    entered, release = threading.Event(), threading.Event()

    def process_request(connection, request):
        entered.set()
        release.wait()

    with serving(echo, process_request=process_request) as server:
        client = Task(refusal, server)
        entered.wait(PATIENCE)
        task = Task(server.shutdown)
        blocked(task, "join")
        release.set()
        response = client.result()
        assert (response.status_code, response.body) == (503, b"Server is shutting down.\n")
        task.result()


def test_records_know_their_connection(caplog):
    caplog.set_level("INFO", "websockets.server")
    names = {"connection open", "connection closed", "connection rejected (426 Upgrade Required)"}
    with serving(echo) as server:
        with connect(uri_of(server)):
            pass
        with raw(server) as peer:
            peer.write(b"GET / HTTP/1.1\r\n\r\n")
            peer.read_head()
    assert names == {
        record.getMessage() for record in caplog.records if hasattr(record, "websocket")
    }


def test_a_request_that_is_not_complete():
    with serving(echo) as server:
        known = set(threading.enumerate())
        with raw(server) as peer:
            peer.write(REQUEST)
            while not threads_beside(known):
                time.sleep(0.001)
            task = Task(server.shutdown)
            assert peer.read_head().startswith(b"HTTP/1.1 503 ")
            peer.leave()
            task.result()


def threads_beside(known):
    return set(threading.enumerate()) - known


def test_a_client_that_does_not_answer_while_the_server_shuts_down():
    with serving(echo, close_timeout=0.1) as server, raw(server) as peer:
        peer.write(REQUEST + b"\r\n")
        peer.read_head()
        server.shutdown()
        assert peer.read_close() == (1001, "")


def test_threads_of_handlers_are_no_daemons():
    seen = []
    with serving(lambda connection: seen.append(threading.current_thread().daemon)) as server:
        with connected(server) as ws:
            list(ws)
    assert seen == [False]


@pytest.mark.parametrize(
    "options, error, text",
    [
        ({"compression": "x"}, ValueError, "unsupported compression: x"),
        ({"subprotocols": "x"}, TypeError, "subprotocols must be a list, not a str"),
        ({"unknown": 1}, TypeError, "unknown"),
    ],
)
def test_wrong_arguments(options, error, text):
    with pytest.raises(error, match=text):
        serve(echo, "127.0.0.1", 0, **options)


@pytest.mark.parametrize("options", [{"host": "127.0.0.1"}, {"port": 80}])
def test_a_socket_and_an_address(options):
    [name] = options
    with socket.socket() as sock:
        with pytest.raises(ValueError, match=f"^{name} is incompatible with sock$"):
            serve(echo, sock=sock, **options)


def test_a_socket_that_is_given():
    sock = socket.create_server(("127.0.0.1", 0))
    with serving_on(sock) as server:
        assert server.socket is sock
        with connected(server) as ws:
            ws.send("x")
            assert ws.recv() == "x"


class Full(socket.socket):
    """A socket that listens, for whose clients there is no room until ``room`` is set."""

    def accept(self):
        self.asked.append(time.monotonic())
        if self.room.is_set():
            return super().accept()
        raise OSError(errno.EMFILE, "too many open files")


class Own:
    """A socket of a program's own, whose clients are of its kind as long as it blocks."""

    def __init__(self, sock):
        self._sock, self.received = sock, []

    def __getattr__(self, name):
        return getattr(self._sock, name)

    def accept(self):
        sock, address = self._sock.accept()
        if self._sock.gettimeout() is None:
            sock = Own(sock)
            sock.received = self.received
        return sock, address

    def recv(self, size):
        data = self._sock.recv(size)
        self.received.append(data)
        return data


def test_what_a_socket_of_a_program_accepts_is_of_its_kind():
    sock = Own(socket.create_server(("127.0.0.1", 0)))
    with serving_on(sock) as server, connected(server, compression=None) as ws:
        ws.send("x")
        assert ws.recv() == "x"
        assert any(b"GET / HTTP/1.1" in data for data in sock.received)


def test_clients_that_there_is_no_room_for_wait():
    with Full() as sock:
        sock.asked, sock.room = [], threading.Event()
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        with serving_on(sock) as server:
            connecting = Task(lambda: is_served(server))
            while len(sock.asked) < 3:
                time.sleep(0.001)
            sock.room.set()
            connecting.result()
        # Nobody has tried all the time.
        pauses = [later - earlier for earlier, later in zip(sock.asked[:3], sock.asked[1:3])]
        assert all(pause > 0.05 for pause in pauses)


def is_served(server):
    with connected(server) as ws:
        ws.send("x")
        assert ws.recv() == "x"


@contextlib.contextmanager
def serving_on(sock):
    with serve(echo, sock=sock) as server:
        task = Task(server.serve_forever)
        yield server
    task.result()


def test_an_older_name_of_the_class():
    with pytest.warns(DeprecationWarning, match="^WebSocketServer was renamed to Server$"):
        assert websockets.sync.server.WebSocketServer is Server


def test_the_peer_ends_first():
    with serving(echo) as server:
        known = set(threading.enumerate())
        with raw(server) as peer:
            peer.write(REQUEST + b"\r\n")
            peer.read_head()
            peer.send(CLOSE, close_payload(1000, "bye"))
            assert peer.read_close() == (1000, "bye")
            peer.leave()
        for thread in threads_beside(known):
            if "keeper" not in thread.name:
                thread.join(PATIENCE)
                assert not thread.is_alive()
        assert all(it.state is State.CLOSED for it in server.connections)


def test_a_request_that_came_while_the_server_was_busy_is_answered():
    def make(sock, protocol, *args, **options):
        time.sleep(0.3)  # for longer than the opening handshake may take
        return ServerConnection(sock, protocol, *args, **options)

    with serving(echo, open_timeout=0.1, create_connection=make) as server:
        with raw(server) as peer:
            peer.write(REQUEST + b"\r\n")
            assert peer.read_head().startswith(b"HTTP/1.1 101 ")


def test_a_client_that_never_ceases_to_send_is_given_up():
    def make(sock, protocol, *args, **options):
        connection = ServerConnection(sock, protocol, *args, **options)
        connection.recv_bufsize = 1  # What it has sent is there, and there is always more.
        time.sleep(0.3)
        return connection

    with serving(echo, open_timeout=0.1, create_connection=make) as server:
        with raw(server) as peer:
            peer.write(REQUEST + b"\r\n")
            peer.read_eof()
