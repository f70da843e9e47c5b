"""
How fast a message that is published reaches many connections, through Redis and without it.

    python -m benchmarks.fan_out [--python PATH] [--rounds 3] [--connections 500] [--processes 1,2]

Needs ``redis-server``. ``--python`` is an interpreter that has the packages websockets 17,
broadcaster and channels_redis, to compare with. Trials of all ways alternate. A trial publishes
bursts of messages, each when the one before has arrived everywhere; what is told is deliveries in
a second, and microseconds of the servers' processor time for one, which says more where processors
are shared. Behind that come latencies, alone and beside subscribers that do not read, and topics.
"""

import argparse
import asyncio
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SERVER = Path(__file__).parent / "servers" / "fan_out.py"
TOPIC, MESSAGE = "fan_out", "x" * 100
FRAME = 2 + len(MESSAGE)
REQUEST = (
    b"GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
BURST = 20  # messages
TICKS = os.sysconf("SC_CLK_TCK")


class Client(asyncio.Protocol):
    """A connection that counts what arrives."""

    def __init__(self, crowd, path=b"/", reads=True):
        self.crowd = crowd
        self.path = path
        self.reads = reads
        self.head = b""
        self.is_open = False

    def connection_made(self, transport):
        self.transport = transport
        transport.write(REQUEST % self.path)

    def data_received(self, data):
        if not self.is_open:
            head, separator, rest = (self.head + data).partition(b"\r\n\r\n")
            self.head += data
            if not separator:
                return
            self.is_open = True
            self.crowd.opened += 1
            if not self.reads:
                self.transport.pause_reading()
            data = rest
        self.crowd.size += len(data)
        if self.crowd.arrived is not None and self.crowd.size >= self.crowd.expected:
            arrived, self.crowd.arrived = self.crowd.arrived, None
            arrived.set_result(time.perf_counter())


class Crowd:
    """All connections to servers."""

    def __init__(self):
        self.opened = self.size = self.expected = 0
        self.arrived = None
        self.clients = []

    async def connect(self, ports, count, path=b"/", reads=True):
        loop = asyncio.get_running_loop()
        for number in range(count):
            _, client = await loop.create_connection(
                lambda: Client(self, path, reads), "127.0.0.1", ports[number % len(ports)]
            )
            self.clients.append(client)
        while self.opened < count:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)  # for handlers to subscribe

    def expect(self, messages):
        self.expected = self.size + messages * FRAME
        self.arrived = asyncio.get_running_loop().create_future()
        return self.arrived

    def close(self):
        for client in self.clients:
            client.transport.abort()


def spent(pid):
    """Return the seconds of processor time that a process has spent."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextlib.contextmanager
def redis_server():
    with tempfile.TemporaryDirectory() as directory:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        pipes = {"stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, cwd=directory, **pipes) as process:
            while "Ready to accept" not in process.stdout.readline():
                pass
            try:
                yield f"redis://127.0.0.1:{port}"
            finally:
                process.kill()


@contextlib.contextmanager
def server(python, way, url):
    command = [python, SERVER, way, url]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


@contextlib.asynccontextmanager
async def publisher(way, url, process, topic=TOPIC):
    """Give a coroutine function that publishes so many messages."""
    if way in ("broadcast", "embedded"):

        async def publish(count):
            process.stdin.write(f"{count}\n")
            process.stdin.flush()

        yield publish
    elif way == "topics":
        from websockets.topics import Topics

        async with Topics(url, max_age=60) as topics:

            async def publish(count):
                await asyncio.gather(*(topics.publish(topic, MESSAGE) for _ in range(count)))

            yield publish
    else:
        import redis.asyncio

        data = MESSAGE
        channel = TOPIC
        if way == "channels":
            # {"type": "event", "text": MESSAGE} in MessagePack
            size = bytes([len(MESSAGE)])
            data = b"\x82\xa4type\xa5event\xa4text\xd9" + size + MESSAGE.encode()
            channel = f"asgi__group__{TOPIC}"
        async with redis.asyncio.from_url(url) as client:

            async def publish(count):
                async with client.pipeline(transaction=False) as pipeline:
                    for _ in range(count):
                        pipeline.publish(channel, data)
                    await pipeline.execute()

            yield publish


async def trial(python, way, url, connections, bursts, processes):
    with contextlib.ExitStack() as running:
        servers = [running.enter_context(server(python, way, url)) for _ in range(processes)]
        crowd = Crowd()
        await crowd.connect([port for _, port in servers], connections)
        async with publisher(way, url, servers[0][0]) as publish:
            for warm in (True, False):
                started = time.perf_counter()
                before = sum(spent(process.pid) for process, _ in servers)
                for _ in range(3 if warm else bursts):
                    arrived = crowd.expect(connections * BURST)
                    await publish(BURST)
                    await asyncio.wait_for(arrived, 30)
                seconds = time.perf_counter() - started
                cpu = sum(spent(process.pid) for process, _ in servers) - before
        crowd.close()
    deliveries = connections * BURST * bursts
    return deliveries / seconds, cpu / deliveries * 1e6


async def latency(url, slow=0, rate=1000, seconds=5, connections=20):
    """
    Return milliseconds from publish() to arrival at one of some connections, p50 and p99.

    Arguments:
        slow: how many more there are that don't read at all.
    """
    from websockets.topics import Topics

    with server(sys.executable, "topics", url) as (process, port):
        crowd = Crowd()
        await crowd.connect([port], connections - 1)
        sleepers = Crowd()
        await sleepers.connect([port], slow, b"/slow", reads=False)
        got = []

        class Watcher(Client):
            def data_received(self, data):
                was_open = self.is_open
                super().data_received(data)
                if was_open:
                    got.extend([time.perf_counter()] * (len(data) // FRAME))

        watched = Crowd()
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(lambda: Watcher(watched), "127.0.0.1", port)
        await asyncio.sleep(0.3)
        sent = []
        async with Topics(url, max_age=60) as topics:
            await topics.publish(TOPIC, MESSAGE)
            await asyncio.sleep(0.2)
            got.clear()
            tasks = []
            start = loop.time() + 0.1
            for number in range(rate * seconds):
                await asyncio.sleep(max(0, start + number / rate - loop.time()))
                sent.append(time.perf_counter())
                tasks.append(asyncio.ensure_future(topics.publish(TOPIC, MESSAGE)))
            await asyncio.gather(*tasks)
            while len(got) < len(sent):
                await asyncio.sleep(0.01)
        client.transport.abort()
        crowd.close()
        sleepers.close()
    times = sorted((b - a) * 1000 for a, b in zip(sent, got))
    return times[len(times) // 2], times[len(times) * 99 // 100]


async def many_topics(url, count=10000):
    """One subscriber each: return seconds to publish one message to each of so many topics."""
    import tracemalloc

    from websockets.topics import Topics

    async def ignore(data):
        nonlocal arrived
        arrived += 1

    arrived = 0
    subscribers = [str(number) for number in range(count)]
    async with Topics(url, max_age=60) as topics, Topics(url, max_age=60) as publisher:
        if url is None:
            publisher = topics
        started = time.perf_counter()
        await asyncio.gather(
            *(topics.subscribe(one, f"topic {one}", send=ignore) for one in subscribers)
        )
        subscribing = time.perf_counter() - started
        tracemalloc.start()  # which takes time
        more = [str(number) for number in range(1000)]
        for one in more:
            await topics.subscribe(one, f"more {one}", send=ignore)
        memory = tracemalloc.get_traced_memory()[0] / len(more)
        tracemalloc.stop()
        started = time.perf_counter()
        for start in range(0, count, 500):
            await asyncio.gather(
                *(publisher.publish(f"topic {n}", MESSAGE) for n in range(start, start + 500))
            )
        while arrived < count:
            await asyncio.sleep(0.01)
        publishing = time.perf_counter() - started
    return subscribing, memory, publishing


def titled(way, processes):
    return way if processes == 1 else f"{way} x {processes}"


async def main(options):
    ways = [(sys.executable, way, 1) for way in ("broadcast", "embedded")]
    for processes in map(int, options.processes.split(",")):
        ways += [(sys.executable, way, processes) for way in ("topics", "hand")]
        if options.python:
            names = ("hand17", "broadcaster", "channels")
            ways += [(options.python, way, processes) for way in names]
    results = {titled(way, processes): [] for _, way, processes in ways}
    with redis_server() as url:
        for _ in range(options.rounds):
            for python, way, processes in ways:
                try:
                    one = await trial(
                        python, way, url, options.connections, options.bursts, processes
                    )
                except asyncio.TimeoutError:
                    one = None  # messages were lost
                results[titled(way, processes)].append(one)
        base = None
        print(f"100 bytes to {options.connections} connections")
        for way, trials in results.items():
            whole = [one for one in trials if one is not None]
            if not whole:
                print(f"{way:14} never arrived whole")
                continue
            rate = statistics.median(one[0] for one in whole)
            cpu = statistics.median(one[1] for one in whole)
            base = base or cpu
            lost = f"  lost messages in {len(trials) - len(whole)} trials" * (whole != trials)
            print(f"{way:14} {rate:9.0f}/s {cpu:7.2f} us each   {base / cpu:.2f}{lost}")
        for slow in (0, 20):
            p50, p99 = await latency(url, slow)
            print(
                f"1 000 messages/s to 20 connections, and to {slow} that don't read: "
                f"publish to arrival p50 {p50:.2f} ms, p99 {p99:.2f} ms"
            )
        for name, where in (("embedded", None), ("Redis", url)):
            subscribing, memory, publishing = await many_topics(where)
            print(
                f"10 000 topics, {name}: {memory:.0f} bytes each; "
                f"{subscribing:.1f} s to subscribe, {publishing:.1f} s to publish to each"
            )
    print(json.dumps(results))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--python", help="an interpreter with other packages")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bursts", type=int, default=10)
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--processes", default="1,2", help="how many share the connections")
    asyncio.run(main(parser.parse_args()))
