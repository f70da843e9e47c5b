"""
Sending whatever takes more than one step: where messages of several tasks wait for their turn.

Owns the order of such messages: while one is unfinished, because it comes in fragments or is
compressed in a thread, no other begins, and none does while the transport is full. Must never know
what asyncio is, nor what a message may be: that is asked of the program by the methods above. Key
decision: it is a part of the connection's class rather than an object, so that a connection which
is idle holds nothing for it.
"""

from __future__ import annotations

import types
from collections.abc import AsyncIterable, Generator
from typing import Any, Callable, Optional

from .._core import OPEN
from ..framing import OP_CONT, prepare_data
from ..typing import DataLike
from .gate import Gate
from .offloading import Job, do_elsewhere

__all__ = ["Sending"]


@types.coroutine
def one_turn() -> Generator[None, None, None]:
    """Let the event loop go round once."""
    yield


class Sending:
    """The part of a connection that sends in several steps."""

    loop: Any
    ensure_open: Callable[[], Any]
    fail_connection: Callable[[int], None]
    connection_closed_exc: Callable[[], Exception]
    _check_thread: Callable[[], None]
    _checks_more: Callable[[], bool]
    _endpoint: Any
    _stream: Any
    _drained: Gate
    _fragmented: Gate
    _lost: bool
    _debug_thread: int

    _writing_paused = False
    _fragmenting = False  # a message is being sent that takes several turns of the event loop

    async def _turn_to_send(self) -> None:
        """Wait until a message may begin: none is unfinished and the transport takes bytes."""
        while self._fragmenting or self._writing_paused:
            await (self._fragmented if self._fragmenting else self._drained).wait(self.loop)
            await self.ensure_open()

    async def _send_in_turn(self, message: DataLike, compress: Optional[bool]) -> None:
        """Send a message that isn't fragmented."""
        if self._debug_thread:
            self._check_thread()
        if self._fragmenting or self._writing_paused:
            await self._turn_to_send()
        work = None
        if self._endpoint.offloads:
            work = self._endpoint.encoding(True, *prepare_data(message), compress)
        if work is not None:
            self._begin_message()
            await self._encode_elsewhere(True, work, self._end_message)
        elif self._stream.post(message, compress):
            await self._written()

    async def _send_frame(
        self, opcode: int, payload: Any, fin: bool = True, compress: Optional[bool] = None
    ) -> None:
        """Send a frame; a disconnection or cancellation while this waits comes after the frame."""
        work = self._endpoint.encoding(fin, opcode, payload, compress)
        if work is not None:
            await self._encode_elsewhere(fin, work)
            return
        self._endpoint.send(opcode, payload, fin, compress)
        if self._write():
            await self._written()

    async def _encode_elsewhere(
        self, fin: bool, work: Callable[[], Any], finish: Callable[[], None] = lambda: None
    ) -> None:
        """Send a frame once it is encoded; if this is cancelled, it is sent all the same."""
        job = Job(work)
        done = self.loop.create_future()

        def encoded() -> None:
            try:
                sending = self._endpoint.state == OPEN
                if sending:
                    self._endpoint.send_encoded(fin, job())
                    self._write()
            except Exception as exc:
                # What was encoded is lost, and the peer can't do without it.
                self.fail_connection(1011)
                if not done.done():
                    done.set_exception(exc)
            else:
                if not done.done():
                    done.set_result(sending)
            finish()

        do_elsewhere(self.loop, job, encoded)
        if not await done:
            await self.ensure_open()
        if self._writing_paused:
            await self._written()

    async def _written(self) -> None:
        """Wait until the transport takes more."""
        if self._writing_paused:
            await self._drained.wait(self.loop)
            if self._lost:
                raise self.connection_closed_exc()
        else:
            # It is closing: who sends in a loop must let connection_lost() have its turn.
            await one_turn()

    async def _send_fragments(
        self, fragments: AsyncIterable[Any], compress: Optional[bool]
    ) -> None:
        kind = None
        try:
            async for fragment in fragments:
                opcode, payload = prepare_data(fragment)
                if kind is None:
                    await self._turn_to_send()
                    kind = opcode
                    self._begin_message()
                elif opcode == kind:
                    opcode = OP_CONT
                else:
                    raise TypeError("fragments of a message must be all str or all bytes-like")
                await self.ensure_open()
                await self._send_frame(opcode, payload, False, compress)
            if kind is not None:
                await self.ensure_open()
                await self._send_frame(OP_CONT, b"")
        except BaseException:
            if kind is not None:
                # The message can't be completed, and no other can begin before it is.
                self.fail_connection(1011)
            raise
        finally:
            if kind is not None:
                self._end_message()

    def _begin_message(self) -> None:
        """Have other messages wait until this one has ended."""
        self._fragmenting = True
        self._note_hindrances()

    def _end_message(self) -> None:
        self._fragmenting = False
        self._note_hindrances()
        self._fragmented.open()

    def _note_hindrances(self) -> None:
        self._stream.hindered = (
            self._fragmenting
            or self._writing_paused
            or self._debug_thread != 0
            or self._endpoint.offloads
            or self._checks_more()
        )

    def _write(self) -> bool:
        """Give the transport what the core wants to send; return whether to wait before more."""
        if self._debug_thread:
            self._check_thread()
        full: bool = self._stream.flush()
        return full
