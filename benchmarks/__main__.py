"""
The command line: ``python -m benchmarks --help``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from websockets import _core

from . import charts, contestants, gauges, micro, native, scenarios, series, tables, topics, trials
from .contestants import Contestant
from .scenarios import Scenario

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
CHARTS = ROOT / "docs" / "charts"
SCRATCH = ROOT / "build" / "benchmarks"
LOOPS = list(scenarios.LOOPS)


def named(table: dict[str, Any], find: Optional[Callable[[str], Any]] = None) -> Any:
    """Make a parser of names, separated by commas; they are found in the table or by a function."""
    find = find or table.__getitem__

    def parse(value: str) -> list[Any]:
        try:
            return [find(name) for name in value.split(",")]
        except KeyError as error:
            message = f"{error.args[0]!r} isn't one of {', '.join(table)}"
            raise argparse.ArgumentTypeError(message) from None

    return parse


CONTESTANTS = named(contestants.BY_NAME, contestants.find)
LOOP_NAMES = named(dict(zip(LOOPS, LOOPS)))


def add_options(command: argparse.ArgumentParser, **times: float) -> None:
    """Add the options of a command that measures."""
    command.set_defaults(
        scenario=[scenarios.BY_NAME[name] for name in scenarios.QUICK],
        loop=LOOPS[:1],
        output=SCRATCH,
        **times,
    )
    for name, kind, text in (
        ("--scenario", named(scenarios.BY_NAME), "what to measure"),
        ("--against", CONTESTANTS, "who takes part; a path is another tree of this library"),
        ("--loop", LOOP_NAMES, "event loops; curves take the first"),
    ):
        command.add_argument(name, type=kind, metavar="NAME,...", help=text)
    command.add_argument("--rounds", type=int, help="trials of everybody (%(default)s)")
    for name in ("--warmup", "--seconds"):
        command.add_argument(name, type=float, help="time of each trial (%(default)s)")
    command.add_argument("--output", type=Path, metavar="FOLDER", help="for latest.json, latest.md")
    command.add_argument("--charts", type=Path, metavar="FOLDER", help="for charts")
    keep = "keep the results of other scenarios in the output"
    command.add_argument("--add", action="store_true", help=keep)


def add_topics(command: argparse.ArgumentParser) -> None:
    """Add the options of what measures topics."""
    for name, value, text in (
        ("--rounds", 3, "of fan-out and of latency; fewer, if they take too long"),
        ("--connections", 500, "that hear of a topic"),
        ("--topics", topics.TOPICS, "with one connection each"),
    ):
        command.add_argument(name, type=int, default=value, help=f"{text} (%(default)s)")
    command.add_argument("--seconds", type=float, default=2, help="for latencies (%(default)s)")
    command.add_argument(
        "--processes",
        type=lambda value: [int(count) for count in value.split(",")],
        metavar="N,...",
        default=[1, 2],
        help="how many share the connections (1,2)",
    )
    command.add_argument("--python", help="an interpreter that has the peers")
    command.add_argument("--output", type=Path, metavar="FOLDER", default=SCRATCH)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    main = argparse.ArgumentParser(
        prog="python -m benchmarks", description=sys.modules["benchmarks"].__doc__
    )
    commands = main.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="list scenarios and contestants")
    full = commands.add_parser(
        "all", help="measure everything, for 40 minutes; keep tables, charts"
    )
    add_options(full, rounds=3, warmup=0.2, seconds=0.8)
    full.set_defaults(scenario=scenarios.ALL, loop=LOOPS, output=RESULTS, charts=CHARTS)
    quick = commands.add_parser("quick", help="measure the essence, in less than two minutes")
    add_options(quick, rounds=2, warmup=0.2, seconds=0.6)
    run = commands.add_parser("run", help="measure what is asked for")
    add_options(run, rounds=3, warmup=0.3, seconds=1.0)
    for name, gauge in gauges.GAUGES.items():
        command = commands.add_parser(name, help=gauge.help)
        command.set_defaults(against=[contestants.BY_NAME["ours"]], loop=LOOPS)
        text = "who takes part (ours); a path, with a slash, is another tree of this library"
        command.add_argument("--against", type=CONTESTANTS, metavar="NAME,...", help=text)
        command.add_argument("--loop", type=LOOP_NAMES, metavar="NAME,...", help="event loops")
        rows = {row.name: row for row in gauge.rows}
        command.add_argument("--rows", type=named(rows), metavar="NAME,...", help=", ".join(rows))
    add_topics(commands.add_parser("topics", help="measure topics on Redis; five minutes"))
    table = commands.add_parser("micro", help="show pytest-benchmark's JSON in one table")
    table.add_argument("file", type=Path)
    return main


def choose(options: argparse.Namespace) -> Any:
    """Return a function that tells who takes part in a scenario on an event loop."""

    def contestants_of(scenario: Scenario, loop: str) -> Sequence[Contestant]:
        if options.against:
            return [c for c in options.against if c.is_here]
        if options.command == "all":
            if loop in LOOPS and loop not in scenario.loops:
                return []
            names = scenario.who
        else:
            names = contestants.QUICK
        here = [c for c in contestants.ALL if c.is_here and c.can(scenario)]
        chosen = [c for c in here if c.name in names] or here
        return [c for c in chosen if not c.own_loop or loop == options.loop[0]]

    return contestants_of


def progress(line: str, left: float) -> None:
    """Tell in the last line of a terminal what is being measured; elsewhere tables are enough."""
    minutes = f", {left / 60:.0f} min left" if left > 90 else ""
    if sys.stderr.isatty():
        print(f"\r\033[K{line}{minutes}", end="", file=sys.stderr, flush=True)


def tell_what_is_missing() -> None:
    """Tell what can't be compared."""
    try:
        _core.load("compiled")
    except ImportError:
        print("The compiled backend isn't built, so 'ours' is pure: make .venv/built")
    if not contestants.PEERS.exists():
        print("Other libraries aren't here, so there is nothing to compare with: make bench-peers")


def measure(options: argparse.Namespace) -> None:
    """Measure, show tables while it goes on, and write the results."""
    tell_what_is_missing()
    options.output.mkdir(parents=True, exist_ok=True)
    latest = options.output / "latest.json"
    kept: list[dict[str, Any]] = []
    if options.add and latest.exists():
        names = set(scenarios.BY_NAME) - {scenario.name for scenario in options.scenario}
        kept = [e for e in json.loads(latest.read_text())["results"] if e["scenario"] in names]
    times = (options.rounds, options.warmup, options.seconds)
    about = series.about(*times)
    results: dict[str, Any] = {"about": about, "results": kept}

    order = list(scenarios.BY_NAME)

    def done(entry: dict[str, Any]) -> None:
        results["results"].append(entry)
        results["results"].sort(key=lambda each: order.index(each["scenario"]))
        latest.write_text(json.dumps(results, indent=1) + "\n")
        (options.output / "latest.md").write_text(tables.document(results), encoding="utf-8")
        if options.charts:
            charts.draw(results["results"], options.charts)
        alike = [e for e in results["results"] if e["scenario"] == entry["scenario"]]
        alike = [e for e in alike if e["loop"] == entry["loop"]]
        points = [
            s for s, loop, *_ in wanted if s.name == entry["scenario"] and loop == entry["loop"]
        ]
        if len(alike) == len(points):
            progress("", 0)
            for title, grid, notes in tables.sections(alike):
                print("\n" + title, tables.as_text(grid), *notes, sep="\n", flush=True)

    series.raise_limits()
    wanted = series.plan(options.scenario, options.loop, choose(options))
    count, expected = series.estimate(wanted, *times)
    time = f"{expected / 60:.0f} minutes" if expected > 90 else f"{expected:.0f} seconds"
    print(f"{count} trials, about {time}", flush=True)
    series.measure(wanted, *times, progress, done)
    print(f"\nThe results are in {latest} and latest.md beside it.")


def gauge(options: argparse.Namespace) -> None:
    """Measure a table of our own, and show it."""
    series.raise_limits()
    wanted = gauges.GAUGES[options.command]
    if options.rows:
        wanted = replace(wanted, rows=options.rows)
    folder = SCRATCH / options.command
    grid = gauges.run(wanted, options.against, options.loop, folder, lambda line: progress(line, 0))
    progress("", 0)
    print(tables.as_text(grid))


def show_list() -> None:
    """List scenarios and contestants."""
    for scenario in scenarios.BY_NAME.values():
        print(f"{scenario.name:25} {scenario.title}, {scenario.unit}")
    print()
    for contestant in contestants.ALL:
        print(f"{contestant.name:25} {'' if contestant.is_here else 'make bench-peers'}".rstrip())


def main() -> None:
    """Do what the command line says."""
    options = parser().parse_args()
    try:
        if options.command == "list":
            show_list()
        elif options.command == "micro":
            print(tables.as_text(micro.table(json.loads(options.file.read_text()))))
        elif options.command == "topics":
            series.raise_limits()
            topics.run(options, lambda line: progress(line, 0))
        elif options.command in gauges.GAUGES:
            gauge(options)
        else:
            measure(options)
    except (native.BuildError, trials.TrialError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
