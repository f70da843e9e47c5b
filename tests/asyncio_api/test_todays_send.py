"""
Sending in today's API: whole messages, fragmented ones, several at once, and broadcasts.
"""

import asyncio
import contextlib

from peer import TEXT, turns
from todays import both_sides

FIN = 0x80


# Several at once


@both_sides
async def test_a_plain_message_is_written_though_send_is_cancelled(connection):
    async with connection(write_limit=0) as (ws, peer):
        sending = asyncio.ensure_future(ws.send("x" * 100))
        await asyncio.sleep(0)
        sending.cancel()
        assert await peer.read() == (FIN | TEXT, b"x" * 100)


@both_sides
async def test_sending_waits_while_the_write_buffer_is_full(connection):
    async with connection(write_limit=(1000, 10)) as (ws, peer):
        assert ws.transport.get_write_buffer_limits() == (10, 1000)
        peer.reader._transport.pause_reading()

        async def flood():
            while True:
                await ws.send(bytes(100_000))

        flooding = asyncio.ensure_future(flood())
        while not ws.transport.get_write_buffer_size():
            await asyncio.sleep(0)
        await turns()
        size = ws.transport.get_write_buffer_size()
        await turns()
        assert ws.transport.get_write_buffer_size() == size
        flooding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await flooding


# Broadcasts
