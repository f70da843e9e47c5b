"""
Sending on trio: whole messages, fragmented ones, several at once, and broadcasts.
"""

import pytest
from on_trio import (
    ExceptionGroup,
    Started,
    both_sides,
    on_trio,
    trio,
    turns,
)
from peer import PING, TEXT
from trio.testing import lockstep_stream_pair

from websockets.trio.server import broadcast

FIN = 0x80


class Dripping:
    """A message in fragments that come when a test says so; None is the end."""

    def __init__(self):
        self.put, self.items = trio.open_memory_channel(10)

    def __aiter__(self):
        return self

    async def __anext__(self):
        item = await self.items.receive()
        if item is None:
            raise StopAsyncIteration
        return item


# Several at once


@both_sides
@on_trio
async def test_a_plain_message_is_written_though_send_is_cancelled(connection):
    async with connection(pair=lockstep_stream_pair) as (ws, peer):
        sending = Started(ws.send("x" * 100))
        await turns()
        assert not sending.done()
        sending.cancel()
        waiting = Started(ws.send("behind it"))
        never = Started(ws.send("never"))
        await turns()
        assert sending.cancelled() and not waiting.done()
        never.cancel()
        await turns()
        assert await peer.read() == (FIN | TEXT, b"x" * 100)
        assert await peer.read() == (FIN | TEXT, b"behind it")
        await waiting
        pinging = Started(ws.ping("last"))
        assert await peer.read() == (FIN | PING, b"last")
        await pinging
        await peer.close()


@both_sides
@on_trio
async def test_one_that_is_cancelled_before_it_begins_leaves_another_as_it_is(connection):
    async with connection() as (ws, peer):
        message = Dripping()
        first = Started(ws.send(message))
        message.put.send_nowait("a")
        assert await peer.read() == (TEXT, b"a")
        second = Started(ws.send(Dripping()))
        await turns()
        second.cancel()
        await turns()
        with pytest.raises(ExceptionGroup):
            await broadcast([ws], "skipped", raise_exceptions=True)
        message.put.send_nowait(None)
        await first
        assert await peer.read() == (FIN, b"")


# Broadcasts
