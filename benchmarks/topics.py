"""
Topics beside what else passes messages on: who is compared, in which order, and the tables.

Owns topics.json and topics.md. What is measured is in fan_out.py. Key decision: it ends within five
minutes; on a slow machine there are fewer rounds, and less in the end.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets import version

from . import contestants, fan_out, series, tables
from .tables import Grid, number

# Seconds: for rounds of fan-out, for rounds of latency, and after which nothing is begun.
FAN_OUT, LATENCY, LAST = 150, 60, 270
BURSTS = 8
RATE, WATCHING, SLOW = 1000, 20, 20  # messages a second; connections
TOPICS = 10_000
DISTRIBUTIONS = ("broadcaster", "channels_redis", "redis", "websockets", "uvloop")


@dataclass(frozen=True)
class Way:
    """One way to pass messages on. What isn't ours runs with the peers' interpreter."""

    name: str
    title: str
    is_ours: bool = False
    has_redis: bool = True


WAYS = [
    Way("broadcast", "broadcast(), without Redis", is_ours=True, has_redis=False),
    Way("embedded", "Topics(), without Redis", is_ours=True, has_redis=False),
    Way("topics", "Topics(redis)", is_ours=True),
    Way("hand", "by hand, this library", is_ours=True),
    Way("hand17", "by hand, websockets"),
    Way("broadcaster", "broadcaster"),
    Way("channels", "channels_redis.pubsub"),
]
TITLES = {way.name: way.title for way in WAYS}
Report = Callable[[str], None]


def versions_of(python: str) -> dict[str, str]:
    """Return the versions of what an interpreter has to compare with, or nothing."""
    script = (
        "import json, broadcaster, channels_redis\n"
        "from importlib.metadata import version\n"
        f"print(json.dumps({{name: version(name) for name in {DISTRIBUTIONS!r}}}))"
    )
    if not Path(python).exists():
        return {}
    result = subprocess.run([python, "-c", script], capture_output=True, text=True)
    return json.loads(result.stdout) if result.returncode == 0 else {}


def summary(trials: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Put the trials of one way together, in the form of series.py."""
    result = series.summary(trials)
    result["lost"] = max(trial["lost"] for trial in trials)
    return result


async def in_rounds(
    rounds: int,
    limit: float,
    one_round: Callable[[], Awaitable[None]],
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Repeat something as often as is wanted, but not if it would take longer than the limit."""
    start, longest = clock(), 0.0
    for _ in range(rounds):
        began = clock()
        if began - start + longest > limit:
            break
        await one_round()
        longest = max(longest, clock() - began)


class Measuring:
    """Who takes part, and what was found."""

    def __init__(
        self, options: Any, url: str, python: str, has_peers: bool, report: Report
    ) -> None:
        self.options = options
        self.url = url
        self.python = python
        self.report = report
        self.ways = [way for way in WAYS if way.is_ours or has_peers]
        self.with_redis = [way for way in self.ways if way.has_redis]
        self.start = time.monotonic()

    def interpreter(self, way: Way) -> str:
        return sys.executable if way.is_ours else self.python

    async def fan_out(self) -> dict[str, dict[str, Any]]:
        """Measure fan-out, and return results by the number of processes."""
        processes, connections = self.options.processes, self.options.connections
        trials: dict[int, dict[str, list[dict[str, float]]]] = {count: {} for count in processes}

        async def one_round() -> None:
            for count in processes:
                # What does without Redis is there once; all others are beside it.
                for way in self.ways if count == processes[0] else self.with_redis:
                    self.report(f"fan-out: {way.title}, {count} processes")
                    trial = await fan_out.deliver(
                        self.interpreter(way), way.name, self.url, connections, BURSTS, count
                    )
                    trials[count].setdefault(way.name, []).append(trial)

        await in_rounds(self.options.rounds, FAN_OUT, one_round)
        return {
            str(count): {name: summary(some) for name, some in by_way.items()}
            for count, by_way in trials.items()
        }

    async def latency(self) -> dict[str, dict[str, float]]:
        """Measure times from publish() to arrival, and return results by way and slow ones."""
        trials: dict[str, list[dict[str, float]]] = {}

        async def one_round() -> None:
            for way in self.with_redis:
                for slow in (0, SLOW) if way.name == "topics" else (0,):
                    self.report(f"latency: {way.title}, beside {slow}")
                    trial = await fan_out.latency(
                        self.interpreter(way),
                        way.name,
                        self.url,
                        WATCHING,
                        self.options.seconds,
                        RATE,
                        slow,
                    )
                    trials.setdefault(f"{way.name} {slow}", []).append(trial)

        await in_rounds(self.options.rounds, LATENCY, one_round)
        return {name: medians(some) for name, some in trials.items()}

    async def many(self) -> dict[str, dict[str, float]]:
        """Measure many topics, as long as there is time, and return results by way."""
        results = {}
        for way in self.with_redis:
            if time.monotonic() - self.start > LAST:
                break
            self.report(f"{self.options.topics} topics: {way.title}")
            results[way.name] = await fan_out.many(
                self.interpreter(way),
                way.name,
                self.url,
                self.options.topics,
                self.options.seconds,
                RATE,
            )
        return results

    async def memory(self) -> dict[str, float]:
        """Measure the memory of a topic, and return bytes by way."""
        count = max(self.options.topics // 10, 1)
        where = {"embedded": None, "topics": self.url}
        return {name: await fan_out.memory(url, count) for name, url in where.items()}


def medians(trials: Sequence[dict[str, float]]) -> dict[str, float]:
    """Put trials together: medians of the figures, but the most that was lost."""
    names = dict.fromkeys(name for trial in trials for name in trial)
    result = {n: statistics.median(trial[n] for trial in trials if n in trial) for n in names}
    result["lost"] = max(trial["lost"] for trial in trials)
    return result


async def measure(options: Any, report: Report) -> dict[str, Any]:
    """Measure everything."""
    python = options.python or str(contestants.PEERS)
    versions = versions_of(python)
    if not versions:
        print(f"broadcaster and channels_redis aren't in {python}: ours has nobody beside it")
    with fan_out.redis_server() as url:
        measuring = Measuring(options, url, python, bool(versions), report)
        results: dict[str, Any] = {
            "fan_out": await measuring.fan_out(),
            "latency": await measuring.latency(),
            "memory": await measuring.memory(),
            "many": await measuring.many(),
        }
    made = len(results["fan_out"][str(options.processes[0])]["broadcast"]["values"])
    about = series.about(made, 0, options.seconds)
    ours = getattr(version, "distribution_version", version.version)
    about["versions"] = {"cywebsockets": ours, **versions}
    about.update(connections=options.connections, topics=options.topics)
    return {"about": about, **results}


def share(value: float) -> str:
    """Write what was lost."""
    return f"{value:.1%}" if value else "none"


def fan_out_table(results: dict[str, dict[str, Any]], base: dict[str, Any]) -> Grid:
    """Return the table of fan-out, beside that of broadcast()."""
    grid = [
        [
            "",
            "deliveries/s",
            "lowest - highest",
            "/ broadcast()",
            "least CPU for one",
            "/ broadcast()'s",
            "load's CPU",
            "lost",
        ]
    ]
    for name, result in results.items():
        both = {"broadcast": base, name: result}
        grid.append(
            [
                TITLES[name],
                number(result["value"]),
                f"{number(min(result['values']))} - {number(max(result['values']))}",
                tables.times(tables.beside(both, name, "broadcast")),
                tables.latency(min(result["cpus"])),
                tables.times(tables.beside(both, name, "broadcast", "cpus")),
                tables.busy(result["load_cpu"]),
                share(result["lost"]),
            ]
        )
    return grid


def times_of(result: dict[str, float]) -> list[str]:
    """Write times until arrival, as far as anything arrived."""
    figures = [result.get(name) for name in ("p50_ms", "p99_ms")]
    return ["" if figure is None else tables.latency(figure * 1000) for figure in figures]


def latency_table(results: dict[str, dict[str, Any]]) -> Grid:
    """Return the table of times from publish() to arrival."""
    grid = [["", "p50", "p99", "load's CPU", "lost", "dropped for those who don't read"]]
    for key, result in results.items():
        name, slow = key.split()
        beside = f", beside {slow} that don't read" if slow != "0" else ""
        dropped = number(result["dropped"]).split(".")[0] if "dropped" in result else ""
        figures = [*times_of(result), tables.busy(result["load_cpu"]), share(result["lost"])]
        grid.append([TITLES[name] + beside, *figures, dropped])
    return tables.without_empty_columns(grid)


def many_table(results: dict[str, dict[str, Any]]) -> Grid:
    """Return the table of many topics."""
    grid = [["", "open and subscribed", "messages/s, one to each", "p50", "p99"]]
    grid[0] += ["load's CPU", "lost"]
    for name, result in results.items():
        figures = [f"{number(result['opening_s'])} s", number(result["value"]), *times_of(result)]
        figures += [tables.busy(result["load_cpu"]), share(result["lost"])]
        grid.append([TITLES[name], *figures])
    return grid


def sections(results: dict[str, Any]) -> list[tuple[str, Grid]]:
    """Return titles and tables."""
    about = results["about"]
    base = next(iter(results["fan_out"].values()))["broadcast"]
    rows = [
        (
            f"100 B to {about['connections']} connections, {count} "
            f"server process{'es' if count != '1' else ''}",
            fan_out_table(by_way, base),
        )
        for count, by_way in results["fan_out"].items()
    ]
    rows += [
        (
            f"from publish() to arrival, {number(RATE).split('.')[0]} messages/s "
            f"to {WATCHING} connections",
            latency_table(results["latency"]),
        ),
        (
            f"{number(about['topics']).split('.')[0]} topics with one connection each; "
            f"times at {number(RATE)} messages/s",
            many_table(results["many"]),
        ),
        (
            "memory of a topic with one subscriber, by tracemalloc",
            [["", "bytes"], *([TITLES[n], number(v)] for n, v in results["memory"].items())],
        ),
    ]
    return rows


def document(results: dict[str, Any]) -> str:
    """Return all results in Markdown."""
    about = results["about"]
    names = ", ".join(f"{name} {found}" for name, found in sorted(about["versions"].items()))
    parts = [
        "# Results of the benchmarks: topics",
        f"{about['date']}, {about['processor']}, {about['processors']} processors, "
        f"{about['system']}, Python {about['python']}; {names}. Fan-out has the medians of "
        f"{about['rounds']} rounds. [What is measured, and how](../README.md#topics)",
    ]
    for title, grid in sections(results):
        parts += [f"## {title}", tables.as_markdown(grid)]
    return "\n\n".join(parts) + "\n"


def new_loop() -> asyncio.AbstractEventLoop:
    """Make the fastest event loop there is: it receives what all servers send."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def run(options: Any, report: Report) -> None:
    """Measure, show tables, and write the results."""
    start = time.monotonic()
    loop = new_loop()
    results = loop.run_until_complete(measure(options, report))
    loop.close()
    report("")
    for title, grid in sections(results):
        print(f"\n{title}", tables.as_text(grid), sep="\n", flush=True)
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "topics.json"
    path.write_text(json.dumps(results, indent=1) + "\n")
    (options.output / "topics.md").write_text(document(results), encoding="utf-8")
    print(f"\nThe results are in {path} and topics.md beside it, after", end=" ")
    print(f"{(time.monotonic() - start) / 60:.1f} minutes.")
