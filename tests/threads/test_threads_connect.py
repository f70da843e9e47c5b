"""
What the client for threads states: arguments, the opening handshake, redirects, reconnecting.
"""

import contextlib
import itertools
import logging
import socket
import warnings

import pytest
from peer import CLOSE, TEXT, close_payload
from programs import free_port
from threads import PATIENCE, Peer, Task, client_and_peer, echo, listening, serving, uri_of
from todays import accepting

from websockets.exceptions import (
    InvalidHandshake,
    InvalidHeader,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
    SecurityError,
)
from websockets.protocol import State
from websockets.sync.client import (
    ClientConnection,
    connect,
    reconnect,
    unix_connect,
    unix_reconnect,
)
from websockets.sync.server import unix_serve


def accepts(peer):
    peer.write(accepting(peer.read_head()))
    peer.answer_close()


def refuses(status, headers="", body="no"):
    def function(peer):
        peer.head = peer.read_head()
        peer.write(
            f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(body)}\r\n{headers}\r\n{body}".encode()
        )

    return function


def no_proxy(uri, **options):
    return connect(uri, proxy=None, **options)


def test_a_context():
    with listening(accepts) as uri:
        with no_proxy(uri) as ws:
            assert isinstance(ws, ClientConnection)
            assert ws.state is State.OPEN
            assert ws.response.status_code == 101
            assert ws.request.path == "/"
            assert ws.remote_address == ws.socket.getpeername()
        assert ws.state is State.CLOSED


def test_without_a_context_there_is_one_warning():
    text = (
        r"connect\(\) must be used as a context manager: with connect\(...\) as websocket: ...; "
        r"alternatively, use websocket = connect\(..., legacy=True\) to connect directly"
    )
    for use in (
        lambda ws: ws.send("x"),
        lambda ws: ws.recv(timeout=10),
        lambda ws: next(ws.recv_streaming()),
        lambda ws: next(iter(ws)),
        lambda ws: ws.ping(),
        lambda ws: ws.pong(),
        lambda ws: ws.close(),
    ):

        def talks(peer):
            peer.write(accepting(peer.read_head()))
            peer.send(TEXT, b"hello")
            peer.answer_close()

        with listening(talks) as uri:
            ws = no_proxy(uri)
            assert ws.pending_legacy_warning
            with pytest.warns(DeprecationWarning, match=f"^{text}$") as caught:
                use(ws)
            assert [warning.filename for warning in caught] == [__file__]
            assert not ws.pending_legacy_warning
            ws.close()


def test_who_says_so_is_not_warned():
    with listening(accepts) as uri:
        ws = no_proxy(uri, legacy=True)
        ws.ping()
        ws.close()


def test_who_wants_to_connect_later():
    with listening(accepts, accepts) as uri:
        connecting = no_proxy(uri, legacy=False)
        assert isinstance(connecting, reconnect)
        for _ in range(2):
            with connecting as ws:
                ws.ping()
                with pytest.raises(RuntimeError, match=r"^connect\(\) isn't reentrant$"):
                    connecting.__enter__()
        assert not hasattr(connecting, "connection")


def test_a_loop_is_a_context_too():
    with listening(accepts, accepts, accepts) as uri:
        connecting = no_proxy(uri, legacy=False)
        with connecting, pytest.raises(RuntimeError, match=r"^connect\(\) isn't reentrant$"):
            next(iter(connecting))
        connections = iter(connecting)
        first, second = next(connections), next(connections)
        assert (first.close_code, connecting.connection) == (1000, second)
        with pytest.raises(RuntimeError, match=r"^connect\(\) isn't reentrant$"):
            connecting.__enter__()
        connections.close()
        assert not hasattr(connecting, "connection")


def test_headers():
    def sees(peer):
        head = peer.read_head().decode()
        heads.append(head)
        peer.write(accepting(head.encode()))
        peer.answer_close()

    heads = []
    with listening(sees, sees) as uri:
        with no_proxy(
            uri.replace("//", "//me:pass@"),
            origin="https://here",
            additional_headers={"X-Mine": "1"},
            user_agent_header="me",
            compression=None,
        ):
            pass
        with no_proxy(uri, user_agent_header=None, additional_headers=[("A", "1"), ("A", "2")]):
            pass
    lines = [line.split(":")[0] for line in heads[0].split("\r\n")]
    assert lines[1:-2] == [
        "Host",
        "Authorization",
        "Origin",
        "Upgrade",
        "Connection",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "X-Mine",
        "User-Agent",
    ]
    assert "User-Agent" not in heads[1]
    assert "A: 1\r\nA: 2\r\n" in heads[1]


@pytest.mark.parametrize(
    "arguments, options, error, text",
    [
        (["http://localhost"], {}, InvalidURI, "isn't a valid URI"),
        (
            ["ws://localhost"],
            {"ssl": True},
            ValueError,
            "ssl argument is incompatible with a ws:// URI",
        ),
        (["ws://localhost"], {"compression": "x"}, ValueError, "unsupported compression: x"),
        (
            ["ws://localhost"],
            {"subprotocols": "x"},
            TypeError,
            "subprotocols must be a list, not a str",
        ),
        (["ws://localhost"], {"unknown": 1}, TypeError, "unexpected keyword argument 'unknown'"),
        (["ws://localhost"], {"extra_headers": {}}, TypeError, "did you mean 'additional_headers'"),
    ],
)
def test_wrong_arguments(arguments, options, error, text):
    with pytest.raises(error, match=text):
        connect(*arguments, **options)


def test_an_older_name_of_ssl():
    with pytest.warns(DeprecationWarning, match="^ssl_context was renamed to ssl$"):
        with pytest.raises(ValueError, match="ssl argument is incompatible with a ws:// URI"):
            connect("ws://localhost", ssl_context=True)


def test_a_refusal():
    with listening(refuses(404, "X-Why: no\r\n", "not here")) as uri:
        with pytest.raises(InvalidStatus) as caught:
            no_proxy(uri)
    response = caught.value.response
    assert (response.status_code, response.body, response.headers["X-Why"]) == (
        404,
        b"not here",
        "no",
    )
    assert str(caught.value) == "server rejected WebSocket connection: HTTP 404"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 101 Sw", b"hello\r\n\r\n"])
def test_what_is_no_answer(answer):
    with listening(lambda peer: (peer.read_head(), peer.write(answer))) as uri:
        with pytest.raises(
            InvalidMessage, match="^did not receive a valid HTTP response$"
        ) as caught:
            no_proxy(uri)
    assert caught.value.__cause__ is not None
    if not answer:
        assert isinstance(caught.value.__cause__, EOFError)


def test_an_answer_to_another_request():
    other = b"GET / HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    with listening(lambda peer: (peer.read_head(), peer.write(accepting(other)))) as uri:
        with pytest.raises(InvalidHeader, match="Sec-WebSocket-Accept"):
            no_proxy(uri)


def test_a_server_that_does_not_answer():
    with listening(lambda peer: peer.read_eof()) as uri:
        with pytest.raises(TimeoutError, match="^timed out while waiting for handshake response$"):
            no_proxy(uri, open_timeout=0.05)


def test_nobody_listens():
    with pytest.raises(ConnectionRefusedError):
        no_proxy(f"ws://127.0.0.1:{free_port()}")


def test_messages_right_behind_the_handshake():
    def talks(peer):
        peer.write(accepting(peer.read_head()) + b"\x81\x01a\x81\x01b")
        peer.answer_close()

    with listening(talks) as uri:
        with no_proxy(uri) as ws:
            assert [ws.recv(), ws.recv()] == ["a", "b"]


def test_a_socket_that_is_given():
    with serving(echo) as server:
        sock = socket.create_connection(server.socket.getsockname())
        with connect("ws://elsewhere.test/", sock=sock) as ws:
            assert ws.socket is sock
            ws.send("x")
            assert ws.recv() == "x"
        assert sock.fileno() == -1


def test_a_socket_that_is_given_is_closed_after_a_failure():
    with listening(refuses(404)) as uri:
        host, port = uri[5:-1].split(":")
        sock = socket.create_connection((host, int(port)))
        with pytest.raises(InvalidStatus):
            connect("ws://elsewhere.test/", sock=sock)
        assert sock.fileno() == -1


def test_an_address_that_is_given():
    with serving(echo) as server:
        address = server.socket.getsockname()
        with connect(
            "ws://elsewhere.test/", address=address, source_address=("127.0.0.2", 0), timeout=5
        ) as ws:
            assert ws.request.headers["Host"] == "elsewhere.test"
            assert ws.local_address[0] == "127.0.0.2"
            assert ws.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_unix_socket(tmp_path):
    path = str(tmp_path / "socket")
    server = unix_serve(echo, path)
    task = Task(server.serve_forever)
    with server:
        with unix_connect(path) as ws:
            ws.send("x")
            assert ws.recv() == "x"
            assert ws.request.headers["Host"] == "localhost"
        with unix_reconnect(path, "ws://other/") as ws:
            assert ws.request.headers["Host"] == "other"
    task.result()


@pytest.mark.parametrize("function", [unix_connect, unix_reconnect, unix_serve])
def test_a_unix_socket_without_a_path(function):
    arguments = [echo] if function is unix_serve else []
    with pytest.raises(ValueError, match="^missing path argument$"):
        function(*arguments)
    with socket.socket() as sock:
        with pytest.raises(ValueError, match="^path is incompatible with sock$"):
            function(*arguments, path="/x", sock=sock)


def test_a_class_of_its_own():
    made = []

    class Mine(ClientConnection):
        def __init__(self, *args, **kwargs):
            made.append((args, kwargs))
            super().__init__(*args, **kwargs)

    with client_and_peer(create_connection=Mine, ping_interval=5, max_queue=(4, 2)) as (ws, _):
        assert type(ws) is Mine
        [(args, kwargs)] = made
        assert args == (ws.socket, ws.protocol)
        assert kwargs == {
            "ping_interval": 5,
            "ping_timeout": 20,
            "close_timeout": 10,
            "max_queue": (4, 2),
        }


def test_a_subprotocol():
    with serving(echo, subprotocols=["b", "a"]) as server:
        with connect(uri_of(server), subprotocols=["a", "b"], proxy=None) as ws:
            assert ws.subprotocol == "b"


def test_compression():
    with serving(echo) as server:
        with connect(uri_of(server), proxy=None) as ws:
            assert [e.name for e in ws.protocol.extensions] == ["permessage-deflate"]
            for message in ("x" * 100_000, b"y" * 100_000):
                ws.send(message)
                assert ws.recv() == message


# Redirects


def test_a_redirect():
    with listening(accepts) as target:
        with listening(refuses(302, f"Location: {target}chat\r\n")) as uri:
            connecting = reconnect(uri, proxy=None)
            with connecting as ws:
                assert ws.request.path == "/chat"
            assert connecting.uri == f"{target}chat"
            assert connecting.ws_uri.resource_name == "/chat"


def test_too_many_redirects():
    with listening(*[refuses(302, "Location: /again\r\n")] * 10) as uri:
        with pytest.raises(SecurityError, match="^more than 10 redirects$"):
            no_proxy(uri)


def test_a_redirect_from_an_address():
    with listening(refuses(302, "Location: ws://elsewhere.test/\r\n")) as uri:
        host, port = uri[5:-1].split(":")
        with pytest.raises(
            ValueError,
            match="^cannot follow cross-origin redirect to ws://elsewhere.test/ with an explicit host and port$",
        ):
            connect(uri, address=(host, int(port)))


def test_a_redirect_by_a_subclass():
    class Elsewhere(reconnect):
        def process_redirect(self, exc):
            assert isinstance(exc, InvalidHandshake)
            return target

    with listening(accepts) as target, listening(refuses(403)) as uri:
        with Elsewhere(uri, proxy=None) as ws:
            ws.ping()


# Reconnecting


def test_one_connection_after_the_other():
    with listening(accepts, refuses(503), accepts) as uri:
        opened = []
        for ws in reconnect(uri, proxy=None, reconnect_delays=lambda: itertools.repeat(0)):
            opened.append(ws)
            if len(opened) == 2:
                break
        ws.close()
        assert [ws.state for ws in opened] == [State.CLOSED] * 2


def test_failures_that_do_not_pass():
    with listening(refuses(403)) as uri:
        with pytest.raises(InvalidStatus):
            next(iter(reconnect(uri, proxy=None)))
    with listening(refuses(503)) as uri:
        mine = LookupError("mine")
        with pytest.raises(LookupError) as caught:
            next(iter(reconnect(uri, proxy=None, process_exception=lambda exc: mine)))
        assert caught.value is mine and isinstance(mine.__cause__, InvalidStatus)


def test_what_is_logged_of_it(caplog):
    caplog.set_level(logging.INFO)
    with listening(refuses(500), accepts) as uri:
        for ws in reconnect(uri, proxy=None, reconnect_delays=lambda: iter([0.0])):
            ws.close()
            break
    [record] = caplog.records
    assert record.getMessage() == (
        "connect failed; reconnecting in 0.0 seconds: "
        "websockets.exceptions.InvalidStatus: server rejected WebSocket connection: HTTP 500"
    )


def test_steps_that_a_subclass_may_take_otherwise():
    steps = []

    class Mine(reconnect):
        def open_socket(self, deadline):
            steps.append(("open_socket", 0 < deadline.timeout() <= 10))
            return super().open_socket(deadline)

        def open_connection(self, deadline):
            steps.append(("open_connection", True))
            return super().open_connection(deadline)

    with listening(accepts) as uri:
        with Mine(uri, proxy=None):
            pass
    assert steps == [("open_connection", True), ("open_socket", True)]


def test_a_server_that_closes_at_once():
    def closes(peer):
        peer.write(accepting(peer.read_head()) + b"\x88\x02\x03\xe9")
        peer.sock.shutdown(socket.SHUT_WR)
        peer.read_eof()

    with listening(closes) as uri:
        with no_proxy(uri) as ws:
            ws.wait_closed(PATIENCE)
        assert ws.close_code == 1001


def test_a_handshake_by_hand():
    from websockets.client import ClientProtocol
    from websockets.uri import parse_uri

    ours, theirs = socket.socketpair()
    peer = Peer(theirs, False)
    with contextlib.closing(theirs):
        ws = ClientConnection(ours, ClientProtocol(parse_uri("ws://localhost/")))
        assert ws.state is State.CONNECTING
        task = Task(lambda: peer.write(accepting(peer.read_head())))
        ws.handshake(timeout=10)
        task.result()
        with warnings.catch_warnings():
            peer.send(CLOSE, close_payload(1000))
            assert ws.wait_closed(10)
