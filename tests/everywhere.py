"""
Runs the suite on every CPython of this machine, each in an environment of its own: a line for each.

    make test-all        or: make test-all PYTHONS="3.9 3.13"

The compiled modules of all versions are in the tree at the same time, under names of their own.
What was said on the way is in build/pythons.
"""

import concurrent.futures
import os
import subprocess
import sys
from pathlib import Path

import pythons

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "pythons"
AT_ONCE = 2  # interpreters that are busy

SUITE = ["-m", "pytest", "-q", "-m", "not build", "-p", "no:cacheprovider"]


def run(version, command, **variables):
    """Run a command, and return the last line that it says."""
    log = WORK / f"{version}.log"
    result = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with log.open("a") as file:
        file.write(result.stdout)
    *before, last = result.stdout.splitlines() or [""]
    if result.returncode:
        print(*before[-20:], sep="\n")
        last = f"FAILED, see {log.relative_to(ROOT)}: {last}"
    return last.strip("= ")


def build(version, python):
    WORK.mkdir(parents=True, exist_ok=True)
    (WORK / f"{version}.log").unlink(missing_ok=True)
    folder = WORK.relative_to(ROOT) / version
    command = ["make", f"VENV={folder}", f"PYTHON={python}", f"{folder}/dev", f"{folder}/built"]
    print(f"{version:6} {run(version, command)}", flush=True)


def test(version):
    python = WORK / version / "bin" / "python"
    both = run(version, [python, *SUITE], WEBSOCKETS_REQUIRE_EXTENSIONS="1")
    pure = run(version, [python, *SUITE], WEBSOCKETS_NO_EXTENSIONS="1")
    print(f"{version:6} compiled: {both}; pure: {pure}", flush=True)
    return "FAILED" not in both + pure


def main():
    found = pythons.find(os.environ.get("PYTHONS", ""))
    for version, python in found.items():
        build(version, python)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        sys.exit(not all(pool.map(test, found)))


if __name__ == "__main__":
    main()
