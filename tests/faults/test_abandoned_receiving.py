"""
A wait for a message that ends otherwise than by a message: whoever asks next must be served.

Python ends coroutines in more ways than by cancelling their tasks: they are closed, thrown into,
forgotten, or wrapped in something that is.
"""

import asyncio
import builtins
import gc
import types

import pytest
from peer import CLOSE, TEXT, frame, hold, serving, turns

anext = getattr(builtins, "anext", None)
needs_anext = pytest.mark.skipif(anext is None, reason="Python has anext() from 3.10 on")


async def recv(ws):
    return await ws.recv()


async def iterate(ws):
    async for message in ws:
        return message


async def step(ws):
    return await ws.__aiter__().__anext__()


async def step_with_default(ws):
    return await anext(ws.__aiter__(), None)


@types.coroutine
def delegate(ws):
    return (yield from ws.__aiter__().__anext__().__await__())


WAYS = [recv, iterate, step, delegate, pytest.param(step_with_default, marks=needs_anext)]

waits = pytest.mark.parametrize("wait", WAYS)


async def still_receives(ws):
    """Check that somebody else can wait for a message, and gets it."""
    task = asyncio.ensure_future(ws.recv())
    await turns()
    assert not task.done(), task
    ws.data_received(frame(TEXT, b"next", masked=True))
    assert await task == "next"


@waits
async def test_a_coroutine_that_is_closed_waits_no_more(wait):
    async with serving(hold) as (ws, _):
        coroutine = wait(ws)
        coroutine.send(None)
        coroutine.close()
        await still_receives(ws)


@waits
async def test_a_coroutine_that_is_forgotten_waits_no_more(wait):
    async with serving(hold) as (ws, _):
        coroutine = wait(ws)
        coroutine.send(None)
        del coroutine
        gc.collect()
        await still_receives(ws)


class Mishap(Exception):
    pass


@waits
async def test_a_coroutine_that_is_thrown_into_waits_no_more(wait):
    async with serving(hold) as (ws, _):
        for arguments in [(Mishap("now"),), (Mishap,), (GeneratorExit,)]:
            coroutine = wait(ws)
            coroutine.send(None)
            with pytest.raises((Mishap, GeneratorExit)):
                coroutine.throw(*arguments)
            await still_receives(ws)


@pytest.mark.parametrize("arguments", [(), ("now",)])
async def test_what_is_thrown_into_a_step_comes_out_of_it(arguments):
    async with serving(hold) as (ws, _):
        step = ws.__aiter__().__anext__().__await__()
        next(step)
        mishap = Mishap(*arguments)
        try:
            raise mishap
        except Mishap as exc:
            traceback = exc.__traceback__
        with pytest.raises(Mishap) as caught:
            step.throw(mishap)
        assert caught.value is mishap
        frames = []
        while caught.value.__traceback__ is not None:
            frames.append(caught.value.__traceback__.tb_frame)
            caught.value.__traceback__ = caught.value.__traceback__.tb_next
        assert traceback.tb_frame in frames
        await still_receives(ws)


async def test_a_step_can_be_a_task():
    async with serving(hold) as (ws, _):
        iterator = ws.__aiter__()
        first = asyncio.create_task(iterator.__anext__())
        await turns()
        first.cancel()
        second = asyncio.create_task(iterator.__anext__())
        await asyncio.wait([first])
        assert first.cancelled()
        await turns()
        ws.data_received(frame(TEXT, b"next", masked=True))
        assert await asyncio.wait_for(second, 5) == "next"


async def test_a_cancelled_step_does_not_end_the_next_one():
    async with serving(hold) as (ws, _):
        iterator = ws.__aiter__()

        async def one():
            return await iterator.__anext__()

        async def feed():
            await turns()
            ws.data_received(frame(TEXT, b"next", masked=True))

        first = asyncio.create_task(one())
        await turns()
        first.cancel()
        feeding = asyncio.create_task(feed())
        # This begins to wait before the task knows that it is cancelled.
        assert await one() == "next"
        await asyncio.wait([first, feeding])
        assert first.cancelled()


async def test_two_steps_at_once_are_refused():
    async with serving(hold) as (ws, _):
        iterator = ws.__aiter__()

        async def one():
            return await iterator.__anext__()

        first = asyncio.create_task(one())
        await turns()
        with pytest.raises(RuntimeError, match="another coroutine is already running"):
            await one()
        ws.data_received(frame(TEXT, b"next", masked=True))
        assert await first == "next"


async def test_one_step_is_not_awaited_twice_at_once():
    async with serving(hold) as (ws, _):
        step = ws.__aiter__().__anext__()

        async def one():
            return await step

        first = asyncio.create_task(one())
        await turns()
        with pytest.raises(
            RuntimeError, match="being awaited|another coroutine is already running"
        ):
            await one()
        ws.data_received(frame(TEXT, b"next", masked=True))
        assert await first == "next"


async def test_an_awaitable_that_is_closed_before_it_is_awaited():
    async with serving(hold) as (ws, _):
        ws.__aiter__().__anext__().close()
        coroutine = ws.recv()
        coroutine.close()
        await still_receives(ws)


@needs_anext
async def test_anext_without_a_default():
    async with serving(hold) as (ws, _):
        ws.data_received(frame(TEXT, b"there", masked=True))
        assert await anext(ws.__aiter__()) == "there"
        await still_receives(ws)


@needs_anext
async def test_the_end_is_the_default():
    async with serving(hold) as (ws, _):
        ws.connection_lost(None)
        iterator = ws.__aiter__()
        with pytest.raises(Exception, match="no close frame received"):
            await anext(iterator, None)


@needs_anext
async def test_a_clean_end_is_the_default():
    async with serving(hold) as (ws, _):
        ws.data_received(frame(CLOSE, b"\x03\xe8", masked=True))
        ws.connection_lost(None)
        iterator = ws.__aiter__()
        assert await anext(iterator, "over") == "over"
        with pytest.raises(StopAsyncIteration):
            await iterator.__anext__()
