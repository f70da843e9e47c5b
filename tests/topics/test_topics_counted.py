"""
What is counted of topics: what is published, passed on, dropped and missing, and how late that is.
"""

import asyncio

import pytest
from counted import Growth
from peer import both_ends, until
from redises import everywhere, network, redis_server, topics_in

from websockets.topics import BEGINNING, Topics, Unavailable


@everywhere
async def test_messages_are_counted_once_and_for_each_subscriber(place, redis_url):
    async with topics_in(place, redis_url) as [topics]:
        async with both_ends() as (one, at_one), both_ends() as (two, at_two):
            growth = Growth()
            for connection in (one, two):
                await topics.subscribe(connection, "news")
            assert growth.of("topics") == {"": 1}
            assert growth.of("topics_subscribers") == {"": 2}
            for number in range(3):
                await topics.publish("news", str(number))
            await topics.publish("nobody's", "x")
            for client in (at_one, at_two):
                for _ in range(3):
                    await client.recv()
            assert growth.of("topics_published") == {"": 4}
            assert growth.of("topics_received") == {"": 3}
            assert growth.of("topics_delivered") == {"": 6}
            topics.unsubscribe(one)
            topics.unsubscribe(two)
            assert growth.of("topics") == growth.of("topics_subscribers") == {}
            assert growth.of("topics_gaps") == {}


@everywhere
async def test_what_comes_from_the_history_counts_as_well(place, redis_url):
    async with topics_in(place, redis_url) as [topics]:
        for number in range(3):
            await topics.publish("news", str(number))
        growth = Growth()
        async with both_ends() as (connection, client):
            await topics.subscribe(connection, "news", since=BEGINNING)
            assert growth.of("topics_delivered") == {"": 3}
            await topics.subscribe(connection, "news", since="nothing", gap=lambda gap: gap.reason)
            assert growth.of("topics_gaps") == {"epoch": 1}
            assert growth.of("topics_delivered") == {"": 6}
            topics.unsubscribe(connection)
        async with topics.listen("news", since=BEGINNING) as listener:
            await listener.__anext__()
            assert growth.of("topics_subscribers") == {"": 1}
            assert growth.of("topics_delivered") == {"": 9}


@pytest.mark.given_clock
@pytest.mark.parametrize("when_slow", ["close", "drop_oldest", "latest_only"])
async def test_what_is_dropped_for_the_slow_is_counted(when_slow):
    options = {"compression": None, "ping_interval": None}
    async with Topics() as topics, both_ends(options, max_queue=1, **options) as (slow, sleeper):
        growth = Growth()
        got = []

        def note(message):
            got.append(message)
            return message.data

        await topics.subscribe(slow, "news", when_slow=when_slow, max_messages=10, transform=note)
        for _ in range(300):
            await topics.publish("news", "x" * 10_000)
            await asyncio.sleep(0.001)
        dropped, closed = growth.of("topics_dropped"), growth.of("topics_too_slow")
        if when_slow == "close":
            assert dropped == {}
            assert closed == {"": 1}
            return
        assert closed == {}
        arrived = 0
        await topics.publish("news", "the end")
        while await sleeper.recv() != "the end":
            arrived += 1
        assert growth.of("topics_dropped") == {"": 300 - arrived}


async def test_while_redis_is_away_its_silence_grows_and_what_waits_is_counted(tmp_path):
    async with redis_server(tmp_path) as redis, network(redis.port) as net:
        async with Topics(net.url, timeout=5.0) as topics:
            async with both_ends() as (connection, client):
                await topics.subscribe(connection, "news")
                growth = Growth()
                assert topics.state()["behind"] == 0
                assert topics.state()["lag"] < 5
                net.open = False
                net.cut()
                publishing = asyncio.ensure_future(topics.publish("news", "late"))
                await until(lambda: growth.of("topics_waiting") == {"": 1})
                await until(lambda: growth.of("topics_behind") == {"": 1})
                before = topics.state()["lag"]
                await until(lambda: topics.state()["lag"] > before)
                with pytest.raises(Unavailable):
                    await topics.publish("news", "too late", patience=0)
                assert growth.of("topics_unpublished") == {"": 1}
                assert growth.of("topics_reconnects") == {}
                net.open = True
                await publishing
                assert await client.recv() == "late"
                await until(lambda: growth.of("topics_reconnects") == {"": 1})
                assert growth.of("topics_waiting") == growth.of("topics_behind") == {}


async def test_topics_that_are_gone_are_in_no_number(redis_url):
    growth = Growth()
    async with Topics(redis_url, prefix="gone") as topics:
        async with topics.listen("news"):
            assert growth.of("topics") == {"": 1}
    assert growth.of("topics") == {}
    del topics
    assert growth.of("topics") == {}
