"""
Short measurements of this library, each of which is a table: for whoever changes it.

Owns what stands in the rows and columns of these tables. Key decision: who is compared takes turns
row by row; that may be several trees of this library (see contestants.py).
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from . import instructions, plans, scenarios, tables, trials
from .contestants import Contestant
from .scenarios import Scenario
from .tables import Grid, latency, number

Figures = dict[str, str]  # what stands in a row, by the names of the columns

IDLE = 2000  # connections
LIMIT = 30  # seconds, after which those who send are given up
PAUSE = 0.001  # seconds that a slow reader waits before each read
READ = 65536  # bytes that it reads at once


@dataclass(frozen=True)
class Gauge:
    """What is measured for each row, with each contestant and event loop."""

    help: str
    rows: Sequence[Scenario]
    measure: Callable[[Contestant, Scenario, str, Path], Figures]


def count(contestant: Contestant, row: Scenario, loop: str, folder: Path) -> Figures:
    """Count instructions and system calls for a message."""
    name = f"{row.name}-{loop}-{contestant.name.strip('./').replace('/', '-')}"
    counted = instructions.count(contestant, row, loop, folder / name)
    return {
        "instructions": number(round(counted["instructions"])),
        "system calls": number(counted["calls"]),
    }


def weigh(contestant: Contestant, row: Scenario, loop: str, folder: Path) -> Figures:
    """Measure what a connection takes that is idle."""
    setting = trials.Setting(loop, 0, 0, None)
    traced = trials.idle(contestant, row, setting, folder, trace=True)["value"]
    # What the allocator had to spare in one of these isn't the connections'.
    private = min(trials.idle(contestant, row, setting, folder)["value"] for _ in range(2))
    return {"tracemalloc": number(traced * 1024), "private": number(private * 1024)}


def compare(contestant: Contestant, row: Scenario, loop: str, folder: Path) -> Figures:
    """Measure echoes for a moment."""
    result = trials.exchange(contestant, row, trials.Setting(loop, 0.2, 0.8, None), folder)
    return {row.unit: number(result["value"]), "CPU for one": latency(result["cpu_us"])}


def send(contestant: Contestant, row: Scenario, loop: str, folder: Path) -> Figures:
    """Measure the processor time of tasks that send a message each to a slow reader."""
    sender = replace(contestant, server=("senders.py", str(row.in_flight)))
    with trials.server(sender, row, trials.Setting(loop, 0, 0, None)) as (process, about):
        request = plans.request(about["port"], row.compression)
        start = time.monotonic()
        with reading_slowly(about["port"], request):
            try:
                seconds = trials.answer(process, LIMIT)["seconds"]
            except trials.TrialError:
                if time.monotonic() - start < LIMIT:
                    raise
                return {"seconds": f"over {LIMIT}"}
    return {"seconds": number(seconds), "µs for one": number(seconds / row.in_flight * 1e6)}


@contextlib.contextmanager
def reading_slowly(port: int, request: bytes) -> Iterator[None]:
    """Open a connection and read what comes, but not as fast as it can be sent."""
    ended = threading.Event()

    def read() -> None:
        with contextlib.suppress(ConnectionResetError):
            while not ended.wait(PAUSE):
                sock.recv(READ)

    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(request)
        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield
        finally:
            ended.set()
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            reader.join()


GAUGES = {
    "instructions": Gauge(
        "count instructions and system calls for a message, with valgrind; two minutes",
        instructions.CASES,
        count,
    ),
    "idle": Gauge(
        "measure the bytes of connections that are idle; a minute",
        [replace(each, connections=IDLE) for each in scenarios.ALL if each.kind == "idle"],
        weigh,
    ),
    "thresholds": Gauge(
        "measure echoes on both sides of where something changes; a minute",
        scenarios.THRESHOLDS,
        compare,
    ),
    "thresholds-instructions": Gauge(
        "count instructions and system calls for the same; four minutes",
        [replace(each, connections=instructions.CONNECTIONS) for each in scenarios.THRESHOLDS],
        count,
    ),
    "senders": Gauge(
        "measure tasks that each send a message on one connection",
        [
            Scenario(f"senders-{count}{name}", f"{count} tasks{what}", "senders", 1, count, **how)
            for name, what, how in (
                ("", "", {}),
                ("-in-thread", ", thread_size", {"compression": "takeover"}),
            )
            for count in (1000, 5000, 20000)
        ],
        send,
    ),
}


def run(
    gauge: Gauge,
    contestants: Sequence[Contestant],
    loops: Sequence[str],
    folder: Path,
    report: Callable[[str], None],
) -> Grid:
    """Measure all rows; report() hears of each measurement, and the folder keeps what it leaves."""
    folder.mkdir(parents=True, exist_ok=True)
    cells: dict[tuple[str, str], str] = {}
    for row, contestant, loop in itertools.product(gauge.rows, contestants, loops):
        if not contestant.can(row):
            continue
        report(f"{row.title}, {loop}: {contestant.name}")
        label = f"{row.title}: {contestant.name}" if len(contestants) > 1 else row.title
        for column, text in gauge.measure(contestant, row, loop, folder).items():
            cells[label, f"{loop}: {column}"] = text
    return tables.crossed(cells)
