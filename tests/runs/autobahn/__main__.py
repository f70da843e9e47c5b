"""
The library under Autobahn's test suite: both sides, both backends, both event loops, trio, threads.

``make autobahn`` runs it. The suite plays its cases against an echo server or an echo client of
ours, which are in ``testee.py`` and its neighbours, and says how it went. What it says goes
to ``docs/autobahn.md``; the exit status is 1 if a case didn't pass and that table doesn't say so.
"""

import argparse
import ast
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TABLE = ROOT / "docs" / "autobahn.md"
BUILD = ROOT / "build" / "autobahn"
TESTEE = Path(__file__).with_name("testee.py")
NEIGHBOURS = {
    "trio": TESTEE.with_name("testee_on_trio.py"),
    "threads": TESTEE.with_name("testee_in_threads.py"),
}
SUITE = Path(__file__).with_name("suite.txt")
PORTS = range(9001, 9100)  # which the system gives to nobody who asks for any port

SIDES = ["server", "client"]
BACKENDS = ["compiled", "pure"]
LOOPS = ["uvloop", "asyncio"]
RUNS = [f"{side} {backend} {loop}" for side in SIDES for backend in BACKENDS for loop in LOOPS]
RUNS += [f"{side} {backend} {way}" for way in NEIGHBOURS for side in SIDES for backend in BACKENDS]

# From good to bad. The suite calls informational what it knows no right or wrong for.
VERDICTS = ["OK", "INFORMATIONAL", "NON-STRICT", "UNIMPLEMENTED", "WRONG CODE", "UNCLEAN"]
VERDICTS += ["FAILED BY CLIENT", "FAILED"]
PASSED = VERDICTS[:2]

# What the cases are about, whose numbers begin so.
SECTIONS = {
    "1": "messages of many lengths",
    "2": "pings and pongs",
    "3": "reserved bits",
    "4": "opcodes",
    "5": "fragments",
    "6": "UTF-8, valid and not",
    "7": "the closing handshake",
    "9": "large messages, and many",
    "10": "a message in many frames",
    "12.1": "compressed JSON",
    "12.2": "a compressed picture",
    "12.3": "a compressed book",
    "12.4": "compressed HTML",
    "12.5": "a compressed PDF",
    "13.1": "compression, nothing asked for",
    "13.2": "no context takeover",
    "13.3": "windows of 9 bits",
    "13.4": "windows of 15 bits",
    "13.5": "no context takeover, 9 bits",
    "13.6": "no context takeover, 15 bits",
    "13.7": "several offers",
}

HEAD = """\
# What Autobahn's test suite says

`make autobahn` plays the cases of Autobahn's test suite (`{suite}`) against an echo server and an
echo client, on both backends, both event loops, trio and in threads, and writes this table. A number tells how many
cases passed; one that didn't is named after it, with the suite's verdict; a dash means that the
cases weren't run. The cases 7.1.6, 7.13.1 and 7.13.2 count as passed: the suite doesn't judge them,
it only tells what happened. Runs on trio and in threads are of today's API, which looks at UTF-8 when a message is
taken (6.4), and takes a close frame in the middle of a message for a violation (7.1.5). A run fails if a case went worse than it stands here, and leaves that
place as it was. The suite's own reports are in `build/autobahn/reports`.

"""


# The suite


def suite(mode, spec, directory):
    """Start the suite; the specification tells what it shall do."""
    path = directory / "spec.json"
    path.write_text(json.dumps({"outdir": str(directory), **spec}))
    start = "import site, sys; site.addsitedir(sys.argv.pop(1));"
    start += "from autobahntestsuite import wstest; wstest.run()"
    command = [BUILD / "python2", "-uc", start, BUILD / "suite", "-m", mode, "-s", path, "-u", "0"]
    with open(directory / "log", "w") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def testee(backend, loop, *uri, **pipes):
    environment = {**os.environ, "WEBSOCKETS_NO_EXTENSIONS": "1" if backend == "pure" else ""}
    program = [NEIGHBOURS[loop]] if loop in NEIGHBOURS else [TESTEE, loop]
    command = [sys.executable, *program, backend, *uri]
    return subprocess.Popen(command, env=environment, text=True, **pipes)


def free_port():
    for port in PORTS:
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise SystemExit("no port is free")


def play(run, cases, limit):
    """Return the suite's verdict on each case."""
    side, backend, loop = run.split()
    directory = BUILD / "reports" / run.replace(" ", "-")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "index.json").unlink(missing_ok=True)
    with contextlib.ExitStack() as ending:

        def started(process):
            ending.enter_context(process)
            ending.callback(process.kill)
            return process

        if side == "server":
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            server = started(testee(backend, loop, **pipes))
            uri = f"ws://127.0.0.1:{int(server.stdout.readline())}"
            servers = [{"agent": side, "url": uri}]
            last = started(suite("fuzzingclient", {"servers": servers, "cases": cases}, directory))
        else:
            uri = f"ws://127.0.0.1:{free_port()}"
            started(suite("fuzzingserver", {"url": uri, "cases": cases}, directory))
            last = started(testee(backend, loop, uri))
        try:
            last.wait(limit)
        except subprocess.TimeoutExpired:
            raise SystemExit(f"{run}: not done in {limit} seconds; CASES=... makes parts") from None
    log = directory / "log"
    planned = re.search(r"^Cases = (\[.*\])$", log.read_text(), re.MULTILINE)
    index = directory / "index.json"
    results = json.loads(index.read_text())[side] if index.exists() else {}
    if planned is None or set(ast.literal_eval(planned[1])) != set(results):
        raise SystemExit(f"{run}: not all cases were played; {log} may tell why")
    return {
        case: max(said["behavior"], said["behaviorClose"], key=VERDICTS.index)
        for case, said in results.items()
    }


# The table


def read_table():
    """Return the cells of the table: what is said of a section in a run."""
    cells = {}
    if TABLE.exists():
        for line in TABLE.read_text().splitlines():
            if found := re.match(r"\| ([\d.]+) ", line):
                texts = [text.strip() for text in line.strip("|").split("|")]
                cells.update({(found[1], run): text for run, text in zip(RUNS, texts[1:])})
    return cells


def exceptions(cell):
    """Return the verdict on each case that is named in a cell."""
    return dict(re.findall(r"([\d.]+\.\d+) ([A-Z -]+)", cell))


def write_cell(verdicts):
    bad = [f"{case} {verdict}" for case, verdict in verdicts.items() if verdict not in PASSED]
    return ", ".join([str(len(verdicts) - len(bad)), *bad])


def write_table(cells):
    lines = ["| cases | " + " | ".join(run.replace(" ", ", ") for run in RUNS) + " |"]
    lines += ["|---|" + "---|" * len(RUNS)]
    for section, about in SECTIONS.items():
        texts = [cells.get((section, run), "–") for run in RUNS]
        lines += [f"| {section} {about} | " + " | ".join(texts) + " |"]
    TABLE.write_text(HEAD.format(suite=SUITE.read_text().splitlines()[0]) + "\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", default="*", help="patterns, as in '1.* 9.7.*'")
    parser.add_argument(
        "--runs", default="", help="words that a run has to have, as in 'client pure'"
    )
    parser.add_argument("--limit", type=int, default=3600, help="seconds that a run may take")
    arguments = parser.parse_args()

    cases = arguments.cases.split()
    worse = []
    for run in RUNS:
        if not set(arguments.runs.split()) <= set(run.split()):
            continue
        start = time.monotonic()
        verdicts = play(run, cases, arguments.limit)
        print(f"{run}: {write_cell(verdicts)}, in {time.monotonic() - start:.0f} s", flush=True)
        cells = read_table()
        for section in SECTIONS:
            part = {c: v for c, v in verdicts.items() if c.startswith(f"{section}.")}
            known = exceptions(cells.get((section, run), ""))
            bad = [
                f"{run}, {case}: {verdict}"
                for case, verdict in part.items()
                if VERDICTS.index(verdict) > VERDICTS.index(known.get(case, PASSED[-1]))
            ]
            if bad:
                worse += bad
            elif any(f"{section}.*".startswith(pattern.rstrip("*")) for pattern in cases):
                cells[section, run] = write_cell(part)
        write_table(cells)
    for line in worse:
        print(line)
    return bool(worse)


if __name__ == "__main__":
    sys.exit(main())
