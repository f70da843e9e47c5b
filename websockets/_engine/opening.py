"""
The first phase: bytes from the peer before a connection is open, and the head that they make.

Owns what came behind the head. Must never know what a head or a valid handshake is. Key decision:
bytes may come before anybody waits for them, so the outcome, a head or an exception, is kept until
:meth:`Opening.head` asks.
"""

from __future__ import annotations

from typing import Any, Callable, Optional

from .._core import forget_frames
from .._transports.reading import read_buffer
from .ended import Ended
from .ending import Ending
from .phases import Phase

__all__ = ["Opening"]

EARLY_LIMIT = 65536  # bytes


class Opening(Phase):
    """
    Receive a head.

    Arguments:
        transport: what carries its bytes.
        loop: the event loop.
        reader: reads the head, an object with the method ``feed(data)``, which returns whether it
            is complete and may raise an exception; ``rest`` is what came behind then. It may have a
            method ``feed_eof()`` for the end of the stream, which does the same.
        ending: the steps by which the connection ends.
        closed_exc: as for :class:`~.ended.Ended`.

    Attributes:
        complete: whether the head is there; then ``reader`` has it.
        early: bytes behind the head, from a peer that doesn't wait for the handshake to end.
        full: whether the transport has asked not to be given more.
        reading_paused: whether so much came early that the transport was asked to read no more.
        start: what is called once, as soon as there is an outcome, in place of who would wait for
            it; or None.
    """

    __slots__ = (
        "_buffer",
        "_error",
        "_waiter",
        "complete",
        "early",
        "closed_exc",
        "ending",
        "full",
        "loop",
        "reader",
        "reading_paused",
        "start",
        "transport",
    )

    def __init__(
        self,
        transport: Any,
        loop: Any,
        reader: Any,
        ending: Ending,
        closed_exc: Callable[[Any], Exception],
    ) -> None:
        self.closed_exc = closed_exc
        self.transport = transport
        self.loop = loop
        self.ending = ending
        self.start: Optional[Callable[[], object]] = None
        self.complete = False
        self.early = bytearray()
        self.full = False
        self.reading_paused = False
        self.reader = reader
        self._error: Optional[Exception] = None
        self._waiter: Any = None

    # The handshake

    @property
    def opening(self) -> Opening:
        """This: what a connection begins with once it is open."""
        return self

    async def head(self) -> Any:
        """
        Wait for the head; return its reader.

        Raises:
            Exception: what the reader has raised, or whatever :meth:`give_up` was given.
        """
        while not self.complete:
            if self._error is not None:
                raise self._take_error()
            self._waiter = self.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self.reader

    def give_up(self, exc: Exception) -> None:
        """Make :meth:`head` raise an exception, unless the head is there."""
        if not self.complete and self._error is None:
            forget_frames(exc)
            self._error = exc
            self._wake()

    def is_gone(self) -> bool:
        """Whether nothing can be sent any more."""
        # Python 3.9's TLS transport can't be asked once it is lost.
        gone: bool = self.ending.is_over or self.transport.is_closing()
        return gone

    def is_answerable(self) -> bool:
        """Whether the peer can be given an answer, and hasn't been."""
        return not self.ending.begun and not self.is_gone()

    def half_close(self) -> None:
        """End TCP behind an answer, in such a way that it arrives."""
        self.ending.half_close()

    def hang_up(self) -> None:
        """End TCP."""
        self.ending.hang_up()

    def _wake(self) -> None:
        start = self.start
        if start is not None:
            self.start = None
            start()
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _take_error(self) -> Exception:
        # An exception that is raised refers to this object by its traceback.
        error, self._error = self._error, EOFError("the opening handshake has failed")
        assert error is not None
        return error

    def _feed(self, feed: Callable[..., bool], *data: bytes) -> None:
        try:
            self.complete = feed(*data)
        except Exception as exc:
            self.give_up(exc)
            return
        if self.complete:
            self._keep_early(self.reader.rest)
            self._wake()

    def _keep_early(self, data: bytes) -> None:
        """Keep what came behind the head, and let no more come if it is much."""
        self.early += data
        if len(self.early) > EARLY_LIMIT and not self.reading_paused and not self.is_gone():
            self.reading_paused = True
            self.transport.pause_reading()

    def _end(self, exc: Exception) -> None:
        """Note that no more will come."""
        feed_eof = getattr(self.reader, "feed_eof", None)
        if feed_eof is not None and not self.complete and self._error is None:
            self._feed(feed_eof)
        self.give_up(exc)

    # The transport

    def get_buffer(self) -> memoryview:
        """Return what the transport may read into."""
        self._buffer = read_buffer(self.loop)
        return self._buffer

    def buffer_updated(self, size: int) -> bytes:
        """Return the bytes that the transport has read there."""
        return bytes(self._buffer[:size])

    def data_received(self, data: bytes) -> None:
        """Take bytes from the peer."""
        if self.complete:
            self._keep_early(data)
        elif self._error is None:
            self._feed(self.reader.feed, data)

    def eof_received(self) -> Optional[bool]:
        """Take notice that the peer ends TCP."""
        self.ending.eof = True
        self._end(EOFError("the connection ended before the opening handshake"))
        self.ending.hang_up()
        return None

    def lost(self, exc: Optional[Exception]) -> Phase:
        """Take notice that the transport is gone."""
        # Python 3.9's TLS transport doesn't know that it is closed if the peer ended it.
        self.transport.close()
        self.ending.over()
        self._end(exc or EOFError("the connection ended before the opening handshake"))
        return Ended(self.closed_exc, None, self)

    def pause_writing(self) -> None:
        """Take notice that the transport's buffer is full."""
        self.full = True

    def resume_writing(self) -> None:
        """Take notice that there is room in the transport's buffer."""
        self.full = False

    # The program

    def close(self, code: int, reason: str) -> None:
        """End TCP."""
        self.ending.hang_up()

    def fail(self, code: int, reason: str = "") -> None:
        """End TCP."""
        self.ending.hang_up()

    async def wait_closed(self) -> None:
        """Wait until TCP has ended."""
        await self.ending.wait()
