"""
Connections for threads that a program builds itself: nobody sees a handshake.
"""

import contextlib
import socket

import pytest

from websockets.exceptions import ConnectionClosedOK
from websockets.protocol import CLIENT, CLOSED, OPEN, SERVER, Protocol
from websockets.sync.connection import Connection


@contextlib.contextmanager
def pair(**options):
    """Yield the client's and the server's end of a connection that is open from the start."""
    one, other = socket.socketpair()
    with Connection(one, Protocol(CLIENT), **options) as client:
        with Connection(other, Protocol(SERVER), **options) as server:
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
