"""
What builds contain: wheels with and without a compiler, source distributions.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import contents
import pytest
from package import BUILT, CORE, ROOT, WHAT_RUNS, run

from websockets import _core

# utf8_blocks.h is a part of utf8.h, which includes it once for each kind of vectors.
OUR_C = sorted({path.name for path in ROOT.glob("ext/*.h")} - {"utf8_blocks.h"})

COMPILER = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cl")


# As on Windows: every header has a half for that.
WITHOUT_POSIX = "-DWEBSOCKETS_POSIX=0"


@pytest.mark.build
@pytest.mark.parametrize("options", [[], [WITHOUT_POSIX]], ids=["", "without POSIX"])
@pytest.mark.parametrize("header", OUR_C)
@pytest.mark.skipif(shutil.which(COMPILER[0]) is None, reason="there is no compiler")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows' compiler has other options")
def test_our_own_c_has_no_warnings(header, options, tmp_path):
    (tmp_path / "alone.c").write_text(f'#include "{header}"\n')
    result = subprocess.run(
        [
            *COMPILER,
            *["-Wall", "-Wextra", "-Werror", "-fsyntax-only", *options],
            *[f"-I{ROOT / 'ext'}", f"-I{sysconfig.get_path('include')}", "alone.c"],
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stdout


def test_what_is_found_in_wheels():
    clues = ["\0.symtab\0", "\0.debug_line\0", f"{Path.home()}/lib", f"{ROOT}/ext"]
    for clue in clues:
        assert contents.traces({"a.so": f"...{clue}...".encode()})
        assert not contents.traces({"a.py": clue.encode()})
    assert not contents.traces({"a.so": b"ext/mask.h"})
    files = contents.faults(["a-1.dist-info/METADATA", "tests/a.py", "a.so"])
    assert "tests/a.py doesn't belong there" in files
    assert "websockets/py.typed is missing" in files
    assert "METADATA is missing" not in files
    assert contents.twins(["websockets/b.cp39.pyd", "a.cpython-39.so", "c.py"]) == ["a", "b"]


def test_every_version_has_wheels():
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    versions = re.findall(r'"Programming Language :: Python :: 3\.(\d+)"', project)
    assert f'requires-python = ">=3.{versions[0]}"' in project
    wheels = " ".join(f"cp3{version}-*" for version in versions)
    assert f'build = "{wheels}"' in project
    policy = (ROOT / "docs" / "policy.md").read_text("utf-8")
    assert re.findall(r"^\| 3\.(\d+) \|", policy, re.M) == versions


@pytest.fixture(scope="module")
def source_tree(tmp_path_factory):
    """A copy of the source, with what has been generated and compiled already."""
    pytest.importorskip("setuptools", minversion="77")
    pytest.importorskip("Cython")
    tree = tmp_path_factory.mktemp("source")
    leave_out = shutil.ignore_patterns(
        *[".*", "*.so", "*.pyd", "__pycache__", "node_modules", "build", "dist", "*.egg-info"]
    )
    shutil.copytree(ROOT, tree, dirs_exist_ok=True, ignore=leave_out)
    # Copied rather than built again: they are as new as the sources, so the build takes them.
    for pattern in ["cython", f"*{sysconfig.get_platform()}-{sys.implementation.cache_tag}"]:
        for path in (ROOT / "build").glob(pattern):
            shutil.copytree(path, tree / path.relative_to(ROOT))
    return tree


def wheel(source_tree, target, **environment):
    """Build a wheel, and return its path and its files."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    result = subprocess.run(
        [*command, "--no-build-isolation", "--no-deps", "--wheel-dir", str(target), "."],
        cwd=source_tree,
        env={**os.environ, "WEBSOCKETS_REQUIRE_EXTENSIONS": "", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout
    [path] = Path(target).glob("*.whl")
    files = contents.read(path)
    assert not contents.faults(files)
    return path, files


@pytest.mark.build
@pytest.mark.usefixtures("compiled_core")
def test_the_compiled_wheel(source_tree, tmp_path):
    path, files = wheel(source_tree, tmp_path, WEBSOCKETS_NO_EXTENSIONS="")
    assert "-none-any" not in path.name
    assert contents.twins(files) == BUILT
    for name in filter(contents.is_binary, files):
        assert b".debug_" not in files[name]
        assert os.fsencode(ROOT) not in files[name]
        assert os.fsencode(source_tree) not in files[name]


@pytest.mark.build
def test_the_pure_wheel(source_tree, tmp_path):
    path, files = wheel(source_tree, tmp_path, WEBSOCKETS_NO_EXTENSIONS="1")
    assert path.name.endswith("-py3-none-any.whl")
    assert contents.twins(files) == []


NO_COMPILER = {"CC": "/bin/false"}


@pytest.mark.build
@pytest.mark.skipif(sys.platform == "win32", reason="CC means nothing to Windows' compiler")
def test_a_machine_without_a_compiler(source_tree, tmp_path):
    for path in (source_tree / "build").rglob("*.so"):
        path.unlink()
    for path in (source_tree / "build").rglob("*.o"):
        path.unlink()
    path, files = wheel(source_tree, tmp_path, WEBSOCKETS_NO_EXTENSIONS="", **NO_COMPILER)
    assert contents.twins(files) == []
    code = f"import sys; sys.path.insert(0, {str(path)!r})\n{WHAT_RUNS}"
    assert run(code, WEBSOCKETS_NO_EXTENSIONS="")[0] == "pure"


NO_CYTHON = {"PYTHONPATH": "no_cython"}


def hide_cython(tree):
    (tree / "no_cython").mkdir(exist_ok=True)
    (tree / "no_cython/Cython.py").write_text("raise ImportError('Cython is hidden')")


@pytest.mark.build
@pytest.mark.skipif(sys.platform == "win32", reason="CC means nothing to Windows' compiler")
@pytest.mark.parametrize("environment", [NO_COMPILER, NO_CYTHON], ids=["compiler", "Cython"])
def test_a_line_says_that_a_build_came_out_pure(source_tree, tmp_path, environment):
    hide_cython(source_tree)
    command = [sys.executable, "setup.py", "--quiet", "build", f"--build-base={tmp_path}"]
    environment = {**os.environ, "WEBSOCKETS_NO_EXTENSIONS": "", **environment}
    for required in ["", "1"]:
        result = subprocess.run(
            command,
            cwd=source_tree,
            env={**environment, "WEBSOCKETS_REQUIRE_EXTENSIONS": required},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        assert ("this is a pure Python build" in result.stdout) == (not required)
        assert (result.returncode == 0) == (not required)
    assert not list(tmp_path.rglob("*.so"))


def take_over(base, outdated):
    """
    Copy what has been built to another folder for builds, so that few are built there.

    Arguments:
        base: the folder.
        outdated: the names of those that are to be older than their sources.

    Returns:
        the folder in it where the package is.
    """
    made = base / f"lib.{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
    for path in (ROOT / "build").glob(f"lib.*{sys.implementation.cache_tag}/**/*.so"):
        copy = made / path.relative_to(ROOT / "build").relative_to(path.parts[len(ROOT.parts) + 1])
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
        if path.name.partition(".")[0] in outdated:
            os.utime(copy, (0, 0))
    return made


@pytest.mark.build
@pytest.mark.skipif(sys.platform == "win32", reason="CC means nothing to Windows' compiler")
@pytest.mark.skipif(shutil.which(COMPILER[0]) is None, reason="there is no compiler")
@pytest.mark.usefixtures("compiled_core")
def test_a_machine_without_zlib(source_tree, tmp_path):
    # This header stands before the system's.
    (tmp_path / "zlib.h").write_text("#error there is no zlib here\n")
    built = tmp_path / "built"
    command = [sys.executable, "setup.py", "--quiet", "build", f"--build-base={built}"]
    environment = {**os.environ, "WEBSOCKETS_NO_EXTENSIONS": "", "CPATH": str(tmp_path)}
    # This is out of date, and must go.
    made = take_over(built, ["deflate"])
    for required in ["", "1"]:
        result = subprocess.run(
            command,
            cwd=source_tree,
            env={**environment, "WEBSOCKETS_REQUIRE_EXTENSIONS": required},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        assert (result.returncode == 0) == (not required)
        assert ("no deflate: the C library z" in result.stdout) == (not required)
        assert "this is a pure Python build" not in result.stdout
        if not required:
            names = sorted(path.name.partition(".")[0] for path in made.rglob("*.so"))
            assert names == [name for name in CORE if name not in _core.OPTIONAL]


# What isn't declared is an error, which older compilers take for a function.
OTHER_COMPILER = """#!/bin/sh
exec {compiler} "$@" -O0 -Werror=implicit-function-declaration {options}
"""

TALK = """
import asyncio, contextlib
import websockets
from websockets import _core
from websockets.sync.client import connect

MESSAGES = ["Hello", "caf\\xe9" * 100_000, b"", bytes(range(256)) * 4096]

def talk(uri):
    with connect(uri, compression=None) as ws:
        for message in MESSAGES:
            ws.send(message)
            assert ws.recv() == message

async def main():
    ended = asyncio.get_running_loop().create_future()

    async def echo(ws):
        last = None
        with contextlib.suppress(websockets.ConnectionClosed):
            async for message in ws:
                await ws.send(message)
                last = message
        if not ended.done():
            ended.set_result(last)

    async with websockets.serve(echo, "127.0.0.1", 0, compression=None) as server:
        uri = "ws://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
        async with websockets.connect(uri, compression=None) as ws:
            for message in MESSAGES:
                await ws.send(message)
                assert await ws.recv() == message
            print(_core.backend, type(ws.transport).__module__)
            for i in range(20):  # more than leave at once
                await ws.send(str(i))
            ws.transport.close()
            print(await ended)
        await asyncio.get_running_loop().run_in_executor(None, talk, uri)

asyncio.run(main())
"""


@pytest.mark.build
@pytest.mark.skipif(sys.platform == "win32", reason="it is another system")
@pytest.mark.skipif(shutil.which(COMPILER[0]) is None, reason="there is no compiler")
@pytest.mark.usefixtures("compiled_core")
@pytest.mark.parametrize(
    "options, transports",
    [
        ([WITHOUT_POSIX], "asyncio.selector_events"),
        pytest.param(
            ["-DWEBSOCKETS_KQUEUE=1", f"-I{ROOT / 'tests/support/kqueue'}"],
            "websockets._core.compiled.link",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="it stands on Linux's epoll"),
        ),
    ],
    ids=["without POSIX", "kqueue"],
)
def test_other_systems(source_tree, tmp_path, options, transports):
    halves = [path.name for path in ROOT.glob("ext/*.h") if '"system.h"' in path.read_text("utf-8")]
    concerned = [
        path.stem
        for path in (source_tree / "build" / "cython").rglob("*.c")
        if any(f'#include "{half}"' in path.read_text("utf-8") for half in halves)
    ]
    built = take_over(tmp_path, concerned)
    compiler = tmp_path / "cc"
    compiler.write_text(
        OTHER_COMPILER.format(compiler=shlex.join(COMPILER), options=shlex.join(options))
    )
    compiler.chmod(0o755)
    result = subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build", f"--build-base={tmp_path}"],
        cwd=source_tree,
        env={**os.environ, "CC": str(compiler), "WEBSOCKETS_NO_EXTENSIONS": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0 and "pure Python build" not in result.stdout, result.stdout
    code = f"import sys; sys.path.insert(0, {str(built)!r})\n{TALK}"
    said = run(code, WEBSOCKETS_NO_EXTENSIONS="")
    assert said == ["compiled", transports, "19"]


@pytest.fixture(scope="module")
def source_distribution(source_tree, tmp_path_factory):
    target = tmp_path_factory.mktemp("sdist")
    subprocess.run(
        [sys.executable, "setup.py", "--quiet", "sdist", "--format=zip", f"--dist-dir={target}"],
        cwd=source_tree,
        env={**os.environ, "WEBSOCKETS_NO_EXTENSIONS": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=True,
        timeout=60,
    )
    [path] = target.glob("*.zip")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(target)
    path.unlink()
    [tree] = target.iterdir()
    return tree


@pytest.mark.build
def test_the_source_distribution(source_distribution):
    names = {
        path.relative_to(source_distribution).as_posix() for path in source_distribution.rglob("*")
    }
    for pattern in ["ext/**/*", "examples/*", "benchmarks/*.py", "tests/**/*", "docs/**/*"]:
        expected = {
            file.relative_to(ROOT).as_posix()
            for file in ROOT.glob(pattern)
            if file.is_file()
            and not {"node_modules", "__pycache__"} & set(file.relative_to(ROOT).parts)
        }
        assert expected <= names
    assert {
        "Makefile",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "README.md",
        "SECURITY.md",
        "LICENSE",
        "setup.py",
    } <= names
    assert not [name for name in names if name.endswith((".so", ".pyc")) or "build/" in name]


@pytest.mark.build
def test_the_generated_c_keeps_the_global_interpreter_lock(source_distribution):
    # setup.py says why.
    files = sorted((source_distribution / "ext/generated").iterdir())
    assert [path.name for path in files] == [f"{name}.c" for name in CORE]
    for path in files:
        assert "#define __Pyx_FREETHREADING_COMPATIBLE Py_MOD_GIL_USED" in path.read_text("utf-8")


# Looks for what is wrong in C, but leaves empty objects: nobody runs what comes of them.
QUICK_COMPILER = """#!/bin/sh
for argument; do
    test "$before" = -o && object=$argument
    before=$argument
done
case " $* " in
    *" -c "*) {compiler} "$@" -fsyntax-only && exec {compiler} -c -x c /dev/null -o "$object" ;;
    *) exec {compiler} "$@" ;;
esac
"""


@pytest.mark.build
@pytest.mark.usefixtures("compiled_core")
def test_a_source_distribution_needs_no_cython(source_distribution, tmp_path):
    hide_cython(source_distribution)
    environment = {"WEBSOCKETS_NO_EXTENSIONS": "", **NO_CYTHON}
    if os.name == "posix":
        compiler = tmp_path / "cc"
        compiler.write_text(QUICK_COMPILER.format(compiler=sysconfig.get_config_var("CC")))
        compiler.chmod(0o755)
        environment["CC"] = str(compiler)
    _, files = wheel(source_distribution, tmp_path, **environment)
    assert contents.twins(files) == BUILT
