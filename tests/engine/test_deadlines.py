"""
Opening handshakes that may each take as long: each has its own end, and all have one timer.
"""

import pytest
from virtual import VirtualLoop

from websockets._engine.deadlines import Deadlines


@pytest.fixture
def expired():
    return []


@pytest.fixture
def loop():
    loop = VirtualLoop()
    yield loop
    loop.close()


def wait(loop, seconds):
    """Let time pass."""
    loop.run_until_complete(rest(loop, seconds))


async def rest(loop, seconds):
    done = loop.create_future()
    loop.call_later(seconds, done.set_result, None)
    await done


def test_each_ends_when_its_own_time_is_over(loop, expired):
    deadlines = Deadlines(loop, 10, lambda thing: expired.append((thing, loop.time())))
    for thing in "abc":
        deadlines.add(thing)
        wait(loop, 3)
    wait(loop, 20)
    assert expired == [("a", 10), ("b", 13), ("c", 16)]


def test_what_is_done_in_time_does_not_end(loop, expired):
    deadlines = Deadlines(loop, 10, expired.append)
    for thing in "abc":
        deadlines.add(thing)
    wait(loop, 9)
    deadlines.remove("a")
    deadlines.remove("c")
    wait(loop, 9)
    assert expired == ["b"]
    deadlines.remove("b")
    wait(loop, 20)
    assert expired == ["b"]


def test_one_timer_serves_all_and_leaves_when_nothing_waits(loop, expired):
    deadlines = Deadlines(loop, 10, expired.append)
    for number in range(50):
        deadlines.add(number)
        deadlines.remove(number)
        deadlines.add(str(number))
        assert len(loop.timers()) == 1
    for number in range(50):
        deadlines.remove(str(number))
    wait(loop, 11)
    assert loop.timers() == [] and expired == []
    deadlines.add("late")
    wait(loop, 11)
    assert expired == ["late"]


def test_one_that_ends_may_end_others_or_begin_new_ones(loop):
    ended = []

    def expire(thing):
        ended.append(thing)
        deadlines.remove("b")
        if len(ended) < 3:
            deadlines.add("again")

    deadlines = Deadlines(loop, 10, expire)
    deadlines.add("a")
    wait(loop, 1)
    deadlines.add("b")
    wait(loop, 100)
    assert ended == ["a", "again", "again"]


def test_what_was_stopped_ends_nothing_and_leaves_no_timer(loop, expired):
    deadlines = Deadlines(loop, 10, expired.append)
    deadlines.stop()
    deadlines.add("a")
    deadlines.stop()
    assert loop.timers() == []
    wait(loop, 20)
    assert expired == []
