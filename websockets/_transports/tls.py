"""
TLS between a TCP transport and a connection.

Owns the TLS state of one connection, from the end of its handshake to its close_notify. Must never
know what the bytes mean, nor what asyncio is. Key decisions: one object is both, a protocol for the
TCP transport and a transport for the connection. What is read is decrypted and handed on in the
same call, and what is written is encrypted and given to the socket in the same call: nothing waits
for the event loop. OpenSSL is asked for no more than there is, because it says "no more" by an
exception, which takes longer than a short record.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Callable, Optional

try:
    import ssl
except ImportError:  # pragma: no cover
    ssl = None  # type: ignore[assignment]

from .descriptors import writer_of
from .known import extra_info
from .reading import read_buffer
from .verdicts import Verdict

__all__ = ["TLSLayer"]

RECORD = 2**14  # bytes that a record carries at most (RFC 8446 5.1)
RECORDS = 5  # that are encrypted or decrypted before they are handed on: 64 KiB, and their headers
PORTION = RECORDS * RECORD
FEW = 2**10  # bytes that are decrypted at once where the peer makes OpenSSL answer

OPEN, CLOSING, CLOSED = range(3)


def what_reads_and_writes(tls: Any) -> Any:
    """
    Return the object whose methods an SSLObject calls to read and to write, or itself.

    Its own methods do nothing else, in Python; but a program's subclass may.
    """
    return getattr(tls, "_sslobj", tls) if type(tls) is ssl.SSLObject else tls


class TLSLayer:
    """
    TLS on one connection, behind the TLS handshake.

    Arguments:
        handshake: a :class:`~.handshakes.Handshake` that is complete; this takes its place.
        shutdown_timeout: seconds to wait for the peer's close_notify.
        own_context: makes the context that a program is given when it asks for the connection's,
            if it must not have that one because others use it, too.

    Attributes:
        before_closing: called before TLS ends, so that what was held back is written; or None.
    """

    _timer: Any = None
    _read_buffer: Any = None
    before_closing: Optional[Callable[[], Any]] = None

    # Reading: TCP's is stopped while either of the two doesn't want more.
    _paused = False  # by the connection
    _choked = False  # because the peer doesn't read what OpenSSL answers
    _held = b""  # what had been read by then

    # Writing: the connection is told to pause while either of the two is full.
    _tcp_full = False
    _unsent_size = 0
    _full = False
    _high, _low = 2**16, 2**14

    def __init__(
        self,
        handshake: Any,
        shutdown_timeout: float,
        own_context: Optional[Callable[[], Any]] = None,
    ) -> None:
        self._loop = handshake.loop
        self._protocol = handshake.protocol
        self._tcp = handshake.tcp
        self._tls = handshake.tls
        self._records = what_reads_and_writes(handshake.tls)
        self._context = handshake.context
        self._incoming = handshake.incoming
        self._outgoing = handshake.outgoing
        self._shutdown_timeout = shutdown_timeout
        self._own_context = own_context
        self._writer = writer_of(self._tcp)
        self._state = OPEN
        # What each message asks for is found sooner here than in a class.
        self._peer_ended = False
        self._error: Optional[Exception] = None
        self._stopped = False
        self._portion = PORTION  # how much OpenSSL is given at once
        self._stream: Any = None  # what large parts of messages are decrypted into
        self._unsent: Any = ()  # what OpenSSL doesn't take in the middle of a renegotiation

    # Towards the TCP transport, a protocol

    def data_received(self, data: Any) -> None:
        """Take bytes from the network."""
        if self._stopped:
            self._held += bytes(data)
        elif len(data) > self._portion:
            self._take_in_portions(data)
        else:
            self._incoming.write(data)
            if self._state == OPEN:
                self._read()
            else:
                self._work()

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
        self._peer_ended = True
        if self._state == OPEN and not self._stopped:
            self._read()
        return self._state == OPEN and self._stopped

    def connection_lost(self, exc: Optional[Exception]) -> None:
        """Take notice that the TCP transport is gone."""
        exc, self._error = self._error or exc, None
        protocol, self._protocol = self._protocol, None
        self._state = CLOSED
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._writer.detach()
        self._stream = self.before_closing = None
        self._held, self._unsent, self._unsent_size = b"", (), 0
        protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        """Take notice that the TCP transport's buffer is full."""
        self._tcp_full = True
        self._tell_whether_full()

    def resume_writing(self) -> None:
        """Take notice that there is room in the TCP transport's buffer."""
        self._tcp_full = False
        if self._choked:
            self._choked = False
            self._loop.call_soon(self._go_on)
        self._tell_whether_full()

    # Records from the peer

    def _work(self) -> None:
        """Do what is to be done with what the peer has sent."""
        if self._state == OPEN:
            self._read()
        elif self._state == CLOSING:
            self._discard()

    def _take_in_portions(self, data: Any) -> None:
        """Take bytes as long as more are wanted, and hold the others."""
        rest = memoryview(data)
        try:
            while rest and not (self._paused or self._choked):
                portion, rest = rest[: self._portion], rest[self._portion :]
                if len(portion) == self._portion:
                    self._portion = PORTION  # unless OpenSSL answers again
                self._incoming.write(portion)
                self._work()
                if self._error is not None:
                    rest = rest[:0]
        finally:
            # They are held after an exception as well, which may be no more than Ctrl-C.
            if rest and self._state != CLOSED:
                self._held = bytes(rest)
                self._stop()
                self._loop.call_soon(self._go_on)

    def _read(self) -> None:
        """Decrypt what is there, and hand it on."""
        incoming, records = self._incoming, self._records
        pieces: list[bytes] = []
        if incoming.pending < RECORD or self._read_in_place():
            try:
                more = incoming.pending or records.pending()
                while more:
                    piece = records.read(RECORD)
                    if not piece:
                        self._peer_ended = True
                        break
                    pieces.append(piece)
                    more = incoming.pending  # Nothing is left of a record.
            except ssl.SSLWantReadError:
                pass
            except Exception as exc:
                self._error = exc
        if self._outgoing.pending:
            self._answer()
        if pieces:
            self._protocol.data_received(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if self._unsent:
            self._resend()
        if self._error is not None or self._peer_ended:
            self._hand_on_the_end()

    def read_into(self, stream: Any) -> None:
        """
        Decrypt large parts of messages into the memory where they belong.

        Arguments:
            stream: an object with the methods ``space()``, which returns that memory or None, and
                ``filled(size)``.
        """
        self._stream = stream

    def _read_in_place(self) -> bool:
        """
        Decrypt the rest of a large message into the memory where it belongs.

        Return whether there may be more to decrypt.
        """
        stream = self._stream
        while stream is not None and self._incoming.pending:
            space = stream.space()
            if space is None:
                break
            try:
                size = self._records.read(len(space), space)
            except ssl.SSLWantReadError:
                return False
            except Exception as exc:
                self._error = exc
                return False
            if not size:
                self._peer_ended = True
                return False
            if self._outgoing.pending:
                self._answer()
            stream.filled(size)
            if self._state == CLOSING:
                self._discard()
            if self._state != OPEN or self._paused:
                return False
        return True

    def _answer(self) -> None:
        """Send what OpenSSL says by itself, as to an update of the keys (RFC 8446 4.6.3)."""
        self._flush()
        self._portion = FEW
        if self._tcp_full:
            # The peer could go on for ever to ask for answers that it doesn't read.
            self._choked = True
            self._stop()

    def _hand_on_the_end(self) -> None:
        """Tell the connection of the end, once it has all that came before."""
        if self._state != OPEN or self._stopped:
            return
        if self._error is not None:
            self._fail(self._error)
            return
        try:
            self._protocol.eof_received()
        finally:
            self.close()

    def _discard(self) -> None:
        """Look for the peer's close_notify behind whatever it has sent before."""
        try:
            while not self._peer_ended and (self._incoming.pending or self._records.pending()):
                self._peer_ended = not self._records.read(RECORD)
        except ssl.SSLWantReadError:
            pass
        except Exception:
            self._peer_ended = True
        if self._outgoing.pending:
            self._answer()
        if self._unsent:
            self._resend()
        self._say_goodbye()

    def _stop(self) -> None:
        """Let TCP read no more."""
        if not self._stopped:
            self._stopped = True
            if not self._tcp.is_closing():
                self._tcp.pause_reading()

    def _go_on(self) -> None:
        """Read on from where it was stopped, if nothing is against it."""
        if not self._stopped or self._paused or self._choked or self._state == CLOSED:
            return
        self._work()
        held, self._held = self._held, b""
        self._take_in_portions(held)
        if not (self._held or self._paused or self._choked):
            self._stopped = False
            if not self._tcp.is_closing():
                self._tcp.resume_reading()
            if self._error is not None or self._peer_ended:
                self._hand_on_the_end()

    # Records to the peer

    def _encrypt(self, data: Any) -> Any:
        """Encrypt and send; return what OpenSSL doesn't take now."""
        if len(data) > RECORD:
            data = memoryview(data)
        while data:
            # One by one, so that OpenSSL's buffer, which never shrinks, doesn't grow.
            sealed: list[bytes] = []
            try:
                while data and len(sealed) < RECORDS:
                    size = self._records.write(data if len(data) <= RECORD else data[:RECORD])
                    sealed.append(self._outgoing.read())
                    data = data[size:]
            except Exception as exc:
                self._writer.write(sealed)
                if isinstance(exc, ssl.SSLWantReadError):
                    self._flush()
                    break
                self._fail(exc)
                return b""
            if not self._writer.write(sealed):
                return b""  # TCP has ended.
        return data

    def _resend(self) -> None:
        """Send what OpenSSL didn't take before."""
        while self._unsent:
            data = self._unsent.popleft()
            rest = self._encrypt(data)
            self._unsent_size -= len(data) - len(rest)
            if rest:
                self._unsent.appendleft(rest)
                break
        self._tell_whether_full()

    def _flush(self) -> None:
        """Give the socket what OpenSSL has to say."""
        if self._outgoing.pending:
            self._writer.write([self._outgoing.read()])

    def _tell_whether_full(self) -> None:
        """Tell the connection to pause or to go on, if there is news."""
        full = self._tcp_full
        if self._unsent and not full:
            full = self.get_write_buffer_size() > (self._low if self._full else self._high)
        if full != self._full:
            self._full = full
            if full:
                self._protocol.pause_writing()
            else:
                self._protocol.resume_writing()

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
        if self._unsent and not self._peer_ended:
            return
        try:
            self._tls.unwrap()
        except Exception:
            pass  # It lacks the peer's close_notify, or finds other records before that.
        else:
            self._peer_ended = True
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
        rest = data if self._unsent else self._encrypt(data)
        if rest:
            if not self._unsent:
                self._unsent = deque()
            self._unsent.append(rest)
            self._unsent_size += len(rest)
            self._tell_whether_full()

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
        if self.before_closing is not None:
            self.before_closing()
        self._state = CLOSING
        self._timer = Verdict(self._loop, self._shutdown_timeout, self._tcp.abort)
        self._paused = False
        if self._stopped:
            self._loop.call_soon(self._go_on)
        self._say_goodbye()

    def abort(self) -> None:
        """End TCP at once."""
        self._state = CLOSED
        # asyncio's transports can't be aborted once they are lost.
        if self._protocol is not None:
            self._tcp.abort()

    def is_closing(self) -> bool:
        """Whether it is closed, or closing."""
        closing: bool = self._state != OPEN or self._tcp.is_closing()
        return closing

    def pause_reading(self) -> None:
        """Give the connection no more bytes."""
        self._paused = True
        self._stop()

    def resume_reading(self) -> None:
        """Give the connection bytes again."""
        if self._paused:
            self._paused = False
            self._loop.call_soon(self._go_on)

    def is_reading(self) -> bool:
        """Whether the connection is given bytes."""
        return not self._paused and not self.is_closing()

    def set_write_buffer_limits(
        self, high: Optional[int] = None, low: Optional[int] = None
    ) -> None:
        """Set how many bytes may wait before the connection is told to pause, and to go on."""
        self._tcp.set_write_buffer_limits(high, low)
        # As asyncio.WriteTransport.set_write_buffer_limits() describes it.
        if high is None:
            high = 2**16 if low is None else 4 * low
        self._high, self._low = high, high // 4 if low is None else low

    def get_write_buffer_limits(self) -> Any:
        """Return ``(low, high)``."""
        return self._low, self._high

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait."""
        size: int = self._tcp.get_write_buffer_size() + self._unsent_size
        return size

    def set_protocol(self, protocol: Any) -> None:
        """Put another protocol in the connection's place."""
        self._protocol = protocol
        self._stream = None  # It was the other one's.

    def get_protocol(self) -> Any:
        """Return the connection, None once it is lost."""
        return self._protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of TLS or of the TCP transport."""
        if name in ("ssl_object", "sslcontext"):
            if self._own_context is not None:
                self._context = self._tls.context = self._own_context()
                self._own_context = None
            return self._tls if name == "ssl_object" else self._context
        if name == "peercert":
            return self._tls.getpeercert()
        if name == "cipher":
            return self._tls.cipher()
        if name == "compression":
            return self._tls.compression()
        return extra_info(self._tcp, name, default)
