"""
What a task waits for, asked as tasks ask a future.
"""

import contextvars

import pytest

VARIABLE = contextvars.ContextVar("VARIABLE", default="outside")


class Loop:
    """A loop with nothing in it that runs; it keeps what it is to call."""

    __slots__ = ("calls",)  # so that there are no weak references to it

    def __init__(self):
        self.calls = []

    def call_soon(self, callback, *args, context=None):
        self.calls.append((callback, args, context))


class WeakLoop(Loop):
    """The same, as loops are."""


@pytest.fixture(params=[Loop, WeakLoop])
def loop(request):
    return request.param()


def waiter(core, loop, running=None, task=None):
    return core.waiter.Waiter(loop, lambda: running, lambda _: task, "done")


def context_of(value):
    context = contextvars.Context()
    context.run(VARIABLE.set, value)
    return context


def test_what_a_task_asks(core, loop):
    tested = waiter(core, loop)
    assert tested._asyncio_future_blocking is False
    assert tested.get_loop() is loop
    tested.begin()
    assert tested._asyncio_future_blocking is True
    tested._asyncio_future_blocking = False
    assert tested._asyncio_future_blocking is False
    assert tested.waiting
    assert tested.result() is None


@pytest.mark.parametrize("args, kwds", [((), {}), ((len, len), {}), ((len,), {"other": 1})])
def test_wrong_arguments(core, loop, args, kwds):
    with pytest.raises(TypeError):
        waiter(core, loop).add_done_callback(*args, **kwds)


def test_attributes_that_are_not_there(core, loop):
    with pytest.raises(AttributeError):
        waiter(core, loop).something  # noqa: B018


@pytest.mark.parametrize(
    "is_running, task, at_once", [(True, None, True), (True, 1, False), (False, None, False)]
)
def test_who_waits_goes_on_at_once_where_nothing_runs(core, loop, is_running, task, at_once):
    tested, seen = waiter(core, loop, loop if is_running else None, task), []
    tested.begin()
    context = context_of("inside")

    def callback(future):
        seen.append((future, VARIABLE.get()))

    tested.add_done_callback(callback, context=context)
    tested.wake(True)
    assert not tested.waiting
    assert seen == ([("done", "inside")] if at_once else [])
    assert loop.calls == ([] if at_once else [(callback, ("done",), context)])


def test_who_knows_that_nothing_runs_is_believed_once(core, loop):
    tested, seen = waiter(core, loop), []
    for _ in range(2):
        tested.begin()
        tested.add_done_callback(seen.append, context=contextvars.Context())
        tested.idle = True
        tested.wake(True)
        assert not tested.idle
    assert seen == ["done", "done"]


def test_in_a_context_that_is_entered_nobody_goes_on_at_once(core, loop):
    tested, seen = waiter(core, loop, loop), []
    context = contextvars.Context()
    tested.begin()
    tested.add_done_callback(seen.append, context=context)
    context.run(tested.wake, True)
    assert seen == []
    assert loop.calls == [(seen.append, ("done",), context)]


def test_who_cannot_go_on_at_once_because_a_task_runs_goes_on_when_the_loop_turns(core, loop):
    tested = waiter(core, loop)

    def enter(future):
        raise RuntimeError("Cannot enter into task while another task is being executed.")

    context = contextvars.Context()
    tested.begin()
    tested.add_done_callback(enter, context=context)
    tested.idle = True
    tested.wake(True)
    assert loop.calls == [(enter, ("done",), context)]
    context.run(lambda: None)  # it has been left


def test_what_ends_a_loop_is_raised_in_it(core, loop):
    tested = waiter(core, loop, loop)

    def interrupt(future):
        raise KeyboardInterrupt

    context = contextvars.Context()
    tested.begin()
    tested.add_done_callback(interrupt, context=context)
    tested.wake(True)
    ((raising, args, _),) = loop.calls
    with pytest.raises(KeyboardInterrupt):
        raising(*args)
    assert context.run(VARIABLE.get) == "outside"  # it has been left


def test_a_task_that_is_cancelled_goes_on_when_the_loop_turns(core, loop):
    tested, seen = waiter(core, loop, loop), []
    context = contextvars.Context()
    tested.begin()
    tested.add_done_callback(seen.append, context=context)
    assert tested.cancel() is False
    assert loop.calls == [(seen.append, ("done",), context)]


@pytest.mark.parametrize("at_once", [True, False])
def test_who_cannot_be_called_for_want_of_memory_is_called_the_next_time(core, at_once):
    class FullLoop(Loop):
        def call_soon(self, *args, **kwds):
            if self.calls is not None:
                super().call_soon(*args, **kwds)
            else:
                raise MemoryError

    loop = FullLoop()
    tested = waiter(core, loop)  # It doesn't run, as it seems.
    tested.begin()
    tested.add_done_callback(len, context="context")
    loop.calls = None
    with pytest.raises(MemoryError):
        tested.wake(at_once)
    assert tested.waiting
    loop.calls = []
    tested.wake(at_once)
    assert loop.calls == [(len, ("done",), "context")]
    assert not tested.waiting


def test_who_has_let_go_is_not_called(core, loop):
    tested, seen = waiter(core, loop, loop), []
    turn = tested.begin()
    tested.add_done_callback(seen.append, context=contextvars.Context())
    tested.end(turn - 1)
    assert tested.waiting
    tested.end(turn)
    assert not tested.waiting
    tested.wake(True)
    assert seen == loop.calls == []
