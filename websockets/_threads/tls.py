"""
TLS on a blocking socket.

Owns the TLS state of one connection, from its handshake to close_notify. Must never know what the
bytes mean. Key decision: OpenSSL never touches the socket. It encrypts and decrypts in memory, with
the connection's mutex, so that one thread may block in a read while another writes, which it
couldn't stand by itself; and a record costs one system call.
"""

from __future__ import annotations

import ssl
from typing import Any, Callable, Optional

from .deadline import Deadline
from .sockets import recv_within, send_within

__all__ = ["TLSSocket"]

RECORD = 2**14  # bytes that a record carries at most (RFC 8446 5.1)
PORTION = 2**16  # bytes that are encrypted at once

# What programs ask of the TLS socket of a connection.
ASKED = (
    "cipher",
    "compression",
    "get_channel_binding",
    "getpeercert",
    "selected_alpn_protocol",
    "session",
    "session_reused",
    "shared_ciphers",
    "version",
)


class TLSSocket:
    """
    A socket with TLS; to the connection, what encrypts and decrypts.

    Arguments:
        sock: a TCP socket, or another of these.
        context: an :class:`ssl.SSLContext`.
        server_side: which side this is.
        server_hostname: the name that the server's certificate has to have.
        own_context: makes the context that a program is given when it asks for the connection's,
            if it must not have that one because others use it, too.

    Attributes:
        sock: as given.
        ended: whether the peer has ended TLS, or broken it.
        error: what was wrong with what it sent, or None.
    """

    def __init__(
        self,
        sock: Any,
        context: ssl.SSLContext,
        server_side: bool = False,
        server_hostname: Optional[str] = None,
        own_context: Optional[Callable[[], Any]] = None,
    ) -> None:
        self.sock = sock
        self._context = context
        self._own_context = own_context
        self.server_side = server_side
        self.server_hostname = server_hostname
        self.ended = False
        self.error: Optional[Exception] = None
        self._below = sock if isinstance(sock, TLSSocket) else None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side, server_hostname)
        self._unsent: list[Any] = []  # what OpenSSL doesn't take in the middle of a renegotiation

    def __getattr__(self, name: str) -> Any:
        if name in ASKED:
            return getattr(self._tls, name)
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.sock, name)

    @property
    def context(self) -> Any:
        """The context, of which a program may change what it likes."""
        if self._own_context is not None:
            self._context = self._tls.context = self._own_context()
            self._own_context = None
        return self._context

    # With the connection's mutex

    @property
    def outgoing(self) -> bool:
        """Whether OpenSSL has something to say by itself."""
        below = self._below
        return self._outgoing.pending > 0 or (below is not None and below.outgoing)

    def decrypt(self, data: bytes) -> bytes:
        """Decrypt what was read."""
        incoming, tls = self._incoming, self._tls
        if self._below is not None and data:
            data = self._below.decrypt(data)
            self.ended, self.error = self._below.ended, self._below.error
        incoming.write(data)
        pieces: list[bytes] = []
        try:
            while incoming.pending or tls.pending():
                piece = tls.read(PORTION)
                if not piece:
                    self.ended = True
                    break
                pieces.append(piece)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True
        except ssl.SSLError as exc:
            if not pieces:
                raise
            self.ended, self.error = True, exc.with_traceback(None)  # behind what was whole
        if self._unsent:
            unsent, self._unsent = self._unsent, []
            self._encrypt(unsent)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def encrypt(self, pieces: list[Any]) -> list[Any]:
        """Encrypt what is to be written; return that, and what OpenSSL says by itself."""
        if self._unsent:
            self._unsent.extend(pieces)
        else:
            self._encrypt(pieces)
        encrypted = [self._outgoing.read()] if self._outgoing.pending else []
        return encrypted if self._below is None else self._below.encrypt(encrypted)

    def _encrypt(self, pieces: list[Any]) -> None:
        for i, piece in enumerate(pieces):
            view = memoryview(piece)
            try:
                while view:
                    view = view[self._tls.write(view[:PORTION]) :]
            except ssl.SSLWantReadError:
                self._unsent = [view, *pieces[i + 1 :]]
                return
            except ssl.SSLError:
                return  # It was ended, and what reads finds out why.

    def end(self) -> None:
        """Let OpenSSL say goodbye."""
        try:
            self._tls.unwrap()
        except (OSError, ValueError):
            pass  # The peer's goodbye isn't there, or something else is.

    # Before there is a connection

    def do_handshake(self, deadline: Deadline) -> None:
        """Perform the TLS handshake."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush(deadline)
                self._fill(deadline)
            except BaseException:
                try:
                    self._flush(deadline)  # an alert
                except OSError:
                    pass
                raise
            else:
                self._flush(deadline)
                return

    def recv_within(self, size: int, deadline: Deadline) -> bytes:
        """Read and decrypt; return b"" at the end."""
        while True:
            data = self.decrypt(b"")
            if data or self.ended:
                return data
            self._fill(deadline)

    def send_within(self, data: bytes, deadline: Deadline) -> None:
        """Encrypt and write all."""
        self._encrypt([data])
        self._flush(deadline)

    def _flush(self, deadline: Deadline) -> None:
        if self._outgoing.pending:
            send_within(self.sock, self._outgoing.read(), deadline)

    def _fill(self, deadline: Deadline) -> None:
        data = recv_within(self.sock, 65536, deadline)
        if not data:
            raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "EOF occurred in violation of protocol")
        self._incoming.write(data)
