"""
Steps of a task that are taken without it, and how they end.
"""

import asyncio

import pytest


class Waiting:
    """Wait for a waiter, once or more."""

    def __init__(self, waiter, times=1):
        self.waiter = waiter
        self.times = times

    def __await__(self):
        for _ in range(self.times):
            self.waiter.begin()
            yield self.waiter


def outcome(core, make):
    """
    Return how a task ends that has waited three times: its result, or its exception.

    Arguments:
        make: returns what a coroutine function does at the end, which gets a task.
    """

    async def run(waiter, tasks):
        await Waiting(waiter, 3)
        return make(*tasks)

    async def main():
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        done.set_result(None)
        waiter = core.waiter.Waiter(loop, asyncio.get_running_loop, asyncio.current_task, done)
        tasks = []
        tasks.append(loop.create_task(core.steps.steps_of(run(waiter, tasks))))
        for _ in range(3):
            while not waiter.waiting:
                await asyncio.sleep(0)
            loop.call_soon(waiter.wake, True)
            await asyncio.sleep(0)
        return await asyncio.gather(*tasks, return_exceptions=True)

    [result] = asyncio.run(main())
    return result


@pytest.mark.parametrize("value", [None, 5, (), (1, 2), StopIteration(3)])
def test_a_task_returns_in_such_a_step(core, value):
    assert outcome(core, lambda task: value) is value


@pytest.mark.parametrize("exception", [ValueError(1), asyncio.CancelledError()], ids=repr)
def test_a_task_raises_in_such_a_step(core, exception):
    def fail(task):
        raise exception

    assert type(outcome(core, fail)) is type(exception)


def test_a_task_that_cancels_itself_returns(core):
    assert isinstance(outcome(core, lambda task: task.cancel()), asyncio.CancelledError)


def test_a_task_that_cancels_itself_raises(core):
    def fail(task):
        task.cancel()
        raise ValueError

    assert isinstance(outcome(core, fail), ValueError)


async def coroutine():
    return 5


def test_what_a_task_is_made_of_is_a_coroutine(core):
    made = core.steps.steps_of(coroutine())
    assert asyncio.iscoroutine(made)
    assert (made.__name__, made.cr_running) == ("coroutine", False)
    with pytest.raises(StopIteration) as caught:
        made.send(None)
    assert caught.value.value == 5
    with pytest.raises(RuntimeError):
        made.send(None)


def test_it_is_awaited(core):
    async def outer():
        return await core.steps.steps_of(coroutine())

    assert asyncio.run(outer()) == 5


def test_it_is_closed(core):
    ended = []

    async def run():
        try:
            await asyncio.sleep(0)
        finally:
            ended.append(True)

    made = core.steps.steps_of(run())
    made.send(None)
    made.close()
    assert ended == [True]


def test_something_is_thrown_into_it(core):
    async def run():
        try:
            await asyncio.sleep(0)
        except ValueError:
            return 5

    made = core.steps.steps_of(run())
    made.send(None)
    with pytest.raises(StopIteration) as caught:
        made.throw(ValueError())
    assert caught.value.value == 5


def test_what_is_no_coroutine_stays_what_it_is(core):
    def generator():
        yield

    other = generator()
    assert core.steps.steps_of(other) is other
