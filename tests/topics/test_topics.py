"""
Topics, wherever their messages are kept: who gets what, in which order, and from where on.
"""

import asyncio
import contextlib
import gc
import json
import tracemalloc

import pytest
from peer import both_ends, turns
from redises import everywhere, topics_in

import websockets
import websockets.asyncio.client
import websockets.asyncio.server
from websockets.topics import BEGINNING, Gap, Message, Topics


@contextlib.asynccontextmanager
async def todays_ends():
    opened = asyncio.Queue()

    async def handler(ws):
        opened.put_nowait(ws)
        await ws.wait_closed()

    async with websockets.asyncio.server.serve(handler, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with websockets.asyncio.client.connect(f"ws://127.0.0.1:{port}") as client:
            yield await opened.get(), client


generations = pytest.mark.parametrize("ends", [both_ends, todays_ends], ids=["8.1", "today"])


async def heard(listener, count):
    return [await listener.__anext__() for _ in range(count)]


@everywhere
@generations
async def test_a_subscriber_gets_what_is_published(place, ends, redis_url):
    async with topics_in(place, redis_url, 2) as (here, there), ends() as (ws, client):
        await here.subscribe(ws, "news")
        await there.publish("news", "text \u20ac")
        await there.publish("news", bytearray(b"binary"))
        await there.publish("other", "not for this one")
        await there.publish("news", memoryview(b"last"))
        assert [await client.recv() for _ in range(3)] == ["text \u20ac", b"binary", b"last"]


@everywhere
async def test_all_get_the_same_order(place, redis_url):
    async with topics_in(place, redis_url, 3) as processes:
        listeners = [topics.listen("room") for topics in processes]
        async with contextlib.AsyncExitStack() as stack:
            for listener in listeners:
                await stack.enter_async_context(listener)
            await asyncio.gather(
                *(
                    topics.publish("room", f"{number} of {index}")
                    for index, topics in enumerate(processes)
                    for number in range(20)
                )
            )
            orders = [await heard(listener, 60) for listener in listeners]
        assert orders[0] == orders[1] == orders[2]
        for index in range(3):
            own = [event.data for event in orders[0] if event.data.endswith(f"of {index}")]
            assert own == [f"{number} of {index}" for number in range(20)]
        assert len({event.id for event in orders[0]}) == 60


@everywhere
@generations
async def test_who_comes_back_gets_what_it_has_missed(place, ends, redis_url):
    async with topics_in(place, redis_url, 2) as (here, there):
        async with ends() as (ws, client):
            since = await here.subscribe(ws, "news")
            await there.publish("news", "0")
            assert await client.recv() == "0"
        positions = [await there.publish("news", str(number)) for number in range(1, 250)]
        async with ends() as (ws, client):
            assert await here.subscribe(ws, "news", since=since) == positions[-1]
            assert [await client.recv() for _ in range(250)] == [str(n) for n in range(250)]
            await there.publish("news", "live")
            assert await client.recv() == "live"
        async with ends() as (ws, client):
            await here.subscribe(ws, "news", since=positions[100])
            assert await client.recv() == "102"


@everywhere
async def test_nothing_is_missing_between_what_is_past_and_what_comes(place, redis_url):
    async with topics_in(place, redis_url, 2, history=10000) as (here, there):
        await there.publish("news", "0")
        publishing = asyncio.ensure_future(publish_many(there, 1, 600))
        for _ in range(5):
            async with both_ends() as (ws, client):
                await here.subscribe(ws, "news", since=BEGINNING)
                for number in range(100):
                    assert await client.recv() == str(number)
        async with both_ends(max_queue=None) as (ws, client):
            await here.subscribe(ws, "news", since=BEGINNING)
            assert [await client.recv() for _ in range(600)] == [str(n) for n in range(600)]
        await publishing


async def publish_many(topics, start, end):
    for number in range(start, end):
        await topics.publish("news", str(number))
        await asyncio.sleep(0)


@everywhere
async def test_the_beginning_is_the_oldest_that_there_is(place, redis_url):
    async with topics_in(place, redis_url) as (topics,), both_ends() as (ws, client):
        await topics.publish("news", "old")
        await topics.subscribe(ws, "news", since=BEGINNING)
        assert await client.recv() == "old"
        async with topics.listen("nothing", since=BEGINNING) as listener:
            await topics.publish("nothing", "first")
            assert (await listener.__anext__()).data == "first"


UNKNOWN = [
    "",
    "0",
    "-",
    "beginning ",
    "abc.1.1",
    "abc.1.999999999999999",
    "x" * 10**6,
    "1.1.1\n",
    5,
]
UNKNOWN += ["\u0661.1.1", "abc.1.99999999999999999999"]


@everywhere
async def test_a_position_that_cannot_be_served_is_a_gap(place, redis_url):
    async with topics_in(place, redis_url) as (topics,):
        await topics.publish("news", "there")
        for since in UNKNOWN:
            async with topics.listen("news", since=since) as listener:
                gap, message = await heard(listener, 2)
                assert (type(gap), gap.topic, gap.reason) == (Gap, "news", "epoch")
                assert (type(message), message.data) == (Message, "there")


@everywhere
async def test_what_is_not_in_the_history_any_more_is_a_gap(place, redis_url):
    async with topics_in(place, redis_url, history=100) as (topics,):
        since = await topics.publish("news", "0")
        for number in range(1, 400):
            await topics.publish("news", str(number))
        async with topics.listen("news", since=since) as listener:
            gap, oldest = await heard(listener, 2)
            assert gap == Gap("news", since, "history")
            assert 100 <= 400 - int(oldest.data) < 300
            async with topics.listen("news", since=BEGINNING) as other:
                assert await other.__anext__() == oldest
            # Who has the last that is gone has missed nothing.
            rest = [event.data async for event in until_data(listener, "399")]
            assert rest == [str(number) for number in range(int(oldest.data) + 1, 400)]


async def until_data(listener, data):
    async for event in listener:
        yield event
        if event.data == data:
            break


@everywhere
@generations
async def test_a_connection_is_told_of_a_gap_and_sent_what_there_is(place, ends, redis_url):
    def failing(gap):
        raise ValueError

    async with topics_in(place, redis_url) as (topics,):
        await topics.publish("news", "first")
        async with ends() as (ws, client):
            await topics.subscribe(ws, "news", since="abc.1.1", gap=lambda gap: gap.reason)
            assert await client.recv() == "epoch"
            assert await client.recv() == "first"
        async with ends() as (ws, client):
            # A program that doesn't say what is told serves whoever comes with whatever.
            await topics.subscribe(ws, "news", since="abc.1.1")
            assert json.loads(await client.recv()) == {"gap": "epoch", "topic": "news"}
            assert await client.recv() == "first"
            await topics.publish("news", "second")
            assert await client.recv() == "second"
        async with ends() as (ws, client):
            with pytest.raises(ConnectionError):
                await topics.subscribe(ws, "news", since="abc.1.1", gap=failing)
            with pytest.raises(websockets.ConnectionClosed) as raised:
                await client.recv()
            assert (raised.value.rcvd.code, raised.value.rcvd.reason) == (
                1013,
                "messages are missing",
            )


@everywhere
async def test_the_history_is_bounded_in_bytes(place, redis_url):
    async with topics_in(place, redis_url, history_bytes=100_000) as (topics,):
        positions = [await topics.publish("news", f"{number:<9999}") for number in range(50)]

        async def what_is_left(since):
            async with topics.listen("news", since=since) as listener:
                last = str(len(positions) - 1)
                return [event async for event in until_text(listener, last)]

        left = await what_is_left(BEGINNING)
        assert [int(event.data) for event in left] == list(range(40, 50))
        gap, *rest = await what_is_left(positions[20])
        assert (gap.reason, rest) == ("history", left)
        assert await what_is_left(positions[39]) == left
        # Small ones count for what they are, and one that is too large leaves nothing.
        for number in range(50, 250):
            positions.append(await topics.publish("news", f"{number:<99}"))
        assert [int(event.data) for event in await what_is_left(BEGINNING)] == [*range(42, 250)]
        async with both_ends() as (ws, client):
            await topics.subscribe(ws, "news")
            since = await topics.publish("news", "x" * 200_000)
            assert await client.recv() == "x" * 200_000
        await topics.publish("news", "y")
        async with topics.listen("news", since=BEGINNING) as listener:
            assert (await listener.__anext__()).data == "y"
        async with topics.listen("news", since=since) as listener:
            assert (await listener.__anext__()).data == "y"


async def until_text(listener, text):
    async for event in listener:
        yield event
        if isinstance(event, Message) and event.data.strip() == text:
            break


@everywhere
async def test_a_function_makes_what_is_sent_once_for_all(place, redis_url):
    made = []

    def transform(message):
        made.append(message)
        return None if message.data == "secret" else f"{message.topic}: {message.data}"

    async with topics_in(place, redis_url) as (topics,):
        async with both_ends() as (ws, client), both_ends() as (other, other_client):
            async with both_ends() as (plain, plain_client):
                await topics.subscribe(ws, "news", transform=transform)
                await topics.subscribe(other, "news", transform=transform)
                await topics.subscribe(plain, "news")
                for data in ("one", "secret", "two"):
                    position = await topics.publish("news", data)
                for peer in (client, other_client):
                    assert [await peer.recv(), await peer.recv()] == ["news: one", "news: two"]
                assert [await plain_client.recv() for _ in range(3)] == ["one", "secret", "two"]
        assert [message.data for message in made] == ["one", "secret", "two"]
        assert made[-1].position == position


@everywhere
async def test_a_function_that_fails_does_not_pass_in_silence(place, redis_url, caplog):
    async with topics_in(place, redis_url) as (topics,), both_ends() as (ws, client):
        await topics.subscribe(ws, "news", transform=lambda message: message.nothing)
        await topics.publish("news", "one")
        with pytest.raises(websockets.ConnectionClosed) as raised:
            await client.recv()
        assert raised.value.rcvd.code == 1011
    assert "AttributeError" in caplog.text


@everywhere
async def test_other_libraries_connections_need_a_function(place, redis_url):
    class Connection:
        def __init__(self):
            self.sent = asyncio.Queue()
            self.closed = asyncio.Queue()

        async def send_text(self, text):
            self.sent.put_nowait(text)

        async def close(self, code):
            self.closed.put_nowait(code)

    connection = Connection()
    async with topics_in(place, redis_url) as (topics,):
        with pytest.raises(TypeError, match="send="):
            await topics.subscribe(connection, "news")
        since = await topics.publish("news", "0")
        await topics.publish("news", "1")
        await topics.subscribe(connection, "news", since=since, send=connection.send_text)
        for number in range(2, 100):
            await topics.publish("news", str(number))
        assert [await connection.sent.get() for _ in range(99)] == [str(n) for n in range(1, 100)]
        assert topics.subscribers("news") == [connection]
        await topics.subscribe(connection, "news", since="-", send=connection.send_text)
        assert json.loads(await connection.sent.get())["gap"] == "epoch"
        with pytest.raises(ConnectionError):
            await topics.subscribe(
                connection, "news", since="-", gap=len, send=connection.send_text
            )
        assert await connection.closed.get() == 1013
        assert topics.topics() == []


@everywhere
async def test_a_function_that_cannot_send_ends_the_subscription(place, redis_url):
    async def send(data):
        raise ConnectionResetError

    async with topics_in(place, redis_url) as (topics,):
        connection = object()
        await topics.subscribe(connection, "news", send=send)
        await topics.publish("news", "lost")
        while topics.topics():
            await asyncio.sleep(0)


@everywhere
async def test_the_last_one_leaves_nothing(place, redis_url):
    async with topics_in(place, redis_url) as (topics,), both_ends() as (ws, client):
        async with both_ends() as (other, other_client):
            for number in range(50):
                await topics.subscribe(ws, f"room {number}")
            await topics.subscribe(other, "room 7")
            assert set(topics.subscribers("room 7")) == {ws, other}
            topics.unsubscribe(ws, "room 7")
            topics.unsubscribe(ws, "room 7")
            assert topics.subscribers("room 7") == [other]
            await topics.publish("room 7", "for the other one")
            assert await other_client.recv() == "for the other one"
            topics.unsubscribe(ws)
            topics.unsubscribe(ws)
            assert topics.topics() == ["room 7"]
            topics.unsubscribe(other)
            assert topics.topics() == topics.subscribers("room 7") == []
        await topics.subscribe(ws, "room 8")
        await topics.publish("room 8", "again")
        assert await client.recv() == "again"


@everywhere
@generations
async def test_a_connection_that_is_gone_has_left_its_topics(place, ends, redis_url):
    async with topics_in(place, redis_url) as (topics,):
        gc.collect()
        gc.disable()
        try:
            async with ends() as (ws, client):
                await topics.subscribe(ws, "news")
                await topics.subscribe(ws, "sports")
                assert topics.topics() == ["news", "sports"]
            del ws, client
            await turns(20)
            assert topics.topics() == []
        finally:
            gc.enable()


@everywhere
async def test_a_connection_that_is_closed_leaves_with_the_next_message(place, redis_url):
    async with topics_in(place, redis_url) as (topics,):
        async with both_ends() as (ws, client):
            await topics.subscribe(ws, "news")
            await topics.subscribe(ws, "sports")
        await topics.publish("news", "nobody gets it")
        while topics.topics():
            await asyncio.sleep(0)
        with pytest.raises(ConnectionError):
            await topics.subscribe(ws, "news", since=BEGINNING)


@everywhere
async def test_to_subscribe_again_is_to_begin_anew(place, redis_url):
    async with topics_in(place, redis_url) as (topics,), both_ends() as (ws, client):
        await topics.subscribe(ws, "news")
        await topics.publish("news", "once")
        await topics.subscribe(ws, "news", transform=lambda message: message.data.upper())
        await topics.publish("news", "twice")
        assert [await client.recv(), await client.recv()] == ["once", "TWICE"]
        await asyncio.gather(*(topics.subscribe(ws, "new") for _ in range(3)))
        await topics.publish("new", "one")
        await topics.publish("new", "two")
        assert [await client.recv(), await client.recv()] == ["one", "two"]
        topics.unsubscribe(ws)
        assert topics.topics() == []


@everywhere
async def test_a_listener_that_is_left_leaves_the_topic(place, redis_url):
    async with topics_in(place, redis_url) as (topics,):
        await topics.publish("news", "one")
        async for event in topics.listen("news", since=BEGINNING):
            assert event.data == "one"
            assert topics.topics() == ["news"]
            break
        gc.collect()
        assert topics.topics() == []
        listener = topics.listen("news")
        async with listener:
            asyncio.get_running_loop().call_soon(listener.close)
            assert [event async for event in listener] == []


@everywhere
async def test_a_slow_listener_goes_on_from_the_history(place, redis_url):
    async with topics_in(place, redis_url, history=5000) as (topics,):
        async with topics.listen("news") as listener:
            for number in range(2500):
                await topics.publish("news", str(number))
            events = await heard(listener, 2500)
            assert [event.data for event in events] == [str(number) for number in range(2500)]
            await topics.publish("news", "live")
            assert (await listener.__anext__()).data == "live"


async def test_messages_are_text_or_bytes():
    async with Topics() as topics:
        for message in (None, 5, ["text"], {"text": 1}):
            with pytest.raises(TypeError):
                await topics.publish("news", message)


def test_arguments_are_checked():
    for options in ({"history": -1}, {"max_age": 0}, {"timeout": 0}, {"patience": -1}):
        with pytest.raises(ValueError):
            Topics(**options)


async def test_policies_are_checked():
    async with Topics() as topics, both_ends() as (ws, _):
        with pytest.raises(ValueError, match="when_slow"):
            await topics.subscribe(ws, "news", when_slow="wait")


@everywhere
async def test_a_topic_takes_less_than_2_kib(place, redis_url):
    class Connection:
        """One that is never sent anything."""

        _ws_stream = None

    connections = [Connection() for _ in range(1000)]
    async with topics_in(place, redis_url) as (topics,):
        # What is needed once is there.
        await topics.subscribe(connections[0], "first")
        gc.collect()
        tracemalloc.start()
        await asyncio.gather(
            *(topics.subscribe(one, f"user {n}") for n, one in enumerate(connections))
        )
        await turns(20)
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert size / len(connections) < 2048
