"""
Random schedules of threads, and a model that says what must come of them.

Each seed is a program: some threads that send, some that ping, wait for the end or look around, and
one that receives, by turns in all the ways there are; on both ends of one connection. Nothing may
be lost, doubled or put in another order, and everybody comes to an end. What fails once has its
seed in KEPT.
"""

import random
import sys
import threading

import pytest
from threads import PATIENCE, Task, serving, uri_of

from websockets.exceptions import ConcurrencyError, ConnectionClosed
from websockets.protocol import State
from websockets.sync.client import connect

KEPT = [1, 7, 1789]

SEEDS = [*KEPT, *range(100, 112)]


def message_of(draw, name, number):
    """Return a message that tells who has sent it."""
    size = draw.choice([0, 10, 500, 20_000, 70_000, 200_000])
    text = f"{name} {number} " + "x" * size
    return text if draw.random() < 0.5 else text.encode()


class Program:
    """What one end does."""

    def __init__(self, seed, side, senders, counts):
        self.draw = random.Random(f"{seed} {side}")
        self.side = side
        self.senders = [random.Random(f"{seed} {side} {i}") for i in range(senders)]
        self.counts = counts
        self.heard = []

    def send(self, ws, i):
        draw = self.senders[i]
        for number in range(self.counts):
            message = message_of(draw, f"{self.side}{i}", number)
            fragmented = draw.random() < 0.1 and len(self.senders) == 1
            while True:
                try:
                    if fragmented:
                        half = len(message) // 2
                        ws.send([message[:half], message[half:]])
                    else:
                        ws.send(message)
                    break
                except ConcurrencyError:
                    continue

    def receive(self, ws, count):
        while len(self.heard) < count:
            way = self.draw.randrange(5)
            try:
                if way == 0:
                    message = ws.recv(timeout=self.draw.choice([0, 0.001, 1]))
                elif way == 1:
                    message = ws.recv(decode=False)
                elif way == 2:
                    pieces = list(ws.recv_streaming(decode=False))
                    message = b"".join(pieces)
                else:
                    message = ws.recv()
            except TimeoutError:
                continue
            self.heard.append(message)

    def disturb(self, ws, over):
        try:
            while not over.is_set():
                way = self.draw.randrange(4)
                if way == 0:
                    ws.ping().wait(0.01)
                elif way == 1:
                    ws.pong(b"x")
                elif way == 2:
                    ws.wait_closed(0.001)
                else:
                    assert ws.state is State.OPEN or over.is_set()
        except ConnectionClosed:
            # The other end may close as soon as it is over.
            assert over.is_set()

    def check(self, other):
        expected = {}
        for i, _ in enumerate(other.senders):
            expected[f"{other.side}{i}"] = list(range(other.counts))
        heard = {name: [] for name in expected}
        sizes = {}
        for message in self.heard:
            text = message if isinstance(message, str) else message.decode()
            name, number, rest = text.split(" ", 2)
            heard[name].append(int(number))
            sizes[name, int(number)] = len(rest)
        assert heard == expected
        for i, _ in enumerate(other.senders):
            draw = random.Random(f"{other.seed} {other.side} {i}")
            for number in range(other.counts):
                message = message_of(draw, f"{other.side}{i}", number)
                draw.random()
                head = f"{other.side}{i} {number} "
                assert sizes[f"{other.side}{i}", number] == len(message) - len(head)


@pytest.mark.parametrize("seed", SEEDS)
def test_schedules(seed, certificates):
    draw = random.Random(seed)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(draw.choice([1e-6, 1e-4, 5e-3]))
    options = {
        "max_queue": draw.choice([1, 4, 16, None]),
        "compression": draw.choice([None, "deflate"]),
        "max_size": None,
    }
    tls = draw.random() < 0.3
    programs = [
        Program(seed, side, draw.choice([1, 1, 2, 3]), draw.randrange(5, 30)) for side in "cs"
    ]
    for program in programs:
        program.seed = seed
    client, server_side = programs
    over, finished = threading.Event(), []

    def run(ws, mine, others):
        tasks = [Task(mine.send, ws, i) for i in range(len(mine.senders))]
        tasks.append(Task(mine.receive, ws, others.counts * len(others.senders)))
        disturbing = Task(mine.disturb, ws, over)
        for task in tasks:
            task.join(6 * PATIENCE)
            task.result()
        finished.append(mine)
        if len(finished) == 2:
            over.set()
        disturbing.result()

    def handler(connection):
        try:
            run(connection, server_side, client)
        except ConnectionClosed:
            over.set()
            raise
        assert connection.wait_closed(PATIENCE)

    try:
        context = certificates.server_context() if tls else None
        with serving(handler, ssl=context, **options) as server:
            uri = uri_of(server).replace("ws:", "wss:") if tls else uri_of(server)
            ssl = certificates.client_context() if tls else None
            with connect(uri, ssl=ssl, proxy=None, **options) as ws:
                run(ws, client, server_side)
            assert ws.close_code == 1000
    finally:
        sys.setswitchinterval(interval)
    client.check(server_side)
    server_side.check(client)
