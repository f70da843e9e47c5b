"""
Connections for threads that a program builds itself: nobody sees a handshake.
"""

import contextlib
import socket
import threading

import pytest

from websockets.exceptions import ConnectionClosedOK
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, CLOSED, OPEN, SERVER, Protocol
from websockets.sync.connection import Connection


@contextlib.contextmanager
def pair(protocol_class=Protocol, **options):
    """Yield the client's and the server's end of a connection that is open from the start."""
    one, other = socket.socketpair()
    with Connection(one, Protocol(CLIENT), **options) as client:
        with Connection(other, protocol_class(SERVER), **options) as server:
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
