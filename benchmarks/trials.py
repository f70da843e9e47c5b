"""
One trial: a fresh server, a load on it for a moment, and figures.

Owns processes: whatever is started here has ended when a function returns. The contestant has the
first processor for itself, the load generator (or the server that clients are measured with) the
last one.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from . import native, plans
from .contestants import Contestant
from .scenarios import Scenario

PATIENCE = 60  # seconds beyond the time of a measurement
TURNS = 5000  # connections for each second that is measured, at most
AUTHORITY = "authority.pem"
BEFOREHAND = 50  # connections that a server has seen before its memory is taken for the first time
PROCESSORS = sorted(os.sched_getaffinity(0))


class TrialError(Exception):
    """A process failed, or answered wrong."""


@dataclass(frozen=True)
class Setting:
    """What all trials of a series share."""

    loop: str
    warmup: float
    seconds: float
    certificate: Path | None  # beside it lies that of who has signed it


class Process(subprocess.Popen):  # type: ignore[type-arg]
    """A process on one processor. What it says to nobody goes to a file, which is never full."""

    def __init__(self, command: list[Any], processor: int, **options: Any) -> None:
        self.complaints = tempfile.TemporaryFile("w+")
        os.sched_setaffinity(0, {processor})  # which it inherits
        try:
            super().__init__(
                [str(part) for part in command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.complaints,
                text=True,
                **options,
            )
        finally:
            os.sched_setaffinity(0, PROCESSORS)


def answer(process: Process, timeout: float) -> dict[str, Any]:
    """Wait for a line of JSON from a process."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=lambda: lines.put(process.stdout.readline()), daemon=True).start()
    why = f"no answer in {timeout:g} s"
    with contextlib.suppress(queue.Empty):
        line = lines.get(timeout=timeout)
        if line:
            return json.loads(line)
        why = "it ended without a word"
    process.kill()
    process.wait()
    process.complaints.seek(0)
    raise TrialError(process.complaints.read().strip()[-2000:] or why)


@contextlib.contextmanager
def running(process: Process) -> Iterator[Process]:
    """End a process: gently by the end of its standard input, or else by a signal."""
    try:
        yield process
    finally:
        try:
            process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        process.complaints.close()


@contextlib.contextmanager
def server(
    contestant: Contestant,
    scenario: Scenario,
    setting: Setting,
    wrapper: Sequence[str] = (),
    variables: Optional[dict[str, str]] = None,
    descriptors: Sequence[int] = (),
) -> Iterator[tuple[Process, dict[str, Any]]]:
    """Run a contestant's server; by another program, and with more of ours, if these are given."""
    options = {
        "kind": scenario.kind if scenario.kind in ("broadcast", "recv") else "echo",
        "loop": setting.loop,
        "compression": scenario.compression != "off",
        "certificate": str(setting.certificate) if scenario.tls else None,
        "application": scenario.application or "asgi",
    }
    command = contestant.command(scenario) + [json.dumps(options), *contestant.server[1:]]
    environment = {**contestant.variables(), **(variables or {})}
    with running(
        Process([*wrapper, *command], PROCESSORS[0], env=environment, pass_fds=descriptors)
    ) as process:
        yield process, answer(process, PATIENCE)


@contextlib.contextmanager
def client_of(
    contestant: Contestant,
    scenario: Scenario,
    setting: Setting,
    port: int,
    other: int,
    wrapper: Sequence[str] = (),
    variables: Optional[dict[str, str]] = None,
    descriptors: Sequence[int] = (),
) -> Iterator[Process]:
    """Run a contestant's client; by another program, and with more of ours, if these are given."""
    authority = setting.certificate.with_name(AUTHORITY) if scenario.tls else None
    options = {
        "port": port,
        "loop": setting.loop,
        "connections": scenario.connections,
        "in_flight": scenario.in_flight,
        "size": scenario.size,
        "opcode": scenario.opcode,
        "warmup": setting.warmup,
        "seconds": setting.seconds,
        "other": other,
        "authority": str(authority) if authority else None,
    }
    command = [*wrapper, *contestant.command(scenario), json.dumps(options)]
    environment = {**contestant.variables(), **(variables or {})}
    with running(Process(command, PROCESSORS[0], env=environment, pass_fds=descriptors)) as process:
        yield process


def load(mode: str, timeout: float, **options: Any) -> Process:
    """Start the load generator."""
    arguments = [f"{name}={value}" for name, value in options.items() if value is not None]
    return Process([native.build("load"), mode, *arguments], PROCESSORS[-1])


def write_plan(path: Path, contestant: Contestant, scenario: Scenario, port: int) -> None:
    """Write what the load generator is to send."""
    size = max(scenario.size, 1)
    if contestant.group == "raw":
        message = plans.payload(scenario.opcode, size)
        plans.write(path, b"", [(message, message)])
    else:
        opening = plans.request(port, scenario.compression)
        pairs = plans.exchanges(scenario.opcode, size, scenario.compression)
        plans.write(path, opening, pairs)


def check(path: Path, scenario: Scenario) -> str:
    """Check the sample that the load generator took."""
    has_echo = scenario.kind == "echo"
    message = None
    if has_echo:
        message = plans.messages(scenario.opcode, scenario.size, scenario.compression)[0]
    try:
        return plans.check_sample(path.read_bytes(), scenario.compression, message)
    except ValueError as error:
        raise TrialError(str(error)) from None


def resident(pid: int) -> int:
    """Return the KiB of memory that a process has, as far as no other process shares them."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def figures(result: dict[str, Any]) -> dict[str, Any]:
    """Add what follows from a result: processor time for each message, in microseconds."""
    rate = result["rate"]
    return {**result, "value": rate, "cpu_us": result["cpu"] / rate * 1e6 if rate else None}


def time_for(scenario: Scenario, seconds: float) -> float:
    """Return for how long to measure: among thousands of connections, each has several turns."""
    return max(seconds, scenario.connections / TURNS)


def exchange(
    contestant: Contestant, scenario: Scenario, setting: Setting, folder: Path
) -> dict[str, Any]:
    """Measure echoes, broadcasts or handshakes of a server."""
    with server(contestant, scenario, setting) as (process, about):
        plan, sample = folder / "plan", folder / "sample"
        seconds = time_for(scenario, setting.seconds)
        write_plan(plan, contestant, scenario, about["port"])
        generator = load(
            scenario.kind,
            setting.seconds,
            port=about["port"],
            plan=plan,
            connections=scenario.connections,
            in_flight=scenario.in_flight,
            at_a_time=scenario.connections,
            tls=int(scenario.tls),
            warmup=setting.warmup,
            seconds=seconds,
            server=about.get("pid", process.pid),
            sample=sample,
        )
        with running(generator):
            result = answer(generator, setting.warmup + seconds + PATIENCE)
        if contestant.group != "raw":
            result["agreed"] = check(sample, scenario)
    return {**figures(result), "versions": about.get("versions")}


def traced(process: Process) -> float:
    """Return the KiB that a server has allocated, as far as Python knows of it."""
    process.stdin.write("memory\n")
    process.stdin.flush()
    return answer(process, PATIENCE)["traced"] / 1024


def idle(
    contestant: Contestant,
    scenario: Scenario,
    setting: Setting,
    folder: Path,
    trace: bool = False,
) -> dict[str, Any]:
    """Measure what a server keeps in memory for each connection; by tracemalloc if so asked."""
    variables = {"PYTHONTRACEMALLOC": "1"} if trace else {}
    with contextlib.ExitStack() as held:
        process, about = held.enter_context(
            server(contestant, scenario, setting, variables=variables)
        )
        plan = folder / "plan"
        write_plan(plan, contestant, scenario, about["port"])

        def hold(connections: int) -> float:
            generator = load(
                "idle",
                0,
                port=about["port"],
                plan=plan,
                connections=connections,
                echoes=int(scenario.echoed),
            )
            held.enter_context(running(generator))
            answer(generator, PATIENCE)
            return traced(process) if trace else resident(process.pid)

        before = hold(BEFOREHAND)
        kib = (hold(scenario.connections) - before) / scenario.connections
    return {"value": kib, "versions": about.get("versions")}


def client(
    contestant: Contestant, scenario: Scenario, setting: Setting, folder: Path
) -> dict[str, Any]:
    """Measure a client, with the echo server that is written in C on the other side."""
    mode = ["raw"] if contestant.group == "raw" else []
    if scenario.tls:
        mode.append(f"tls={setting.certificate}")
    with running(Process([native.build("serve"), *mode], PROCESSORS[-1])) as other:
        port = answer(other, PATIENCE)["port"]
        with client_of(contestant, scenario, setting, port, other.pid) as process:
            return figures(answer(process, setting.warmup + setting.seconds + PATIENCE))


KINDS = {
    "echo": exchange,
    "broadcast": exchange,
    "handshakes": exchange,
    "idle": idle,
    "client": client,
    "threads": client,
}


def run(contestant: Contestant, scenario: Scenario, setting: Setting) -> dict[str, Any]:
    """Run one trial."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        return KINDS[scenario.kind](contestant, scenario, setting, Path(folder))
