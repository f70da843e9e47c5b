"""
Builds the compiled backend, and nothing else: the metadata is in pyproject.toml.

Every module of websockets/_core gets a compiled twin in websockets._core.compiled: made from
ext/NAME.pyx where that file exists, otherwise from the module's own Python text. C types come from
ext/websockets/_core/compiled/NAME.pxd.

Key decisions:

- All twins are built or none, because the library never mixes the two kinds. Whatever goes wrong on
  the way leaves a working pure build and a line that says so; WEBSOCKETS_REQUIRE_EXTENSIONS=1 makes
  it an error. WEBSOCKETS_NO_EXTENSIONS=1 doesn't even try.
- The exception is what stands on the C library zlib, which may not be there: where it can't be
  built, it alone is left out. Nothing requires it on Windows, which has no zlib of its own: wheels
  for it would have to carry a copy, while Python has one already.
- A source distribution carries the C that Cython made, which is compiled where Cython is missing.
- The extensions don't declare that they can do without the global interpreter lock, so that an
  interpreter without one takes it while they are loaded. Connections, readers and assemblers are
  C structures that change in many steps, and masking_key takes from a stock that threads share:
  the lock is what keeps two threads from tearing them.

WEBSOCKETS_SANITIZE=1 builds for AddressSanitizer and UndefinedBehaviorSanitizer: see the Makefile.
"""

import os
import sys
from pathlib import Path
from shutil import copyfile
from textwrap import shorten

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist
from setuptools.modified import newer_group

GENERATED = Path("build/cython")
CARRIED = Path("ext/generated")  # in source distributions only
COMPILED = Path("websockets/_core/compiled")

WINDOWS = sys.platform == "win32"

# The library that a module stands on, without which it is left out.
LIBRARIES = {"deflate": "zlib" if WINDOWS else "z"}

# What send() calls for each message is a method like those of C, which Python calls in less time.
DIRECTIVES = {"stream": {"binding": False, "always_allow_keywords": False}}

SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]


def switched_on(variable):
    return os.environ.get(variable, "") not in ("", "0")


def extensions():
    if switched_on("WEBSOCKETS_NO_EXTENSIONS"):
        return []
    found = []
    for module in sorted(Path("websockets/_core").glob("[!_]*.py")):
        kernel = Path("ext", module.name).with_suffix(".pyx")
        source = str(kernel if kernel.exists() else module)
        headers = {Path("ext", COMPILED, module.name).with_suffix(".pxd")}
        for path in (Path(source), *headers):
            add_headers(path, headers)
        found.append(
            Extension(
                f"websockets._core.compiled.{module.stem}",
                [source],
                include_dirs=["ext"],
                libraries=[LIBRARIES[module.stem]] if module.stem in LIBRARIES else [],
                depends=["setup.py", source, *sorted(map(str, filter(Path.exists, headers)))],
                optional=module.stem in LIBRARIES
                and (WINDOWS or not switched_on("WEBSOCKETS_REQUIRE_EXTENSIONS")),
            )
        )
    return found


def add_headers(path, found):
    """Add the type sheets and headers in C that a file stands on, by their names in its text."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    for header in {*Path("ext").rglob("*.pxd"), *Path("ext").glob("*.h")} - found:
        if (f'"{header.name}"' if header.suffix == ".h" else f".{header.stem} cimport") in text:
            found.add(header)
            add_headers(header, found)


class build_all_or_none(build_ext):
    def initialize_options(self):
        super().initialize_options()
        self.parallel = os.cpu_count()
        self.left_out = []

    def run(self):
        if not self.extensions:
            return
        # While it builds, the base class takes the mark of an in-place build away.
        trees = [Path(self.build_lib, COMPILED)] + ([COMPILED] if self.inplace else [])
        try:
            super().run()
        except Exception as error:
            if switched_on("WEBSOCKETS_REQUIRE_EXTENSIONS"):
                raise
            discard(trees, "*")
            print(
                f"\nwebsockets: no extensions: {type(error).__name__}: {shorten(str(error), 300)}\n"
                "websockets: this is a pure Python build, which works, but more slowly\n",
                file=sys.stderr,
            )
            return
        for name in self.left_out:
            discard(trees, name)
            print(
                f"\nwebsockets: no {name}: the C library {LIBRARIES[name]} and its header weren't "
                "found\nwebsockets: its pure Python twin works, but more slowly\n",
                file=sys.stderr,
            )

    def build_extensions(self):
        for extension in self.extensions:
            # Only the sources are taken over: setuptools has put marks of its own on its objects.
            extension.sources = [c_file(extension, self.force)]
            if switched_on("WEBSOCKETS_SANITIZE"):
                # CPython's own flags would hide signed overflow, which other builds may have.
                extension.extra_compile_args = ["-O1", "-g", "-fno-wrapv", *SANITIZERS]
                extension.extra_link_args = SANITIZERS
            elif self.compiler.compiler_type != "msvc":
                extension.extra_compile_args = ["-O3", "-g0"]
        super().build_extensions()

    def build_extension(self, extension):
        try:
            super().build_extension(extension)
        except Exception:
            self.left_out.append(module_name(extension))
            raise


def discard(trees, name):
    """Remove what an earlier build left: it may be older than the pure modules."""
    for tree in trees:
        for path in [*tree.glob(f"{name}.*so"), *tree.glob(f"{name}.*pyd")]:
            path.unlink()


class sdist_with_c(sdist):
    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        Path(base_dir, CARRIED).mkdir(exist_ok=True)
        for extension in extensions():
            copyfile(c_file(extension), Path(base_dir, carried(extension)))


def module_name(extension):
    return extension.name.rpartition(".")[2]


def carried(extension):
    return CARRIED / f"{module_name(extension)}.c"


def c_file(extension, force=False):
    """Return the path of the C file that Cython makes of an extension, or has made."""
    try:
        from Cython.Build import cythonize
    except ImportError:
        if carried(extension).exists():
            return str(carried(extension))
        raise
    # To tell what is out of date, Cython looks for type sheets beside the source only. And it looks
    # at its own sheets, which are new wherever it was just installed, though the C is the same.
    made = GENERATED / Path(extension.sources[0]).with_suffix(".c")
    if not force and not newer_group(extension.depends, str(made)):
        return str(made)
    [generated] = cythonize(
        [extension],
        build_dir=str(GENERATED),
        include_path=["ext"],
        compiler_directives={
            "language_level": 3,
            "annotation_typing": False,
            **DIRECTIVES.get(module_name(extension), {}),
        },
        force=True,
    )
    return generated.sources[0]


setup(
    ext_modules=extensions(),
    cmdclass={"build_ext": build_all_or_none, "sdist": sdist_with_c},
)
