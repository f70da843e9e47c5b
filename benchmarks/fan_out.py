"""
What is measured of topics: fan-out, latency, and many of them, through Redis and without it.

Owns the servers (servers/fan_out.py), Redis, and whoever publishes. Each function is one trial; who
is compared, and how results are shown, is in topics.py. Publisher and receivers share this process
and its clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import subprocess
import tempfile
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Optional

from .crowd import FRAME, QUIET, SIZE, Crowd

SERVER = Path(__file__).parent / "servers" / "fan_out.py"
TOPIC = "fan_out"
MESSAGE = "x" * SIZE
BURST, WARM = 20, 3  # messages in a burst; bursts before it counts
AT_A_TIME = 50  # connections that are opened where each has a topic of its own
BATCH = 500  # topics that are published to at a time
TICKS = os.sysconf("SC_CLK_TCK")
OF_THEIR_OWN = ("broadcast", "embedded")  # ways of servers that publish themselves
Publish = Callable[[Sequence[tuple[str, str]]], Awaitable[Any]]


def spent(processes: Sequence[Any]) -> float:
    """Return the seconds of processor time that processes have spent."""
    total = 0
    for process in processes:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    """Run a server of Redis that keeps nothing, and give its URL."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        with subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, text=True) as process:
            try:
                while "Ready to accept" not in (line := process.stdout.readline()):
                    if not line:
                        raise RuntimeError("redis-server doesn't start")
                yield f"redis://127.0.0.1:{port}"
            finally:
                process.kill()


@contextlib.contextmanager
def servers(python: str, way: str, url: str, count: int) -> Iterator[tuple[list[Any], list[int]]]:
    """Run servers that pass messages on in one way, and give their processes and ports."""
    command = [python, str(SERVER), way, url]
    with contextlib.ExitStack() as running:
        processes = []
        for _ in range(count):
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            running.enter_context(process)
            running.callback(process.kill)
            processes.append(process)
        yield processes, [int(process.stdout.readline()) for process in processes]


@contextlib.asynccontextmanager
async def publisher(way: str, url: str, process: Any) -> AsyncIterator[Publish]:
    """Give a coroutine function that publishes messages, each with its topic."""
    if way in OF_THEIR_OWN:

        async def publish(messages: Sequence[tuple[str, str]]) -> None:
            process.stdin.write(f"{len(messages)}\n")
            process.stdin.flush()

        yield publish
    elif way == "topics":
        from websockets.topics import Topics

        async with Topics(url, max_age=60) as topics:

            async def publish(messages: Sequence[tuple[str, str]]) -> None:
                await asyncio.gather(*(topics.publish(*message) for message in messages))

            yield publish
    else:
        import redis.asyncio

        encode = for_channels if way == "channels" else plainly
        async with redis.asyncio.from_url(url) as client:

            async def publish(messages: Sequence[tuple[str, str]]) -> None:
                if len(messages) == 1:
                    await client.publish(*encode(*messages[0]))
                    return
                async with client.pipeline(transaction=False) as pipeline:
                    for message in messages:
                        pipeline.publish(*encode(*message))
                    await pipeline.execute()

            yield publish


def plainly(topic: str, message: str) -> tuple[str, bytes]:
    return topic, message.encode()


def for_channels(topic: str, message: str) -> tuple[str, bytes]:
    """Make what channels_redis publishes: {"type": "event", "text": ...} in MessagePack."""
    start = b"\x82\xa4type\xa5event\xa4text\xd9" + bytes([len(message)])
    return f"asgi__group__{topic}", start + message.encode()


async def deliver(
    python: str, way: str, url: str, connections: int, bursts: int, processes: int
) -> dict[str, float]:
    """
    Publish bursts of messages to all connections, each when the one before has arrived everywhere.

    Returns:
        value: deliveries in a second.
        cpu_us: microseconds of the servers' processor time for one.
        load_cpu: the share of a processor that this process took.
        lost: the share of deliveries that never came; the first burst that isn't whole is the last.
    """
    crowd = Crowd()
    with servers(python, way, url, processes) as (running, ports):
        # One after the other: of subscribers to one channel that come at the same time, broadcaster
        # 0.3.1 forgets some.
        await crowd.connect(ports, ["/"] * connections)
        async with publisher(way, url, running[0]) as publish:
            for wanted in (WARM, bursts):
                size, cpu, load = crowd.size, spent(running), time.process_time()
                start = time.perf_counter()
                published = missing = 0
                while published < wanted and not missing:
                    crowd.expect(connections * BURST)
                    await publish([(TOPIC, MESSAGE)] * BURST)
                    missing = await crowd.missing()
                    published += 1
                seconds, cpu = crowd.last - start, spent(running) - cpu
                load = time.process_time() - load
        crowd.close()
    arrived = (crowd.size - size) // FRAME
    return {
        "value": arrived / seconds if arrived else 0,
        "cpu_us": cpu / arrived * 1e6 if arrived else 0,
        "load_cpu": load / seconds,
        "lost": missing / (published * BURST * connections),
    }


async def follow(
    publish: Publish, crowd: Crowd, topics: Sequence[str], rate: int
) -> dict[str, float]:
    """
    Publish to topics at a rate.

    Returns:
        p50_ms, p99_ms: milliseconds until arrival.
        load_cpu: the share of a processor that this process took. Near 1, it was late itself.
        lost: the share of messages that never came.
    """
    loop, sent, tasks = asyncio.get_running_loop(), [], []
    crowd.times.clear()
    start, load = loop.time() + 0.1, time.process_time()
    for number, topic in enumerate(topics):
        await asyncio.sleep(max(0, start + number / rate - loop.time()))
        sent.append(time.perf_counter())
        tasks.append(asyncio.ensure_future(publish([(topic, f"{number:0{SIZE}}")])))
    await asyncio.gather(*tasks)
    load = (time.process_time() - load) / (loop.time() - start)
    limit = time.perf_counter() + QUIET
    while len(crowd.times) < len(sent) and time.perf_counter() < limit:
        await asyncio.sleep(0.01)
    times = sorted((crowd.times[number] - sent[number]) * 1000 for number in crowd.times)
    if not times:
        return {"load_cpu": load, "lost": 1.0}
    return {
        "p50_ms": times[len(times) // 2],
        "p99_ms": times[len(times) * 99 // 100],
        "load_cpu": load,
        "lost": 1 - len(times) / len(sent),
    }


async def latency(
    python: str,
    way: str,
    url: str,
    connections: int,
    seconds: float,
    rate: int,
    slow: int = 0,
) -> dict[str, float]:
    """
    Measure the time from publish() to arrival at one of some connections of one topic.

    Arguments:
        slow: how many more there are that don't read; how many messages these missed is "dropped".

    Returns:
        what :func:`follow` does.
    """
    crowd, watched, sleeping = Crowd(), Crowd(), Crowd()
    with servers(python, way, url, 1) as ([process], ports):
        await crowd.connect(ports, ["/"] * (connections - 1))
        await sleeping.connect(ports, ["/slow"] * slow, reads=False)
        await watched.connect(ports, ["/"], watches=True)
        async with publisher(way, url, process) as publish:
            await follow(publish, watched, [TOPIC] * (rate // 2), rate)  # to warm up
            result = await follow(publish, watched, [TOPIC] * int(rate * seconds), rate)
        if slow:
            process.stdin.write("dropped\n")
            process.stdin.flush()
            result["dropped"] = int(process.stdout.readline())
        for each in (crowd, watched, sleeping):
            each.close()
    return result


async def many(
    python: str, way: str, url: str, count: int, seconds: float, rate: int
) -> dict[str, float]:
    """
    Measure many topics, each with one connection.

    Returns:
        opening_s: seconds until all connections were open and subscribed.
        value: messages in a second, one to each topic as fast as it goes.
        p50_ms, p99_ms, load_cpu, lost: what :func:`follow` returns, of messages to any of them.
    """
    topics = [f"{TOPIC}.{number}" for number in range(count)]
    crowd = Crowd()
    with servers(python, way, url, 1) as ([process], ports):
        start = time.perf_counter()
        await crowd.connect(ports, [f"/{topic}" for topic in topics], AT_A_TIME, watches=True)
        opening = time.perf_counter() - start
        async with publisher(way, url, process) as publish:
            await publish([(topic, f"{0:0{SIZE}}") for topic in topics[:BURST]])
            await asyncio.sleep(0.1)
            crowd.expect(count)
            start = time.perf_counter()
            for first in range(0, count, BATCH):
                await publish([(topic, f"{0:0{SIZE}}") for topic in topics[first : first + BATCH]])
            missing = await crowd.missing()
            took = crowd.last - start
            some = random.Random(count).choices(topics, k=int(rate * seconds))
            result = await follow(publish, crowd, some, rate)
        crowd.close()
    result["lost"] = max(result["lost"], missing / count)
    return {"opening_s": opening, "value": (count - missing) / took, **result}


async def memory(url: Optional[str], count: int) -> float:
    """Return the bytes that Python counts for a topic with one subscriber."""
    from websockets.topics import Topics

    async def ignore(data: Any) -> None:
        pass

    async with Topics(url, max_age=60) as topics:
        subscribers = [str(number) for number in range(2 * count)]
        traced = []
        for some in (subscribers[:count], subscribers[count:]):
            for one in some:
                await topics.subscribe(one, f"topic {one}", send=ignore)
            if traced:
                traced.append(tracemalloc.get_traced_memory()[0])
                tracemalloc.stop()
            else:
                tracemalloc.start()  # what is allocated once is there
                traced.append(tracemalloc.get_traced_memory()[0])
    return (traced[1] - traced[0]) / count
