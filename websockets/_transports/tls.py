"""
TLS between a TCP transport and a connection.

Owns the TLS state of one connection, from its handshake to its close_notify. Must never know what
the bytes mean, nor what asyncio is. Key decisions: one object is both, a protocol for the TCP
transport and a transport for the connection. What is read is decrypted and handed on in the same
call, and what is written is encrypted and given to the socket in the same call: nothing waits for
the event loop. OpenSSL is asked for no more than there is, because it says "no more" by an
exception, which takes longer than a short record.
"""

from __future__ import annotations

from typing import Any, Callable, Optional

try:
    import ssl
except ImportError:  # pragma: no cover
    ssl = None  # type: ignore[assignment]

from .._core import Writer
from .descriptors import plain_socket
from .known import extra_info
from .reading import read_buffer

__all__ = ["Handshakes", "TLSLayer"]

RECORD = 2**14  # bytes that a record carries at most (RFC 8446 5.1)
PORTION = 2**16  # bytes that are encrypted or decrypted before they are handed on

SHAKING_HANDS, OPEN, CLOSING, CLOSED = range(4)


class TLSLayer:
    """
    TLS on one connection.

    Arguments:
        loop: the event loop.
        protocol: the connection; its ``connection_made()`` is called after the TLS handshake.
        context: an :class:`ssl.SSLContext`.
        begun: called with this when there is a TCP transport; None to do without.
        ended: called with this when the TLS handshake ends, and with the exception if it failed.
        server_side: whether this end is the server.
        hostname: the name that the server's certificate must have.
        handshake_timeout: seconds that the TLS handshake may take.
        shutdown_timeout: seconds to wait for the peer's close_notify.
    """

    _tcp: Any = None
    _writer: Any = None
    _timer: Any = None
    _refused = False
    _paused = False
    _unsent = b""  # what can't be encrypted in the middle of a renegotiation
    _peer_ended = False
    _error: Optional[Exception] = None
    _read_buffer: Any = None
    _stream: Any = None  # what large parts of messages are decrypted into

    def __init__(
        self,
        loop: Any,
        protocol: Any,
        context: Any,
        begun: Optional[Callable[[Any], None]],
        ended: Callable[[Any, Optional[Exception]], None],
        *,
        server_side: bool,
        hostname: Optional[str],
        handshake_timeout: float,
        shutdown_timeout: float,
    ) -> None:
        self._loop = loop
        self._protocol = protocol
        self._context = context
        self._begun = begun
        self._ended: Any = ended
        self._handshake_timeout = handshake_timeout
        self._shutdown_timeout = shutdown_timeout
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side, hostname)
        self._state = SHAKING_HANDS

    # Towards the TCP transport, a protocol

    def connection_made(self, transport: Any) -> None:
        """Take a TCP transport, and begin with the TLS handshake."""
        self._tcp = transport
        self._writer = Writer(transport, plain_socket(transport))
        self._timer = self._loop.call_later(self._handshake_timeout, self._take_too_long)
        if self._begun is not None:
            self._begun(self)
        self._shake_hands()

    def data_received(self, data: Any) -> None:
        """Take bytes from the network."""
        if len(data) > PORTION:
            view = memoryview(data)
            for start in range(0, len(data), PORTION):
                self.data_received(view[start : start + PORTION])
            return
        self._incoming.write(data)
        if self._state == OPEN:
            self._read()
        elif self._state == SHAKING_HANDS:
            self._shake_hands()
        elif self._state == CLOSING:
            self._discard()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return what the transport may read into, as some transports want it."""
        if self._read_buffer is None:
            self._read_buffer = read_buffer(self._loop)
        buffer: memoryview = self._read_buffer
        return buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take bytes that the transport has read."""
        self.data_received(self._read_buffer[:nbytes])

    def eof_received(self) -> bool:
        """Take notice that the peer ends TCP; return whether to wait for the connection."""
        if self._state == SHAKING_HANDS:
            self._refuse(ConnectionResetError("the connection ended in the TLS handshake"))
        self._peer_ended = True
        if self._state == OPEN:
            self._read()
        return self._state == OPEN and self._paused

    def connection_lost(self, exc: Optional[Exception]) -> None:
        """Take notice that the TCP transport is gone."""
        self._refuse(exc or ConnectionResetError("the connection ended in the TLS handshake"))
        exc, self._error = self._error or exc, None
        protocol, self._protocol = self._protocol, None
        self._stream = None
        self._state = CLOSED
        self._stop_timer()
        self._writer.detach()
        if not self._refused:
            protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        """Hand on that the transport's buffer is full."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Hand on that there is room in the transport's buffer."""
        self._protocol.resume_writing()

    # The TLS handshake

    def _shake_hands(self) -> None:
        if self._state != SHAKING_HANDS:
            return
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except ssl.SSLError as exc:
            self._flush()  # It is the alert that tells the peer.
            self._refuse(exc)
            return
        self._flush()
        self._stop_timer()
        self._state = OPEN
        self._end_handshake(None)
        self._protocol.connection_made(self)
        self._read()

    def _refuse(self, exc: Exception) -> None:
        """Give up the TLS handshake, unless it is complete."""
        if self._ended is not None:
            self._state = CLOSED
            self._refused = True
            self._end_handshake(exc)
            self._tcp.close()

    def _end_handshake(self, exc: Optional[Exception]) -> None:
        ended, self._ended, self._begun = self._ended, None, None
        ended(self, exc)

    def _take_too_long(self) -> None:
        self._refuse(
            ConnectionAbortedError(
                f"the TLS handshake took longer than {self._handshake_timeout} seconds"
            )
        )
        self._tcp.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Records

    def _read(self) -> None:
        """Decrypt what is there, and hand it on."""
        incoming, tls = self._incoming, self._tls
        pieces: list[bytes] = []
        try:
            if incoming.pending >= RECORD:
                self._read_in_place()
            while self._state == OPEN and not self._paused:
                if not (incoming.pending or tls.pending()):
                    break
                piece = tls.read(RECORD)
                if not piece:
                    self._peer_ended = True
                    break
                pieces.append(piece)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as exc:
            self._error = exc
        if pieces:
            self._protocol.data_received(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if self._outgoing.pending:
            self._flush()  # OpenSSL has an answer, as to an update of the keys.
        if self._unsent:
            self._resend()
        if self._state == OPEN and not self._paused:
            if self._error is not None:
                self._fail(self._error)
            elif self._peer_ended:
                self._protocol.eof_received()
                self.close()

    def read_into(self, stream: Any) -> None:
        """
        Decrypt large parts of messages into the memory where they belong.

        Arguments:
            stream: an object with the methods ``space()``, which returns that memory or None, and
                ``filled(size)``.
        """
        self._stream = stream

    def _read_in_place(self) -> None:
        """Decrypt the rest of a large message into the memory where it belongs."""
        stream = self._stream
        while stream and self._state == OPEN and not self._paused and self._incoming.pending:
            space = stream.space()
            if space is None:
                break
            size = self._tls.read(len(space), space)
            if not size:
                self._peer_ended = True
                break
            stream.filled(size)

    def _encrypt(self, data: Any) -> None:
        """Encrypt and send."""
        if len(data) > PORTION:
            data = memoryview(data)
        try:
            while data:
                size = self._tls.write(data[:PORTION])
                data = data[size:]
                self._writer.write([self._outgoing.read()])
        except ssl.SSLWantReadError:
            self._unsent = bytes(data)
            self._flush()
        except ssl.SSLError as exc:
            self._fail(exc)

    def _resend(self) -> None:
        data, self._unsent = self._unsent, b""
        self._encrypt(data)

    def _flush(self) -> None:
        """Give the socket what OpenSSL has to say."""
        if self._outgoing.pending:
            self._writer.write([self._outgoing.read()])

    # The end

    def _fail(self, exc: Exception) -> None:
        """End the connection because of what can't be TLS."""
        self._error = self._error or exc  # What was read first may be the cause of this.
        self._state = CLOSED
        self._flush()
        # uvloop's transports, too, must have had their turn to write the alert.
        self._loop.call_soon(self._tcp.abort)

    def _say_goodbye(self) -> None:
        """Send close_notify, and end TCP unless the peer's close_notify is still to come."""
        if self._unsent:
            return
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass  # It lacks the peer's close_notify, or finds other records before that.
        else:
            self._peer_ended = True
        self._flush()
        if self._peer_ended:
            self._tcp.close()

    def _discard(self) -> None:
        """Look for the peer's close_notify behind whatever it has sent before."""
        try:
            while not self._peer_ended and (self._incoming.pending or self._tls.pending()):
                self._peer_ended = not self._tls.read(RECORD)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self._peer_ended = True
        if self._unsent:
            self._resend()
            self._say_goodbye()
        self._flush()
        if self._peer_ended:
            self._tcp.close()

    # Towards the connection, a transport

    def write(self, data: Any) -> None:
        """Send bytes."""
        if self._state != OPEN or not data:
            return
        if type(data) is not bytes:
            data = bytes(data)
        if self._unsent:
            self._unsent += data
        else:
            self._encrypt(data)

    def writelines(self, list_of_data: Any) -> None:
        """Send byte strings."""
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        """Return False: TLS ends in both directions at once, as most know it."""
        return False

    def write_eof(self) -> None:
        """Raise an exception, see :meth:`can_write_eof`."""
        raise NotImplementedError("TLS can't be half-closed")

    def close(self) -> None:
        """Send what was written before, and end TLS, then TCP."""
        if self._state != OPEN:
            return
        self._state = CLOSING
        self._timer = self._loop.call_later(self._shutdown_timeout, self._tcp.abort)
        if self._paused:
            self._paused = False
            self._resume_tcp()
        self._say_goodbye()

    def abort(self) -> None:
        """End TCP at once."""
        self._state = CLOSED
        self._tcp.abort()

    def is_closing(self) -> bool:
        """Whether it is closed, or closing."""
        closing: bool = self._state != OPEN or self._tcp.is_closing()
        return closing

    def pause_reading(self) -> None:
        """Give the connection no more bytes."""
        self._paused = True
        if not self._tcp.is_closing():
            self._tcp.pause_reading()

    def resume_reading(self) -> None:
        """Give the connection bytes again."""
        if self._paused:
            self._paused = False
            self._resume_tcp()
            self._loop.call_soon(self._go_on)

    def _resume_tcp(self) -> None:
        if not self._tcp.is_closing():
            self._tcp.resume_reading()

    def _go_on(self) -> None:
        if self._state == OPEN:
            self._read()

    def is_reading(self) -> bool:
        """Whether the connection is given bytes."""
        return not self._paused and not self.is_closing()

    def set_write_buffer_limits(
        self, high: Optional[int] = None, low: Optional[int] = None
    ) -> None:
        """Set how many bytes may wait before the connection is told to pause, and to go on."""
        self._tcp.set_write_buffer_limits(high, low)

    def get_write_buffer_limits(self) -> Any:
        """Return ``(low, high)``."""
        return self._tcp.get_write_buffer_limits()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait."""
        size: int = self._tcp.get_write_buffer_size() + len(self._unsent)
        return size

    def set_protocol(self, protocol: Any) -> None:
        """Put another protocol in the connection's place."""
        self._protocol = protocol

    def get_protocol(self) -> Any:
        """Return the connection, None once it is lost."""
        return self._protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of TLS or of the TCP transport."""
        if name == "ssl_object":
            return self._tls
        if name == "sslcontext":
            return self._context
        if name == "peercert":
            return self._tls.getpeercert()
        if name == "cipher":
            return self._tls.cipher()
        if name == "compression":
            return self._tls.compression()
        return extra_info(self._tcp, name, default)


class Handshakes:
    """The TLS handshakes of a server that aren't complete."""

    def __init__(self) -> None:
        self._layers: set[TLSLayer] = set()
        self._over = False

    def begun(self, layer: TLSLayer) -> None:
        """Note that a handshake begins."""
        self._layers.add(layer)
        if self._over:
            layer.abort()

    def ended(self, layer: TLSLayer, exc: Optional[Exception]) -> None:
        """Note that a handshake has ended, with an exception if it has failed."""
        self._layers.discard(layer)
        if exc is not None:
            layer.get_protocol().logger.debug("the TLS handshake failed: %s", exc)

    def abort(self) -> None:
        """End them, and all that come."""
        self._over = True
        for layer in list(self._layers):
            layer.abort()
