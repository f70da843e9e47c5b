"""
When messages leave: gathered while a program sends quickly, at once when it takes its time.

What the shell writes is recorded in place of a transport, so that each write can be told from the
next.
"""

import asyncio
import time

import pytest
from drawing import KEY, TEXT, frame, frames
from peer import echo, serving, until

import websockets

GAP = 0.0005  # seconds; what the library takes for a pause


# The rule by itself


def decisions(core, *sends):
    """
    Return what is decided on messages: times, sizes, and the words "first", "last" and "burst".

    "turn" stands for a turn of the event loop, a number alone for the time when a message that took
    long had been sent.
    """
    gathering = core.gathering.Gathering(65536)
    now, later = core.constants.NOW, core.constants.LATER
    names = {now: "now", later: "later", now | later: "now, later", 0: "wait"}
    found = []
    for send in sends:
        if send == "turn":
            gathering.turned()
            gathering.left()
            continue
        if isinstance(send, float):
            gathering.done(send)
            continue
        time, size, *words = send
        due = gathering.decide(time, size, "first" in words, "last" in words, "burst" in words)
        found.append(names[due])
        if due & now:
            gathering.left()
    return found


def test_a_lone_message_leaves_at_once(core):
    assert decisions(core, (1.0, 10), (2.0, 10)) == ["now", "now"]
    assert decisions(core, (1.0, 10), (1.0 + 2 * GAP, 10)) == ["now", "now"]
    assert decisions(core, (1.0, 10, "first"), (2.0, 10, "first")) == ["now", "now"]


def test_a_message_that_took_long_to_send_is_followed_quickly(core):
    assert decisions(core, (1.0, 10), (2.0, 10)) == ["now", "now"]
    assert decisions(core, (1.0, 10), 2.0, (2.0, 10)) == ["now", "now, later"]


def test_answers_to_a_burst_wait_for_each_other(core):
    sends = [(1.0 + number / 1e6, 10 * number, "burst") for number in range(1, 5)]
    assert decisions(core, *sends) == ["now", "later", "wait", "wait"]


def test_eight_quick_messages_leave_at_once(core):
    sends = [(1.0 + number / 1e6, 10) for number in range(12)]
    first = ["now", "now, later", *["now"] * 7]
    assert decisions(core, *sends) == [*first, "wait", "wait", "wait"]
    # The next turn of the event loop begins to count anew.
    more = [(1.0 + number / 1e6, 10) for number in range(12, 22)]
    assert decisions(core, *sends, "turn", *more)[12:] == [
        "now, later",
        *["now"] * 7,
        "wait",
        "wait",
    ]


def test_a_pause_begins_to_count_anew(core):
    sends = [(1.0 + number / 1e6, 10) for number in range(12)]
    more = [(2.0 + number / 1e6, 10) for number in range(11)]
    assert decisions(core, *sends, *more)[12:] == [*["now"] * 9, "wait", "wait"]


def test_a_pause_ends_the_wait(core):
    sends = [(1.0, 10, "burst"), (1.0, 10, "burst"), (1.0 + 2 * GAP, 20, "burst")]
    assert decisions(core, *sends) == ["now", "later", "now"]


def test_no_message_waits_for_long(core):
    sends = [(1.0 + number * GAP * 0.6, 10, "burst") for number in range(4)]
    assert decisions(core, *sends) == ["now", "later", "wait", "now"]


def test_64_kib_do_not_wait(core):
    sends = [(1.0, 1, "burst"), (1.0, 1, "burst"), (1.0, 65536, "burst")]
    assert decisions(core, *sends) == ["now", "later", "now"]
    assert decisions(core, (1.0, 1), (1.0, 65536, "burst")) == ["now", "now, later"]


def test_the_answer_to_the_last_message_takes_all_along(core):
    sends = [(1.0, 1, "burst"), (1.0, 1, "burst"), (1.0, 2, "last")]
    assert decisions(core, *sends) == ["now", "later", "now"]
    assert decisions(core, (1.0, 1), (1.0, 1, "last")) == ["now", "now"]


def test_a_program_that_was_quick_is_trusted_for_a_moment(core):
    burst = [(1.0, 1, "first", "burst"), (1.0, 1, "burst"), (1.0, 2, "last"), "turn"]
    soon, late = 1.0 + 4 * GAP, 1.0 + 40 * GAP
    assert decisions(core, *burst, (soon, 1, "first", "burst"))[3:] == ["later"]
    assert decisions(core, *burst, (late, 1, "first", "burst"))[3:] == ["now"]
    # It wasn't quick in between.
    slow = [(soon, 1, "first", "burst"), (soon + 2 * GAP, 2, "burst")]
    assert decisions(core, *burst, *slow, (soon + 3 * GAP, 1, "first", "burst"))[3:] == [
        "later",
        "now",
        "now",
    ]


# Programs


def payloads(writes):
    return [[drawn.payload for drawn in frames(data)] for data in writes]


def burst(count):
    return b"".join(frame(TEXT, b"%d" % number, key=KEY) for number in range(count))


async def test_answers_to_a_burst_leave_together():
    async with serving(echo) as (protocol, transport):
        for _ in range(3):
            transport.writes.clear()
            protocol.data_received(burst(20))
            await until(lambda: sum(map(len, payloads(transport.writes))) == 20)
            assert sum(payloads(transport.writes), []) == [b"%d" % number for number in range(20)]
            # Only the second one tells that the program is quick.
            assert len(transport.writes) <= 2


@pytest.mark.parametrize("first", ["compute", "answer"])
async def test_a_slow_program_holds_up_no_answer(first):
    before = []

    def compute():
        before.append(sum(map(len, payloads(transport.writes))))
        end = time.monotonic() + 4 * GAP
        while time.monotonic() < end:
            pass

    async def handler(websocket, path):
        async for message in websocket:
            if first == "compute":
                compute()
            await websocket.send(message)
            if first == "answer":
                compute()

    async with serving(handler) as (protocol, transport):
        protocol.data_received(burst(10))
        await until(lambda: len(before) == 10)
        # Each answer has been written before the next computation begins.
        start = 0 if first == "compute" else 1
        assert before == list(range(start, start + 10))


async def test_what_was_gathered_leaves_when_the_loop_turns(monkeypatch):
    # No time passes: on a busy machine messages may come too slowly to be gathered.
    monkeypatch.setattr(websockets.asyncio.callbacks, "monotonic", lambda: 1.0, raising=False)

    async def handler(websocket, path):
        await websocket.recv()
        for number in range(20):
            await websocket.send(str(number))
        sent.set()
        await websocket.wait_closed()

    sent = asyncio.Event()
    async with serving(handler) as (protocol, transport):
        protocol.data_received(burst(1))
        await sent.wait()
        await asyncio.sleep(0)
        assert sum(payloads(transport.writes), []) == [b"%d" % number for number in range(20)]
        # The answer and eight more, of which nobody knew yet that others would come.
        assert len(transport.writes) <= 10


async def test_what_was_gathered_leaves_before_a_ping_and_a_close_frame():
    async def handler(websocket, path):
        await websocket.recv()
        for number in range(3):
            await websocket.send(str(number))
        await websocket.ping(b"?")
        for number in range(3):
            await websocket.send(str(number))
        await websocket.close(1000)

    async with serving(handler) as (protocol, transport):
        protocol.data_received(burst(1))
        await until(lambda: b"\x03\xe8" in sum(payloads(transport.writes), []))
        expected = [b"0", b"1", b"2", b"?", b"0", b"1", b"2", b"\x03\xe8"]
        assert sum(payloads(transport.writes), []) == expected


async def test_each_message_in_its_own_write_if_that_is_wanted():
    async with serving(echo, gather_writes=False) as (protocol, transport):
        protocol.data_received(burst(20))
        await until(lambda: len(transport.writes) == 20)
        assert payloads(transport.writes) == [[b"%d" % number] for number in range(20)]


async def test_gathering_keeps_backpressure():
    async def handler(websocket, path):
        await websocket.recv()
        websocket.transport.full = websocket.pause_writing
        while True:
            sent.append(None)
            await websocket.send("-" * 70_000)

    sent = []
    async with serving(handler) as (protocol, transport):
        # Each write fills the transport, so that whoever sent has to wait.
        protocol.data_received(burst(1))
        await until(lambda: transport.writes)
        for count in range(1, 4):
            await until(lambda: len(sent) >= count)  # noqa: B023
            for _ in range(3):
                await asyncio.sleep(0)
            assert len(sent) == count
            assert sum(map(len, payloads(transport.writes))) == count
            protocol.resume_writing()


async def test_both_ends_take_the_choice():
    async def handler(websocket, path):
        assert not websocket.gather_writes
        await echo(websocket, path)

    async with websockets.serve(handler, "127.0.0.1", 0, gather_writes=False) as server:
        port = server.sockets[0].getsockname()[1]
        async with websockets.connect(f"ws://127.0.0.1:{port}", gather_writes=False) as websocket:
            assert not websocket.gather_writes
            for number in range(10):
                await websocket.send(str(number))
            assert [await websocket.recv() for _ in range(10)] == [str(n) for n in range(10)]
