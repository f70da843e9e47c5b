"""
Finds the interpreters that the library is for: every CPython of this machine from 3.9 on.

Looks where pyenv keeps its own, and then on the path. Names and paths that are asked for, as in
PYTHONS="3.11 /opt/python/bin/python3", leave out the others. An interpreter without the global
lock isn't taken: compiled modules would bring the lock back, see setup.py.
"""

import itertools
import os
import subprocess
from pathlib import Path

ABOUT = """
import platform, sys, sysconfig
fits = sys.version_info >= (3, 9) and platform.python_implementation() == "CPython"
if fits and not sysconfig.get_config_var("Py_GIL_DISABLED"):
    print("%d.%d" % sys.version_info[:2])
"""


def version(path):
    """Return an interpreter's version, as "3.9", or an empty string if it isn't one of ours."""
    try:
        # From elsewhere than here, where pyenv may have been told to take another one.
        result = subprocess.run(
            [path, "-I", "-c", ABOUT], cwd="/", capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""


def candidates(wanted):
    yield from (name for name in wanted if os.sep in name)
    yield from sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"), reverse=True)
    for folder, minor in itertools.product(os.get_exec_path(), range(9, 30)):
        path = Path(folder, f"python3.{minor}")
        if path.exists():
            yield path


def find(names=""):
    """Map versions to interpreters, oldest first."""
    wanted = names.split()
    found = {}
    for path in candidates(wanted):
        name = version(path)
        if name and (not wanted or name in wanted or str(path) in wanted):
            found.setdefault(name, Path(path))
    if not found or len(found) < len(wanted):
        raise SystemExit(
            f"Wanted: CPython {names or '>= 3.9'}. Found: {' '.join(found) or 'none'}."
        )
    return dict(sorted(found.items(), key=lambda item: int(item[0].partition(".")[2])))
