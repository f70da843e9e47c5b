"""
Thousands of connections for a while, and what is left of them.

``python tests/runs/soak.py 60`` takes about 60 seconds, half of them on each event loop. A server and its
clients hold as many connections as there are file descriptors and seconds for, each of which does
what programs and networks do, good and bad. Each loop plays three rounds: after the first all is
there that is needed once, and the others must leave nothing behind; in the last one, each allocation
is traced. A table tells what was held; the exit status is 1 if something didn't come back.
"""

import asyncio
import contextlib
import gc
import logging
import os
import random
import resource
import socket
import struct
import sys
import tracemalloc
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "support"))

from coming_and_going import alive
from drawing import BINARY, KEY, frame
from peer import REQUEST, port_of, turns
from variants import LOOPS

import websockets

MEGABYTE = 1 << 20
PER_SECOND = 200  # connections that are held, for each second of a loop
RESERVE = 200  # descriptors for other things than connections
TRACED = 2 * MEGABYTE  # that may be left, of what was allocated in the last round
GROWTH = 24 * MEGABYTE  # of the process, beside a quarter: what is freed isn't all given back
LATE = 60  # seconds by which a round may end later than it should
OPTIONS = {"ping_interval": 1, "ping_timeout": 5, "close_timeout": 5}
SIZES = [0, 1, 10, 100, 125, 126, 1000, 1000, 10_000, 70_000]


class Round:
    """Connections that come, go, and are held for some seconds."""

    def __init__(self, held, seconds):
        self.held = held
        self.seconds = seconds
        self.counts = Counter()
        self.random = random.Random(held)
        self.open = asyncio.Semaphore(100)

    async def play(self):
        self.loop = asyncio.get_running_loop()
        self.until = self.loop.time() + self.seconds
        roles = [self.listen] * 32 + [self.talk] * 4 + [self.churn, self.read_slowly]
        roles += [self.flood, self.reset, self.vanish]
        async with websockets.serve(
            self.handle, "127.0.0.1", 0, backlog=1000, open_timeout=LATE, **OPTIONS
        ) as self.server:
            self.port = port_of(self.server)
            tasks = [roles[number % len(roles)](number) for number in range(self.held)]
            await asyncio.gather(self.watch(), *tasks)

    def over(self):
        return self.loop.time() >= self.until

    # The server

    async def handle(self, ws, path):
        if path == "/talk":
            async for message in ws:
                await ws.send(message)
        elif path == "/read_slowly":
            # What the kernel holds would hide for long that nobody reads.
            sock = ws.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            while True:
                await ws.send(self.random.randbytes(1000))
        else:
            await ws.wait_closed()
            try:
                await ws.ensure_open()
            except websockets.ConnectionClosed as exc:
                if path == "/vanish" and exc.sent is not None and exc.sent.code == 1011:
                    self.counts["half-open, given up"] += 1

    async def watch(self):
        """Broadcast to those who listen, and note how many connections there are."""
        while not self.over():
            connections = self.server.connections
            self.counts["held"] = max(self.counts["held"], len(connections))
            self.counts["peak"] = max(self.counts["peak"], resident())
            listening = [ws for ws in connections if ws.path == "/listen"]
            websockets.broadcast(listening, "to all who listen")
            await asyncio.sleep(self.seconds / 10)

    # Clients

    @contextlib.asynccontextmanager
    async def connected(self, role, number):
        async with self.open:
            ws = await websockets.connect(
                f"ws://127.0.0.1:{self.port}/{role}",
                open_timeout=LATE,
                compression="deflate" if number % 4 == 0 else None,
                **OPTIONS,
            )
        self.counts["opened"] += 1
        try:
            yield ws
        finally:
            await ws.close()

    def data(self, size):
        return self.random.choice([b"some more", b"of this", b"\x00\xff"]) * (size // 9 + 1)

    async def exchange(self, ws):
        data = self.data(self.random.choice(SIZES))
        await ws.send(data)
        assert await ws.recv() == data, "an echo differs"
        self.counts["messages"] += 2

    async def pause(self, most):
        left = max(0, self.until - self.loop.time())
        await asyncio.sleep(min(left, most * self.random.random()))

    async def listen(self, number):
        """Receive broadcasts, and do nothing else."""
        async with self.connected("listen", number) as ws:
            while not self.over():
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(ws.recv(), max(0, self.until - self.loop.time()))
                    self.counts["messages"] += 1

    async def talk(self, number):
        """Send, and get it back; now and then in fragments, and with a ping."""
        async with self.connected("talk", number) as ws:
            while not self.over():
                await self.exchange(ws)
                await ws.send(["in ", "three ", "parts"])
                assert await ws.recv() == "in three parts"
                await (await ws.ping())
                self.counts["pings"] += 1
                await self.pause(2)

    async def churn(self, number):
        """Come and go."""
        while not self.over():
            async with self.connected("talk", number) as ws:
                await self.exchange(ws)
            await self.pause(0.5)

    async def read_slowly(self, number):
        """Receive less than is sent."""
        async with self.connected("read_slowly", number) as ws:
            while not self.over():
                await ws.recv()
                self.counts["messages"] += 1
                await self.pause(0.2)

    async def reset(self, number):
        """Go without a word."""
        while not self.over():
            async with self.connected("talk", number) as ws:
                await self.exchange(ws)
                await ws.send(self.data(70_000))
                cut(ws.transport.get_extra_info("socket"))
                ws.transport.abort()
                self.counts["reset"] += 1
            await self.pause(0.5)

    @contextlib.asynccontextmanager
    async def raw(self, role):
        async with self.open:
            with socket.socket() as sock:
                sock.setblocking(False)
                await self.loop.sock_connect(sock, ("127.0.0.1", self.port))
                request = REQUEST.replace(b"/chat?room=1", b"/" + role)
                await self.loop.sock_sendall(sock, request + b"\r\n")
                self.counts["opened"] += 1
                self.open.release()
                try:
                    yield sock
                finally:
                    await self.open.acquire()

    async def flood(self, number):
        """Send more than anybody receives, read nothing, and go without a word."""
        wire = frame(BINARY, self.data(1000), key=KEY) * 50
        while not self.over():
            async with self.raw(b"flood") as sock:
                for _ in range(20):
                    with contextlib.suppress(BlockingIOError, ConnectionError):
                        self.counts["flooded"] += sock.send(wire)
                    await self.pause(0.2)
                cut(sock)

    async def vanish(self, number):
        """Say nothing any more, but keep TCP: a peer behind a network that has gone."""
        async with self.raw(b"vanish"):
            while not self.over():
                await self.pause(5)


def cut(sock):
    """Let the socket end with a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


# What is there


def resident():
    """Return the bytes of memory that the process has."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def state():
    return {
        "resident MB": round(resident() / MEGABYTE, 1),
        "traced MB": round(tracemalloc.get_traced_memory()[0] / MEGABYTE, 1),
        "tasks": len(asyncio.all_tasks()),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "objects": sum(alive().values()),
    }


class Records(logging.Handler):
    def __init__(self):
        super().__init__()
        self.texts = []

    def emit(self, record):
        self.texts.append(f"{record.name}: {record.getMessage()} {record.exc_info or ''}")


async def soak(held, seconds):
    """Play three rounds; return what was held, what was there before and after, and complaints."""
    records = Records()
    logging.getLogger().addHandler(records)
    complaints = []
    asyncio.get_running_loop().set_exception_handler(
        lambda loop, context: complaints.append(str(context))
    )
    # To trace takes long, so that the last round is a smaller one.
    for number, part in enumerate([0.4, 0.4, 0.2]):
        traced = number == 2
        if traced:
            tracemalloc.start()
        playing = Round(held // 10 if traced else held, part * seconds)
        await asyncio.wait_for(playing.play(), seconds + LATE)
        if not traced:
            counts = playing.counts
        del playing
        await turns()
        gc.collect()
        if not number:
            before = state()
    after = state()
    tracemalloc.stop()
    complaints += records.texts[:5]
    for name in ("tasks", "descriptors", "objects"):
        if after[name] > before[name]:
            complaints.append(f"{name}: {before[name]} before, {after[name]} after")
    if after["traced MB"] - before["traced MB"] > TRACED / MEGABYTE:
        complaints.append("memory that was allocated is never freed")
    if after["resident MB"] > 1.25 * before["resident MB"] + GROWTH / MEGABYTE:
        complaints.append("the process grows")
    for name in ("held", "messages", "pings", "reset", "flooded"):
        if not counts[name]:
            complaints.append(f"{name}: none")
    return counts, before, after, complaints


def main(seconds):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    share = seconds / len(LOOPS)
    held = int(min((limit - RESERVE) / 2, PER_SECOND * share))
    print(f"{websockets.backend} backend; {limit} file descriptors, two for each connection")
    failed = False
    for name, new_loop in LOOPS.items():
        loop = new_loop()
        start = loop.time()
        counts, before, after, complaints = loop.run_until_complete(soak(held, share))
        took = loop.time() - start
        loop.close()
        peak, flooded = counts.pop("peak") / MEGABYTE, counts.pop("flooded") / MEGABYTE
        print(f"\n{name}, {took:.0f} s; in the second round of three:")
        for what, number in sorted(counts.items()):
            print(f"  {what:<22}{number:>10,}")
        print(f"  {'flooded MB':<22}{flooded:>10,.0f}")
        print(f"  {'resident MB, at most':<22}{peak:>10,.1f}")
        print(f"  {'':<22}{'before':>10}{'after':>10}")
        for what in before:
            print(f"  {what:<22}{before[what]:>10,}{after[what]:>10,}")
        for complaint in complaints:
            print(f"  FAILED: {complaint}")
        failed |= bool(complaints)
    return failed


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
