"""
Waiting for the next message: the pure twin of ext/receiver.pyx.

Owns the steps from "nothing is there" to a message. Must never know how messages arrive. Key
decision: one object serves for all messages of an ``async for``, instead of one or two coroutines
for each.
"""

from __future__ import annotations

from typing import Any, Union

from .stream import MessageStream

__all__ = ["Receiver"]


class Receiver:
    """
    Receive messages: one by ``await``, or all by ``async for``.

    Arguments:
        stream: where messages arrive.
        end: the exception that ends an ``async for`` without being an error.

    Raises:
        ConnectionClosed: when the connection is closed and all messages are taken.
        RuntimeError: if another coroutine is waiting for a message.
    """

    def __init__(self, stream: MessageStream, end: type[Exception]) -> None:
        self._stream = stream
        self._end = end

    def __await__(self) -> Any:
        stream = self._stream
        while True:
            message = next_message(stream)
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


def next_message(stream: MessageStream) -> Union[str, bytes, None]:
    """Take a message, or return None."""
    if stream.waiter.waiting:
        raise RuntimeError("recv() can't be called while another coroutine is waiting in it")
    endpoint = stream.endpoint
    if not endpoint.inbox.waiting:
        if not endpoint.is_quiet():
            stream.host.before_waiting()
        return None
    message = endpoint.take()
    if endpoint.refilled:
        endpoint.refilled = False
        stream.host.after_refilling()
    return message
