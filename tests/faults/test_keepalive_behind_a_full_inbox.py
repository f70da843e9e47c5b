"""
Keepalive while messages wait: a live peer lives, and a dead one is found.

Bytes that wait to be parsed behind a full inbox are a sign of life. Time is the virtual loop's: it passes when nothing else is left to do.
"""

import asyncio

import pytest
from drawing import PING, PONG, TEXT
from held import SIDES, held, in_virtual_time

import websockets

both_sides = pytest.mark.parametrize("side", SIDES)

QUEUE = 4  # messages
INTERVAL, TIMEOUT = 20, 20  # seconds


def kept_alive(side, **options):
    return held(side, ping_interval=INTERVAL, ping_timeout=TIMEOUT, **options)


def pings(one):
    return [drawn.payload for drawn in one.transport.frames if drawn.opcode == PING]


def texts(count):
    return [str(number) for number in range(count)]


def hear(one, count):
    one.hear(*[one.frame(TEXT, text.encode()) for text in texts(count)])


# A peer that lives


@both_sides
@pytest.mark.parametrize("max_queue", [1, QUEUE, 32])
@in_virtual_time
async def test_a_pong_behind_a_full_inbox_is_a_sign_of_life(side, max_queue):
    async with kept_alive(side, max_queue=max_queue) as one:
        hear(one, max_queue)
        await asyncio.sleep(INTERVAL + 1)
        [ping] = pings(one)
        one.hear(one.frame(TEXT, b"more"), one.frame(PONG, ping))
        await asyncio.sleep(10 * (INTERVAL + TIMEOUT))
        assert one.ws.open
        received = [await one.ws.recv() for _ in range(max_queue + 1)]
        assert received == [*texts(max_queue), "more"]
        # Once the pong is reached, keepalive goes on.
        count = len(pings(one))
        await asyncio.sleep(INTERVAL + 1)
        assert one.ws.open and len(pings(one)) == count + 1


@both_sides
@in_virtual_time
async def test_messages_behind_a_full_inbox_are_a_sign_of_life(side):
    async with kept_alive(side, max_queue=QUEUE) as one:
        hear(one, 3 * QUEUE)
        await asyncio.sleep(10 * (INTERVAL + TIMEOUT))
        assert one.ws.open
        received = [await one.ws.recv() for _ in range(3 * QUEUE)]
        assert received == texts(3 * QUEUE)


@both_sides
@in_virtual_time
async def test_a_program_that_takes_a_message_now_and_then(side):
    async with kept_alive(side, max_queue=QUEUE) as one:
        hear(one, 3 * QUEUE)
        received, answered = [], 0
        for _ in range(3 * QUEUE):
            for _ in range(10):
                await asyncio.sleep(INTERVAL / 10)
                for ping in pings(one)[answered:]:
                    one.hear(one.frame(PONG, ping))
                    answered += 1
            assert one.ws.open
            received.append(await one.ws.recv())
        assert received == texts(3 * QUEUE)
        # The first pong was parsed in between; since then it is keepalive that asks again.
        assert answered >= 2


@both_sides
@in_virtual_time
async def test_a_full_inbox_with_nothing_behind_it_hides_no_dead_peer(side):
    async with kept_alive(side, max_queue=QUEUE) as one:
        hear(one, QUEUE)
        await asyncio.sleep(INTERVAL + 2 * TIMEOUT + 1)
        assert not one.ws.open
        assert one.transport.frames[-1].payload == b"\x03\xf3keepalive ping timeout"


@both_sides
@in_virtual_time
async def test_a_peer_that_is_not_read_from_is_asked_again_and_again(side):
    # Where reading is paused nobody is told that TCP is gone, but for who writes.
    async with kept_alive(side, max_queue=1, read_limit=10) as one:
        hear(one, 10)
        assert not one.transport.reading
        for count in range(1, 6):
            await asyncio.sleep(INTERVAL if count == 1 else TIMEOUT)
            await asyncio.sleep(1)
            assert len(pings(one)) >= count
        one.transport.failing = one.transport.lose
        await asyncio.sleep(TIMEOUT + 1)
        with pytest.raises(websockets.ConnectionClosedError):
            await one.ws.send("too late")


@both_sides
@in_virtual_time
async def test_a_peer_that_waits_as_long_for_a_sign_of_life_gets_one_in_time(side):
    async with kept_alive(side, max_queue=1, read_limit=10) as one:
        hear(one, 10)
        await asyncio.sleep(INTERVAL + 1)
        for _ in range(5):
            count = len(pings(one))
            await asyncio.sleep(TIMEOUT - 2)
            assert len(pings(one)) > count


@both_sides
@in_virtual_time
async def test_a_peer_that_does_not_read_is_not_asked_again_and_again(side):
    async with kept_alive(side, max_queue=1, read_limit=10, write_limit=0) as one:
        hear(one, 10)
        one.transport.stuck = True
        await asyncio.sleep(INTERVAL + 1)
        [ping] = pings(one)
        await asyncio.sleep(10 * TIMEOUT)
        assert one.ws.open and pings(one) == [ping]
        one.transport.release()
        await asyncio.sleep(TIMEOUT + 1)
        assert pings(one) == [ping, ping]


@both_sides
@in_virtual_time
async def test_a_peer_that_takes_what_waits_for_it_lives(side):
    async with kept_alive(side, write_limit=100) as one:
        one.transport.stuck = True
        sending = asyncio.ensure_future(one.ws.send(bytes(10_000)))
        await asyncio.sleep(INTERVAL + 1)
        for left in range(9000, 1000, -1000):
            one.transport.release(left)
            await asyncio.sleep(TIMEOUT)
            assert one.ws.open and not sending.done()
        await asyncio.sleep(TIMEOUT + 1)
        assert not one.ws.open
        assert one.transport.frames[-1].payload == b"\x03\xf3keepalive ping timeout"
        with pytest.raises(websockets.ConnectionClosedError):
            await sending


@both_sides
@in_virtual_time
async def test_that_a_transport_goes_on_is_no_sign_of_life(side):
    # As where a transport keeps what is written until the event loop turns, whoever the peer is.
    async with kept_alive(side, write_limit=0) as one:
        await asyncio.sleep(0.2)
        for _ in range(INTERVAL + TIMEOUT):
            one.transport.stuck = True
            pong = asyncio.ensure_future(one.ws.pong())
            await asyncio.sleep(0.5)
            one.transport.release()
            one.transport.stuck = False
            await pong
            await asyncio.sleep(0.5)
        assert not one.ws.open


@both_sides
@in_virtual_time
async def test_a_peer_that_takes_one_message_after_the_other_lives(side):
    async with kept_alive(side, write_limit=100) as one:
        one.transport.stuck = True
        for count in range(10):
            sending = asyncio.ensure_future(one.ws.send(bytes(1000 * count)))
            await asyncio.sleep(INTERVAL)
            assert one.ws.open
            one.transport.release()
            await sending


@both_sides
@in_virtual_time
async def test_a_pong_in_the_turn_in_which_it_is_missed(side):
    async with kept_alive(side, max_queue=1) as one:
        await asyncio.sleep(INTERVAL)
        [ping] = pings(one)
        loop = asyncio.get_running_loop()
        loop.call_at(loop.time() + TIMEOUT - 5e-10, one.hear, one.frame(PONG, ping))
        await asyncio.sleep(TIMEOUT + INTERVAL - 1)
        assert one.ws.open and len(pings(one)) == 2


@both_sides
@in_virtual_time
async def test_a_part_of_a_message_is_no_sign_of_life_for_ever(side):
    async with kept_alive(side, max_queue=QUEUE) as one:
        one.hear(one.frame(TEXT, b"the first half")[:9])
        await asyncio.sleep(INTERVAL + 2 * TIMEOUT + 1)
        assert not one.ws.open


@both_sides
@in_virtual_time
async def test_a_peer_that_dies_is_found_once_its_messages_are_read(side):
    async with kept_alive(side, max_queue=QUEUE) as one:
        hear(one, 3 * QUEUE)
        await asyncio.sleep(5 * (INTERVAL + TIMEOUT))
        for _ in range(3 * QUEUE):
            await one.ws.recv()
        assert one.ws.open
        await asyncio.sleep(INTERVAL + 3 * TIMEOUT)
        assert not one.ws.open
        with pytest.raises(websockets.ConnectionClosedError):
            await one.ws.recv()


@both_sides
@in_virtual_time
async def test_while_reading_is_paused_nobody_is_taken_for_dead(side):
    async with kept_alive(side, max_queue=1, read_limit=10) as one:
        hear(one, 10)
        assert not one.transport.reading
        await asyncio.sleep(10 * (INTERVAL + TIMEOUT))
        assert one.ws.open


@both_sides
@in_virtual_time
async def test_a_ping_of_the_program_is_answered_behind_a_full_inbox(side):
    async with kept_alive(side, max_queue=QUEUE) as one:
        pong = await one.ws.ping(b"?")
        hear(one, 3 * QUEUE)
        one.hear(one.frame(PONG, b"?"))
        await asyncio.sleep(5 * (INTERVAL + TIMEOUT))
        assert one.ws.open and not pong.done()
        for _ in range(3 * QUEUE):
            await one.ws.recv()
        await pong
