"""
Fuzz what one module here checks: python tests/runs/fuzz NAME [merge | options of libFuzzer].

What is found goes to build/fuzz/NAME. With "merge", nothing new is looked for: what was found goes
on to tests/corpus/NAME, as far as it covers lines of the pure modules that nothing there covers.
"""

import sys
from contextlib import redirect_stderr
from importlib import import_module
from io import StringIO
from pathlib import Path

import atheris

TESTS = Path(__file__).resolve().parents[2]
sys.path[:1] = [str(TESTS / "runs"), str(TESTS / "support")]

name, *options = sys.argv[1:]
kept = TESTS / "corpus" / name
found = TESTS.parent / "build/fuzz" / name
found.mkdir(parents=True, exist_ok=True)

with redirect_stderr(StringIO()), atheris.instrument_imports(include=["websockets"]):
    from websockets import _core

    check = import_module(f"fuzz.{name}").check
    backends = [_core.load("pure"), _core.load("compiled")]

folders = [found, kept]
if options == ["merge"]:
    options = ["-set_cover_merge=1", "-use_counters=0"]
    folders = [kept, found]
# A merge starts this line in processes of its own.
command = f"{sys.executable} {sys.argv[0]} {name}"
settings = [f"-artifact_prefix={found.parent}/{name}-", "-timeout=10", "-max_len=600"]
settings += ["-verbosity=0", "-print_final_stats=1", *options]
atheris.Setup([command, *settings, *map(str, folders)], lambda data: check(backends, data))
atheris.Fuzz()
