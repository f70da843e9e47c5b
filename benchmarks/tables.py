"""
Results as tables: for a terminal, and in Markdown.

Owns how figures are rounded and compared. Takes results in the form that series.py writes, and
measures nothing. Key decision: ratios are made within each round, never of medians.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Any, Optional

from . import contestants, scenarios
from .scenarios import Scenario

BUSY = 0.85  # share of a processor from which on the load generator may have been the limit
HEAD = [
    "",
    "median",
    "lowest - highest",
    "/ raw TCP",
    "/ best peer",
    "p50",
    "p99",
    "least CPU for one",
    "/ best peer's",
    "load's CPU",
]
AHEAD_OF_RAW = (
    "Raw TCP is an asyncio.Protocol on the same loop; who has a transport of their own, "
    "or one write for several answers, may be faster."
)
Grid = list[list[str]]


def number(value: Optional[float]) -> str:
    """Write a figure with three digits at least, in groups of three."""
    if value is None:
        return ""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}".replace(",", " ")


def latency(microseconds: Optional[float]) -> str:
    """Write a time."""
    if microseconds is None:
        return ""
    if microseconds < 1000:
        return f"{number(microseconds)} µs"
    return f"{number(microseconds / 1000)} ms"


def ratio(value: Optional[float], base: Optional[float]) -> str:
    """Write a value as a multiple of another one."""
    return times(value / base) if value is not None and base else ""


def times(value: Optional[float]) -> str:
    """Write a ratio."""
    return "" if value is None else f"{value:.2f}"


def busy(share: Optional[float]) -> str:
    """Write the share of a processor that the load generator took, and mark what is too much."""
    return "" if share is None else f"{share:.0%}{' !' if share > BUSY else ''}"


def group(name: str) -> str:
    """Return the group of a contestant; of one that there is no more, too."""
    if contestants.is_tree(name):
        return "ours"
    return contestants.BY_NAME[name].group if name in contestants.BY_NAME else "peer"


def beside(
    results: dict[str, Any], name: str, base: Optional[str], key: str = "values"
) -> Optional[float]:
    """
    Return how many times one's figures are another's: the median of what it is in each round.

    Machines that others use as well change their speed between rounds, by half and more; so each
    figure is compared with its neighbour of the same round only.
    """
    if base not in results:
        return None
    pairs = zip(results[name].get(key, ()), results[base].get(key, ()))
    logs = [math.log(value / other) for value, other in pairs if value > 0 and other > 0]
    return math.exp(statistics.median(logs)) if logs else None


def standings(results: dict[str, Any], key: str = "values") -> dict[str, float]:
    """Return where each contestant stands: its figures beside the mean of all in each round."""
    rounds = {name: result[key] for name, result in results.items() if result.get(key)}
    means = []
    for figures in zip(*rounds.values()):
        logs = [math.log(figure) for figure in figures if figure > 0]
        means.append(math.exp(statistics.fmean(logs)) if logs else 1.0)
    return {
        name: statistics.median(value / mean for value, mean in zip(values, means))
        for name, values in rounds.items()
    }


def raw_of(results: dict[str, Any]) -> Optional[str]:
    """Return the name of whoever sent bytes without WebSocket."""
    return next((name for name in results if group(name) == "raw"), None)


def best_peer(results: dict[str, Any], less_is_better: bool, key: str = "values") -> Optional[str]:
    """Return the name of the best of the other libraries."""
    peers = {n: place for n, place in standings(results, key).items() if group(n) == "peer"}
    best = min if less_is_better else max
    return best(peers, key=lambda name: peers[name]) if peers else None


def ranked(scenario: Scenario, results: dict[str, Any]) -> list[str]:
    """Return the names: those that are no library, then the best to the worst, then failures."""
    places = standings(results)
    sign = 1 if scenario.less_is_better else -1

    def key(name: str) -> tuple[bool, bool, float]:
        is_library = group(name) in ("ours", "peer")
        return (name not in places, is_library, sign * places.get(name, 0))

    return sorted(results, key=key)


def bars(scenario: Scenario, results: dict[str, Any]) -> Grid:
    """Return the table of a scenario."""
    peer, frugal = best_peer(results, scenario.less_is_better), best_peer(results, True, "cpus")
    raw = raw_of(results)
    grid = [[*HEAD]]
    grid[0][1] = scenario.unit
    for name in ranked(scenario, results):
        result = results[name]
        value = result.get("value")
        if value is None:
            grid.append([name, "failed", *[""] * (len(HEAD) - 2)])
            continue
        values, cpu = result["values"], result.get("load_cpu")
        grid.append(
            [
                name,
                number(value),
                f"{number(min(values))} - {number(max(values))}",
                times(beside(results, name, raw)),
                times(beside(results, name, peer)),
                latency(result.get("p50_us")),
                latency(result.get("p99_us")),
                latency(min(result["cpus"]) if "cpus" in result else result.get("cpu_us")),
                times(beside(results, name, frugal, "cpus")),
                busy(cpu),
            ]
        )
    return without_empty_columns(grid)


def curve(scenario: Scenario, by_point: dict[int, dict[str, Any]]) -> Grid:
    """Return the table of a curve: a row for each contestant, a column for each point."""
    points = sorted(by_point)
    names: dict[str, None] = {}
    for point in points:
        names.update(dict.fromkeys(by_point[point]))
    grid = [
        [
            scenario.unit,
            *(
                size(point) if scenario.scale == "size" else number(point).split(".")[0]
                for point in points
            ),
        ]
    ]
    for name in names:
        figures = [by_point[point].get(name, {}) for point in points]
        grid.append(
            [name, *("failed" if "error" in f else number(f.get("value")) for f in figures)]
        )
    return grid


def crossed(cells: dict[tuple[str, str], str]) -> Grid:
    """Return a table of these cells; each has the names of its row and of its column."""
    rows, columns = (list(dict.fromkeys(names)) for names in zip(*cells))
    filled = [[row, *(cells.get((row, column), "") for column in columns)] for row in rows]
    return [["", *columns], *filled]


def size(count: int) -> str:
    """Write a number of bytes."""
    for unit, name in ((2**20, "MiB"), (2**10, "KiB")):
        if count >= unit:
            return f"{count / unit:g} {name}"
    return f"{count} B"


def without_empty_columns(grid: Grid) -> Grid:
    """Leave out columns that have nothing but a head."""
    used = [i for i in range(len(grid[0])) if i == 0 or any(row[i] for row in grid[1:])]
    return [[row[i] for i in used] for row in grid]


def as_text(grid: Grid) -> str:
    """Lay a table out for a terminal."""
    widths = [max(map(len, column)) for column in zip(*grid)]
    lines = []
    for row in grid:
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  ".join([row[0].ljust(widths[0]), *cells]).rstrip())
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def as_markdown(grid: Grid) -> str:
    """Lay a table out in Markdown."""
    lines = ["| " + " | ".join(row) + " |" for row in grid]
    return "\n".join([lines[0], "| --- |" + " ---: |" * (len(grid[0]) - 1), *lines[1:]])


def ahead(scenario: Scenario, results: dict[str, Any], name: str, others: str) -> list[str]:
    """Return who of a group is ahead of a contestant, the best first."""
    found = []
    for other in ranked(scenario, results):
        how_many = beside(results, other, name) if group(other) == others else None
        if how_many is not None and (how_many < 1 if scenario.less_is_better else how_many > 1):
            found.append(other)
    return found


def remarks(scenario: Scenario, results: dict[str, Any]) -> list[str]:
    """Say which peer is the best, and which peers are ahead of each of ours."""
    peer, frugal = best_peer(results, scenario.less_is_better), best_peer(results, True, "cpus")
    if peer is None:
        return []
    by_time = f"; by processor time: {frugal}" if frugal else ""
    lines = [f"Best peer: {peer}{by_time}."]
    for name, result in results.items():
        if group(name) == "ours" and "value" in result:
            names = ahead(scenario, results, name, "peer")
            lines.append(f"Ahead of {name}: {', '.join(names) or 'none'}.")
    return lines


def ahead_of_raw(scenario: Scenario, results: dict[str, Any]) -> list[str]:
    """Return the libraries that are ahead of raw TCP on an event loop, where more is better."""
    if "value" not in results.get("raw", {}) or scenario.less_is_better:
        return []
    return [n for each in ("ours", "peer") for n in ahead(scenario, results, "raw", each)]


def notes(scenario: Scenario, results: Iterable[dict[str, Any]]) -> list[str]:
    """Return what has to be said below a table."""
    lines = []
    if scenario.less_is_better:
        lines.append("Less is better.")
    if not scenario.scale:
        lines += [line for result in results for line in remarks(scenario, result)]
        if any(ahead_of_raw(scenario, result) for result in results):
            lines.append(AHEAD_OF_RAW)
    # Against the server in C, the load generator is meant to show what it can.
    busy = {n for r in results for n, f in r.items() if f.get("load_cpu", 0) > BUSY}
    busy -= {n for n in busy if group(n) == "native"}
    if busy:
        lines.append(
            f"! The load generator was near its own limit ({', '.join(sorted(busy))}): "
            "such figures say too little."
        )
    for result in results:
        lines += [
            f"{n} failed: {f['error'].splitlines()[-1]}" for n, f in result.items() if "error" in f
        ]
    return list(dict.fromkeys(lines))


def sections(entries: Sequence[dict[str, Any]]) -> list[tuple[str, Grid, list[str]]]:
    """Return title, table and notes of every scenario and loop, in the order of scenarios.py."""
    found: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    for entry in entries:
        key = (entry["scenario"], entry["loop"])
        found.setdefault(key, {})[entry.get("point", 0)] = entry["contestants"]
    order = list(scenarios.BY_NAME)
    result = []
    for (name, loop), by_point in sorted(found.items(), key=lambda item: order.index(item[0][0])):
        scenario = scenarios.BY_NAME[name]
        grid = curve(scenario, by_point) if scenario.scale else bars(scenario, by_point[0])
        title = f"{scenario.title} ({name}, {loop})"
        result.append((title, grid, notes(scenario, list(by_point.values()))))
    return result


def versions(entries: Sequence[dict[str, Any]]) -> str:
    """Return the distributions that took part, with their versions."""
    found: dict[str, str] = {}
    for entry in entries:
        for result in entry["contestants"].values():
            found.update(result.get("versions", {}))
    return ", ".join(f"{name} {version}" for name, version in sorted(found.items()))


def document(results: dict[str, Any]) -> str:
    """Return all results in Markdown."""
    about, entries = results["about"], results["results"]
    parts = [
        "# Results of the benchmarks",
        f"{about['date']}, {about['processor']}, {about['processors']} processors, "
        f"{about['system']}, Python {about['python']}; {versions(entries)}. Medians of "
        f"{about['rounds']} rounds of {about['seconds']:g} s. "
        "[What is measured, and how](../README.md)",
    ]
    for title, grid, lines in sections(entries):
        parts += [f"## {title}", as_markdown(grid), *lines]
    return "\n\n".join(parts) + "\n"
