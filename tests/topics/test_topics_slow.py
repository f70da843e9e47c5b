"""
Subscribers that don't keep up, and history that gets old; on a clock and a network of the test's.
"""

import asyncio
import contextlib

import pytest
from peer import both_ends, turns

import websockets
from websockets.topics import BEGINNING, Gap, Topics

pytestmark = pytest.mark.given_clock

BLOCK = "x" * 10_000


@contextlib.asynccontextmanager
async def slow_and_quick():
    """Topics, our end of a connection whose peer doesn't read, that peer, and one that reads."""
    options = {"compression": None, "ping_interval": None}
    async with Topics() as topics, both_ends(options, max_queue=1, **options) as (slow, sleeper):
        async with both_ends(options, max_queue=None, **options) as (quick, reader):
            yield topics, slow, sleeper, quick, reader


async def publish(topics, start, end):
    for number in range(start, end):
        await topics.publish("news", f"{number} {BLOCK}")
        await asyncio.sleep(0.001)  # time passes once all bytes are where they can be


def number_of(message):
    return int(message.split()[0])


async def numbers_to(connection, last):
    numbers = [number_of(await connection.recv())]
    while numbers[-1] != last:
        numbers.append(number_of(await connection.recv()))
    return numbers


async def test_who_is_slow_for_a_while_gets_everything_in_order():
    async with slow_and_quick() as (topics, slow, sleeper, quick, reader):
        await topics.subscribe(slow, "news", max_bytes=10**7)
        await topics.subscribe(quick, "news")
        await publish(topics, 0, 200)
        # It costs the other one nothing.
        assert await numbers_to(reader, 199) == list(range(200))
        assert await numbers_to(sleeper, 199) == list(range(200))
        await publish(topics, 200, 400)
        assert await numbers_to(sleeper, 399) == list(range(200, 400))


@pytest.mark.parametrize("limit", [{"max_messages": 20}, {"max_bytes": 200_500}])
async def test_who_is_too_slow_is_closed_and_comes_back(limit):
    async with slow_and_quick() as (topics, slow, sleeper, quick, reader):
        positions = {}

        def note(message):
            positions[number_of(message.data)] = message.position
            return message.data

        await topics.subscribe(slow, "news", transform=note, **limit)
        await topics.subscribe(quick, "news")
        await publish(topics, 0, 200)
        assert topics.subscribers("news") == [quick]
        assert await numbers_to(reader, 199) == list(range(200))
        got = []
        with pytest.raises(websockets.ConnectionClosed) as raised:
            while True:
                got.append(number_of(await sleeper.recv()))
        assert (raised.value.rcvd.code, raised.value.rcvd.reason) == (1013, "too slow")
        assert got == list(range(len(got)))
        async with both_ends({"compression": None}, max_queue=None) as (ws, client):
            await topics.subscribe(ws, "news", since=positions[got[-1]])
            assert await numbers_to(client, 199) == list(range(got[-1] + 1, 200))


async def test_the_oldest_are_dropped():
    async with slow_and_quick() as (topics, slow, sleeper, quick, reader):
        await topics.subscribe(slow, "news", when_slow="drop_oldest", max_messages=20)
        await publish(topics, 0, 200)
        got = await numbers_to(sleeper, 199)
        assert got[-20:] == list(range(180, 200))
        assert got[:-20] == list(range(len(got) - 20))
        await publish(topics, 200, 210)
        assert await numbers_to(sleeper, 209) == list(range(200, 210))


async def test_the_oldest_are_dropped_by_size():
    async with slow_and_quick() as (topics, slow, sleeper, quick, reader):
        await topics.subscribe(slow, "news", when_slow="drop_oldest", max_bytes=50_500)
        await publish(topics, 0, 200)
        assert (await numbers_to(sleeper, 199))[-5:] == list(range(195, 200))


async def test_only_the_latest_is_kept():
    async with slow_and_quick() as (topics, slow, sleeper, quick, reader):
        await topics.subscribe(slow, "news", when_slow="latest_only")
        await publish(topics, 0, 200)
        got = await numbers_to(sleeper, 199)
        assert got[:-1] == list(range(len(got) - 1))
        assert len(got) < 150


async def test_a_message_that_is_larger_than_the_limit_is_sent():
    async with slow_and_quick() as (topics, slow, sleeper, quick, reader):
        await topics.subscribe(slow, "news", max_bytes=10)
        await publish(topics, 0, 1)
        assert await numbers_to(sleeper, 0) == [0]


async def test_who_leaves_while_it_is_behind_gets_no_more():
    async with slow_and_quick() as (topics, slow, sleeper, quick, reader):
        await topics.subscribe(slow, "news", max_bytes=10**7)
        await publish(topics, 0, 200)
        topics.unsubscribe(slow, "news")
        sending = asyncio.ensure_future(slow.send("last"))
        got = []
        while True:
            message = await sleeper.recv()
            if message == "last":
                break
            got.append(number_of(message))
        await sending
        assert got == list(range(len(got))) and len(got) < 150


async def test_who_is_behind_and_lost_leaves():
    async with slow_and_quick() as (topics, slow, sleeper, quick, reader):
        await topics.subscribe(slow, "news", max_bytes=10**7)
        await publish(topics, 0, 200)
        slow.transport.abort()
        await turns(50)
        assert topics.topics() == []


async def test_a_resume_takes_the_time_that_its_reader_takes():
    async with slow_and_quick() as (topics, slow, sleeper, quick, reader):
        await publish(topics, 0, 200)
        # What is past has no limit but the history: only as much is read as can be sent.
        subscribing = asyncio.ensure_future(
            topics.subscribe(slow, "news", since=BEGINNING, max_messages=1)
        )
        await turns(500)
        assert not subscribing.done()
        await publish(topics, 200, 250)
        receiving = asyncio.ensure_future(numbers_to(sleeper, 249))
        await subscribing
        assert await receiving == list(range(250))


async def test_messages_wait_for_one_in_fragments():
    async with slow_and_quick() as (topics, slow, sleeper, quick, reader):
        go_on = asyncio.Event()

        async def fragments():
            yield "in "
            await go_on.wait()
            yield "fragments"

        await topics.subscribe(quick, "news")
        sending = asyncio.ensure_future(quick.send(fragments()))
        await turns()
        await topics.publish("news", "one")
        await topics.publish("news", "two")
        await turns()
        go_on.set()
        await sending
        assert [await reader.recv() for _ in range(3)] == ["in fragments", "one", "two"]


async def test_connections_that_want_to_be_asked_are_served():
    asyncio.get_running_loop().set_debug(True)
    async with slow_and_quick() as (topics, slow, sleeper, quick, reader):
        await topics.subscribe(quick, "news")
        await publish(topics, 0, 20)
        assert await numbers_to(reader, 19) == list(range(20))


# What gets old


async def test_messages_are_forgotten_when_they_are_old():
    async with Topics(max_age=100) as topics:
        since = await topics.publish("news", "old")
        await topics.publish("news", "old, too")
        await asyncio.sleep(60)
        later = await topics.publish("news", "new")
        await asyncio.sleep(60)
        async with topics.listen("news", since=since) as listener:
            assert await listener.__anext__() == Gap("news", since, "history")
            assert (await listener.__anext__()).data == "new"
        await asyncio.sleep(200)
        async with topics.listen("news", since=later) as listener:
            # It has missed nothing.
            await topics.publish("news", "newest")
            assert (await listener.__anext__()).data == "newest"
        await topics.publish("news", "1")
        await asyncio.sleep(300)
        async with topics.listen("news", since=later) as listener:
            assert await listener.__anext__() == Gap("news", later, "history")


async def test_there_may_be_no_history():
    async with Topics(history=0) as topics, both_ends() as (ws, client):
        since = await topics.subscribe(ws, "news")
        await topics.publish("news", "live")
        assert await client.recv() == "live"
        async with topics.listen("news", since=since) as listener:
            assert await listener.__anext__() == Gap("news", since, "history")
