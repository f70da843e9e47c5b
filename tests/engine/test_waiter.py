"""What a task can wait for again and again, and how it goes on."""

import asyncio
import contextvars
import types

import pytest


def make(core):
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    done.set_result(None)
    return core.waiter.Waiter(loop.call_soon, asyncio.get_running_loop, asyncio.current_task, done)


class Wait:
    """Await a waiter once, as Receiver does."""

    def __init__(self, waiter):
        self.waiter = waiter

    def __await__(self):
        self.waiter.begin(self)
        try:
            yield self.waiter
        finally:
            self.waiter.end(self)


async def note(waiter, log, times=1):
    for time in range(times):
        await Wait(waiter)
        log.append(time)


async def outside_tasks(function):
    """Call a function as the event loop calls it when something happens: in no task."""
    result = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(lambda: result.set_result(function()))
    return await result


async def test_a_task_goes_on_at_once(core):
    waiter, log = make(core), []
    task = asyncio.create_task(note(waiter, log, 3))
    await asyncio.sleep(0)
    for time in range(3):

        def wake():
            waiter.wake(True)
            return log.copy()

        assert await outside_tasks(wake) == list(range(time + 1))
    await task


async def test_a_task_goes_on_later_if_that_is_asked(core):
    waiter, log = make(core), []
    task = asyncio.create_task(note(waiter, log))
    await asyncio.sleep(0)
    assert await outside_tasks(lambda: (waiter.wake(False), log.copy())[1]) == []
    await task
    assert log == [0]


async def test_a_task_does_not_interrupt_another(core):
    waiter, log = make(core), []
    task = asyncio.create_task(note(waiter, log))
    await asyncio.sleep(0)
    waiter.wake(True)
    assert log == []
    await task
    assert log == [0]


async def test_a_task_goes_on_in_its_own_context(core):
    variable = contextvars.ContextVar("variable", default="event loop")
    waiter, log = make(core), []

    async def look():
        variable.set("task")
        await Wait(waiter)
        log.append(variable.get())

    task = asyncio.create_task(look())
    await asyncio.sleep(0)
    await outside_tasks(lambda: waiter.wake(True))
    await task
    assert log == ["task"]


async def test_a_task_whose_context_is_in_use_goes_on_later(core):
    waiter, log = make(core), []
    context = contextvars.copy_context()
    waiter.begin(log)
    waiter.add_done_callback(log.append, context=context)
    assert await outside_tasks(lambda: (context.run(waiter.wake, True), log.copy())[1]) == []
    await asyncio.sleep(0)
    [future] = log
    assert future.done()


@pytest.mark.parametrize("woken", [False, True])
async def test_a_task_that_waits_can_be_cancelled(core, woken):
    waiter, log = make(core), []
    task = asyncio.create_task(note(waiter, log))
    await asyncio.sleep(0)
    if woken:
        waiter.wake(False)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == []
    assert waiter.who is None
    # Another one can wait.
    task = asyncio.create_task(note(waiter, log))
    await asyncio.sleep(0)
    waiter.wake(True)
    await task
    assert log == [0]


async def test_one_that_is_cancelled_does_not_take_the_place_of_the_next(core):
    waiter, log = make(core), []
    first = asyncio.create_task(note(waiter, log))
    await asyncio.sleep(0)
    first.cancel()
    second = asyncio.create_task(note(waiter, log))
    await asyncio.wait([first])
    waiter.wake(True)
    await second
    assert log == [0]


async def test_a_coroutine_that_is_closed_waits_no_more(core):
    waiter = make(core)
    coroutine = note(waiter, [])
    coroutine.send(None)
    assert waiter.who is not None
    coroutine.close()
    assert waiter.who is None
    waiter.wake(True)


async def test_nobody_waits(core):
    waiter = make(core)
    waiter.wake(True)
    waiter.wake(False)
    assert waiter.who is None


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_event_loop_ends_it_in_its_own_place(core, error):
    async def fail(waiter):
        await Wait(waiter)
        raise error

    def wake(waiter, log):
        waiter.wake(True)
        log.append("went on")

    async def main(log):
        waiter = make(core)
        task = asyncio.create_task(fail(waiter))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(wake, waiter, log)
        await asyncio.wait([task])

    loop = asyncio.new_event_loop()
    log = []
    main_task = loop.create_task(main(log))
    try:
        with pytest.raises(error):
            loop.run_until_complete(main_task)
        assert log == ["went on"]
        loop.run_until_complete(main_task)
    finally:
        loop.close()


def test_a_task_goes_on_when_its_event_loop_runs_again(core):
    loop = asyncio.new_event_loop()

    async def begin(log):
        waiter = make(core)
        task = asyncio.create_task(note(waiter, log))
        await asyncio.sleep(0)
        return types.SimpleNamespace(waiter=waiter, task=task)

    try:
        log = []
        begun = loop.run_until_complete(begin(log))
        begun.waiter.wake(True)
        assert log == []
        loop.run_until_complete(begun.task)
        assert log == [0]
    finally:
        loop.close()
