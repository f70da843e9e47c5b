"""
Connections for threads that a program builds itself: nobody sees a handshake.
"""

import contextlib
import socket
import threading

import pytest
from peer import needs_unix
from threads import PATIENCE, Task, blocked

from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, CLOSED, OPEN, SERVER, Protocol
from websockets.sync.connection import Connection


@contextlib.contextmanager
def pair(protocol_class=Protocol, wrap=lambda sock: sock, **options):
    """Yield the client's and the server's end of a connection that is open from the start."""
    one, other = socket.socketpair()
    with Connection(one, Protocol(CLIENT), **options) as client:
        with Connection(wrap(other), protocol_class(SERVER), **options) as server:
            yield client, server


def test_messages():
    with pair() as (client, server):
        assert client.state is server.state is OPEN
        assert (client.request, client.response, client.subprotocol) == (None, None, None)
        for one, other in [(client, server), (server, client)]:
            one.send("é")
            assert other.recv() == "é"
            one.send([b"a", b"b"])
            assert other.recv() == b"ab"
            assert one.ping().wait(5)


def test_the_end():
    with pair() as (client, server):
        client.close(1001, "bye")
        with pytest.raises(ConnectionClosedOK):
            server.recv()
        assert client.state is server.state is CLOSED
        assert (server.close_code, server.close_reason) == (1001, "bye")


def test_keepalive_is_the_program_s_to_start():
    with pair(ping_interval=0.001) as (client, server):
        assert client.keepalive_thread is None
        client.start_keepalive()
        assert client.keepalive_thread.is_alive()


def test_a_protocol_that_is_told_of_each_frame_while_nobody_receives():
    frames, came = [], threading.Event()

    class Recording(Protocol):
        def recv_frame(self, frame):
            frames.append(frame)
            if frame.opcode is Opcode.PING:
                came.set()

    with pair(Recording) as (client, server):
        client.send(["a", "b"])
        client.ping(b"p")
        assert came.wait(5)
        assert frames == [
            Frame(Opcode.TEXT, b"a", fin=False),
            Frame(Opcode.CONT, b"b", fin=False),
            Frame(Opcode.CONT, b""),
            Frame(Opcode.PING, b"p"),
        ]
        assert server.recv() == "ab"


def test_a_close_frame_is_answered_at_once_behind_messages_that_nobody_takes():
    closed = threading.Event()

    class Told(Protocol):
        def recv_frame(self, frame):
            if frame.opcode is Opcode.CLOSE:
                closed.set()

    with pair(Told) as (client, server):
        client.send("unread")
        closing = threading.Thread(target=client.close)
        closing.start()
        assert closed.wait(5)
        with server.protocol_mutex:
            assert server.state is not OPEN
        closing.join()
        assert server.recv() == "unread"


class Wrapped:
    """An object that a program puts between a connection and its socket."""

    def __init__(self, sock):
        self._sock = sock
        self.sent = []
        self.loses = False

    def __getattr__(self, name):
        return getattr(self._sock, name)

    def sendall(self, data):
        self.sent.append(bytes(data))
        if not self.loses:
            self._sock.sendall(data)


@pytest.mark.parametrize("size", [3, 5000])
def test_an_object_with_the_methods_of_a_socket_is_asked_for_them(size):
    with pair(wrap=Wrapped) as (client, server):
        server.send(bytes(size))
        assert client.recv() == bytes(size)
        client.send(bytes(size))
        assert server.recv() == bytes(size)
        written = b"".join(server.socket.sent)
        assert len(written) > size and written.endswith(bytes(size))
        server.socket.loses = True
        server.send("lost")
        server.ping()
        server.socket.loses = False
        server.send("after")
        assert client.recv() == "after"


class Interrupted(Wrapped):
    """One in which a signal handler raises an exception, once its work is done."""

    method = None

    def _did(self, method):
        if method == self.method and threading.current_thread() is threading.main_thread():
            self.method = None
            raise KeyboardInterrupt

    def sendall(self, data):
        super().sendall(data)
        self._did("sendall")

    def recv(self, size):
        data = self._sock.recv(size)
        self._did("recv")
        return data


def test_an_interrupt_in_an_object_that_has_written_ends_the_connection():
    with pair(wrap=Interrupted) as (client, server):
        server.socket.method = "sendall"
        with pytest.raises(KeyboardInterrupt):
            server.send("once")
        assert client.recv() == "once"
        with pytest.raises(ConnectionClosedError):
            client.recv(PATIENCE)


@pytest.mark.parametrize("size", [3, 1_000_000])
def test_an_interrupt_in_an_object_that_has_read_ends_the_connection(size):
    with pair(wrap=Interrupted) as (client, server):
        receiver = threading.current_thread()
        task = Task(lambda: blocked(receiver) or client.send("a" * size))
        server.socket.method = "recv"
        with pytest.raises(KeyboardInterrupt):
            server.recv()
        with pytest.raises(ConnectionClosedError) as raised:
            server.recv(PATIENCE)
        assert raised.value.sent is None  # It isn't the peer's fault.
        with contextlib.suppress(ConnectionClosedError):
            task.result()


def test_a_socket_that_the_program_has_closed(caplog):
    with pair() as (client, server):
        server.socket.close()
        with pytest.raises(ConnectionClosedError) as raised:
            client.recv()
        assert str(raised.value) == "no close frame received or sent"
        with pytest.raises(ConnectionClosedError):
            server.recv()
    assert not caplog.records


@needs_unix
def test_another_connection_gets_the_number_of_a_socket_that_the_program_has_closed(caplog):
    with pair() as (client, server):
        assert server.ping().wait(5)  # It is watched where nobody receives.
        number = client.socket.fileno()
        client.socket.close()
        with pair() as (others_client, others_server):
            assert number in (others_client.socket.fileno(), others_server.socket.fileno())
            assert others_server.ping().wait(5) and others_client.ping().wait(5)
        with pytest.raises(ConnectionClosedError):
            client.recv()
    assert not caplog.records


def test_a_subclass_of_sockets_with_methods_of_its_own():
    class Counting(socket.socket):
        sent = 0

        def sendall(self, data, flags=0):
            Counting.sent += len(data)
            super().sendall(data, flags)

    def counting(sock):
        with sock:
            return Counting(sock.family, sock.type, fileno=socket.dup(sock.fileno()))

    with pair(wrap=counting) as (client, server):
        server.send("counted")
        assert client.recv() == "counted"
        assert Counting.sent == 9
