"""
Waiting for the next message: the pure twin of ext/receiver.pyx.

Owns the steps from "nothing is there" to a message. Must never know how messages arrive. Key
decision: one object serves for all messages of an ``async for``, instead of one or two coroutines
for each.
"""

from __future__ import annotations

from typing import Any, Union

from websockets.exceptions import ConcurrencyError

from .constants import IN_FRAGMENTS, USUAL
from .stream import MessageStream

__all__ = ["Receiver"]


class Receiver:
    """
    Receive messages: one by ``await``, or all by ``async for``.

    Arguments:
        stream: where messages arrive.
        end: the exception that ends an ``async for`` without being an error.
        form: as for :meth:`~.endpoint.Endpoint.take`.

    Raises:
        ConnectionClosed: when the connection is closed and all messages are taken.
        ConcurrencyError: if another coroutine is waiting for a message, or taking one in fragments.
    """

    def __init__(self, stream: MessageStream, end: type[Exception], form: int = USUAL) -> None:
        self._stream = stream
        self._end = end
        self._form = form

    def __await__(self) -> Any:
        stream = self._stream
        while True:
            message = next_message(stream, self._form)
            if message is not None:
                return message
            # Each wait has its number: several steps may be under way, if one is cancelled.
            turn = stream.waiter.begin()
            try:
                yield stream.waiter
            finally:
                stream.waiter.end(turn)

    def __aiter__(self) -> Receiver:
        return self

    async def __anext__(self) -> Union[str, bytes]:
        try:
            message: Union[str, bytes] = await self
        except self._end:
            raise StopAsyncIteration from None
        return message


def next_message(stream: MessageStream, form: int) -> Any:
    """Take a message, or return None."""
    if stream.waiter.waiting or (stream.streaming and form != IN_FRAGMENTS):
        raise ConcurrencyError(
            "cannot call recv while another coroutine is already running recv or recv_streaming"
        )
    endpoint = stream.endpoint
    while endpoint.inbox.waiting or (form == IN_FRAGMENTS and endpoint.fragments):
        message = endpoint.take(form)
        if endpoint.refilled:
            endpoint.refilled = False
            if stream.reading_paused or endpoint.is_eventful():
                stream.host.after_refilling()
        if message is not None:
            return message
    if not endpoint.is_quiet():
        stream.host.before_waiting()
    return None
