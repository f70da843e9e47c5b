"""
Who is there: who comes and goes, in all processes, and who is gone because a process is.
"""

import asyncio
import contextlib
import json
import signal
import sys

import pytest
from peer import both_ends
from programs import line_with, started
from redises import everywhere, redis_server, topics_in

from websockets.topics import Topics, presence_of

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


async def change(listener):
    return json.loads((await listener.__anext__()).data)


@everywhere
async def test_who_comes_and_goes_is_told(place, redis_url):
    async with topics_in(place, redis_url, 2) as (here, there):
        async with here.listen(presence_of("room")) as listener:
            assert await here.present("room") == []
            async with here.attend("room", "Ada"):
                assert await change(listener) == {"joined": "Ada"}
                async with there.attend("room", "Grace H. \u20ac\n"), there.attend("other", "Ada"):
                    assert await change(listener) == {"joined": "Grace H. \u20ac\n"}
                    assert sorted(await here.present("room")) == ["Ada", "Grace H. \u20ac\n"]
                    assert sorted(await there.present("room")) == ["Ada", "Grace H. \u20ac\n"]
                assert await change(listener) == {"left": "Grace H. \u20ac\n"}
                assert await there.present("room") == ["Ada"]
            assert await change(listener) == {"left": "Ada"}
        assert await there.present("room") == await there.present("other") == []


@everywhere
async def test_somebody_may_be_there_several_times(place, redis_url):
    async with topics_in(place, redis_url, 2) as (here, there):
        async with here.listen(presence_of("room")) as listener:
            async with contextlib.AsyncExitStack() as stack:
                for topics in (here, there, there):
                    await stack.enter_async_context(topics.attend("room", "Ada"))
                assert await here.present("room") == ["Ada"]
            async with here.attend("room", "Grace"):
                pass
            changes = [await change(listener) for _ in range(4)]
        assert changes == [
            {"joined": "Ada"},
            {"left": "Ada"},
            {"joined": "Grace"},
            {"left": "Grace"},
        ]


@everywhere
async def test_connections_are_told(place, redis_url):
    async with topics_in(place, redis_url) as (topics,), both_ends() as (ws, client):
        await topics.subscribe(ws, presence_of("room"))
        async with topics.attend("room", "Ada"):
            assert json.loads(await client.recv()) == {"joined": "Ada"}


async def test_who_stays_is_still_there_later(redis_url):
    async with Topics(redis_url, prefix="stays", presence_ttl=0.5) as topics:
        async with topics.attend("room", "Ada"), topics.listen(presence_of("room")) as listener:
            # Somebody else's time runs out meanwhile.
            await topics.log.attend(presence_of("room"), "there", ["x-1 Grace"], 1.0)
            await until_change(listener, {"joined": "Grace"})
            await until_change(listener, {"left": "Grace"})
            await until_present(topics, ["Ada"])


# A machine that is too busy to say in time that somebody is there says it a moment later.


async def until_change(listener, expected):
    while await change(listener) != expected:
        pass


async def until_present(topics, expected):
    while await topics.present("room") != expected:
        pass


ATTENDING = """
import asyncio, sys
from websockets.topics import Topics

async def main(url):
    async with Topics(url, prefix="killed", presence_ttl=1.0) as topics:
        async with topics.attend("room", "Grace"):
            print("there", flush=True)
            await asyncio.sleep(1000)

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.one_loop
async def test_those_of_a_process_that_is_killed_are_gone_in_time(redis_url):
    async with Topics(redis_url, prefix="killed", presence_ttl=1.0) as topics:
        async with topics.attend("room", "Ada"), topics.listen(presence_of("room")) as listener:
            async with started(sys.executable, "-c", ATTENDING, redis_url) as process:
                await line_with(process.stdout, "there")
                await until_change(listener, {"joined": "Grace"})
                process.send_signal(signal.SIGKILL)
                await until_change(listener, {"left": "Grace"})
            await until_present(topics, ["Ada"])


@pytest.mark.one_loop
async def test_who_is_there_is_known_again_after_a_restart_of_redis(tmp_path):
    async with redis_server(tmp_path) as server:
        async with Topics(server.url, presence_ttl=0.5, timeout=1.0) as topics:
            async with topics.attend("room", "Ada"), topics.listen("presence:room") as listener:
                await server.kill()
                server.forget()
                asking = asyncio.ensure_future(topics.present("room"))
                await server.start()
                await asking
                while not hasattr(await listener.__anext__(), "data"):
                    pass
                await until_present(topics, ["Ada"])
