"""
Sending messages on trio: each in its turn, whole or in fragments, to one connection or to several.

Owns the order of messages, as :mod:`websockets._engine.sending` does on asyncio. Must never know
how frames come from the outbox to the stream, which is the session's. Key decision: a turn is a
lock's, and begins behind the point at which a task can be cancelled; so who is cancelled while it
waits has sent nothing.
"""

from __future__ import annotations

from typing import Any

import trio

from .._core import OP_CONT, OPEN, UNFINISHED
from .._engine.fragments import FragmentEncoder, fragments_of
from ..exceptions import ConcurrencyError, ProtocolError
from ..typing import DataLike

__all__ = ["send", "send_fragments", "share", "try_share"]


async def send(session: Any, message: DataLike, opcode: int) -> None:
    """Send a message that isn't fragmented; with opcode 0 as what it is."""
    with _Turn(session) as turn:
        await turn.begin()
        session.endpoint.send_message(message, 0.0, None, opcode)
        await session.sent()


async def send_fragments(session: Any, message: Any, opcode: int) -> None:
    """Send a message in fragments (RFC 6455 5.4), with opcode 0 as what they are."""
    endpoint, fragments = session.endpoint, fragments_of(message)
    encoder = FragmentEncoder(fragments, opcode)
    begun = complete = False
    with _Turn(session) as turn:
        try:
            async for fragment in fragments:
                opcode, payload = encoder.encode(fragment)
                if not begun:
                    await turn.begin()
                    begun = session.in_fragments = True
                    endpoint.holds |= UNFINISHED
                await session.ensure_open()
                endpoint.send_frame(opcode, payload, False)
                await session.sent()
            if begun:
                await session.ensure_open()
                complete = True  # Whoever is cancelled from here on is so behind the frame.
                endpoint.send_frame(OP_CONT, b"")
                await session.sent()
            else:
                await trio.lowlevel.checkpoint()
        except Exception:
            if encoder.came:
                await session.fragments_failed()
            raise
        finally:
            if begun:
                session.in_fragments = False
                if complete or endpoint.state != OPEN:
                    endpoint.holds &= ~UNFINISHED
                else:
                    # Who is cancelled leaves it unfinished: no other can begin any more.
                    session.abandoned = True


async def share(session: Any, opcode: int, payload: Any, frames: dict[Any, bytes]) -> None:
    """
    Send a message that goes to other connections, too, once nothing is before it.

    Raises:
        ConcurrencyError: if another is being sent in fragments.
    """
    if session.in_fragments:
        raise ConcurrencyError("sending a fragmented message")
    with _Turn(session) as turn:
        await turn.begin()
        session.endpoint.send_shared(opcode, payload, frames)
        session.flush()


def try_share(session: Any, opcode: int, payload: Any, frames: dict[Any, bytes]) -> bool:
    """Do the same at once, if nothing is in the way; return whether that was so."""
    if session.endpoint.holds or session.mute is not None or session.turn.locked():
        return False
    session.endpoint.send_shared(opcode, payload, frames)
    session.flush()
    return True


class _Turn:
    """
    A turn to send a message, first in, first out.

    Arguments:
        session: the connection's; who has its lock has the turn.
    """

    __slots__ = ("_mine", "_session")

    def __init__(self, session: Any) -> None:
        self._session = session
        self._mine = False

    def __enter__(self) -> _Turn:
        return self

    async def begin(self) -> None:
        """
        Wait for it, and until a message can begin.

        There is no checkpoint where it can at once, but for cancellation.
        """
        session = self._session
        if session.turn.locked():
            await session.turn.acquire()
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
            session.turn.acquire_nowait()
        self._mine = True
        if session.endpoint.holds or session.mute is not None:
            await session.until_written()
            await session.ensure_open()
            if session.abandoned:
                raise ProtocolError("expected a continuation frame")

    def __exit__(self, *exc_info: object) -> None:
        if self._mine:
            self._session.turn.release()
