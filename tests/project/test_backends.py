"""
Which backend runs, and what the compiled one is made of.
"""

import shutil
from pathlib import Path

import pytest
from package import BUILT, CORE, MODULES, PACKAGE, ROOT, WHAT_RUNS, imports, run

from websockets import _core


def test_the_switch_knows_all_modules_of_the_core():
    assert sorted(_core.MODULES) == CORE


def test_backends_have_the_same_names(core):
    pure = _core.load("pure")
    for name in _core.MODULES:
        module = getattr(core, name)
        for public in getattr(pure, name).__all__:
            assert hasattr(module, public), f"{public} of {name}"


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
        _, declared, fields = sheet.partition(f"cdef class {cls.__name__}:")
        if cls.__module__ != pure.__name__ or not declared:
            continue
        if "cdef dict __dict__" not in fields.partition("\ncdef class ")[0]:
            assert "__dict__" not in vars(getattr(getattr(compiled_core, name), cls.__name__))


def test_extensions_can_be_loaded_more_than_once(compiled_core):
    # PEP 489: each interpreter of a process gets modules of its own.
    for name in BUILT:
        binary = Path(getattr(compiled_core, name).__file__).read_bytes()
        assert b"PyModuleDef_Init" in binary
        assert b"PyModule_Create2" not in binary
