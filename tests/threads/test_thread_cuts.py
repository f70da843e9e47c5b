"""
A conversation that is cut anywhere: by the end of TCP, by a reset, or into pieces.

Each byte of what a peer says is a place to cut. Whatever is missing then, a program learns of it by
an exception that is meant for it, nobody hangs, and no thread or socket is left.
"""

import socket
import struct
import threading

import pytest
from peer import BINARY, CLOSE, PING, TEXT, close_payload, frame
from threads import REQUEST, Peer, Task, serving
from todays import accepting

from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidHandshake
from websockets.sync.client import connect


def frames(masked):
    return b"".join(
        [
            frame(TEXT, "é".encode(), masked=masked),
            frame(PING, b"x", masked=masked),
            frame(BINARY, b"ab", fin=False, masked=masked),
            frame(0, b"c", masked=masked),
            frame(CLOSE, close_payload(1000, "bye"), masked=masked),
        ]
    )


MESSAGES = ["é", b"abc"]


def cut_off(sock, reset):
    if reset:
        # RFC 9293 3.10.4: not to linger is to reset.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def heard_of(ws):
    heard = []
    try:
        while True:
            heard.append(ws.recv())
    except ConnectionClosed as exc:
        return heard, exc


@pytest.mark.parametrize("reset", [False, True])
def test_a_client_whose_server_is_cut_off(reset):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        uri = f"ws://127.0.0.1:{listener.getsockname()[1]}/"

        def serve(place):
            sock, _ = listener.accept()
            peer = Peer(sock, False)
            data = accepting(peer.read_head()) + frames(False)
            peer.write(data[:place])
            cut_off(sock, reset)
            return len(data)

        place, size = 0, 1
        while place <= size:
            task = Task(serve, place)
            try:
                ws = connect(uri, proxy=None, legacy=True, close_timeout=1)
            except (InvalidHandshake, OSError):
                heard = []
            else:
                heard, exc = heard_of(ws)
                assert heard == MESSAGES[: len(heard)]
                assert getattr(exc.__cause__, "__traceback__", None) is None
                if not reset and place == size:
                    assert heard == MESSAGES
                    assert isinstance(exc, ConnectionClosedOK)
                ws.close()
                assert ws.socket.fileno() == -1
            size = task.result()
            place += 1 if place > size - len(frames(False)) else 17


@pytest.mark.parametrize("reset", [False, True])
def test_a_server_whose_client_is_cut_off(reset):
    outcomes = []

    def handler(connection):
        outcomes.append(heard_of(connection))

    data = REQUEST + b"\r\n" + frames(True)
    known = set(threading.enumerate())
    with serving(handler, close_timeout=1) as server:
        for place in [*range(0, len(REQUEST), 17), *range(len(REQUEST), len(data) + 1)]:
            sock = socket.create_connection(server.socket.getsockname())
            sock.sendall(data[:place])
            cut_off(sock, reset)
    for heard, _ in outcomes:
        assert heard == MESSAGES[: len(heard)]
    left = {thread.name for thread in set(threading.enumerate()) - known}
    assert left <= {"websockets-keeper"}


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pieces(size):
    outcomes = []

    def handler(connection):
        outcomes.append(heard_of(connection))

    data = REQUEST + b"\r\n" + frames(True)
    with serving(handler) as server:
        sock = socket.create_connection(server.socket.getsockname())
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = Peer(sock, True)
        for i in range(0, len(data), size):
            peer.write(data[i : i + size])
        peer.read_head()
        peer.leave()
    [(heard, exc)] = outcomes
    assert heard == MESSAGES
    assert isinstance(exc, ConnectionClosedOK)
