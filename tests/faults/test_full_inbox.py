"""
Programs whose inbox is full: more in flight than ``max_queue`` must not cost more than less.

Answers to messages that came together leave together, however small the inbox is. What doesn't
wait for a program leaves before that: pongs, and the answers themselves while it computes.
"""

import contextlib

import pytest
from drawing import BINARY, CLOSE, PING, PONG, TEXT
from held import SIDES, held, rest_of
from peer import turns, until

import websockets

both_sides = pytest.mark.parametrize("side", SIDES)

FLOOD = 1000  # messages in one read
WRITES = 100  # for so many messages; one message in each write would be as many as messages


async def by_iteration(ws):
    async for message in ws:
        await ws.send(message)


async def by_calls(ws):
    with contextlib.suppress(websockets.ConnectionClosed):
        while True:
            await ws.send(await ws.recv())


HOW = {"iteration": by_iteration, "recv and send": by_calls}
every_way = pytest.mark.parametrize("echo", HOW.values(), ids=list(HOW))


def numbered(count, start=0):
    return [b"%032d" % number for number in range(start, start + count)]


def flood(one, count, start=0, opcode=TEXT):
    one.hear(*[one.frame(opcode, payload) for payload in numbered(count, start)])


async def answered(one, count):
    await until(lambda: len(one.transport.messages) >= count)


@both_sides
@every_way
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_a_flood_is_answered_in_few_writes(side, echo, opcode):
    async with held(side, echo) as one:
        for _ in range(3):
            one.transport.forget()
            flood(one, FLOOD, opcode=opcode)
            await answered(one, FLOOD)
            assert one.transport.messages == numbered(FLOOD)
            assert len(one.transport.writes) < WRITES
            await turns()


@both_sides
@every_way
@pytest.mark.parametrize("max_queue", [1, 2, 8, 32])
async def test_a_flood_and_small_inboxes(side, echo, max_queue):
    async with held(side, echo, max_queue=max_queue) as one:
        for _ in range(2):
            one.transport.forget()
            flood(one, FLOOD)
            await answered(one, FLOOD)
            assert one.transport.messages == numbered(FLOOD)
            assert len(one.transport.writes) < WRITES


@both_sides
@every_way
@pytest.mark.parametrize("depth", [31, 32, 33, 34, 64, 128, 256])
async def test_no_depth_is_worse_than_another(side, echo, depth):
    async with held(side, echo) as one:
        writes = []
        for _ in range(4):
            one.transport.forget()
            flood(one, depth)
            await answered(one, depth)
            assert one.transport.messages == numbered(depth)
            writes.append(len(one.transport.writes))
            await turns()
        # Until a program is known to be quick, each of a few answers may leave by itself.
        assert writes[0] <= 10 + depth // 10
        assert max(writes[1:]) <= 2 + depth // 16


@both_sides
@every_way
async def test_reads_that_come_while_the_inbox_is_full(side, echo):
    async with held(side, echo) as one:
        flood(one, 3)
        await answered(one, 3)
        one.transport.forget()
        # Before the program has begun with the first of them, the others are there.
        for number in range(20):
            flood(one, 50, 50 * number)
        await answered(one, 1000)
        assert one.transport.messages == numbered(1000)
        assert len(one.transport.writes) < WRITES


@both_sides
@every_way
async def test_backpressure_holds_in_a_flood(side, echo):
    async with held(side, echo, write_limit=1000) as one:
        one.transport.stuck = True
        one.hear(*[one.frame(BINARY, payload * 30) for payload in numbered(FLOOD)])
        await turns(20)
        # No more than is gathered at most, and one that fills the transport.
        assert 0 < sum(map(len, one.transport.writes)) < 100_000
        while len(one.transport.messages) < FLOOD:
            before = len(one.transport.messages)
            one.transport.release()
            await turns()
            assert len(one.transport.messages) > before
        assert one.transport.messages == [payload * 30 for payload in numbered(FLOOD)]


# What doesn't wait


@both_sides
@every_way
async def test_a_close_frame_behind_a_flood_is_answered_after_the_answers(side, echo):
    async with held(side, echo) as one:
        wires = [one.frame(TEXT, payload) for payload in numbered(FLOOD)]
        one.hear(*wires, one.close_frame(1000))
        await until(lambda: one.transport.has_closed())
        written = one.transport.frames
        said = [(drawn.opcode, drawn.payload) for drawn in written]
        assert said == [(TEXT, payload) for payload in numbered(FLOOD)] + [(CLOSE, b"\x03\xe8")]
        assert len(one.transport.writes) < WRITES


@both_sides
@pytest.mark.parametrize("max_queue", [1, 4, 32])
async def test_a_pong_leaves_when_its_ping_is_reached(side, max_queue):
    """Without waiting for the program to wait: it may compute, or send nothing."""
    async with held(side, max_queue=max_queue) as one:
        before = [one.frame(TEXT, payload) for payload in numbered(40)]
        behind = [one.frame(TEXT, payload) for payload in numbered(40, 40)]
        one.hear(*before, one.frame(PING, b"one"), *behind, one.frame(PING, b"two"))
        seen = []

        async def program():
            # It never waits: all messages are there.
            for _ in range(41):
                await one.ws.recv()
            seen.append([drawn.payload for drawn in one.transport.frames])
            for _ in range(39):
                await one.ws.recv()
            # It would wait for the next one: the last ping isn't behind any other message.
            seen.append([drawn.payload for drawn in one.transport.frames])

        await program()
        assert seen == [[b"one"], [b"one", b"two"]]
        assert all(drawn.opcode == PONG for drawn in one.transport.frames)


@both_sides
@every_way
async def test_pongs_among_answers_leave_with_them(side, echo):
    async with held(side, echo) as one:
        flood(one, 3)
        await answered(one, 3)
        one.transport.forget()
        wires = []
        for number, payload in enumerate(numbered(FLOOD)):
            wires.append(one.frame(TEXT, payload))
            if number % 100 == 50:
                wires.append(one.frame(PING, b"%d" % number))
        one.hear(*wires)
        await answered(one, FLOOD)
        await turns()
        assert one.transport.messages == numbered(FLOOD)
        # RFC 6455 5.5.3: a pong answers the pings before it, too.
        pongs = [int(drawn.payload) for drawn in one.transport.frames if drawn.opcode == PONG]
        assert pongs == sorted(pongs) and pongs[-1] == FLOOD - 50
        assert len(one.transport.writes) < WRITES


@both_sides
@pytest.mark.parametrize("max_queue", [1, 4, 32])
async def test_a_slow_program_holds_up_no_answer_of_a_flood(side, max_queue):
    """It computes for long between a message and its answer; each has left before the next."""
    before = []

    async def handler(ws):
        async for message in ws:
            before.append(len(one.transport.messages))
            one.clock.compute()
            await ws.send(message)

    async with held(side, handler, max_queue=max_queue) as one:
        flood(one, 40)
        await until(lambda: len(before) == 40)
        assert before == list(range(40))


@both_sides
async def test_nothing_is_gathered_if_nothing_is_to_be(side):
    async with held(side, by_iteration, gather_writes=False) as one:
        flood(one, 100)
        await answered(one, 100)
        assert len(one.transport.writes) == 100


@both_sides
@every_way
async def test_the_end_in_the_middle_of_a_flood(side, echo):
    async with held(side, echo, write_limit=1000, read_limit=10**7) as one:
        one.transport.stuck = True
        one.hear(*[one.frame(BINARY, payload * 30) for payload in numbered(FLOOD)])
        await turns(20)
        written = len(one.transport.messages)
        one.transport.lose(ConnectionResetError("reset by a test"))
        await turns()
        assert not one.transport.faults
        assert len(one.transport.messages) == written < FLOOD // 2
        # What the program hasn't taken is still there.
        left, _ = await rest_of(one.ws)
        assert left == [payload * 30 for payload in numbered(FLOOD)[-len(left) :]]
        assert len(left) > FLOOD // 2
