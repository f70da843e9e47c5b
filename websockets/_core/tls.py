"""
TLS between a TCP transport and a connection.

Owns the TLS state of one connection, from the end of its handshake to its close_notify. Must never
know what the bytes mean, nor what asyncio is. Key decision: one object is both, a protocol for the
TCP transport and a transport for the connection. What is read is decrypted and handed on in the
same call, and what is written is encrypted and given to the socket in the same call: nothing waits
for the event loop. What OpenSSL is asked for that is in records.py, and what leaves in sealing.py.
"""

from __future__ import annotations

from typing import Any, Callable, Optional

from .records import RECORD, RECORDS, Records, has_own
from .sealing import Sealer
from .writer import Writer

__all__ = ["PORTION", "TLSConnection"]

PORTION = RECORDS * RECORD
FEW = 2**10  # bytes that are decrypted at once where the peer makes OpenSSL answer
HEAD = 16  # bytes that are in front of a payload at most

OPEN, CLOSING, CLOSED = range(3)


class TLSConnection:
    """
    TLS on one connection, behind the TLS handshake.

    It has the methods of asyncio's protocols and transports that depend on what it owns.

    Arguments:
        loop: the event loop.
        protocol: the connection.
        tcp: the TCP transport.
        writer: what is written to that with.
        tls: the :class:`ssl.SSLObject`, for its end.
        records: its records.
        shutdown_timeout: seconds to wait for the peer's close_notify.

    Attributes:
        before_closing: called before TLS ends, so that what was held back is written; or None.
    """

    def __init__(
        self,
        loop: Any,
        protocol: Any,
        tcp: Any,
        writer: Writer,
        tls: Any,
        records: Records,
        shutdown_timeout: float,
    ) -> None:
        self._loop = loop
        self._protocol = protocol
        self._tcp = tcp
        self._tls = tls
        self._records = records
        self._shutdown_timeout = shutdown_timeout
        self._timer: Any = None
        self._state = OPEN
        self._error: Optional[Exception] = None
        self.before_closing: Optional[Callable[[], Any]] = None

        # Reading: TCP's is stopped while either of the two doesn't want more.
        self._stream: Any = None  # what messages are made in, without a detour
        self._peer_ended = False
        self._end_told = False  # to the connection, which may have more to say
        self._stopped = False
        self._paused = False  # by the connection
        self._choked = False  # because the peer doesn't read what OpenSSL answers
        self._held = b""  # what had been read by then
        self._portion = PORTION  # how much OpenSSL is given at once

        self._sealer = Sealer(protocol, tcp, writer, records)

    # Towards the TCP transport, a protocol

    def data_received(self, data: Any) -> None:
        """Take bytes from the network."""
        self.take(data)

    def take(self, data: Any) -> None:
        """Take bytes from a transport of ours, which asks nobody else."""
        if self._end_told:
            return  # RFC 8446 6.1: what comes behind the end is ignored.
        if self._stopped:
            self._held += bytes(data)
            return
        try:
            if len(data) > self._portion:
                self._take_in_portions(data)
            else:
                self._records.feed(data)
                self._work()
        finally:
            # It may be in a buffer that others read into next.
            self._records.settle()

    def eof_received(self) -> bool:
        """Take notice that the peer ends TCP; return whether to wait for the connection."""
        self._peer_ended = True
        if self._state == OPEN and not self._stopped:
            self._read()
        return self._state == OPEN

    def connection_lost(self, exc: Optional[Exception]) -> None:
        """Take notice that the TCP transport is gone."""
        exc, self._error = self._error or exc, None
        protocol, self._protocol = self._protocol, None
        self._state = CLOSED
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._sealer.detach()
        self._stream = self.before_closing = None
        self._held = b""
        protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        """Take notice that the TCP transport's buffer is full."""
        self._sealer.tcp_full = True
        self._sealer.tell_whether_full()

    def resume_writing(self) -> None:
        """Take notice that there is room in the TCP transport's buffer."""
        self._sealer.tcp_full = False
        if self._choked:
            self._choked = False
            self._loop.call_soon(self._go_on)
        self._sealer.tell_whether_full()

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
                self._records.feed(portion)
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
        records = self._records
        data = b""
        if self._stream is None or records.waiting() < RECORD or self._read_in_place():
            data = records.open()
            if records.over:
                self._note_the_end()
        if records.answers():
            self._answer()
        if data:
            if self._stream is None:
                self._protocol.data_received(data)
            else:
                self._stream.data_received(data)
        if self._sealer.unsent:
            self._resend()
        if self._error is not None or self._peer_ended:
            self._hand_on_the_end()

    def carry(self, stream: Any) -> None:
        """Give what comes to a stream of messages, not to the protocol, and messages to this."""
        self.before_closing = stream.flush
        if not stream.whole:
            self._stream = stream

    def _read_in_place(self) -> bool:
        """
        Decrypt the rest of a large message into the memory where it belongs.

        Return whether there may be more to decrypt.
        """
        records = self._records
        while self._stream is not None and records.waiting():
            stream = self._stream
            space = stream.space()
            if space is None:
                break
            size = records.open_into(space)
            if records.over:
                self._note_the_end()
            if not size:
                return False
            if records.answers():
                self._answer()
            stream.filled(size)
            if self._state == CLOSING:
                self._discard()
            if self._state != OPEN or self._paused:
                return False
        return True

    def _note_the_end(self) -> None:
        """Take notice of what ends TLS."""
        error = self._records.take_error()
        if error is None:
            self._peer_ended = True
        elif self._error is None:
            self._error = error

    def _answer(self) -> None:
        """Send what OpenSSL says by itself, as to an update of the keys (RFC 8446 4.6.3)."""
        self._sealer.flush()
        self._portion = FEW
        if self._sealer.tcp_full:
            # The peer could go on for ever to ask for answers that it doesn't read.
            self._choked = True
            self._stop()

    def _hand_on_the_end(self) -> None:
        """Tell the connection of the end, once it has all that came before."""
        if self._state != OPEN or self._stopped:
            return
        if self._error is not None:
            self._fail(self._error)
        elif not self._end_told:
            self._end_told = True
            stay = False
            try:
                stay = self._protocol.eof_received()
            finally:
                if not stay:
                    self.close()

    def _discard(self) -> None:
        """Look for the peer's close_notify behind whatever it has sent before."""
        records = self._records
        if not self._peer_ended:
            records.open()
            self._peer_ended = records.over
            records.take_error()
        if records.answers():
            self._answer()
        if self._sealer.unsent:
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

    def writer(self) -> Any:
        """Return what frames are written with."""
        return TLSWriter(self)

    def put(self, head: bytes, data: bytes) -> bool:
        """Send two byte strings as one; return whether there still is somebody to send them to."""
        if self._state != OPEN:
            return False
        sealer = self._sealer
        sealer.put(head, data)
        if sealer.error is not None:
            self._fail(sealer.error)
            return False
        return self._state == OPEN and not sealer.tcp_ended

    def _resend(self) -> None:
        """Send what OpenSSL didn't take before."""
        self._sealer.resend()
        if self._sealer.error is not None:
            self._fail(self._sealer.error)

    # The end

    def _fail(self, exc: Exception) -> None:
        """End the connection because of what can't be TLS."""
        self._error = self._error or exc  # What was read first may be the cause of this.
        self._state = CLOSED
        self._sealer.flush()
        # uvloop's transports, too, must have had their turn to write the alert.
        self._loop.call_soon(self._tcp.abort)

    def _say_goodbye(self) -> None:
        """Send close_notify, and end TCP unless the peer's close_notify is still to come."""
        if self._sealer.unsent and not self._peer_ended:
            return
        self._records.settle()
        try:
            self._tls.unwrap()
        except Exception:
            pass  # It lacks the peer's close_notify, or finds other records before that.
        else:
            self._peer_ended = True
        self._sealer.flush()
        if self._peer_ended:
            self._tcp.close()

    # Towards the connection, a transport

    def write(self, data: Any) -> None:
        """Send bytes."""
        if self._state == OPEN and data:
            self.put(b"", data if type(data) is bytes else bytes(data))

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
        self._timer = self.limit(self._loop, self._shutdown_timeout, self._tcp.abort)
        self._paused = False
        if self._stopped:
            self._loop.call_soon(self._go_on)
        self._say_goodbye()

    def limit(self, loop: Any, seconds: float, function: Callable[[], Any]) -> Any:
        """Call a function after a time, unless what is returned is cancelled."""
        return loop.call_later(seconds, function)

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
        self._sealer.set_limits(high, low)

    def get_write_buffer_limits(self) -> Any:
        """Return ``(low, high)``."""
        return self._sealer.limits()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait."""
        size: int = self._sealer.size()
        return size

    def set_protocol(self, protocol: Any) -> None:
        """Put another protocol in the connection's place."""
        self._protocol = self._sealer.protocol = protocol
        self._stream = None  # It was the other one's.

    def get_protocol(self) -> Any:
        """Return the connection, None once it is lost."""
        return self._protocol


class TLSWriter(Writer):
    """
    Write frames to a connection that has TLS.

    Arguments:
        tls: the TLS.
    """

    def __init__(self, tls: Any) -> None:
        self._layer: Any = tls

    def detach(self) -> None:
        """Let go of it: it is gone."""
        self._layer = None

    def write(self, pieces: list[bytes]) -> bool:
        """Write byte strings; return whether there still is somebody to write to."""
        if self._layer is None:
            return False
        if not pieces:
            return not self._layer.is_closing()
        if len(pieces) == 2 and len(pieces[0]) <= HEAD:
            # It is in front of a large payload, which needn't be copied for that.
            return self._put(pieces[0], pieces[1])
        return self._put(b"", pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def write_frame(self, frame: bytes) -> bool:
        """Write one byte string; return whether there still is somebody to write to."""
        return self._layer is not None and self._put(b"", frame)

    def _put(self, head: bytes, data: bytes) -> bool:
        layer = self._layer
        if has_own(layer, "write"):
            # A program has given it another way to write, perhaps, as tests of networks do.
            layer.write(head + data)
            return True
        written: bool = layer.put(head, data)
        return written

    def write_before_closing(self, pieces: list[bytes]) -> None:
        """Write what was held back; before it closes, TLS asks for that itself."""
        self.write(pieces)
