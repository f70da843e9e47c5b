"""
Runs packages that use ``websockets`` on this tree, unmodified, each in an environment of its own.

    make packages        or: make packages PACKAGES="gql slack_sdk"

A package is two files in tests/packages: NAME.txt, the requirements of its environment, all of them
and all pinned, and with_NAME.py, a program. A line such as "# python: 3.9" in the list asks for that
Python, and "# program: sanic" for the program of another name. The environment is
build/packages/NAME, which is made once; pip adds nothing to the list, so that it has no distribution
``websockets``: the tree is on its path instead. A package that can't be installed is skipped with a
line that says so. What was said on the way is in build/packages/NAME.log.

``--distribution 17.4`` runs the programs on that release of the distribution ``websockets``: what
fails there is the program's fault.
"""

import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pythons

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "tests" / "packages"
WORK = ROOT / "build" / "packages"
AT_ONCE = 2  # packages that are installed or run
INSTALL = 240  # seconds for pip
LIMIT = 150  # seconds for a program


def names():
    return sorted(path.stem for path in PROGRAMS.glob("*.txt"))


def call(log, command, limit, environment=None):
    """Run a command with its output in a log; return its exit status, or None if it took too long."""
    with log.open("a") as file:
        try:
            return subprocess.run(
                command,
                cwd=WORK,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=limit,
            ).returncode
        except subprocess.TimeoutExpired:
            file.write(f"took more than {limit} seconds\n")
            return None


def wish(name, what):
    """Return what a list asks for with a line such as "# python: 3.9", or None."""
    found = re.search(f"^# {what}: (.+)$", (PROGRAMS / f"{name}.txt").read_text(), re.MULTILINE)
    return found and found[1]


def install(name, log):
    """Make the environment, unless it is there; return whether it is."""
    requirements = PROGRAMS / f"{name}.txt"
    made = WORK / name / "made"
    if made.exists() and made.read_text() == requirements.read_text():
        return True
    shutil.rmtree(WORK / name, ignore_errors=True)
    version = wish(name, "python")
    try:
        python = pythons.find(version)[version] if version else sys.executable
    except SystemExit as exc:
        log.write_text(f"{exc}\n")
        return False
    venv = [python, "-m", "venv", "--without-pip", WORK / name]
    pip = [sys.executable, "-m", "pip", "--python", WORK / name / "bin" / "python"]
    pip += ["install", "--no-deps", "--no-compile", "--retries", "2", "-r", requirements]
    if call(log, venv, INSTALL) == 0 and call(log, pip, INSTALL) == 0:
        made.write_text(requirements.read_text())
    return made.exists()


def last_line(log):
    lines = log.read_text().splitlines()
    return lines[-1] if lines else ""


def run(name, path, **variables):
    """
    Run a program; return whether all went as it should, and what it said last.

    It gets no proxy, no settings and nobody's home.
    """
    log = WORK / f"{name}.log"
    program = [
        WORK / name / "bin" / "python",
        PROGRAMS / f"with_{wish(name, 'program') or name}.py",
    ]
    variables.update(PATH=os.environ["PATH"], HOME=str(WORK / "home"), PYTHONPATH=str(path))
    passed = call(log, program, LIMIT, variables) == 0
    return passed, last_line(log)


def test(name, path, variables):
    """Install a package and run its program on both backends; return the outcome and its line."""
    log = WORK / f"{name}.log"
    log.unlink(missing_ok=True)
    if not install(name, log):
        return "skipped", f"can't be installed: {last_line(log)}"
    passed, said = run(name, path, **variables)
    if passed and said.startswith("compiled"):
        passed, pure = run(name, path, WEBSOCKETS_NO_EXTENSIONS="1", **variables)
        said += f"; {pure}"
    if not passed:
        return "failed", f"see {log.relative_to(ROOT)}: {said}"
    return ("passed" if " passed" in said else "skipped"), said


def distribution(version):
    """Install a release of the distribution ``websockets`` in a folder; return the folder."""
    path = WORK / f"websockets-{version}"
    if not path.exists():
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--only-binary=:all:"]
            + ["--target", path, f"websockets=={version}"],
            check=True,
        )
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("packages", nargs="*", help="their names; all, if there are none")
    parser.add_argument("--distribution", help="run on this release of the distribution instead")
    options = parser.parse_args()
    wanted = [re.sub(r"[-.]", "_", name) for name in options.packages] or names()
    unknown = sorted(set(wanted) - set(names()))
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(names())}")
    (WORK / "home").mkdir(parents=True, exist_ok=True)
    path, variables = ROOT, {}
    if options.distribution:
        path = distribution(options.distribution)
        variables["WEBSOCKETS_DISTRIBUTION"] = options.distribution
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        futures = {pool.submit(test, name, path, variables): name for name in wanted}
        for future in concurrent.futures.as_completed(futures):
            outcome, said = future.result()
            counts[outcome] += 1
            print(f"{futures[future]:16} {outcome:8} {said}", flush=True)
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    sys.exit(counts["failed"] > 0)


if __name__ == "__main__":
    main()
