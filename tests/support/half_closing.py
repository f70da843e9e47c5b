"""
A peer that says all it has to say at once, ends its side of TCP or TLS behind that, and reads on.

It is a client with a blocking socket, in a thread of its own where servers run on an event loop.
TLS is done in memory: Python's own TLS sockets can't be read once they have said goodbye.
"""

import contextlib
import socket
import ssl

from peer import CLOSE, REQUEST, TEXT, close_payload, frame
from threads import Peer


class HalfTLS:
    """A socket with TLS, whose ``shutdown()`` says close_notify, or nothing before TCP's end."""

    def __init__(self, sock, context, says_goodbye=True):
        self._sock = sock
        self._says_goodbye = says_goodbye
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")
        self.settimeout, self.close = sock.settimeout, sock.close

    def _call(self, function, *args):
        while True:
            try:
                return function(*args)
            except ssl.SSLWantReadError:
                self._flush()
                data = self._sock.recv(65536)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()

    def _flush(self):
        if self._outgoing.pending:
            self._sock.sendall(self._outgoing.read())

    def sendall(self, data):
        self._call(self._tls.write, data)
        self._flush()

    def sendall_before(self, data, raw):
        """Send data, and in the same write what isn't TLS."""
        self._call(self._tls.write, data)
        self._sock.sendall(self._outgoing.read() + raw)

    def recv(self, size):
        try:
            return self._call(self._tls.read, size)
        except ssl.SSLError:  # whatever OpenSSL calls the end of it
            return b""

    def shutdown(self, how):
        if self._says_goodbye:
            with contextlib.suppress(ssl.SSLWantReadError):
                self._tls.unwrap()
            self._flush()
        else:
            self._sock.shutdown(how)


def answers_to(messages, port, context=None, says_goodbye=True):
    """Say messages to a server, and a close frame; return the frames of its answer, to the end."""
    sock = socket.create_connection(("127.0.0.1", port))
    peer = Peer(sock if context is None else HalfTLS(sock, context, says_goodbye), masked=True)
    try:
        peer.write(REQUEST + b"\r\n")
        peer.read_head()
        say_all(peer, messages)
        return frames_of(peer)
    finally:
        peer.close()


def wires(messages, masked):
    """Return messages, and a close frame behind them, as they are sent."""
    texts = [frame(TEXT, message, masked=masked) for message in messages]
    return b"".join(texts) + frame(CLOSE, close_payload(1000), masked=masked)


def say_all(peer, messages):
    """Say messages and a close frame in one write, and end this side."""
    peer.write(wires(messages, peer.masked))
    peer.sock.shutdown(socket.SHUT_WR)


def frames_of(peer):
    """Return the opcodes and payloads of all frames up to the end."""
    frames = []
    with contextlib.suppress(EOFError):
        while True:
            byte0, payload = peer.read()
            frames.append((byte0 & 15, payload))
    return frames
