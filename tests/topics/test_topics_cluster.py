"""
Topics on a Redis Cluster: messages come from all of its nodes, whichever a process listens to.
"""

import asyncio
import contextlib

import pytest
from clusters import redis_cluster
from peer import both_ends

from websockets.topics import BEGINNING, Gap, Message, Topics

ROOMS = [f"room {number}" for number in range(12)]  # on all nodes


async def heard(listener, count):
    return [await asyncio.wait_for(listener.__anext__(), 20) for _ in range(count)]


def data_of(events):
    return [event.data if isinstance(event, Message) else event.reason for event in events]


@contextlib.asynccontextmanager
async def processes(cluster, count=2, **options):
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(Topics(cluster.url, **options)) for _ in range(count)
        ]


async def test_topics_of_all_nodes_reach_all_processes(tmp_path):
    async with redis_cluster(tmp_path) as cluster, processes(cluster, 3) as [here, there, third]:
        listeners = {room: here.listen(room) for room in ROOMS}
        async with contextlib.AsyncExitStack() as stack:
            for listener in listeners.values():
                await stack.enter_async_context(listener)
            await asyncio.gather(
                *(
                    topics.publish(room, f"{room}, {number}")
                    for number in range(5)
                    for topics in (there, third)
                    for room in ROOMS
                )
            )
            for room, listener in listeners.items():
                got = data_of(await heard(listener, 10))
                assert sorted(got) == sorted(2 * [f"{room}, {number}" for number in range(5)])
        # Nodes know scripts, messages and who is there each for itself.
        async with third.attend("room 0", "Ada"), there.attend("room 1", "Bob"):
            assert await here.present("room 0") == ["Ada"]
            assert await here.present("room 1") == ["Bob"]
        async with both_ends() as (connection, client):
            await here.subscribe(connection, "room 3", since=BEGINNING)
            assert [await client.recv() for _ in range(10)] == got_of(
                await history(there, "room 3")
            )
        await all_scripts_forgotten(cluster)
        assert await there.publish("room 3", "once more")


def got_of(events):
    return [event.data for event in events]


async def history(topics, room):
    async with topics.listen(room, since=BEGINNING) as listener:
        return await heard(listener, 10)


async def all_scripts_forgotten(cluster):
    for node in cluster.nodes:
        await node.command("SCRIPT", "FLUSH")


async def test_a_client_of_a_cluster_may_be_given(tmp_path):
    from redis.asyncio import RedisCluster

    async with redis_cluster(tmp_path) as cluster:
        async with RedisCluster(host="127.0.0.1", port=cluster.nodes[1].port) as client:
            async with Topics(client) as topics, topics.listen("room") as listener:
                await topics.publish("room", "x")
                assert data_of(await heard(listener, 1)) == ["x"]
            assert await client.ping()  # It is still the program's.


async def test_a_node_that_dies_and_comes_back_with_its_data_loses_nothing(tmp_path):
    async with redis_cluster(tmp_path) as cluster:
        async with processes(cluster, timeout=1.0, patience=60.0) as [here, there]:
            async with contextlib.AsyncExitStack() as stack:
                listeners = [await stack.enter_async_context(here.listen(room)) for room in ROOMS]
                for room in ROOMS:
                    await there.publish(room, "before")
                await cluster.nodes[1].kill()
                publishing = [
                    asyncio.ensure_future(there.publish(room, "meanwhile")) for room in ROOMS
                ]
                # Topics of the other nodes go on.
                await asyncio.wait(publishing, return_when=asyncio.FIRST_COMPLETED)
                await cluster.nodes[1].start()
                await asyncio.gather(*publishing)
                for room in ROOMS:
                    await there.publish(room, "after")
                for listener in listeners:
                    assert data_of(await heard(listener, 3)) == ["before", "meanwhile", "after"]


async def test_a_topic_that_moves_to_another_node_goes_on(tmp_path):
    async with redis_cluster(tmp_path) as cluster:
        async with processes(cluster) as [here, there], here.listen("room") as listener:
            await there.publish("room", "before")
            slot = await cluster.nodes[0].command("CLUSTER", "KEYSLOT", "{websockets:room}:log")
            await cluster.move(slot, cluster.node_of(slot))
            await there.publish("room", "after")
            events = await heard(listener, 2)
            assert data_of(events) == ["before", "after"]
            async with there.listen("room", since=events[0].position) as late:
                assert data_of(await heard(late, 1)) == ["after"]


async def test_what_nodes_lose_on_the_way_to_each_other_is_found_in_the_log(tmp_path):
    async with redis_cluster(tmp_path) as cluster:
        async with processes(cluster, timeout=1.0) as [here, there]:
            async with contextlib.AsyncExitStack() as stack:
                listeners = [await stack.enter_async_context(here.listen(room)) for room in ROOMS]
                for node in cluster.nodes:
                    # They don't tell each other what is published: that is the number of it.
                    await node.command("DEBUG", "DROP-CLUSTER-PACKET-FILTER", 4)
                await asyncio.gather(*(there.publish(room, "the last") for room in ROOMS))
                for listener in listeners:
                    assert data_of(await heard(listener, 1)) == ["the last"]


async def test_a_cluster_that_has_lost_its_data_is_told_as_a_gap(tmp_path):
    async with redis_cluster(tmp_path) as cluster, processes(cluster) as [here, there]:
        position = await there.publish("room", "x")
        for node in cluster.nodes:
            await node.command("FLUSHALL")
        await there.publish("room", "y")
        async with here.listen("room", since=position) as listener:
            gap, message = await heard(listener, 2)
            assert isinstance(gap, Gap) and gap.reason == "epoch"
            assert message.data == "y"


def test_the_url_of_a_cluster_needs_its_package():
    pytest.importorskip("redis.asyncio")
    Topics("redis+cluster://localhost")
