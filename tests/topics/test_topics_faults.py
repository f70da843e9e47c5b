"""
Topics on Redis when something breaks: processes, the network, Redis itself and its data.
"""

import asyncio
import contextlib
import json
import signal
import sys

import pytest
from peer import both_ends
from programs import DEADLINE, line_with, started
from proxy import lose_all, reset
from redises import Redis, network, redis_server

import websockets
from websockets.topics import BEGINNING, Gap, Topics, Unavailable

# redis leaves connections that break to the garbage collector, now and then.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

IMPATIENT = {"timeout": 1.0, "patience": 50}  # seconds


async def data_of(listener, count):
    events = [await listener.__anext__() for _ in range(count)]
    assert not [event for event in events if isinstance(event, Gap)]
    return [event.data for event in events]


def numbers(start, end):
    return [str(number) for number in range(start, end)]


# The network


@pytest.mark.one_loop
@pytest.mark.parametrize("after", [1, 40, 60, 90, 150, 200, 250, 300, 333, 400, 500, 777])
@pytest.mark.parametrize("fault", [reset, lose_all], ids=["reset", "stall"])
async def test_a_subscriber_gets_all_though_its_network_breaks(fault, after, redis_url):
    port = int(redis_url.rpartition(":")[2])
    prefix = f"{fault.__name__} {after} at"
    async with network(port) as net, Topics(redis_url, prefix=prefix) as publisher:
        async with Topics(net.url, prefix=prefix, **IMPATIENT) as topics:
            async with topics.listen("news") as listener:
                for _, down in net.links:
                    down.after, down.fault = after, fault
                for number in range(30):
                    await publisher.publish("news", str(number))
                assert await data_of(listener, 30) == numbers(0, 30)
                # It is heard of live again, after whatever was read from the history.
                await publisher.publish("news", "30")
                assert await data_of(listener, 1) == ["30"]


@pytest.mark.one_loop
@pytest.mark.parametrize("direction", ["to Redis", "from Redis"])
@pytest.mark.parametrize("after", [1, 50, 200, 400, 800, 1200, 2000])
async def test_a_message_is_published_once_though_the_network_breaks(after, direction, redis_url):
    port = int(redis_url.rpartition(":")[2])
    prefix = f"once {direction} {after}"
    async with network(port) as net, Topics(redis_url, prefix=prefix) as other:
        async with Topics(net.url, prefix=prefix, **IMPATIENT) as topics:
            await topics.publish("news", "0")
            for up, down in net.links:
                way = up if direction == "to Redis" else down
                way.after, way.fault = after, reset
            positions = [await topics.publish("news", str(number)) for number in range(1, 30)]
            async with other.listen("news", since=BEGINNING) as listener:
                assert await data_of(listener, 30) == numbers(0, 30)
            async with other.listen("news", since=positions[9]) as listener:
                assert await data_of(listener, 19) == numbers(11, 30)


@pytest.mark.one_loop
async def test_what_is_published_together_keeps_its_order_though_the_network_breaks(redis_url):
    port = int(redis_url.rpartition(":")[2])
    async with network(port) as net, Topics(redis_url, prefix="order") as other:
        async with Topics(net.url, prefix="order", **IMPATIENT) as topics:
            await topics.publish("news", "0")
            for _, down in net.links:
                down.after, down.fault = 3000, reset
            await asyncio.gather(*(topics.publish("news", str(n)) for n in range(1, 500)))
            async with other.listen("news", since=BEGINNING) as listener:
                assert await data_of(listener, 500) == numbers(0, 500)


async def test_without_redis_a_publisher_waits_or_is_told(redis_url):
    port = int(redis_url.rpartition(":")[2])
    async with network(port) as net, Topics(net.url, prefix="waits", **IMPATIENT) as topics:
        net.open = False
        net.cut()
        with pytest.raises(Unavailable):
            await topics.publish("news", "lost", patience=0)
        with pytest.raises(ConnectionError):
            await topics.publish("news", "lost", patience=0.1)
        publishing = asyncio.ensure_future(topics.publish("news", "waited"))
        cancelled = asyncio.ensure_future(topics.publish("news", "cancelled"))
        await asyncio.wait([cancelled], timeout=0)
        cancelled.cancel()
        net.open = True
        await publishing
        async with topics.listen("news", since=BEGINNING) as listener:
            assert "waited" in await data_of(listener, 1)


async def test_without_redis_a_subscriber_is_told():
    async with both_ends() as (ws, _):
        async with Topics("redis://127.0.0.1:1", timeout=0.1, patience=0.1) as topics:
            with pytest.raises(Unavailable):
                await topics.subscribe(ws, "news")
            with pytest.raises(Unavailable):
                await topics.publish("news", "lost")
            assert topics.topics() == []


async def test_a_server_that_never_answers_is_not_waited_for():
    async def hold(reader, writer):
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with Topics(url, timeout=0.1, patience=0.1) as topics:
        with pytest.raises(Unavailable):
            await topics.publish("news", "lost")
        with pytest.raises(Unavailable):
            await topics.listen("news").__anext__()
    server.close()
    await server.wait_closed()


async def test_a_client_that_waits_for_ever_is_not_waited_for():
    from redis.asyncio import Redis as Client

    async def hold(reader, writer):
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    async with Client(port=server.sockets[0].getsockname()[1], socket_timeout=None) as client:
        async with Topics(client, timeout=0.1, patience=0.1) as topics:
            with pytest.raises(Unavailable):
                await topics.publish("news", "lost")
            with pytest.raises(Unavailable):
                await topics.listen("news").__anext__()
    server.close()
    await server.wait_closed()


async def test_redis_may_come_later(tmp_path):
    server = Redis(tmp_path)
    async with Topics(server.url, **IMPATIENT) as topics:
        publishing = asyncio.ensure_future(topics.publish("news", "early"))
        listening = asyncio.ensure_future(topics.listen("news", since=BEGINNING).__anext__())
        await server.start()
        try:
            await publishing
            assert (await listening).data == "early"
        finally:
            await server.kill()


@pytest.mark.one_loop
async def test_who_has_read_ahead_gets_nothing_twice(redis_url):
    port = int(redis_url.rpartition(":")[2])
    async with network(port) as net, Topics(redis_url, prefix="ahead") as publisher:
        async with Topics(net.url, prefix="ahead") as topics, topics.listen("news") as other:
            since = await publisher.publish("news", "0")
            assert await data_of(other, 1) == ["0"]
            # What Redis tells by itself is late; that connection was the first.
            _, told = net.links[0]
            told.transport.pause_reading()
            for number in range(1, 6):
                await publisher.publish("news", str(number))
            async with both_ends() as (ws, client):
                await topics.subscribe(ws, "news", since=since)
                async with topics.listen("news", since=since) as listener:
                    assert await data_of(listener, 5) == numbers(1, 6)
                    told.transport.resume_reading()
                    await publisher.publish("news", "6")
                    assert await data_of(listener, 1) == ["6"]
                    assert await data_of(other, 6) == numbers(1, 7)
                    assert [await client.recv() for _ in range(6)] == numbers(1, 7)


async def test_what_was_not_heard_is_read_when_the_next_comes(tmp_path):
    async with redis_server(tmp_path) as server, Topics(server.url, **IMPATIENT) as topics:
        async with topics.listen("news") as listener:
            await topics.publish("news", "0")
            assert await data_of(listener, 1) == ["0"]
            # The same message again, as if the one who published it hadn't told.
            log = "{websockets:news}:log"
            entries = await server.command("XRANGE", log, "-", "+")
            time = entries[-1][0].split(b"-")[0].decode()
            await server.command("XADD", log, f"{time}-2", "m", entries[-1][1][b"m"])
            await server.command("HSET", "{websockets:news}:state", "number", 2)
            await topics.publish("news", "1")
            assert await data_of(listener, 2) == ["0", "1"]


# Redis


@pytest.mark.one_loop
async def test_a_restart_of_redis_with_its_data_loses_nothing(tmp_path):
    async with redis_server(tmp_path) as server, Topics(server.url, **IMPATIENT) as topics:
        async with topics.listen("news") as listener, both_ends() as (ws, client):
            await topics.subscribe(ws, "news")
            since = await topics.publish("news", "0")
            for number in range(1, 20):
                if number % 5 == 0:
                    await server.kill()
                publishing = asyncio.ensure_future(topics.publish("news", str(number)))
                if number % 5 == 0:
                    await asyncio.wait([publishing], timeout=0)
                    await server.start()
                await publishing
            assert await data_of(listener, 20) == numbers(0, 20)
            assert [await client.recv() for _ in range(20)] == numbers(0, 20)
        async with topics.listen("news", since=since) as listener:
            assert await data_of(listener, 19) == numbers(1, 20)


@pytest.mark.one_loop
async def test_a_restart_of_redis_without_its_data_is_a_gap(tmp_path):
    async with redis_server(tmp_path) as server, Topics(server.url, **IMPATIENT) as topics:
        async with topics.listen("news") as listener, both_ends() as (ws, client):
            await topics.subscribe(ws, "news", gap=lambda gap: f"gap: {gap.reason}")
            since = await topics.publish("news", "before")
            assert await data_of(listener, 1) == ["before"]
            await server.kill()
            server.forget()
            await server.start()
            await topics.publish("news", "after")
            assert await listener.__anext__() == Gap("news", since, "epoch")
            assert await data_of(listener, 1) == ["after"]
            assert [await client.recv() for _ in range(3)] == ["before", "gap: epoch", "after"]
            await topics.publish("news", "live")
            assert await client.recv() == "live"
        async with topics.listen("news", since=since) as listener:
            assert await listener.__anext__() == Gap("news", since, "epoch")


async def test_who_hears_of_all_has_no_gap_though_redis_is_emptied(tmp_path):
    async with redis_server(tmp_path) as server, Topics(server.url, **IMPATIENT) as topics:
        async with topics.listen("news") as listener:
            since = await topics.publish("news", "before")
            await server.command("FLUSHALL")
            await topics.publish("news", "after")
            await topics.publish("news", "after that")
            assert await data_of(listener, 3) == ["before", "after", "after that"]
            async with topics.listen("news", since=since) as other:
                assert await other.__anext__() == Gap("news", since, "epoch")
                assert await data_of(other, 2) == ["after", "after that"]


async def test_data_from_before_are_a_gap(tmp_path):
    # Redis was restored from a copy that is older than what subscribers have.
    async with redis_server(tmp_path) as server, Topics(server.url, **IMPATIENT) as topics:
        await topics.publish("news", "kept")
        keys = sorted(await server.command("KEYS", "*"))
        copies = {key: await server.command("DUMP", key) for key in keys}
        since = await topics.publish("news", "lost")
        for key, copy in copies.items():
            await server.command("RESTORE", key, 0, copy, "REPLACE")
        async with topics.listen("news", since=since) as listener:
            assert await listener.__anext__() == Gap("news", since, "epoch")
        await topics.publish("news", "new")
        await topics.publish("news", "newer")
        async with topics.listen("news", since=since) as listener:
            assert await listener.__anext__() == Gap("news", since, "epoch")
            assert await data_of(listener, 2) == ["new", "newer"]


async def test_a_clock_that_goes_back_does_not_matter(tmp_path):
    # What a process's clock says matters nowhere; Redis's own may be another's after a failover.
    async with redis_server(tmp_path) as server, Topics(server.url, **IMPATIENT) as topics:
        since = await topics.publish("news", "0")
        await server.command("HSET", "{websockets:news}:state", "time", 10**13)
        async with topics.listen("news") as live:
            for number in range(1, 5):
                await topics.publish("news", str(number))
            assert await data_of(live, 4) == numbers(1, 5)
        async with topics.listen("news", since=since) as listener:
            assert await data_of(listener, 4) == numbers(1, 5)


async def test_scripts_that_redis_has_forgotten_are_loaded_again(tmp_path):
    async with redis_server(tmp_path) as server, Topics(server.url, **IMPATIENT) as topics:
        for number in range(3):
            await topics.publish("news", str(number))
            await server.command("SCRIPT", "FLUSH")
        async with topics.listen("news", since=BEGINNING) as listener:
            assert await data_of(listener, 3) == numbers(0, 3)


async def test_what_redis_refuses_is_told(tmp_path):
    import redis.exceptions

    async with redis_server(tmp_path) as server, Topics(server.url, **IMPATIENT) as topics:
        await server.command("SET", "{websockets:news}:state", "something else")
        with pytest.raises(redis.exceptions.ResponseError):
            await topics.publish("news", "lost")
        await topics.publish("sports", "not lost")


async def test_idle_topics_leave_redis(tmp_path):
    async with redis_server(tmp_path) as server:
        async with Topics(server.url, max_age=100, **IMPATIENT) as topics:
            await topics.publish("news", "0")
            log = await server.command("PTTL", "{websockets:news}:log")
            state = await server.command("PTTL", "{websockets:news}:state")
            assert 0 < log <= 100_000 and 0 < state <= 86_500_000


# Processes

SERVER = """
import asyncio, json, sys
import websockets
from websockets.topics import BEGINNING, Topics

def event(message):
    return json.dumps([message.position, message.data])

async def main(url):
    async with Topics(url) as topics:
        async def handler(ws):
            await topics.subscribe(ws, "news", since=await ws.recv() or None, transform=event)
            async for data in ws:
                await topics.publish("news", data)

        async with websockets.serve(handler, "127.0.0.1", 0) as server:
            print("port", server.sockets[0].getsockname()[1], flush=True)
            await server.serve_forever()

asyncio.run(main(sys.argv[1]))
"""


@contextlib.asynccontextmanager
async def server_process(url):
    async with started(sys.executable, "-c", SERVER, url) as process:
        line = await line_with(process.stdout, "port")
        yield process, f"ws://127.0.0.1:{line.split()[1]}"


@pytest.mark.one_loop
async def test_a_page_misses_nothing_though_servers_are_killed(redis_url):
    async with contextlib.AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(server_process(redis_url)) for _ in range(2)]
        topics = await stack.enter_async_context(Topics(redis_url))
        since, got, published = "", [], 0
        for round_number in range(4):
            process, uri = servers[round_number % 2]
            async with websockets.connect(uri) as page:
                await page.send(since)
                if not since:
                    # It is subscribed once it gets what it says itself.
                    await page.send("-1")
                    since, _ = json.loads(await page.recv())
                for _ in range(20):
                    await topics.publish("news", str(published))
                    published += 1
                for _ in range(10):
                    since, data = json.loads(await page.recv())
                    got.append(data)
                process.send_signal(signal.SIGKILL)
                await asyncio.wait_for(process.wait(), DEADLINE)
                with contextlib.suppress(websockets.ConnectionClosed):
                    async for event in page:
                        since, data = json.loads(event)
                        got.append(data)
            again = await stack.enter_async_context(server_process(redis_url))
            servers[round_number % 2] = again
            assert got == numbers(0, len(got))
        async with websockets.connect(servers[0][1]) as page:
            await page.send(since)
            while len(got) < published:
                got.append(json.loads(await page.recv())[1])
        assert got == numbers(0, published)


PUBLISHER = """
import asyncio, itertools, sys
from websockets.topics import Topics

async def main(url):
    async with Topics(url, prefix="dies") as topics:
        for number in itertools.count():
            await topics.publish("news", str(number) + " " + "x" * 5000)
            print(number, flush=True)

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.one_loop
async def test_a_publisher_that_dies_leaves_whole_messages(redis_url):
    async with Topics(redis_url, prefix="dies") as topics, topics.listen("news") as listener:
        async with started(sys.executable, "-c", PUBLISHER, redis_url) as process:
            await line_with(process.stdout, "50")
            process.send_signal(signal.SIGKILL)
            out, _ = await process.communicate()
        said = int(out.split()[-1]) if out.split() else 50
        async with topics.listen("news", since=BEGINNING) as history:
            events = [await history.__anext__() for _ in range(said + 1)]
        live = [await listener.__anext__() for _ in range(said + 1)]
        assert live == events
        for number, event in enumerate(events):
            assert event.data == f"{number} " + "x" * 5000
        await topics.publish("news", "goes on")


async def test_processes_that_start_at_once_agree(tmp_path):
    async with redis_server(tmp_path) as server, contextlib.AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(Topics(server.url, **IMPATIENT)) for _ in range(4)
        ]
        listeners = [topics.listen("news") for topics in processes]
        await asyncio.gather(*(listener.__aenter__() for listener in listeners))
        await asyncio.gather(*(t.publish("news", str(n)) for n, t in enumerate(processes)))
        orders = [await data_of(listener, 4) for listener in listeners]
        assert all(order == orders[0] for order in orders)
        assert sorted(orders[0]) == numbers(0, 4)
        for listener in listeners:
            listener.close()


# What redis is needed for


def test_without_the_package_redis_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ImportError, match=r"cywebsockets\[redis\]"):
        Topics("redis://127.0.0.1")
    Topics()


async def test_a_client_of_the_program_is_used_and_left_open(redis_url):
    from redis.asyncio import Redis as Client

    port = int(redis_url.rpartition(":")[2])
    async with Client(port=port) as client:
        for _ in range(2):
            async with Topics(client, prefix="own") as topics, topics.listen("news") as listener:
                await topics.publish("news", "0")
                assert await data_of(listener, 1) == ["0"]
        assert await client.ping()
    with pytest.raises(ValueError, match="decode_responses"):
        Topics(Client(port=port, decode_responses=True))
