"""
How the library is put together: what imports what, which backend runs, and what a build contains.
"""

import ast
import importlib.util
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

import websockets
from websockets import _core

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(websockets.__file__).resolve().parent  # of the tree, or of an installation
CORE = sorted(path.stem for path in PACKAGE.glob("_core/[!_]*.py"))
# Windows has no zlib that a compiled module could stand on.
BUILT = [name for name in CORE if sys.platform != "win32" or name not in _core.OPTIONAL]

# Imports go down, or stay on their floor; see docs/design.md.
FLOORS = {
    "websockets": 9,
    "websockets.__main__": 8,
    "websockets._terminal": 8,
    "websockets.auth": 8,
    "websockets.legacy": 8,
    "websockets.client": 7,
    "websockets.server": 7,
    "websockets.protocol": 6,
    "websockets._registry": 6,
    "websockets._starting": 6,
    "websockets._engine": 5,
    "websockets._handshake": 5,
    "websockets._transports": 5,
    "websockets._transports.secure": 6,
    "websockets.extensions": 5,
    "websockets.handshake": 5,
    "websockets.framing": 4,
    "websockets.http": 4,
    "websockets._core": 3,
    "websockets.headers": 3,
    "websockets.uri": 3,
    "websockets.exceptions": 2,
    "websockets.datastructures": 1,
    "websockets.typing": 1,
    "websockets.version": 1,
}

OUTSIDE_WORLD = {
    "asyncio",
    "concurrent",
    "multiprocessing",
    "select",
    "selectors",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "threading",
    "time",
}


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


def floor(name):
    while name not in FLOORS:
        name, dot, _ = name.rpartition(".")
        assert dot, f"no floor is given for {name}"
    return FLOORS[name]


@pytest.mark.parametrize("name", MODULES)
def test_every_module_has_a_floor(name):
    assert name in FLOORS or name.rpartition(".")[0] in set(FLOORS) - {"websockets"}


@pytest.mark.parametrize("name", MODULES)
def test_imports_only_go_down(name):
    above = {
        imported
        for imported in imports(name)
        if imported in MODULES and floor(imported) > floor(name)
    }
    assert not above


def test_there_is_no_circle_of_imports():
    # Take away the modules that import nothing which is left, until there are none.
    left = {name: imports(name) & set(MODULES) - {name} for name in MODULES}
    while left:
        bottom = {name for name, imported in left.items() if not imported & set(left)}
        assert bottom, f"these import each other: {sorted(left)}"
        for name in bottom:
            del left[name]


@pytest.mark.parametrize("name", [name for name in MODULES if floor(name) <= 3])
def test_the_core_and_what_it_stands_on_are_sans_io(name):
    assert not {imported.partition(".")[0] for imported in imports(name)} & OUTSIDE_WORLD


@pytest.mark.parametrize("name", [name for name in MODULES if floor(name) < 6])
def test_asyncio_begins_with_the_protocol(name):
    assert "asyncio" not in {imported.partition(".")[0] for imported in imports(name)}


def test_nothing_imports_cython():
    assert not {name for name in MODULES if "cython" in {n.lower() for n in imports(name)}}


def test_the_switch_knows_all_modules_of_the_core():
    assert sorted(_core.MODULES) == CORE


def test_backends_have_the_same_names(core):
    pure = _core.load("pure")
    for name in _core.MODULES:
        module = getattr(core, name)
        for public in getattr(pure, name).__all__:
            assert hasattr(module, public), f"{public} of {name}"


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


@pytest.mark.parametrize("value", ["1", "yes"])
def test_the_switch_at_run_time(value):
    assert run(WHAT_RUNS, WEBSOCKETS_NO_EXTENSIONS=value) == ["pure", "websockets._core.mask"]


@pytest.mark.parametrize("value", ["", "0"])
@pytest.mark.usefixtures("compiled_core")
def test_the_compiled_backend_is_the_default(value):
    backend, module, *compiled = run(WHAT_RUNS, WEBSOCKETS_NO_EXTENSIONS=value)
    assert (backend, module) == ("compiled", "websockets._core.compiled.mask")
    expected = {f"websockets._core.compiled.{name}" for name in BUILT}
    assert set(compiled) == expected | {"websockets._core.compiled"}


def test_one_missing_twin_makes_all_pure(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "websockets")
    for path in (tmp_path / "websockets/_core/compiled").glob("utf8.*"):
        path.unlink()
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{WHAT_RUNS}"
    backend, module, *_ = run(code, WEBSOCKETS_NO_EXTENSIONS="")
    assert (backend, module) == ("pure", "websockets._core.mask")


@pytest.mark.usefixtures("compiled_core")
def test_without_its_c_library_a_module_alone_is_pure(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "websockets")
    for path in (tmp_path / "websockets/_core/compiled").glob("deflate.*"):
        path.unlink()
    code = f"""import sys; sys.path.insert(0, {str(tmp_path)!r})\n{WHAT_RUNS}
print(_core.Deflater.__module__, _core.Inflater(15, True).decompress(b"\\xf2H\\xcd\\xc9\\xc9\\x07\\x00"))
"""
    backend, module, *_, owner, hello = run(code, WEBSOCKETS_NO_EXTENSIONS="")
    assert (backend, module) == ("compiled", "websockets._core.compiled.mask")
    assert (owner, hello) == ("websockets._core.deflate", "b'Hello'")


def test_nothing_stands_on_a_module_that_may_be_missing():
    for name in MODULES:
        if name.startswith("websockets._core."):
            assert not imports(name) & {f"websockets._core.{module}" for module in _core.OPTIONAL}


def test_compiled_modules_use_compiled_siblings(core):
    package = "websockets._core.compiled" if core.backend == "compiled" else "websockets._core"
    for name in BUILT:
        module = getattr(core, name)
        assert module.__name__ == f"{package}.{name}"
        for value in vars(module).values():
            owner = getattr(value, "__module__", None) or ""
            if owner.startswith("websockets._core"):
                assert owner.rpartition(".")[0] == package


SHEETS = sorted(path.stem for path in ROOT.glob("ext/websockets/_core/compiled/*.pxd"))


@pytest.mark.parametrize("name", SHEETS)
def test_type_sheets_are_taken(compiled_core, name):
    # Cython says nothing of a sheet that it doesn't find; a class that has types has no __dict__.
    pure = getattr(_core.load("pure"), name)
    sheet = (ROOT / f"ext/websockets/_core/compiled/{name}.pxd").read_text("utf-8")
    for cls in [value for value in vars(pure).values() if isinstance(value, type)]:
        if cls.__module__ == pure.__name__ and f"cdef class {cls.__name__}:" in sheet:
            assert "__dict__" not in vars(getattr(getattr(compiled_core, name), cls.__name__))


def test_extensions_can_be_loaded_more_than_once(compiled_core):
    # PEP 489: each interpreter of a process gets modules of its own.
    for name in BUILT:
        binary = Path(getattr(compiled_core, name).__file__).read_bytes()
        assert b"PyModuleDef_Init" in binary
        assert b"PyModule_Create2" not in binary


# utf8_blocks.h is a part of utf8.h, which includes it once for each kind of vectors.
OUR_C = sorted({path.name for path in ROOT.glob("ext/*.h")} - {"utf8_blocks.h"})
COMPILER = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cl")


@pytest.mark.build
@pytest.mark.parametrize("header", OUR_C)
@pytest.mark.skipif(shutil.which(COMPILER[0]) is None, reason="there is no compiler")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows' compiler has other options")
def test_our_own_c_has_no_warnings(header, tmp_path):
    (tmp_path / "alone.c").write_text(f'#include "{header}"\n')
    result = subprocess.run(
        [
            *COMPILER,
            *["-Wall", "-Wextra", "-Werror", "-fsyntax-only"],
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


def test_every_target_is_explained():
    makefile = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", " ")
    targets = re.findall(r"[\w-]+", " ".join(re.findall(r"^\.PHONY:(.*)", makefile, re.MULTILINE)))
    assert len(targets) > 10
    for target in targets:
        assert re.search(rf"^{target}:.*  ## \w", makefile, re.MULTILINE), target


@pytest.mark.parametrize("example", ["echo_server.py", "echo_client.py"])
def test_the_readme_shows_the_examples_as_they_are(example):
    code = (ROOT / "examples" / example).read_text("utf-8")
    assert f"```python\n{code}```" in (ROOT / "README.md").read_text("utf-8")


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


NO_COMPILER = {"CC": "/bin/false"}
NO_CYTHON = {"PYTHONPATH": "no_cython"}


def hide_cython(tree):
    (tree / "no_cython").mkdir(exist_ok=True)
    (tree / "no_cython/Cython.py").write_text("raise ImportError('Cython is hidden')")


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
    # What has been built is taken over, except that it is out of date, and then it must go.
    made = built / f"lib.{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
    for path in (ROOT / "build").glob("lib.*/**/*.so"):
        copy = made / path.relative_to(ROOT / "build").relative_to(path.parts[len(ROOT.parts) + 1])
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
        if path.name.startswith("deflate."):
            os.utime(copy, (0, 0))
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


@pytest.fixture(scope="module")
def source_distribution(source_tree, tmp_path_factory):
    target = tmp_path_factory.mktemp("sdist")
    subprocess.run(
        [sys.executable, "setup.py", "--quiet", "sdist", "--format=zip", f"--dist-dir={target}"],
        cwd=source_tree,
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


@pytest.mark.build
@pytest.mark.usefixtures("compiled_core")
def test_a_source_distribution_needs_no_cython(source_distribution, tmp_path):
    hide_cython(source_distribution)
    environment = {"WEBSOCKETS_NO_EXTENSIONS": "", **NO_CYTHON}
    if os.name == "posix":
        # Nobody runs what comes of it, so that there is no use in optimizing for half a minute.
        compiler = tmp_path / "cc"
        compiler.write_text(f'#!/bin/sh\nexec {sysconfig.get_config_var("CC")} "$@" -O0\n')
        compiler.chmod(0o755)
        environment["CC"] = str(compiler)
    _, files = wheel(source_distribution, tmp_path, **environment)
    assert contents.twins(files) == BUILT
