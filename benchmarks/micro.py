"""
Small operations in one table, from the JSON of pytest-benchmark.

A group is an operation. In it, tests with the ids "compiled" and "pure" are this library's, a pair
for each function; all others are references. Times are medians. Upstream's functions live in
another environment, so that micro_upstream.py measures them there.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Optional

from .contestants import PEERS
from .tables import Grid, latency, ratio

HEAD = ["operation", "compiled", "pure", "pure / compiled", "reference", "", "compiled / reference"]
Group = dict[str, dict[str, float]]


def time(seconds: Optional[float]) -> str:
    """Write the time of an operation."""
    if seconds is None:
        return ""
    return (
        f"{seconds * 1e9:,.0f} ns".replace(",", " ") if seconds < 1e-4 else latency(seconds * 1e6)
    )


def function(benchmark: dict[str, Any]) -> str:
    """Return the name of what is measured."""
    return benchmark["name"].partition("[")[0].removeprefix("test_")


def backend(benchmark: dict[str, Any]) -> Optional[str]:
    """Return the backend that is measured, None for a reference."""
    ids = benchmark["name"].partition("[")[2].rstrip("]").split("-")
    return next((name for name in ("compiled", "pure") if name in ids), None)


def groups(results: dict[str, Any]) -> dict[str, Group]:
    """Return for each group and function the medians: compiled, pure, or reference."""
    found: dict[str, Group] = {}
    for benchmark in results["benchmarks"]:
        functions = found.setdefault(benchmark["group"] or function(benchmark), {})
        medians = functions.setdefault(function(benchmark), {})
        medians[backend(benchmark) or "reference"] = benchmark["stats"]["median"]
    return found


def upstream(names: list[str]) -> dict[str, float]:
    """Measure what upstream has for these groups, if it is installed; medians in seconds."""
    if not PEERS.exists():
        return {}
    script = Path(__file__).with_name("micro_upstream.py")
    command = [str(PEERS), "-E", str(script), json.dumps(names)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def rows(name: str, group: Group, theirs: Optional[float]) -> Grid:
    """Return the rows of a group: one for each function, with the references beside them."""
    ours = {f: m for f, m in group.items() if "reference" not in m}
    references = {f: m["reference"] for f, m in group.items() if "reference" in m}
    if theirs is not None:
        references["websockets"] = theirs
    result = []
    for each, medians in ours.items():
        compiled, pure = medians.get("compiled"), medians.get("pure")
        label = name if len(ours) == 1 else f"{name}: {each}"
        start = [label, time(compiled), time(pure), ratio(pure, compiled)]
        for reference, median in references.items() or [("", None)]:
            result.append([*start, reference, time(median), ratio(compiled, median)])
            start = [""] * 4
    return result


def table(results: dict[str, Any]) -> Grid:
    """Return the table of all operations."""
    found = groups(results)
    theirs = upstream(list(found))
    grid = [HEAD]
    for name, group in found.items():
        grid += rows(name, group, theirs.get(name))
    return grid
