"""
Connections for threads, with a peer that speaks by hand on the other side.

Owns how such connections are opened for a test, and threads that a test starts. Frames are built by
peer.py; the peer here has a blocking socket of its own, and gives up after ten seconds.
"""

import concurrent.futures
import contextlib
import functools
import platform
import socket
import struct
import sys
import threading
import time

import pytest
from peer import CLOSE, REQUEST, frame, xor
from todays import accepting

from websockets.sync.client import connect
from websockets.sync.server import serve

PATIENCE = 10  # seconds


class Peer:
    """One end of a TCP connection, behind the opening handshake or before it."""

    def __init__(self, sock, masked):
        sock.settimeout(PATIENCE)
        self.sock = sock
        self.masked = masked

    def write(self, data):
        self.sock.sendall(data)

    def send(self, opcode, payload=b"", **kwargs):
        self.write(frame(opcode, payload, masked=self.masked, **kwargs))
        if opcode == CLOSE and not self.masked:
            # RFC 6455 7.1.1: the server ends TCP.
            self.sock.shutdown(socket.SHUT_WR)

    def read_exactly(self, size):
        data = bytearray()
        while len(data) < size:
            piece = self.sock.recv(min(size - len(data), 262144))
            if not piece:
                raise EOFError(f"{len(data)} bytes of {size}")
            data += piece
        return bytes(data)

    def read_head(self):
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            data += self.read_exactly(1)
        return data

    def read(self):
        """Read a frame, and return its first byte and its payload."""
        byte0, byte1 = self.read_exactly(2)
        assert bool(byte1 & 0x80) is not self.masked, "exactly one side masks"
        length = byte1 & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self.read_exactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.read_exactly(8))
        key = b"" if self.masked else self.read_exactly(4)
        payload = self.read_exactly(length)
        return byte0, xor(payload, key) if key else payload

    def read_close(self):
        """Read up to a close frame, and return its code and reason."""
        while True:
            byte0, payload = self.read()
            if byte0 == 0x80 | CLOSE:
                return (
                    (struct.unpack("!H", payload[:2])[0], payload[2:].decode()) if payload else None
                )

    def read_eof(self):
        """Read to the end of TCP; the other end may have closed or reset it."""
        with contextlib.suppress(ConnectionError):
            while self.sock.recv(65536):
                pass

    def answer_close(self):
        """Take part in the closing handshake that the other end has begun."""
        code, reason = self.read_close()
        self.send(CLOSE, struct.pack("!H", code) + reason.encode())
        if self.masked:
            self.read_eof()
            self.close()
        return code, reason

    def leave(self):
        """Close, having read all."""
        self.read_eof()
        self.close()

    def close(self):
        self.sock.close()


class Task(threading.Thread):
    """A function in a thread of its own; leaving the context waits for it."""

    def __init__(self, function, *args, **kwargs):
        super().__init__(daemon=True)
        self._call = functools.partial(function, *args, **kwargs)
        self._future = concurrent.futures.Future()
        self.start()

    def run(self):
        try:
            self._future.set_result(self._call())
        except BaseException as exc:
            self._future.set_exception(exc)

    def result(self):
        """Return what the function has returned, or raise what it has raised."""
        return self._future.result(PATIENCE)

    def done(self):
        return self._future.done()


# How Linux numbers poll(), recvfrom() and ppoll().
WAITS_FOR_SOCKETS = {"x86_64": ("7", "45", "271"), "aarch64": ("73", "207")}


def blocked(thread, in_what=None):
    """
    Wait until a thread waits for a socket, or stands in a function of a certain name.

    Compiled functions aren't in Python's stack, and are known by what they wait for; where the
    system doesn't tell that, a moment has to do.
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        stack = sys._current_frames().get(thread.ident)
        names = set()
        while stack is not None:
            names.add(stack.f_code.co_name)
            stack = stack.f_back
        if in_what in names or is_waiting_for_a_socket(thread):
            return
        time.sleep(0.001)
    raise TimeoutError(f"{in_what} isn't reached")


def is_waiting_for_a_socket(thread):
    numbers = WAITS_FOR_SOCKETS.get(platform.machine())
    try:
        with open(f"/proc/self/task/{thread.native_id}/syscall") as file:
            found = file.read().split()[0]
    except OSError:
        numbers = None
    if numbers is None:
        time.sleep(0.05)
        return True
    return found in numbers


def uri_of(server, path="/"):
    return f"ws://127.0.0.1:{server.socket.getsockname()[1]}{path}"


@contextlib.contextmanager
def listening(*functions):
    """A server that is functions of peers, one for each connection; yield its URI."""

    def accept():
        peers = []
        try:
            for function in functions:
                sock, _ = listener.accept()
                peers.append(Peer(sock, False))
                function(peers[-1])
        finally:
            for peer in peers:
                peer.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        task = Task(accept)
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        task.result()


def client_with_peer(headers=(), **options):
    """Return our client's end of an open connection, and the peer that is its server."""
    options.setdefault("compression", None)
    options.setdefault("proxy", None)

    def accept():
        sock, _ = listener.accept()
        peer = Peer(sock, False)
        peer.write(accepting(peer.read_head(), *headers))
        return peer

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        task = Task(accept)
        uri = f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        return connect(uri, legacy=True, **options), task.result()


@contextlib.contextmanager
def client_and_peer(headers=(), **options):
    """The same, for a while."""
    connection, peer = client_with_peer(headers, **options)
    try:
        yield connection, peer
    finally:
        peer.close()
        connection.close_timeout = 0
        connection.close()


@contextlib.contextmanager
def server_and_peer(headers=b"", **options):
    """Our server's end of an open connection, and the peer that is its client."""
    options.setdefault("compression", None)
    opened = concurrent.futures.Future()
    finished = threading.Event()

    def handler(connection):
        opened.set_result(connection)
        finished.wait()

    with serving(handler, **options) as server:
        sock = socket.create_connection(server.socket.getsockname())
        peer = Peer(sock, True)
        peer.write(REQUEST + headers + b"\r\n")
        peer.read_head()
        connection = opened.result(PATIENCE)
        try:
            yield connection, peer
        finally:
            peer.close()
            finished.set()
            connection.close_timeout = 0
            connection.close()


@contextlib.contextmanager
def serving(handler, **options):
    """A server of ours, at work."""
    server = serve(handler, "127.0.0.1", 0, **options)
    task = Task(server.serve_forever)
    try:
        yield server
    finally:
        server.shutdown()
        task.result()


def echo(connection):
    for message in connection:
        connection.send(message)


both_sides = pytest.mark.parametrize(
    "connection",
    [pytest.param(client_and_peer, id="client"), pytest.param(server_and_peer, id="server")],
)
