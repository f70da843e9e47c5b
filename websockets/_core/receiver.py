"""
Waiting for the next message: the pure twin of ext/receiver.pyx.

Owns the steps from "nothing is there" to a message. Must never know how messages arrive. Key
decision: one object serves for all messages of an ``async for``, instead of one or two coroutines
for each.
"""

from __future__ import annotations

from typing import Any, Union

from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

from .stream import MessageStream

__all__ = ["Receiver"]


class Receiver:
    """
    Receive messages: one by ``await``, or all by ``async for``.

    Arguments:
        stream: where messages arrive.
        host: an object with the methods ``message_missed()``, called before waiting for a message,
            which raises ConnectionClosed if none will come, and ``message_taken()``, called after
            a message was taken out of a full inbox; and the attribute ``legacy_recv``, whether
            the end of an ``async for`` is never an error.

    Raises:
        ConnectionClosed: when awaited; ``async for`` ends if that means a normal end.
        RuntimeError: if another coroutine is waiting for a message.
    """

    def __init__(self, stream: MessageStream, host: Any) -> None:
        self._stream = stream
        self._host = host

    def __await__(self) -> Any:
        stream = self._stream
        while True:
            message = receive(stream, self._host)
            if message is not None:
                return message
            # Each wait has a mark of its own: several steps may be under way, if one is cancelled.
            mark = object()
            stream.waiter.begin(mark)
            try:
                yield stream.waiter
            finally:
                stream.waiter.end(mark)

    def __aiter__(self) -> Receiver:
        return self

    async def __anext__(self) -> Union[str, bytes]:
        try:
            message: Union[str, bytes] = await self
        except ConnectionClosed as exc:
            if isinstance(exc, ConnectionClosedOK) or self._host.legacy_recv:
                raise StopAsyncIteration from None
            raise
        return message


def receive(stream: MessageStream, host: Any) -> Union[str, bytes, None]:
    """Take a message, or return None."""
    if stream.waiter.who is not None:
        raise RuntimeError("recv() can't be called while another coroutine is waiting in it")
    connection = stream.connection
    if not connection.waiting:
        host.message_missed()
        return None
    full = connection.is_full()
    message = connection.take()
    if full:
        host.message_taken()
    return message
