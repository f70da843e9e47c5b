"""
The C programs: a load generator and an echo server, and a library that a server runs in step with.
They are compiled when they are first needed.
"""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

SOURCES = Path(__file__).parent
BUILD = SOURCES.parent.parent / "build" / "benchmarks"
FLAGS = ["-std=gnu11", "-O3", "-Wall", "-Wextra", "-pthread"]

PROGRAMS = {
    "load": ["load.c", "measure.c", "plan.c", "stream.c", "exchange.c"],
    "serve": ["serve.c"],
    "lockstep": ["lockstep.c"],
}
# Further arguments of the compiler; if it fails with the first ones, it is tried with the next.
WITH_TLS = ["-DWITH_TLS", "-lssl", "-lcrypto"]
EXTRAS: dict[str, list[list[str]]] = {
    "load": [WITH_TLS, []],
    "serve": [WITH_TLS, []],
    "lockstep": [["-shared", "-fPIC"]],
}


class BuildError(Exception):
    """There is no compiler, or it failed."""


def compiler() -> list[str]:
    """Return the command of the C compiler."""
    command = shlex.split(os.environ.get("CC", "cc"))
    if shutil.which(command[0]) is None:
        raise BuildError(f"the benchmarks need a C compiler; there is no {command[0]!r} here")
    return command


@functools.lru_cache(maxsize=None)
def build(name: str) -> Path:
    """Compile a program if it isn't there or older than its sources, and return its path."""
    sources = [SOURCES / source for source in PROGRAMS[name]]
    target = BUILD / name
    newest = max(path.stat().st_mtime for path in SOURCES.iterdir())
    if target.exists() and target.stat().st_mtime > newest:
        return target
    BUILD.mkdir(parents=True, exist_ok=True)
    # Compiled beside its place and moved there, so that nobody ever runs half a program.
    with tempfile.TemporaryDirectory(dir=BUILD) as directory:
        made = Path(directory) / name
        for extras in EXTRAS.get(name, [[]]):
            command = [*compiler(), *FLAGS, "-o", made, *sources, *extras]
            result = subprocess.run(command, capture_output=True, text=True)
            if result.returncode == 0:
                return Path(shutil.move(made, target))
    raise BuildError(result.stderr)


@functools.lru_cache(maxsize=None)
def has_tls() -> bool:
    """Tell whether these programs speak TLS, which takes OpenSSL's headers."""
    result = subprocess.run([build("load"), "features"], capture_output=True, text=True, check=True)
    return "tls" in result.stdout
