"""
What a program is told where compiled modules are missing that should be there.
"""

import importlib.machinery
import os
import shutil
import subprocess
import sys

import pytest
from package import PACKAGE

from websockets._unbuilt import complaint

pytestmark = pytest.mark.one_backend

needs_lock = pytest.mark.skipif(
    sys.implementation.name != "cpython" or "t" in getattr(sys, "abiflags", ""),
    reason="nobody builds compiled modules for this interpreter",
)

OURS = f"utf8{importlib.machinery.EXTENSION_SUFFIXES[0]}"
OTHER = "utf8.cpython-27-other.so"


@pytest.fixture
def core(tmp_path):
    """The folder of a core without compiled modules."""
    folder = tmp_path / "websockets/_core"
    (folder / "compiled").mkdir(parents=True)
    (folder / "compiled/__init__.py").touch()
    return folder


def make_source_tree(root):
    (root / "ext").mkdir()
    (root / "ext/utf8.pyx").touch()


def complain(core):
    return complaint(str(core), ImportError("undefined symbol"))


@needs_lock
def test_a_source_tree_that_is_not_built(core, tmp_path):
    make_source_tree(tmp_path)
    assert f"the source tree {tmp_path} has no compiled modules for Python 3." in complain(core)
    assert "build_ext --inplace" in complain(core)


@needs_lock
def test_a_source_tree_that_is_built_for_another_python(core, tmp_path):
    make_source_tree(tmp_path)
    (core / "compiled" / OTHER).touch()
    assert "the source tree" in complain(core)


@needs_lock
def test_compiled_modules_that_cannot_be_loaded(core):
    (core / "compiled" / OURS).touch()
    assert complain(core) == f"the compiled modules in {core} can't be loaded: undefined symbol"


@needs_lock
def test_compiled_modules_for_another_python(core):
    (core / "compiled" / OTHER).touch()
    assert complain(core) == f"the compiled modules in {core} are for another Python, as {OTHER}"


def test_a_pure_build_is_no_reason_to_complain(core):
    assert complain(core) is None


def test_an_archive_is_no_reason_to_complain(tmp_path):
    assert complain(tmp_path / "archive.zip/websockets/_core") is None


@pytest.mark.parametrize(
    ("name", "flags"), [("pypy", ""), ("cpython", "t")], ids=["another", "without a lock"]
)
def test_interpreters_for_which_nobody_builds(core, tmp_path, monkeypatch, name, flags):
    make_source_tree(tmp_path)
    monkeypatch.setattr(sys.implementation, "name", name)
    monkeypatch.setattr(sys, "abiflags", flags, raising=False)
    assert complain(core) is None


@needs_lock
def test_it_is_told_once_unless_it_is_meant(tmp_path):
    unwanted = shutil.ignore_patterns("*.so", "*.pyd")
    shutil.copytree(PACKAGE, tmp_path / "websockets", ignore=unwanted)

    def run(*options, **variables):
        kept = {name: value for name, value in os.environ.items() if name[:10] != "WEBSOCKETS"}
        code = "import websockets; print(websockets.backend); import websockets.asyncio.server"
        # -S leaves out what is installed in earnest.
        result = subprocess.run(
            [sys.executable, "-S", *options, "-c", code],
            cwd=tmp_path,
            env={**kept, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
        assert result.stdout == "pure\n"
        return result.stderr

    # As it is after an installation where there was no compiler.
    assert run("-W", "error") == ""
    make_source_tree(tmp_path)
    told = run()
    assert told.count("RuntimeWarning: websockets runs in pure Python, many times slower") == 1
    assert str(tmp_path) in told
    assert run("-W", "error", WEBSOCKETS_NO_EXTENSIONS="1") == ""
