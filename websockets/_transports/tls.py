"""
TLS on one connection, as programs and event loops see it.

Owns what is asked of the TLS of a connection beside bytes, and where TCP transports may read into.
Must never know what asyncio is, nor a record: what comes and goes is the core's. Key decision: what
a program's own subclass of ``ssl.SSLObject`` does is done; only what is Python's own may be passed
by, where the core knows how.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Optional

try:
    import ssl
except ImportError:  # pragma: no cover
    ssl = None  # type: ignore[assignment]

from .._core import PORTION, Records, TLSConnection
from .descriptors import writer_of
from .known import extra_info
from .reading import read_buffer
from .verdicts import Verdict

__all__ = ["PORTION", "TLSLayer", "calls_openssl"]


def what_reads_and_writes(tls: Any) -> Any:
    """
    Return the object whose methods an SSLObject calls to read and to write, or itself.

    Its own methods do nothing else, in Python; but a program's subclass may.
    """
    return getattr(tls, "_sslobj", tls) if type(tls) is ssl.SSLObject else tls


def may_be_direct() -> bool:
    """Tell whether OpenSSL's own functions may be called."""
    return os.environ.get("WEBSOCKETS_NO_DIRECT_OPENSSL", "") in ("", "0")


def records_of(tls: Any, incoming: Any, outgoing: Any) -> Any:
    """Return what seals and opens the records of an SSLObject, which has two MemoryBIOs."""
    return Records(
        what_reads_and_writes(tls), incoming, outgoing, ssl.SSLWantReadError, may_be_direct()
    )


def calls_openssl() -> bool:
    """Tell whether OpenSSL's own functions are called for connections, if nobody watches them."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).wrap_bio(incoming, outgoing, True)
    direct: bool = records_of(tls, incoming, outgoing).direct
    return direct


class TLSLayer(TLSConnection):  # type: ignore[misc]
    """
    TLS on one connection, behind the TLS handshake.

    Arguments:
        handshake: a :class:`~.handshakes.Handshake` that is complete; this takes its place.
        shutdown_timeout: seconds to wait for the peer's close_notify.
        own_context: makes the context that a program is given when it asks for the connection's,
            if it must not have that one because others use it, too.
    """

    __slots__ = ("_context", "_own_context", "_read_buffer")

    def __init__(
        self,
        handshake: Any,
        shutdown_timeout: float,
        own_context: Optional[Callable[[], Any]] = None,
    ) -> None:
        super().__init__(
            handshake.loop,
            handshake.protocol,
            handshake.tcp,
            writer_of(handshake.tcp),
            handshake.tls,
            records_of(handshake.tls, handshake.incoming, handshake.outgoing),
            shutdown_timeout,
        )
        self._context = handshake.context
        self._own_context = own_context
        self._read_buffer: Any = None

    def limit(self, loop: Any, seconds: float, function: Callable[[], Any]) -> Verdict:
        """Call a function after a time, when what had arrived by then is read."""
        return Verdict(loop, seconds, function)

    @property
    def is_direct(self) -> bool:
        """Whether OpenSSL is called without a detour by Python's objects."""
        direct: bool = self._records.direct
        return direct

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return what the transport may read into, as some transports want it."""
        if self._read_buffer is None:
            self._read_buffer = read_buffer(self._loop)
        buffer: memoryview = self._read_buffer
        return buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take bytes that the transport has read."""
        self.data_received(self._read_buffer[:nbytes])

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
