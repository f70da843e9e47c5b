"""
Results as charts: SVG that can be read on light and on dark ground.

Owns the looks. Bars for scenarios, those of one event loop beside those of the other; curves on two
logarithmic axes for scaling. This library and bare TCP stand out, peers have quieter colours.
"""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from . import contestants, scenarios, tables
from .scenarios import Scenario

WIDTH = 760
LEFT, RIGHT = 188, 84  # beside bars, for names and figures
ROW = 24
LINE = 110  # letters
PLOT_LEFT, PLOT_RIGHT, PLOT_TOP, PLOT_HEIGHT = 70, 150, 64, 340
NAMES = {
    "ours": "this library",
    "ours-asyncio": "our websockets.asyncio",
    "ours-pure": "this library, pure",
    "ours-asgi": "our websockets.asgi",
    "ours-uvicorn": "uvicorn+this library",
    "ours-trio": "our websockets.trio",
    "ours-threads": "this library",
    "raw": "raw TCP",
    "raw-threads": "raw TCP",
}
LOOPS = {"uvloop": "on uvloop", "asyncio": "on asyncio's loop", "threads": "in threads"}
# One chart of several scenarios, on the first loop that they were measured on.
TOGETHER = {
    "asgi": (
        "The same ASGI application on several servers",
        {
            "asgi-32": "100 x 32 B text",
            "asgi-pipeline-32": "10 x 32 x 32 B text",
            "asgi-64k": "10 x 64 KiB binary",
        },
    ),
}
PEER_COLOURS = ["#c4621a", "#2f8f5b", "#8a63d2", "#b0427c", "#7d7a1f", "#2b8a9e", "#a05252"]
# Of the lines in curves, the same in all of them.
COLOURS = dict(
    zip((c.name for c in contestants.ALL if c.group == "peer"), itertools.cycle(PEER_COLOURS))
)

STYLE = """
text { font: 13px system-ui, "Segoe UI", sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 }
.quiet { fill: #656d76 }
.strong { font-weight: 600 }
.grid { stroke: #d0d7de; stroke-width: 1 }
.peer { fill: #8c959f }
.ours { fill: #0969da; stroke: none }
.pure { fill: #7fb2ee; stroke: none }
.raw { fill: #d0d7de }
polyline.line { fill: none; stroke-width: 1.8 }
polyline.ours { stroke: #0969da; stroke-width: 3 }
polyline.also { stroke-width: 1.8 }
polyline.pure { stroke: #0969da; stroke-dasharray: 5 4 }
polyline.raw { stroke: #656d76; stroke-dasharray: 2 4 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.quiet { fill: #9198a1 }
.grid { stroke: #3d444d }
.peer { fill: #6e7681 }
.ours { fill: #4493f8 }
.pure { fill: #2c5a99 }
.raw { fill: #3d444d }
polyline.ours, polyline.pure { stroke: #4493f8 }
polyline.raw { stroke: #9198a1 }
}
"""


def kind(name: str) -> str:
    """Return the class of a contestant's marks."""
    if name == "ours-pure":
        return "pure"
    return tables.group(name)


def text(x: float, y: float, content: str, css: str = "", anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" class="{css}" text-anchor="{anchor}">'
        f"{escape(content)}</text>"
    )


def line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def svg(height: float, title: str, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
        f'width="{WIDTH}" height="{height:.0f}" role="img">'
    )
    body = [f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", *parts]
    return "\n".join([head, *body, "</svg>"]) + "\n"


def drawn(scenario: Scenario, results: dict[str, Any]) -> list[str]:
    """Return the names of who gets a bar: the server in C is only there to test the tester."""
    names = tables.ranked(scenario, results)
    return [name for name in names if "value" in results[name] and kind(name) != "native"]


def bars(
    title: str,
    scenario: Scenario,
    columns: dict[str, dict[str, Any]],
    has_one_scale: bool = True,
) -> str:
    """Draw columns of bars beside each other, the best of the first one on top."""
    better = "less" if scenario.less_is_better else "more"
    parts = [
        text(8, 20, title, "title"),
        text(8, 40, f"{scenario.unit}, {better} is better", "quiet"),
    ]
    shown = {label: drawn(scenario, results) for label, results in columns.items()}
    names = list(dict.fromkeys(name for column in shown.values() for name in column))
    figures = {
        label: {name: columns[label][name]["value"] for name in column}
        for label, column in shown.items()
    }
    longest = {label: max([*column.values(), 0]) or 1 for label, column in figures.items()}
    if has_one_scale:
        longest = dict.fromkeys(longest, max(longest.values()))
    width = (WIDTH - LEFT) / len(columns)
    top = 70.0
    for row, name in enumerate(names):
        css = "strong" if kind(name) == "ours" else ""
        parts.append(text(LEFT - 8, top + row * ROW + 16, NAMES.get(name, name), css, "end"))
    for column, (label, values) in enumerate(figures.items()):
        left = LEFT + column * width
        parts.append(text(left, top - 6, label, "quiet"))
        for row, name in enumerate(names):
            if name not in values:
                continue
            y, length = top + row * ROW, max(values[name], 0) / longest[label] * (width - RIGHT)
            parts += [
                f'<rect class="{kind(name)}" x="{left:.1f}" y="{y + 3:.1f}" '
                f'width="{max(length, 1):.1f}" height="{ROW - 6}" rx="2"/>',
                text(
                    left + length + 6,
                    y + 16,
                    tables.number(values[name]),
                    "strong" if kind(name) == "ours" else "",
                ),
            ]
    bottom = top + len(names) * ROW
    if any(tables.ahead_of_raw(scenario, results) for results in columns.values()):
        for remark in textwrap.wrap(tables.AHEAD_OF_RAW, LINE):
            bottom += 18
            parts.append(text(8, bottom, remark, "quiet"))
    return svg(bottom + 10, title, parts)


def ticks(low: float, high: float) -> list[float]:
    """Return round figures between two: powers of ten, and 2 and 5 of each where they are few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)))
    steps = (1, 2, 5) if high / low < 100 else (1,)
    return [step * 10.0**p for p in powers for step in steps if low <= step * 10.0**p <= high]


def spread(places: dict[str, float], distance: float, last: float = math.inf) -> dict[str, float]:
    """Move labels until none covers another: down, and up again where they would pass the last."""
    order = sorted(places, key=lambda name: places[name])
    result: dict[str, float] = {}
    lowest = -math.inf
    for name in order:
        result[name] = lowest = max(places[name], lowest + distance)
    for name in reversed(order):
        result[name] = last = min(result[name], last)
        last -= distance
    return result


def curves(scenario: Scenario, loop: str, by_point: dict[int, dict[str, Any]]) -> str:
    """Draw a curve for each contestant, on two logarithmic axes."""
    series: dict[str, list[tuple[int, float]]] = {}
    for point, results in sorted(by_point.items()):
        for name, result in results.items():
            if result.get("value", 0) > 0:
                series.setdefault(name, []).append((point, result["value"]))
    figures = [value for pairs in series.values() for _, value in pairs]
    if not figures:
        return svg(PLOT_TOP, scenario.title, [text(8, 20, scenario.title, "title")])
    low, high = min(figures) / 1.2, max(figures) * 1.2
    first, last = min(by_point), max(by_point)
    width, bottom = WIDTH - PLOT_LEFT - PLOT_RIGHT, PLOT_TOP + PLOT_HEIGHT

    def across(x: float) -> float:
        return PLOT_LEFT + width * math.log(x / first) / (math.log(last / first) or 1)

    def up(y: float) -> float:
        return bottom - PLOT_HEIGHT * math.log(y / low) / math.log(high / low)

    parts = [
        text(8, 20, scenario.title, "title"),
        text(8, 40, f"{scenario.unit} on {loop}, more is better; both axes logarithmic", "quiet"),
    ]
    for value in ticks(low, high):
        y = up(value)
        parts += [line(PLOT_LEFT, y, PLOT_LEFT + width, y)]
        parts += [text(PLOT_LEFT - 8, y + 4, f"{value:,.0f}".replace(",", " "), "quiet", "end")]
    for point in sorted(by_point):
        label = tables.size(point) if scenario.scale == "size" else f"{point:,}".replace(",", " ")
        parts += [line(across(point), PLOT_TOP, across(point), bottom)]
        parts += [text(across(point), bottom + 18, label, "quiet", "middle")]
    labels = spread({name: up(pairs[-1][1]) for name, pairs in series.items()}, 15, bottom)
    # This library comes last, over all others.
    for name in sorted(series, key=lambda name: kind(name) in ("ours", "pure")):
        path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in series[name])
        colour = COLOURS.get(name, "")
        css = f"{kind(name)} also" if name == "ours-asyncio" else kind(name)
        paint = f' style="stroke: {colour}"' if colour else ""
        x, y = across(series[name][-1][0]) + 8, labels[name] + 4
        label = text(x, y, NAMES.get(name, name), "strong" if name == "ours" else "")
        if colour:
            label = label.replace(' class=""', f' style="fill: {colour}"')
        parts += [f'<polyline class="line {css}"{paint} points="{path}"/>', label]
    return svg(bottom + 30, scenario.title, parts)


def draw(entries: Sequence[dict[str, Any]], folder: Path) -> None:
    """Draw a chart for each scenario in the results."""
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, dict[str, dict[int, dict[str, Any]]]] = {}
    for entry in entries:
        by_loop = found.setdefault(entry["scenario"], {})
        by_loop.setdefault(entry["loop"], {})[entry.get("point", 0)] = entry["contestants"]
    charts: dict[str, str] = {}
    for name, loops in found.items():
        scenario = scenarios.BY_NAME[name]
        if scenario.scale:
            loop, by_point = next(iter(loops.items()))
            charts[name] = curves(scenario, loop, by_point)
        else:
            columns = {LOOPS[loop]: by_point[0] for loop, by_point in loops.items()}
            charts[name] = bars(scenario.title, scenario, columns)
    for name, (title, labels) in TOGETHER.items():
        here = [part for part in labels if part in found]
        if here:
            columns = {labels[part]: next(iter(found[part].values()))[0] for part in here}
            charts[name] = bars(title, scenarios.BY_NAME[here[0]], columns, has_one_scale=False)
    for name, chart in charts.items():
        (folder / f"{name}.svg").write_text(chart, encoding="utf-8")
