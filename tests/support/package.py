"""
The package as it lies here: its modules, what they import, and which backend runs.
"""

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import websockets
from websockets import _core

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(websockets.__file__).resolve().parent  # of the tree, or of an installation
CORE = sorted(path.stem for path in PACKAGE.glob("_core/[!_]*.py"))
# Windows has no zlib that a compiled module could stand on.
BUILT = [name for name in CORE if sys.platform != "win32" or name not in _core.OPTIONAL]


def modules():
    """Map the name of every module of the package to its file."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(name):
    """Return the names of all modules that a module's text imports, wherever in the text."""
    path = MODULES[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = "." * node.level + (node.module or "")
            base = importlib.util.resolve_name(start, package)
            for alias in node.names:
                submodule = f"{base}.{alias.name}"
                found.add(submodule if submodule in MODULES else base)
    if name == "websockets._core":
        found.update(f"websockets._core.{module}" for module in _core.MODULES)
    return found


def run(code, **environment):
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), **environment}
    # -S leaves out what an editable installation adds: it would mend what a test has broken.
    return subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    ).stdout.split()


WHAT_RUNS = """
import sys
from websockets import _core
print(_core.backend, _core.apply_mask.__module__)
print(*[name for name in sys.modules if name.startswith("websockets._core.compiled")])
"""
