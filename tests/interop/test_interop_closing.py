"""The closing handshake with implementations that others wrote."""

import asyncio

import pytest
from peers.links import connected, with_peers

from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK

CODES_AND_REASONS = pytest.mark.parametrize(
    "code, reason",
    [(1000, ""), (1001, "going away"), (3000, "ü" * 61 + "."), (4999, "Grüße, 世界 🐍")],
    ids=["1000", "1001", "3000", "4999"],
)


async def check_end(ours, code, reason):
    await ours.wait_closed()
    assert (ours.close_code, ours.close_reason) == (code, reason)
    kind = ConnectionClosedOK if code in (1000, 1001) else ConnectionClosedError
    with pytest.raises(kind) as info:
        await ours.recv()
    assert (info.value.code, info.value.reason) == (code, reason)


@CODES_AND_REASONS
@with_peers()
async def test_we_close(link, code, reason):
    async with connected(link) as (ours, theirs):
        _, seen = await asyncio.gather(ours.close(code, reason), theirs.closed())
        assert seen == (code, reason)
        await check_end(ours, *((code, reason) if theirs.echoes_close else (1000, "")))


@CODES_AND_REASONS
@with_peers()
async def test_they_close(link, code, reason):
    async with connected(link) as (ours, theirs):
        assert await theirs.close(code, reason) == code
        await check_end(ours, code, reason)


@with_peers("closing without a code")
async def test_they_close_without_a_code(link):
    async with connected(link) as (ours, theirs):
        assert await theirs.close(None, "") == 1005
        await check_end(ours, 1005, "")


@with_peers()
async def test_messages_before_we_close(link):
    async with connected(link) as (ours, theirs):
        for i in range(3):
            await ours.send(f"message {i}")
        closing = asyncio.ensure_future(ours.close(1001, "done"))
        assert [await theirs.recv() for i in range(3)] == [f"message {i}" for i in range(3)]
        assert await theirs.closed() == (1001, "done")
        await closing


@with_peers()
async def test_messages_before_they_close(link):
    async with connected(link) as (ours, theirs):
        for i in range(3):
            await theirs.send(f"message {i}")
        closing = asyncio.ensure_future(theirs.close(1001, "done"))
        assert [message async for message in ours] == [f"message {i}" for i in range(3)]
        assert await closing == 1001
        await check_end(ours, 1001, "done")


@with_peers()
async def test_they_vanish(link):
    async with connected(link) as (ours, theirs):
        await theirs.drop()
        await check_end(ours, 1006, "")
