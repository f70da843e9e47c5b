"""
When a task that waits for a message goes on: in the middle of the event that brings the message, if
no other task is running, and when the event loop turns otherwise.

The tests are the host that hands bytes to the protocol.
"""

import asyncio
import contextvars
import sys

import pytest
from peer import TEXT, frame, turns
from transports import by_hand


def message(text):
    return frame(TEXT, text.encode(), masked=True)


def opened(**options):
    ws = by_hand(**options)
    ws.connection_open()
    return ws


async def receive(ws, log, count):
    for _ in range(count):
        log.append(await ws.recv())


async def iterate(ws, log, count):
    async for text in ws:
        log.append(text)
        if len(log) == count:
            break


ways = pytest.mark.parametrize("way", [receive, iterate])


async def outside_tasks(function):
    """Call a function as the event loop calls it when something happens: in no task."""
    result = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(lambda: result.set_result(function()))
    return await result


@ways
async def test_a_task_goes_on_at_once(way):
    ws, log = opened(), []
    task = asyncio.ensure_future(way(ws, log, 3))
    await turns()
    for count, text in enumerate("abc", 1):

        def arrive(text=text):
            ws.data_received(message(text))
            return log.copy()

        assert await outside_tasks(arrive) == list("abc"[:count])
    await task
    ws.connection_lost(None)


@ways
async def test_a_task_does_not_interrupt_another(way):
    ws, log = opened(), []
    task = asyncio.ensure_future(way(ws, log, 1))
    await turns()
    ws.data_received(message("x"))
    assert log == []
    await task
    assert log == ["x"]
    ws.connection_lost(None)


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_task_goes_on_in_its_own_context(at_once):
    variable = contextvars.ContextVar("variable", default="event loop")
    ws = opened()

    async def look():
        variable.set("task")
        await ws.recv()
        return variable.get()

    task = asyncio.ensure_future(look())
    await turns()
    if at_once:
        await outside_tasks(lambda: ws.data_received(message("x")))
    else:
        ws.data_received(message("x"))
    assert await task == "task"
    ws.connection_lost(None)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tasks are given no context there")
async def test_a_task_whose_context_is_in_use_goes_on_later():
    ws, log, context = opened(), [], contextvars.copy_context()
    task = asyncio.get_running_loop().create_task(receive(ws, log, 1), context=context)
    await turns()

    def arrive():
        context.run(ws.data_received, message("x"))
        return log.copy()

    assert await outside_tasks(arrive) == []
    await task
    assert log == ["x"]
    ws.connection_lost(None)


@ways
@pytest.mark.parametrize("woken", [False, True])
async def test_a_task_that_waits_is_cancelled_and_another_waits_in_its_place(way, woken):
    ws, log, more = opened(), [], []
    task = asyncio.ensure_future(way(ws, log, 1))
    await turns()
    if woken:
        ws.data_received(message("x"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == []
    task = asyncio.ensure_future(way(ws, more, 1))
    await turns()
    if not woken:
        ws.data_received(message("x"))
    await task
    assert more == ["x"]
    ws.connection_lost(None)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_event_loop_ends_it_in_its_own_place(error):
    async def fail(ws):
        await ws.recv()
        raise error

    def arrive(ws, log):
        ws.data_received(message("x") + message("y"))
        log.append("went on")

    async def main(log):
        ws = opened()
        task = asyncio.ensure_future(fail(ws))
        await turns()
        asyncio.get_running_loop().call_soon(arrive, ws, log)
        await asyncio.wait([task])
        assert isinstance(task.exception(), error)
        log.append(await ws.recv())
        ws.connection_lost(None)

    loop = asyncio.new_event_loop()
    log = []
    main_task = loop.create_task(main(log))
    try:
        with pytest.raises(error):
            loop.run_until_complete(main_task)
        assert log == ["went on"]
        loop.run_until_complete(main_task)
        assert log == ["went on", "y"]
    finally:
        loop.close()


def test_a_task_goes_on_when_its_event_loop_runs_again():
    async def begin(ws, log):
        task = asyncio.ensure_future(receive(ws, log, 1))
        await turns()
        return task

    loop = asyncio.new_event_loop()
    try:
        ws, log = opened(loop=loop), []
        task = loop.run_until_complete(begin(ws, log))
        ws.data_received(message("x"))
        assert log == []
        loop.run_until_complete(task)
        assert log == ["x"]
        ws.connection_lost(None)
    finally:
        loop.close()


@ways
def test_a_task_does_not_go_on_in_another_event_loop(way):
    here, there = asyncio.new_event_loop(), asyncio.new_event_loop()
    log = []

    async def wait():
        ws = opened()
        task = asyncio.ensure_future(way(ws, log, 2))
        await turns()
        return ws, task

    async def arrive(text):
        def hear():
            ws.data_received(message(text))
            return log.copy()

        return await outside_tasks(hear)

    try:
        ws, task = here.run_until_complete(wait())
        assert there.run_until_complete(arrive("a")) == []
        here.run_until_complete(turns())
        assert log == ["a"]
        assert there.run_until_complete(arrive("b")) == ["a"]
        here.run_until_complete(task)
        assert log == ["a", "b"]
    finally:
        here.close()
        there.close()
