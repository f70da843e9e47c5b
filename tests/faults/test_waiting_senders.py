"""
Tasks that wait to send: first in, first out, one at a time, and no more work than messages.

To wake all who wait, for one of them to go on, is quadratic. What is counted here are the steps of
the tasks, whatever they wait for.
"""

import asyncio
import contextlib
import random
import socket
import time
import zlib

import pytest
from drawing import BINARY, CLOSE, PING, TEXT
from held import SIDES, Steps, held, in_threads
from peer import server_and_peer, turns

import websockets

SIZE = 1000  # bytes of a message; the transport is full with one
FEW, MANY = 500, 2000  # tasks
PER_MESSAGE = 6  # steps of a task that are more than enough for one message

both_sides = pytest.mark.parametrize("side", SIDES)


def one_by_one(side, **options):
    """Hold a connection that waits after each message until it has left."""
    return held(side, write_limit=SIZE - 1, gather_writes=False, **options)


def label(number):
    return b"%d " % number + b"-" * SIZE


def labels(messages):
    return [int(bytes(message).split()[0]) for message in messages]


@contextlib.contextmanager
def tasks_of(coroutines):
    """Run coroutines in tasks; none is left in the end, even if the test has failed."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()


async def settled(tasks):
    """Wait for tasks; return how many ended with ConnectionClosed, and how many were cancelled."""
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    closed = sum(isinstance(outcome, websockets.ConnectionClosed) for outcome in outcomes)
    cancelled = sum(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
    assert closed + cancelled + outcomes.count(None) == len(outcomes), outcomes
    return closed, cancelled


async def let_all_go(one, tasks, steps=None):
    """Let the transport get rid of what it holds, again and again, until all tasks are done."""
    left = sum(not task.done() for task in tasks)
    while left:
        one.transport.release()
        await turns(4)
        before, left = left, sum(not task.done() for task in tasks)
        assert left < before, "it's nobody's turn"
        if steps is not None:
            assert steps.count <= PER_MESSAGE * len(tasks), "too many are woken"
    one.transport.release()


# Order


@both_sides
async def test_first_in_first_out_one_at_a_time(side):
    async with one_by_one(side) as one:
        one.transport.stuck = True
        with tasks_of(one.ws.send(label(number)) for number in range(20)) as tasks:
            await turns()
            assert labels(one.transport.messages) == [0]
            for count in range(1, 20):
                one.transport.release()
                await turns()
                assert labels(one.transport.messages) == list(range(count + 1))
                assert sum(task.done() for task in tasks) in (count, count + 1)
            one.transport.release()
            assert await settled(tasks) == (0, 0)


@both_sides
async def test_who_comes_later_waits_behind_those_who_wait(side):
    async with one_by_one(side) as one:

        async def late():
            await go
            await one.ws.send(label(3))

        one.transport.stuck = True
        go = asyncio.get_running_loop().create_future()
        coroutines = [late(), *(one.ws.send(label(number)) for number in range(3))]
        with tasks_of(coroutines) as tasks:
            await turns()
            # It is the first to run when the transport is free again.
            go.set_result(None)
            one.transport.release()
            await turns()
            await let_all_go(one, tasks)
            assert labels(one.transport.messages) == [0, 1, 2, 3]
            assert await settled(tasks) == (0, 0)


@both_sides
async def test_each_sends_all_its_messages_in_order(side):
    async def several(first):
        for number in range(first, first + 5):
            await one.ws.send(label(number))

    async with one_by_one(side) as one:
        one.transport.stuck = True
        with tasks_of(several(10 * task) for task in range(8)) as tasks:
            await turns()
            for _ in range(8 * 5 + 1):
                one.transport.release()
                await turns()
            assert all(task.done() for task in tasks)
            sent = labels(one.transport.messages)
            assert sorted(sent) == [10 * task + number for task in range(8) for number in range(5)]
            for task in range(8):
                mine = [number for number in sent if number // 10 == task]
                assert mine == sorted(mine)
            # Nobody sends twice while another waits.
            assert [number // 10 for number in sent[:8]] == list(range(8))


# Cancellation


@both_sides
@pytest.mark.parametrize("which", [{1}, {3}, {1, 2, 3}, {7}, set(range(1, 8)) - {4}])
async def test_those_who_are_cancelled_stop_nobody(side, which):
    async with one_by_one(side) as one:
        one.transport.stuck = True
        with tasks_of(one.ws.send(label(number)) for number in range(8)) as tasks:
            await turns()
            for number in which:
                tasks[number].cancel()
            await turns()
            left = [task for number, task in enumerate(tasks) if number not in which]
            await let_all_go(one, left)
            assert labels(one.transport.messages) == [n for n in range(8) if n not in which]
            assert await settled(tasks) == (0, len(which))
        assert one.ws.open


@both_sides
@pytest.mark.parametrize("first", ["release", "cancel"])
@pytest.mark.parametrize("which", [{0}, {1}, {1, 2}, {0, 1, 2}])
async def test_a_turn_is_not_lost_with_who_had_it(side, first, which):
    """The transport is free again and whose turn it is is cancelled, in the same turn of the loop."""
    async with one_by_one(side) as one:
        one.transport.stuck = True
        with tasks_of(one.ws.send(label(number)) for number in range(5)) as tasks:
            await turns()
            if first == "release":
                one.transport.release()
            for number in which:
                tasks[number].cancel()
            if first == "cancel":
                one.transport.release()
            await turns()
            # It is the next one's turn, without another event.
            assert len(one.transport.messages) == 2
            left = [task for number, task in enumerate(tasks) if number not in which]
            await let_all_go(one, left)
            sent = labels(one.transport.messages)
            assert sent == sorted(set(sent)) and {3, 4} <= set(sent)
            await settled(tasks)
        assert one.ws.open


@both_sides
async def test_when_all_are_cancelled_the_next_can_send(side):
    async with one_by_one(side) as one:
        one.transport.stuck = True
        with tasks_of(one.ws.send(label(number)) for number in range(5)) as tasks:
            await turns()
            one.transport.release()
            for task in tasks:
                task.cancel()
            await settled(tasks)
            one.transport.release()
            one.transport.stuck = False
            await one.ws.send(label(9))
            assert labels(one.transport.messages)[-1] == 9


# Work


@both_sides
@pytest.mark.parametrize("count", [FEW, MANY])
async def test_work_is_linear(side, count):
    async with one_by_one(side) as one:
        steps = Steps()
        one.transport.stuck = True
        senders = (steps.counted(one.ws.send(label(number))) for number in range(count))
        with tasks_of(as_coroutine(sender) for sender in senders) as tasks:
            await turns()
            await let_all_go(one, tasks, steps)
            assert labels(one.transport.messages) == list(range(count))


@pytest.mark.one_loop
@pytest.mark.one_backend
async def test_who_is_next_is_found_at_once_behind_all_who_have_gone():
    async with held(gather_writes=False) as one:
        one.ws.pause_writing()
        # Who waits is driven by hand, without a task, so that little else takes time.
        waiting = [one.ws.send(b"") for _ in range(100_000)]
        for sender in waiting:
            sender.send(None)
        one.ws.resume_writing()
        times = []
        for start in range(0, len(waiting), 1000):
            before = time.thread_time()
            for sender in waiting[start : start + 1000]:
                with contextlib.suppress(StopIteration):
                    sender.send(None)
            times.append(time.thread_time() - before)
        assert len(one.transport.writes) == len(waiting)
        # A set that looks for its first one behind those that have gone takes 20 times as long.
        assert min(times[-10:]) < 5 * min(times[:10])


async def as_coroutine(awaitable):
    return await awaitable


@both_sides
async def test_work_is_linear_among_fragmented_messages_and_pings(side):
    def call(number):
        if number % 10 == 3:
            return one.ws.send([label(number), b"."])
        if number % 10 == 7:
            return one.ws.ping(b"%d" % number)
        return one.ws.send(label(number))

    async with one_by_one(side) as one:
        steps = Steps()
        one.transport.stuck = True
        callers = [as_coroutine(steps.counted(call(number))) for number in range(FEW)]
        with tasks_of(callers) as tasks:
            await turns()
            while not all(task.done() for task in tasks):
                one.transport.release()
                await turns(4)
                assert steps.count <= 2 * PER_MESSAGE * FEW, "too many are woken"
        begun = [drawn for drawn in one.transport.frames if drawn.opcode in (TEXT, BINARY)]
        assert labels(drawn.payload for drawn in begun) == [n for n in range(FEW) if n % 10 != 7]
        pings = [drawn for drawn in one.transport.frames if drawn.opcode == PING]
        assert len(pings) == len(range(7, FEW, 10))


@both_sides
@pytest.mark.parametrize("how", ["lost", "our close", "their close", "failure", "abort"])
async def test_all_are_told_when_the_connection_ends(side, how):
    async with one_by_one(side) as one:
        steps = Steps()
        one.transport.stuck = True
        senders = (steps.counted(one.ws.send(label(number))) for number in range(FEW))
        with tasks_of(as_coroutine(sender) for sender in senders) as tasks:
            await turns()
            one.transport.release()
            closing = None
            if how == "our close":
                closing = asyncio.ensure_future(one.ws.close())
            elif how == "their close":
                one.hear(one.close_frame(1000))
            elif how == "failure":
                one.ws.fail_connection(1011)
            elif how == "abort":
                one.ws.transport.abort()
            elif how == "lost":
                one.transport.lose()
            await turns()
            one.transport.release()
            await turns()
            assert not one.ws.open
            assert steps.count <= PER_MESSAGE * FEW
            sent = labels(one.transport.messages)
            one.transport.lose()
            closed, cancelled = await settled(tasks)
            # A few had sent something, or had their turn while the transport was closing.
            assert len(sent) <= 5 and sent == list(range(len(sent)))
            assert closed >= FEW - 10 and cancelled == 0
            assert steps.count <= PER_MESSAGE * FEW
            if closing is not None:
                await closing
        assert len(one.transport.messages) == len(sent)
        assert not one.transport.faults


@both_sides
async def test_who_has_the_turn_is_told_when_the_connection_ends_in_that_turn(side):
    async with one_by_one(side) as one:
        one.transport.stuck = True
        with tasks_of(one.ws.send(label(number)) for number in range(5)) as tasks:
            await turns()
            one.transport.release()
            one.transport.lose()
            closed, _ = await settled(tasks)
            assert closed >= 4


# Behind a message that takes several turns of the loop


@both_sides
async def test_who_waits_behind_a_fragmented_message(side):
    async with one_by_one(side) as one:
        go_on = asyncio.Event()

        async def fragments():
            yield b"a " * SIZE
            await go_on.wait()
            yield b"b"

        steps = Steps()
        long = asyncio.ensure_future(one.ws.send(fragments()))
        await turns()
        senders = (steps.counted(one.ws.send(label(number))) for number in range(FEW))
        with tasks_of(as_coroutine(sender) for sender in senders) as tasks:
            await turns()
            one.transport.stuck = True
            go_on.set()
            await turns()
            await let_all_go(one, tasks, steps)
            await long
            assert labels(one.transport.messages[-FEW:]) == list(range(FEW))


@both_sides
async def test_fragmented_messages_take_turns_and_are_not_mixed(side):
    async def fragments(number):
        yield label(number)
        await asyncio.sleep(0)
        yield b"."

    async with one_by_one(side) as one:
        one.transport.stuck = True
        with tasks_of(one.ws.send(fragments(number)) for number in range(10)) as tasks:
            await turns()
            while not all(task.done() for task in tasks):
                one.transport.release()
                await turns()
            await settled(tasks)
        found = [drawn for drawn in one.transport.frames if drawn.opcode < CLOSE]
        begun = [drawn for drawn in found if drawn.opcode]
        assert labels(drawn.payload for drawn in begun) == list(range(10))
        whole, parts = [], []
        for drawn in found:
            assert bool(drawn.opcode) is not bool(parts)
            parts.append(drawn.payload)
            if drawn.fin:
                whole.append(b"".join(parts))
                parts = []
        assert whole == [label(number) + b"." for number in range(10)]


@both_sides
async def test_cancelling_who_waits_behind_a_fragmented_message_stops_nobody(side):
    go_on = asyncio.Event()

    async def fragments():
        yield b"a"
        await go_on.wait()
        yield b"b"

    async with held(side, gather_writes=False) as one:
        long = asyncio.ensure_future(one.ws.send(fragments()))
        await turns()
        with tasks_of(one.ws.send(label(number)) for number in range(6)) as tasks:
            await turns()
            tasks[2].cancel()
            go_on.set()
            tasks[0].cancel()
            await settled(tasks)
            await long
            sent = labels(one.transport.messages[3:])
            assert sent in ([1, 3, 4, 5], [0, 1, 3, 4, 5])
        assert one.ws.open


def inflated(one):
    inflate = zlib.decompressobj(-15).decompress
    return [inflate(message + b"\0\0\xff\xff") for message in one.transport.messages]


@both_sides
async def test_work_is_linear_when_messages_are_compressed_in_threads(side):
    count = 60
    async with held(side, **in_threads(side)) as one:
        steps = Steps()
        senders = (steps.counted(one.ws.send(label(number))) for number in range(count))
        with tasks_of(as_coroutine(sender) for sender in senders) as tasks:
            while not all(task.done() for task in tasks):
                await turns(1)
                assert steps.count <= PER_MESSAGE * count, "too many are woken"
        assert labels(inflated(one)) == list(range(count))


@both_sides
async def test_cancelling_among_messages_that_are_compressed_in_threads(side):
    async with held(side, **in_threads(side)) as one:
        with tasks_of(one.ws.send(label(number)) for number in range(10)) as tasks:
            await turns(2)
            for number in (1, 2, 5, 9):
                tasks[number].cancel()
            closed, cancelled = await settled(tasks)
            assert (closed, cancelled) == (0, 4)
        sent = labels(inflated(one))
        assert sent == sorted(set(sent)) and {0, 3, 4, 6, 7, 8} <= set(sent)
        assert one.ws.open


@both_sides
async def test_all_are_told_when_the_connection_ends_while_one_is_compressed_in_a_thread(side):
    async with held(side, **in_threads(side)) as one:
        steps = Steps()
        senders = (steps.counted(one.ws.send(label(number))) for number in range(FEW))
        with tasks_of(as_coroutine(sender) for sender in senders) as tasks:
            await turns(2)
            one.transport.lose()
            closed, cancelled = await settled(tasks)
            assert closed >= FEW - 5 and cancelled == 0
            assert steps.count <= PER_MESSAGE * FEW


# Over sockets


async def test_a_slow_reader_over_sockets():
    size, count = 4000, 600

    async def shrink(ws):
        sock = ws.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)

    async with server_and_peer(ping_interval=None, write_limit=4096) as (ws, peer):
        await shrink(ws)
        steps = Steps()
        messages = [b"%d " % n + random.Random(n).randbytes(size) for n in range(count)]
        senders = (steps.counted(ws.send(message)) for message in messages)
        with tasks_of(as_coroutine(sender) for sender in senders) as tasks:
            await turns()
            assert not all(task.done() for task in tasks)
            received = []
            while len(received) < count:
                _, payload = await peer.read()
                received.append(payload)
                assert steps.count <= PER_MESSAGE * count, "too many are woken"
            assert await settled(tasks) == (0, 0)
        assert received == messages
