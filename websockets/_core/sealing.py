"""
What leaves a connection that has TLS: records, and bytes that can't become records yet.

Owns bytes from where a connection gives them up to the TCP transport, and whether the connection is
to pause. Must never know what comes from the peer. Key decision: what OpenSSL doesn't take now, in
the middle of a renegotiation, waits here as it is, in order, and counts as part of the write
buffer.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Optional

from .records import Records
from .writer import Writer

__all__ = ["Sealer"]


class Sealer:
    """
    Seal what leaves a connection, and send it.

    Arguments:
        protocol: the connection.
        tcp: the TCP transport.
        writer: what is written to that with.
        records: the connection's records.

    Attributes:
        protocol: the connection, which is told to pause and to go on.
        tcp_full: whether the TCP transport's buffer is full.
        tcp_ended: whether the TCP transport takes no more.
        error: what OpenSSL has against what it was given last; nothing follows then.
        unsent: a queue of what OpenSSL doesn't take now, or None.
    """

    def __init__(self, protocol: Any, tcp: Any, writer: Writer, records: Records) -> None:
        self.protocol = protocol
        self.tcp_full = False
        self.tcp_ended = False
        self.error: Optional[Exception] = None
        self.unsent: Any = None
        self._tcp = tcp
        self._writer = writer
        self._records = records
        self._unsent_size = 0
        self._full = False
        self._high, self._low = 2**16, 2**14

    def detach(self) -> None:
        """Let go of the connection and the TCP transport: they are gone."""
        self._writer.detach()
        self.protocol = self.unsent = self.error = None
        self._unsent_size = 0

    def put(self, head: bytes, data: bytes) -> None:
        """Send two byte strings as one, now or as soon as OpenSSL takes them."""
        if self.unsent:
            rest = head + data
        else:
            rest = self._seal(head, data)
        if rest:
            if self.unsent is None:
                self.unsent = deque()
            self.unsent.append(rest)
            self._unsent_size += len(rest)
            self.tell_whether_full()

    def resend(self) -> None:
        """Send what OpenSSL didn't take before."""
        while self.unsent and self.error is None:
            data = self.unsent.popleft()
            rest = self._seal(b"", data)
            self._unsent_size -= len(data) - len(rest)
            if rest:
                self.unsent.appendleft(rest)
                break
        self.tell_whether_full()

    def _seal(self, head: bytes, data: bytes) -> bytes:
        """Seal and send; return what OpenSSL doesn't take now."""
        records = self._records
        size = len(head) + len(data)
        done = 0
        while done < size:
            try:
                sealed = records.seal(head, data, done)
            except Exception as exc:
                self.error = exc
                return b""
            done = records.done
            if sealed and not self._writer.write_frame(sealed):
                self.tcp_ended = True
                return b""
            if records.refused:
                self.flush()
                return (head + data)[done:]
        return b""

    def flush(self) -> None:
        """Send what OpenSSL has to say by itself."""
        if self._records.answers():
            self._writer.write_frame(self._records.answer())

    def tell_whether_full(self) -> None:
        """Tell the connection to pause or to go on, if there is news."""
        full = self.tcp_full
        if self.unsent and not full:
            full = self.size() > (self._low if self._full else self._high)
        if full != self._full:
            self._full = full
            if full:
                self.protocol.pause_writing()
            else:
                self.protocol.resume_writing()

    def size(self) -> int:
        """Return how many bytes wait, here and in the TCP transport."""
        size: int = self._tcp.get_write_buffer_size() + self._unsent_size
        return size

    def set_limits(self, high: Optional[int], low: Optional[int]) -> None:
        """Set how many bytes may wait before the connection is told to pause, and to go on."""
        self._tcp.set_write_buffer_limits(high, low)
        # As asyncio.WriteTransport.set_write_buffer_limits() describes it.
        if high is None:
            high = 2**16 if low is None else 4 * low
        self._high, self._low = high, high // 4 if low is None else low

    def limits(self) -> Any:
        """Return ``(low, high)``."""
        return self._low, self._high
