"""
Runs the whole suite on both backends, side by side.

    make test

Each test for which the backend makes no difference is in one of them: those that build distributions
in the pure half, all others in the compiled one, which takes as long for it. The compiled half speaks
as it runs; what the pure one says is in build/tests/pure.log, and is shown when both are done.
Arguments are pytest's, for both. EXCEPT="build or programs" leaves out what has these marks.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOG = ROOT / "build" / "tests" / "pure.log"

EXCEPT = os.environ.get("EXCEPT", "")


def suite(marks, *options):
    if EXCEPT:
        marks = f"({marks}) and not ({EXCEPT})"
    return [sys.executable, "-m", "pytest", "-m", marks, *options, *sys.argv[1:]]


COMPILED = suite("not build")
# The cache is another one, as each run writes down which tests have failed.
PURE = suite("build or not (programs or one_backend)", "-o", "cache_dir=build/tests/cache")


def end(number, frame):
    raise SystemExit(128 + number)


def wait(halves):
    """Wait for both halves, also after Ctrl-C, which they get, too; end them if this is to end."""
    try:
        while any(half.poll() is None for half in halves):
            try:
                for half in halves:
                    half.wait()
            except KeyboardInterrupt:
                pass
    finally:
        for half in halves:
            half.terminate()


def main():
    signal.signal(signal.SIGTERM, end)
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("wb") as log:
        environment = {**os.environ, "WEBSOCKETS_NO_EXTENSIONS": "1"}
        options = {"cwd": ROOT, "env": environment, "stdout": log, "stderr": subprocess.STDOUT}
        halves = [subprocess.Popen(COMPILED, cwd=ROOT), subprocess.Popen(PURE, **options)]
        wait(halves)
    print("\nThe pure half:\n", LOG.read_text("utf-8", "replace"), sep="\n", flush=True)
    failed = [name for name, half in zip(["compiled", "pure"], halves) if half.returncode]
    if failed:
        sys.exit(f"FAILED: the {' and the '.join(failed)} half")


if __name__ == "__main__":
    main()
