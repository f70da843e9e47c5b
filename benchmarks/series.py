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


def make_certificate(folder: Path) -> Path:
    """Make a certificate for 127.0.0.1, with its key in the same file."""
    import trustme

    path = folder / "server.pem"
    trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(path)
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
    choose: Callable[[Scenario], Sequence[Contestant]],
) -> list[tuple[Scenario, str, int, list[Contestant]]]:
    """Return what is to be measured: scenario, loop, point of the curve, contestants."""
    wanted = []
    for scenario in scenarios:
        if scenario.tls and not native.has_tls():
            print(f"{scenario.name} is left out: it needs OpenSSL's headers (libssl-dev)")
            continue
        # Curves are drawn on one loop: they take long enough.
        for loop in loops[:1] if scenario.scale else loops:
            here = [c for c in choose(scenario) if c.can(scenario)]
            points = scenario.points if scenario.scale else (0,)
            wanted += [(scenario, loop, point, here) for point in points if here]
    return wanted


def measure(
    wanted: Sequence[tuple[Scenario, str, int, list[Contestant]]],
    rounds: int,
    warmup: float,
    seconds: float,
    report: Callable[[str, float], None],
    done: Callable[[dict[str, Any]], None],
) -> None:
    """Measure all that is wanted; report() hears of each trial, done() gets each result."""
    total = rounds * sum(len(contestants) for *_, contestants in wanted)
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
                passed = time.monotonic() - start
                left = passed / finished * (total - finished) if finished else 0
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
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.environ.pop("PYTHONPATH", None)
