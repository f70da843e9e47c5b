"""
What gathered writes promise to programs that compute for long: their messages leave first.

Up to eight messages that a program sends quickly in one turn of the loop leave at once. Only behind
those may others wait for the end of the turn, and what answers a burst may leave together.
"""

import asyncio

import pytest
from drawing import BINARY, PING, TEXT
from held import SIDES, held
from peer import turns

both_sides = pytest.mark.parametrize("side", SIDES)

PROMISED = 8  # messages


def numbered(count, start=0):
    return [b"%d" % number for number in range(start, start + count)]


async def send(one, count, start=0):
    """Send quickly, and return what has left before the program computes for long."""
    for payload in numbered(count, start):
        await one.ws.send(payload.decode())
    return list(one.transport.messages)


@both_sides
@pytest.mark.parametrize("count", range(1, PROMISED + 1))
async def test_a_few_messages_leave_at_once(side, count):
    async with held(side) as one:
        assert await send(one, count) == numbered(count)


@both_sides
@pytest.mark.parametrize("count", range(1, PROMISED + 1))
async def test_they_do_so_in_each_turn(side, count):
    async with held(side) as one:
        for turn in range(20):
            assert await send(one, count, turn * count) == numbered((turn + 1) * count)
            await turns(1)


@both_sides
@pytest.mark.parametrize("pause", [0, 0.0001, 0.001, 0.1, 10])
async def test_they_do_so_after_a_pause(side, pause):
    async with held(side) as one:
        await send(one, 50)
        await turns()
        one.clock.compute(pause)
        assert await send(one, 2, 50) == numbered(52)
        await turns()
        one.clock.compute(pause)
        assert await send(one, PROMISED, 52) == numbered(52 + PROMISED)


@both_sides
async def test_who_computes_in_between_is_not_quick(side):
    """Even if the loop never turns."""
    async with held(side) as one:
        for number in range(20):
            one.clock.compute()
            assert await send(one, 2, 2 * number) == numbered(2 * number + 2)


@both_sides
async def test_they_do_so_in_a_handler_that_was_asked_once(side):
    seen = []

    async def handler(ws):
        async for _ in ws:
            one.transport.forget()
            await ws.send("first")
            await ws.send("second")
            # From here on it would compute.
            seen.append(list(one.transport.messages))

    async with held(side, handler) as one:
        for _ in range(5):
            await turns()
            one.hear(one.frame(TEXT, b"?"))
            await turns()
        assert seen == [[b"first", b"second"]] * 5


@both_sides
async def test_they_do_so_between_bursts(side):
    async def handler(ws):
        async for message in ws:
            await ws.send(message)

    async with held(side, handler) as one:
        for _ in range(5):
            await turns()
            one.hear(*[one.frame(TEXT, payload) for payload in numbered(40)])
            await turns(50)
            assert one.transport.messages == numbered(40)
            one.transport.forget()
            # What another task says now answers nothing.
            assert await send(one, 2) == numbered(2)
            one.transport.forget()


@both_sides
async def test_messages_of_all_kinds(side):
    async with held(side) as one:
        await one.ws.send("text")
        await one.ws.send(b"bytes")
        await one.ws.send(bytearray(b"array"))
        await one.ws.send(memoryview(b"view"))
        await one.ws.send("compressed or not", compress=False)
        await one.ws.send(["frag", "ments"])
        await one.ws.ping(b"?")
        sent = [(drawn.opcode, drawn.payload) for drawn in one.transport.frames]
        assert sent == [
            (TEXT, b"text"),
            (BINARY, b"bytes"),
            (BINARY, b"array"),
            (BINARY, b"view"),
            (TEXT, b"compressed or not"),
            (TEXT, b"frag"),
            (0, b"ments"),
            (0, b""),
            (PING, b"?"),
        ]


@both_sides
async def test_several_tasks_in_one_turn(side):
    async with held(side) as one:
        left = []

        async def task(number):
            await send(one, 2, 2 * number)
            left.append(len(one.transport.messages))

        await asyncio.gather(*[task(number) for number in range(4)])
        assert left == [2, 4, 6, 8]


# Behind those


@both_sides
async def test_more_may_wait_for_the_end_of_the_turn_and_no_longer(side):
    async with held(side) as one:
        left = await send(one, 500)
        assert left[:PROMISED] == numbered(PROMISED)
        await turns(2)
        assert one.transport.messages == numbered(500)
        assert len(one.transport.writes) < 20


@both_sides
async def test_who_computes_behind_many_messages_is_written_in_half_a_millisecond(side):
    async with held(side) as one:
        await send(one, 50)
        one.clock.compute(0.001)
        # The next message takes along what waited.
        assert await send(one, 1, 50) == numbered(51)


@both_sides
@pytest.mark.parametrize("size", [65536, 100_000])
async def test_large_messages_do_not_wait(side, size):
    async with held(side) as one:
        for count in range(1, 12):
            await one.ws.send(bytes(size))
            assert len(one.transport.messages) == count


@both_sides
async def test_nothing_waits_if_nothing_is_to_be_gathered(side):
    async with held(side, gather_writes=False) as one:
        assert await send(one, 100) == numbered(100)
        assert len(one.transport.writes) == 100
