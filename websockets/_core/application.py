"""
What an ASGI application calls on a connection: the pure twin of ext/application.pyx.

Owns the short way of a message as an event: one that has arrived, one that leaves at once. Must
never know the order of events, nor what happens before a connection is open, at its end, or to
events of any other kind. Key decision: these are two objects that are called, whose calls give
something to await; whatever isn't a message that goes the short way is left to a function of the
connection's, which they are given.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Callable

from .constants import NOT_SENT, SENT_WAIT
from .receiver import Receiver
from .stream import MessageStream

__all__ = ["Receive", "Send"]


class Receive:
    """
    What an application calls for the next event.

    Arguments:
        otherwise: a coroutine function that returns the next event before the connection is open.
        end: the exception that says that no message will come.
        ended: a function that returns the event which tells the application that.
    """

    def __init__(
        self,
        otherwise: Callable[[], Awaitable[Any]],
        end: type[Exception],
        ended: Callable[[], dict[str, Any]],
    ) -> None:
        self._otherwise = otherwise
        self._end = end
        self._ended = ended
        self._stream: Any = None

    def begin(self, stream: MessageStream) -> None:
        """Go on with messages: the connection is open."""
        self._stream = stream

    def __call__(self) -> Awaitable[Any]:
        return self._otherwise() if self._stream is None else self._next()

    async def _next(self) -> dict[str, Any]:
        try:
            message = await Receiver(self._stream, self._end)
        except self._end:
            return self._ended()
        kind = "text" if type(message) is str else "bytes"
        return {"type": "websocket.receive", kind: message}


class Send:
    """
    What an application calls with an event.

    Arguments:
        otherwise: a coroutine function of an event, which sees to it.
        written: a coroutine function that waits until the transport takes more.
    """

    def __init__(
        self,
        otherwise: Callable[[Any], Awaitable[None]],
        written: Callable[[], Awaitable[None]],
    ) -> None:
        self._otherwise = otherwise
        self._written = written
        self._stream: Any = None

    def begin(self, stream: MessageStream) -> None:
        """Go on with messages: the connection is open."""
        self._stream = stream

    async def __call__(self, event: dict[str, Any]) -> None:
        outcome = NOT_SENT
        if self._stream is not None and event["type"] == "websocket.send":
            message = event.get("bytes")
            if message is None:
                message = event.get("text")
                if type(message) is str:
                    outcome = self._stream.try_send(message)
            elif type(message) is bytes:
                outcome = self._stream.try_send(message)
        if outcome == NOT_SENT:
            await self._otherwise(event)
        elif outcome == SENT_WAIT:
            await self._written()
