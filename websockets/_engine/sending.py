"""
Sending whatever can't leave at once: where messages of several tasks wait for their turn.

Owns the order of such messages: while one is unfinished, because it comes in fragments or is
compressed in a thread, no other begins, and none does while the transport is full. Must never know
what asyncio is. Key decision: whether a message may leave is one number, the endpoint's ``holds``;
this sets the bits UNFINISHED and QUEUED there, and the short way needs to look at nothing else.
"""

from __future__ import annotations

import types
from collections.abc import AsyncIterable, Generator
from typing import Any, Callable, Optional

from .._core import CLOSED, FULL, OPEN, QUEUED, SENT_WAIT, UNFINISHED
from ..exceptions import ProtocolError
from ..framing import OP_BINARY, OP_CONT, OP_TEXT, prepare_data
from ..typing import DataLike
from .fragments import FragmentEncoder
from .gate import Gate
from .offloading import Job, do_elsewhere
from .turns import Turns

__all__ = ["Sending"]


@types.coroutine
def one_turn() -> Generator[None, None, None]:
    """Let the event loop go round once."""
    yield


class Sending:
    """
    What waits to be sent on a connection.

    Arguments:
        session: the open connection.

    Attributes:
        in_fragments: whether a message is being sent in fragments.
        abandoned: whether one was left unfinished.
    """

    __slots__ = (
        "_drained",
        "_endpoint",
        "_loop",
        "_session",
        "_stream",
        "_turns",
        "abandoned",
        "in_fragments",
    )

    def __init__(self, session: Any) -> None:
        self._session = session
        self._stream = session.stream
        self._endpoint = session.endpoint
        self._loop = session.loop
        self._drained = Gate()
        self._turns = Turns(session.loop)
        self.in_fragments = False
        self.abandoned = False

    def _is_blocked(self) -> bool:
        """Whether no message may begin."""
        reasons = FULL if self.abandoned else FULL | UNFINISHED
        blocked: bool = self._endpoint.holds & reasons != 0
        return blocked

    def _next(self) -> None:
        """Let the next message begin, if one may."""
        if not self._is_blocked():
            self._turns.give()

    def drained(self) -> None:
        """Take notice that the transport takes bytes again."""
        self._drained.open()
        self._next()

    def over(self) -> None:
        """Release everybody, one after the other: the connection is lost."""
        self._endpoint.holds &= ~(FULL | UNFINISHED)
        self.drained()

    async def message(
        self, message: DataLike, compress: Optional[bool], text: Optional[bool]
    ) -> None:
        """Send a message that isn't fragmented, in its turn."""
        opcode = 0 if text is None else OP_TEXT if text else OP_BINARY
        await self._begin()
        try:
            work = None
            if self._endpoint.offloads:
                usual, payload = prepare_data(message)
                work = self._endpoint.encoding(True, opcode or usual, payload, compress)
            if work is not None:
                self._endpoint.holds |= UNFINISHED
                await self._encode_elsewhere(True, work, self._finish)
            elif self._stream.send(message, compress, opcode) == SENT_WAIT:
                await self.written()
        finally:
            self._next()

    async def fragments(
        self, fragments: AsyncIterable[Any], compress: Optional[bool], text: Optional[bool]
    ) -> None:
        """Send a message in fragments (RFC 6455 5.4), in its turn."""
        opcode = 0 if text is None else OP_TEXT if text else OP_BINARY
        encoder = FragmentEncoder(fragments, opcode)
        begun = complete = False
        try:
            async for fragment in fragments:
                opcode, payload = encoder.encode(fragment)
                if not begun:
                    await self._begin()
                    begun = self.in_fragments = True
                    self._endpoint.holds |= UNFINISHED
                await self._session.ensure_open()
                await self.frame(opcode, payload, False, compress)
            if begun:
                await self._session.ensure_open()
                complete = True  # Whoever is cancelled from here on is so behind the frame.
                await self.frame(OP_CONT, b"")
        except BaseException as exc:
            if encoder.came:
                await self._session.fragments_failed(exc, begun and not complete)
            raise
        finally:
            if begun:
                self.in_fragments = False
                if not self.abandoned:
                    self._finish()

    def abandon(self) -> None:
        """Leave a message as it is, unfinished: no other can begin any more."""
        self.abandoned = True
        self._next()

    async def frame(
        self, opcode: int, payload: Any, fin: bool = True, compress: Optional[bool] = None
    ) -> None:
        """Send a frame; a disconnection or cancellation while this waits comes after the frame."""
        work = self._endpoint.encoding(fin, opcode, payload, compress)
        if work is not None:
            await self._encode_elsewhere(fin, work)
            return
        self._endpoint.send_frame(opcode, payload, fin, compress)
        if self._session.flush():
            await self.written()

    async def written(self) -> None:
        """Wait until the transport takes more."""
        if self._endpoint.holds & FULL:
            await self._drained.wait(self._loop)
            if self._endpoint.state == CLOSED:
                raise self._session.closed_exc()
        else:
            # It is closing: who sends in a loop must let connection_lost() have its turn.
            await one_turn()

    async def _begin(self) -> None:
        """Wait for the turn to begin a message, if others are before it or nothing can leave."""
        if self._turns or self._is_blocked():
            self._endpoint.holds |= QUEUED
            try:
                await self._turns.wait(self._is_blocked)
            finally:
                if not self._turns:
                    self._endpoint.holds &= ~QUEUED
        try:
            await self._session.ensure_open()
            self.check_unfinished()
        except BaseException:
            self._next()
            raise

    def check_unfinished(self) -> None:
        """
        Check that no message was left unfinished.

        Raises:
            ProtocolError: if one was.
        """
        if self.abandoned:
            raise ProtocolError("expected a continuation frame")

    def _finish(self) -> None:
        """Let the next message begin."""
        self._endpoint.holds &= ~UNFINISHED
        self._next()

    async def _encode_elsewhere(
        self, fin: bool, work: Callable[[], Any], finish: Callable[[], None] = lambda: None
    ) -> None:
        """Send a frame once it is encoded; if this is cancelled, it is sent all the same."""
        job = Job(work)
        done = self._loop.create_future()

        def encoded() -> None:
            try:
                sending = self._endpoint.state == OPEN
                if sending:
                    self._endpoint.send_encoded(fin, job())
                    self._session.flush()
            except Exception as exc:
                # What was encoded is lost, and the peer can't do without it.
                self._session.fail_open("")
                if not done.done():
                    done.set_exception(exc)
            else:
                if not done.done():
                    done.set_result(sending)
            finish()

        do_elsewhere(self._loop, job, encoded)
        if not await done:
            await self._session.ensure_open()
        if self._endpoint.holds & FULL:
            await self.written()
