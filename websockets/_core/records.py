"""
Records of TLS, sealed and opened: the pure twin of ext/records.pyx.

Owns what OpenSSL is asked after the handshake: to open what came, to seal what leaves, and what it
says by itself. Must never know what the bytes mean, nor where they come from and go. Key decision:
OpenSSL is asked for no more than there is, because it says "no more" by an exception, which takes
longer than a short record; and records are sealed one by one, because its buffer never shrinks.
"""

from __future__ import annotations

from typing import Any, Optional

__all__ = ["RECORD", "RECORDS", "Records", "has_own"]

RECORD = 2**14  # bytes that a record carries at most (RFC 8446 5.1)
RECORDS = 5  # that are sealed or opened before they are handed on: 64 KiB, and their headers


class Records:
    """
    The records of a connection, whose TLS handshake is complete.

    Arguments:
        tls: an object with the methods ``read(size)`` and ``read(size, buffer)``, ``write(data)``
            and ``pending()``, as :class:`ssl.SSLObject` has them.
        incoming: the :class:`ssl.MemoryBIO` that it reads.
        outgoing: the one that it writes.
        more: the exception by which it says that it needs more from the peer.
        direct: whether OpenSSL may be called directly, if it is surely the one that is meant.

    Attributes:
        direct: whether that is done.
        over: whether the peer has ended TLS, or sent what isn't TLS.
        done: how far it came when it last sealed something.
        refused: whether it didn't seal all that it was given then, in the middle of a
            renegotiation.
    """

    def __init__(self, tls: Any, incoming: Any, outgoing: Any, more: Any, direct: bool) -> None:
        self._tls = tls
        self._incoming = incoming
        self._outgoing = outgoing
        self._more = more
        self.direct = False
        self.over = False
        self._error: Optional[Exception] = None
        self.done = 0
        self.refused = False

    def feed(self, data: Any) -> None:
        """Take bytes from the peer, which have to stay as they are up to :meth:`settle`."""
        self._incoming.write(data)

    def settle(self) -> None:
        """Have OpenSSL keep what it didn't look at."""

    def waiting(self) -> int:
        """Return how many bytes of those are still to be looked at."""
        size: int = self._incoming.pending
        return size

    def open(self) -> bytes:
        """Open all records that are complete; return what they carry."""
        pieces: list[bytes] = []
        try:
            more = self._incoming.pending or self._tls.pending()
            while more:
                piece = self._tls.read(RECORD)
                if not piece:
                    self.over = True
                    break
                pieces.append(piece)
                more = self._incoming.pending  # Nothing is left of a record.
        except self._more:
            pass
        except Exception as exc:
            self.over, self._error = True, exc
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def open_into(self, space: Any) -> int:
        """Open a record, if one is there; return how many bytes were put into that memory."""
        try:
            size: int = self._tls.read(len(space), space)
        except self._more:
            return 0
        except Exception as exc:
            self.over, self._error = True, exc
            return 0
        self.over = not size
        return size

    def take_error(self) -> Optional[Exception]:
        """Return what was wrong with what the peer sent, once; None if it has ended TLS itself."""
        error, self._error = self._error, None
        return error

    def seal(self, head: bytes, data: bytes, start: int) -> bytes:
        """
        Seal bytes, in as many records as are to leave together.

        Arguments:
            head: the first of the bytes, fewer than a record has.
            data: the bytes behind those.
            start: how far it came before.

        Returns:
            the records.

        Raises:
            Exception: whatever OpenSSL has against it, if nothing was sealed before.
        """
        first, whole = len(head), len(head) + len(data)
        sealed: list[bytes] = []
        self.done = start
        self.refused = False
        try:
            while self.done < whole and len(sealed) < RECORDS:
                if self.done < first:
                    part: Any = (head + data[:RECORD])[self.done : self.done + RECORD]
                else:
                    part = memoryview(data)[self.done - first : self.done - first + RECORD]
                self.done += self._tls.write(part)
                sealed.append(self._outgoing.read())
        except self._more:
            self.refused = True
        except Exception:
            if not sealed:
                raise
        return sealed[0] if len(sealed) == 1 else b"".join(sealed)

    def answers(self) -> bool:
        """Tell whether OpenSSL has something to say."""
        return bool(self._outgoing.pending)

    def answer(self) -> bytes:
        """Return what OpenSSL has to say."""
        data: bytes = self._outgoing.read()
        return data


def has_own(transport: Any, name: str) -> bool:
    """Tell whether a program has set an attribute of an object that its class has as well."""
    return name in vars(transport)
