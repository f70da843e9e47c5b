"""
TLS handshakes: connections that don't exist yet.

Owns a TCP transport until both ends agree on TLS, and for a server the set of those that don't yet.
Must never know what comes behind. Key decisions: a handshake is an object of its own, which gives
its place to the layer that it makes, so that a connection holds nothing of it. Who is told of its
end is told last, because that may be the program's and raise; and a server that closes doesn't wait
for handshakes.
"""

from __future__ import annotations

from typing import Any, Callable, Optional

try:
    import ssl
except ImportError:  # pragma: no cover
    ssl = None  # type: ignore[assignment]

from .reading import read_buffer
from .tls import PORTION
from .verdicts import Verdict

__all__ = ["Handshake", "Handshakes"]


class Handshake:
    """
    The TLS handshake of one connection.

    Arguments:
        loop: the event loop.
        protocol: the connection; its ``connection_made()`` is called after the handshake.
        context: an :class:`ssl.SSLContext`.
        make_layer: called with this when the handshake is complete, for what takes its place.
        begun: called with this when there is a TCP transport.
        ended: called with this when the handshake ends, and with the exception if it failed.
        server_side: whether this end is the server.
        hostname: the name that the server's certificate must have.
        timeout: seconds that the handshake may take.

    Attributes:
        layer: what has taken its place.
    """

    def __init__(
        self,
        loop: Any,
        protocol: Any,
        context: Any,
        make_layer: Callable[[Any], Any],
        begun: Callable[[Any], None],
        ended: Callable[[Any, Optional[Exception]], None],
        *,
        server_side: bool,
        hostname: Optional[str],
        timeout: float,
    ) -> None:
        self.loop = loop
        self.protocol: Any = protocol
        self.context = context
        self.incoming: Any = ssl.MemoryBIO()
        self.outgoing: Any = ssl.MemoryBIO()
        self.tls: Any = context.wrap_bio(self.incoming, self.outgoing, server_side, hostname)
        self.tcp: Any = None
        self.layer: Any = None
        self._make_layer = make_layer
        self._begun = begun
        self._ended: Any = ended
        self._timeout = timeout
        self._timer: Any = None
        self._read_buffer: Any = None
        self._over = False

    def connection_made(self, transport: Any) -> None:
        """Take a TCP transport, and begin."""
        self.tcp = transport
        self._timer = Verdict(self.loop, self._timeout, self._take_too_long)
        self._begun(self)
        self._go_on()

    def data_received(self, data: Any) -> None:
        """Take bytes from the network."""
        rest = memoryview(data)
        while rest and not self._over:
            self.incoming.write(rest[:PORTION])
            rest = rest[PORTION:]
            self._go_on()
        if rest and self.layer is not None:
            self.layer.data_received(rest)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return what the transport may read into, as some transports want it."""
        self._read_buffer = buffer = read_buffer(self.loop)
        return buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take bytes that the transport has read."""
        self.data_received(self._read_buffer[:nbytes])

    def eof_received(self) -> None:
        """Take notice that the peer ends TCP."""
        self._end(ConnectionResetError("the connection ended in the TLS handshake"))

    def connection_lost(self, exc: Optional[Exception]) -> None:
        """Take notice that the TCP transport is gone."""
        self._timer.cancel()
        try:
            self._end(exc or ConnectionResetError("the connection ended in the TLS handshake"))
        finally:
            self.protocol = None  # An exception may be kept, whose traceback refers to this.

    def abort(self) -> None:
        """End TCP at once."""
        self._over = True
        self.tcp.abort()

    def _go_on(self) -> None:
        if self._over:
            return
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except Exception as exc:
            self._flush()  # It is the alert that tells the peer.
            self.tcp.close()
            self._end(exc)
            return
        self._flush()
        self._timer.cancel()
        self._over = True
        self.layer = layer = self._make_layer(self)
        self.tcp.set_protocol(layer)
        try:
            self.protocol.connection_made(layer)
        except BaseException as exc:
            layer.abort()
            self._end(exc if isinstance(exc, Exception) else ConnectionAbortedError(repr(exc)))
            raise
        self._end(None)
        layer.data_received(b"")  # what has come behind the handshake

    def _flush(self) -> None:
        """Give TCP what OpenSSL has to say."""
        if self.outgoing.pending:
            self.tcp.write(self.outgoing.read())

    def _take_too_long(self) -> None:
        self.tcp.abort()
        self._end(
            ConnectionAbortedError(f"the TLS handshake took longer than {self._timeout} seconds")
        )

    def _end(self, exc: Optional[Exception]) -> None:
        """Tell that the handshake has ended, unless that was told before."""
        self._over = True
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(self, exc)


class Handshakes:
    """
    The TLS handshakes of a server that aren't complete.

    Arguments:
        logger: where it is told that one has failed.
    """

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self._handshakes: set[Handshake] = set()
        self._over = False

    def begun(self, handshake: Handshake) -> None:
        """Note that a handshake begins."""
        self._handshakes.add(handshake)
        if self._over:
            handshake.abort()

    def ended(self, handshake: Handshake, exc: Optional[Exception]) -> None:
        """Note that a handshake has ended, with an exception if it has failed."""
        self._handshakes.discard(handshake)
        if exc is not None:
            self._logger.debug("the TLS handshake failed: %s", exc)

    def abort(self) -> None:
        """End them, and all that come."""
        self._over = True
        for handshake in list(self._handshakes):
            handshake.abort()
