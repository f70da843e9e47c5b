"""
What an ASGI application calls on a connection: the pure twin of ext/application.pyx.

Owns the short way of a message as an event: one that has arrived, one that leaves at once. Must
never know the order of events, nor what happens before a connection is open, at its end, or to
events of any other kind. Key decision: whatever isn't a message that goes the short way is left to
functions that this is given.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Callable

from .constants import NOT_SENT, SENT_WAIT
from .receiver import Receiver
from .stream import MessageStream

__all__ = ["Channel"]


class Channel:
    """
    The two functions that an application calls.

    Arguments:
        next_event: a coroutine function that returns the next event, before :meth:`open_in`.
        take: a coroutine function of an event, which sees to it.
        written: a coroutine function that waits until the transport takes more.
        end: the exception that says that no message will come.
        ended: a function that returns the event which tells the application that.
    """

    def __init__(
        self,
        next_event: Callable[[], Awaitable[dict[str, Any]]],
        take: Callable[[dict[str, Any]], Awaitable[None]],
        written: Callable[[], Awaitable[None]],
        end: type[Exception],
        ended: Callable[[], dict[str, Any]],
    ) -> None:
        self._next_event = next_event
        self._take = take
        self._written = written
        self._end = end
        self._ended = ended
        self._from: Any = None
        self._to: Any = None

    def open_out(self, stream: MessageStream) -> None:
        """Let messages leave by a stream."""
        self._to = stream

    def open_in(self, stream: MessageStream) -> None:
        """Take messages of a stream as the next events."""
        self._from = stream

    def receive(self) -> Awaitable[dict[str, Any]]:
        """Give what is awaited for the next event."""
        return self._next_event() if self._from is None else self._message()

    async def _message(self) -> dict[str, Any]:
        try:
            message = await Receiver(self._from, self._end)
        except self._end:
            return self._ended()
        kind = "text" if type(message) is str else "bytes"
        return {"type": "websocket.receive", kind: message}

    async def send(self, event: dict[str, Any]) -> None:
        """Take an event."""
        outcome = NOT_SENT
        if self._to is not None and event["type"] == "websocket.send":
            message = event.get("bytes")
            if message is None:
                message = event.get("text")
                if type(message) is str:
                    outcome = self._to.try_send(message)
            elif type(message) is bytes:
                outcome = self._to.try_send(message)
        if outcome == NOT_SENT:
            await self._take(event)
        elif outcome == SENT_WAIT:
            await self._written()
