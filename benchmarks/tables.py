"""
Results as tables: for a terminal, and in Markdown.

Owns how figures are rounded and compared. Takes results in the form that series.py writes, and
measures nothing.
"""

from __future__ import annotations

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
    "CPU for one",
    "load's CPU",
]
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
    return f"{value / base:.2f}" if value is not None and base else ""


def group(name: str) -> str:
    """Return the group of a contestant; of one that there is no more, too."""
    if contestants.is_tree(name):
        return "ours"
    return contestants.BY_NAME[name].group if name in contestants.BY_NAME else "peer"


def best_peer(scenario: Scenario, results: dict[str, Any]) -> Optional[float]:
    """Return the best median among other libraries."""
    values = [r["value"] for name, r in results.items() if group(name) == "peer" and "value" in r]
    best = min if scenario.less_is_better else max
    return best(values) if values else None


def ranked(scenario: Scenario, results: dict[str, Any]) -> list[str]:
    """Return the names: those that are no library, then the best to the worst, then failures."""

    def key(name: str) -> tuple[bool, bool, float]:
        value = results[name].get("value")
        is_library = group(name) in ("ours", "peer")
        sign = 1 if scenario.less_is_better else -1
        return (value is None, is_library, sign * (value or 0))

    return sorted(results, key=key)


def bars(scenario: Scenario, results: dict[str, Any]) -> Grid:
    """Return the table of a scenario."""
    peer, raw = best_peer(scenario, results), results.get("raw", {}).get("value")
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
                ratio(value, raw),
                ratio(value, peer),
                latency(result.get("p50_us")),
                latency(result.get("p99_us")),
                latency(result.get("cpu_us")),
                "" if cpu is None else f"{cpu:.0%}{' !' if cpu > BUSY else ''}",
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


def standings(scenario: Scenario, results: dict[str, Any]) -> list[str]:
    """Say which peer is the best, and which peers are ahead of each of ours."""
    values = {name: result["value"] for name, result in results.items() if "value" in result}
    peers = [name for name in ranked(scenario, results) if name in values and group(name) == "peer"]
    lines = [f"Best peer: {peers[0]}."] if peers else []
    for name, value in values.items():
        if peers and group(name) == "ours":
            ahead = [
                peer
                for peer in peers
                if (values[peer] < value if scenario.less_is_better else values[peer] > value)
            ]
            lines.append(f"Ahead of {name}: {', '.join(ahead) or 'none'}.")
    return lines


def notes(scenario: Scenario, results: Iterable[dict[str, Any]]) -> list[str]:
    """Return what has to be said below a table."""
    lines = []
    if scenario.less_is_better:
        lines.append("Less is better.")
    if not scenario.scale:
        lines += [line for result in results for line in standings(scenario, result)]
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
    for title, grid, remarks in sections(entries):
        parts += [f"## {title}", as_markdown(grid), *remarks]
    return "\n\n".join(parts) + "\n"
