"""
Series of trials: every contestant in turn, round after round, so that what disturbs the machine
for a while disturbs all of them.

Owns the order of the trials and the form of the results (see README.md). A trial that fails is
written down as failed, and the series goes on.
"""

from __future__ import annotations

import datetime
import os
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import native, trials
from .contestants import Contestant
from .scenarios import Scenario

KEPT = ("value", "p50_us", "p99_us", "cpu_us", "load_cpu")
# Seconds of a trial beyond the time that was asked for: to start and to end programs, to connect.
AROUND, CONNECTING, RESTING = 0.7, 0.0005, 0.3
BESIDE = 100  # files that a process opens beside its connections
Wanted = Sequence[tuple[Scenario, str, int, list[Contestant]]]


def make_certificate(folder: Path) -> Path:
    """Make a certificate for 127.0.0.1 with its key, and beside it that of its signer."""
    import trustme

    path, authority = folder / "server.pem", trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(path)
    authority.cert_pem.write_to_path(folder / trials.AUTHORITY)
    return path


def about(rounds: int, warmup: float, seconds: float) -> dict[str, Any]:
    """Tell where and how the results came about."""
    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(": ")[2] for line in cpuinfo if line.startswith("model name")]
    return {
        "date": datetime.date.today().isoformat(),
        "processor": models[0] if models else platform.machine(),
        "processors": len(trials.PROCESSORS),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "rounds": rounds,
        "warmup": warmup,
        "seconds": seconds,
    }


def in_turn(contestants: Sequence[Contestant], rounds: int) -> list[tuple[int, Contestant]]:
    """Return who is measured when; each round starts with another one."""
    order = []
    for number in range(rounds):
        first = number % len(contestants)
        order += [(number, c) for c in [*contestants[first:], *contestants[:first]]]
    return order


def summary(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Put the trials of one contestant together: medians, and all values beside them."""
    result: dict[str, Any] = {"values": [round(run["value"], 2) for run in runs]}
    if all(run.get("cpu_us") is not None for run in runs):
        result["cpus"] = [round(run["cpu_us"], 3) for run in runs]
    for name in KEPT:
        figures = [run[name] for run in runs if run.get(name) is not None]
        if figures:
            result[name] = round(statistics.median(figures), 3)
    for name in ("agreed", "versions"):
        if runs and runs[0].get(name):
            result[name] = runs[0][name]
    return result


def plan(
    scenarios: Sequence[Scenario],
    loops: Sequence[str],
    choose: Callable[[Scenario, str], Sequence[Contestant]],
) -> list[tuple[Scenario, str, int, list[Contestant]]]:
    """Return what is to be measured: scenario, loop, point of the curve, contestants."""
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - BESIDE
    wanted = []
    for scenario in scenarios:
        if scenario.tls and not native.has_tls():
            print(f"{scenario.name} is left out: it needs OpenSSL's headers (libssl-dev)")
            continue
        # Curves are drawn on one loop: they take long enough. Threads have none.
        on = loops[:1] if scenario.scale else loops
        for loop in ["threads"] if scenario.kind == "threads" else on:
            here = [c for c in choose(scenario, loop) if c.can(scenario)]
            for point in scenario.points if scenario.scale else (0,):
                if scenario.at(point).connections > room:
                    print(f"{scenario.name} is left out at {point}: the system allows {room} files")
                elif here:
                    wanted.append((scenario, loop, point, here))
    return wanted


def estimate(wanted: Wanted, rounds: int, warmup: float, seconds: float) -> tuple[int, float]:
    """Return how many trials there are, and about how many seconds they take."""
    trial_count, total = 0, 0.0
    for scenario, _, point, contestants in wanted:
        each = scenario.at(point)
        count = rounds * len(contestants)
        measured = RESTING if each.kind == "idle" else warmup + trials.time_for(each, seconds)
        total += count * (AROUND + each.connections * CONNECTING + measured)
        trial_count += count
    return trial_count, total


def measure(
    wanted: Wanted,
    rounds: int,
    warmup: float,
    seconds: float,
    report: Callable[[str, float], None],
    done: Callable[[dict[str, Any]], None],
) -> None:
    """Measure all that is wanted; report() hears of each trial, done() gets each result."""
    total, expected = estimate(wanted, rounds, warmup, seconds)
    start, finished = time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        needs_tls = any(scenario.tls for scenario, *_ in wanted)
        certificate = make_certificate(Path(folder)) if needs_tls else None
        for scenario, loop, point, contestants in wanted:
            setting = trials.Setting(loop, warmup, seconds, certificate)
            runs: dict[str, list[dict[str, Any]]] = {c.name: [] for c in contestants}
            errors: dict[str, str] = {}
            for number, contestant in in_turn(contestants, rounds):
                at = f" at {point}" if scenario.scale else ""
                left = max(expected - (time.monotonic() - start), 0)
                report(
                    f"{finished + 1}/{total} {scenario.name}{at}, {loop}, round {number + 1}: "
                    f"{contestant.name}",
                    left,
                )
                try:
                    runs[contestant.name].append(
                        trials.run(contestant, scenario.at(point), setting)
                    )
                except trials.TrialError as error:
                    errors[contestant.name] = str(error)
                finished += 1
            results = {name: summary(some) for name, some in runs.items() if some}
            failed = {name: {"error": error} for name, error in errors.items()}
            entry = {"scenario": scenario.name, "loop": loop, "contestants": {**results, **failed}}
            done({**entry, "point": point} if scenario.scale else entry)


def raise_limits() -> None:
    """Let this process and its children open as many sockets as the system lets them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.environ.pop("PYTHONPATH", None)
