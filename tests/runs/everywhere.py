"""
Runs the suite on every CPython of this machine, each in an environment of its own: a line for each.

    make test-all        or: make test-all PYTHONS="3.9 3.13" SUITE="-k server"

The compiled modules of all versions are in the tree at the same time, under names of their own.
What was said on the way is in build/pythons.
"""

import concurrent.futures
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pythons

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "pythons"
AT_ONCE = 2  # interpreters that are busy

SUITE = [*shlex.split(os.environ.get("SUITE", "-q")), "-m", "not build"]


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
        last = f"FAILED, see {log.relative_to(ROOT)} {last}"
    return last.strip("= ")


def build(version, python):
    WORK.mkdir(parents=True, exist_ok=True)
    (WORK / f"{version}.log").unlink(missing_ok=True)
    print(f"{version:6} builds", flush=True)
    folder = WORK.relative_to(ROOT) / version
    command = ["make", f"VENV={folder}", f"PYTHON={python}", f"{folder}/dev", f"{folder}/built"]
    return "FAILED" not in run(version, command)


def test(version):
    suite = [WORK / version / "bin" / "python", "-m", "pytest", *SUITE]
    both = run(version, suite, WEBSOCKETS_REQUIRE_EXTENSIONS="1")
    pure = run(version, suite, WEBSOCKETS_NO_EXTENSIONS="1")
    print(f"{version:6} compiled: {both}; pure: {pure}", flush=True)
    return "FAILED" not in both + pure


def main():
    found = pythons.find(os.environ.get("PYTHONS", ""))
    built = [version for version, python in found.items() if build(version, python)]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        passed = sum(pool.map(test, built))
    sys.exit(passed < len(found))


if __name__ == "__main__":
    main()
