"""
What is installed, what runs, and what is wrong with it: ``python -m websockets doctor``.

Owns the questions and their answers. Must never change anything. Key decision: what is *wrong*, so
that something else runs than who installed it believes, makes the exit status 1; what could only
be better is noted.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import selectors
import ssl
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Optional
from urllib.parse import unquote, urlsplit

from .. import _core
from .._transports.tls import calls_openssl
from .._unbuilt import complaint
from ..extensions._zlibs import chosen
from ..version import distribution_version, version
from .showing import escape, show_unknown_characters

PACKAGE = Path(__file__).resolve().parents[1]

# Distributions that bring the package, or one of that name. Ours has either: under the second one
# it stands in for a release of the other, and names its own version in the local part.
NAMES = ("cywebsockets", "websockets")

OPTIONAL = ("isal", "python-socks", "redis", "trio", "uvloop", "werkzeug", "zlib-ng")

# Those that a program may choose, see set_zlib_backend().
ZLIBS = ("zlib-ng", "isal")

START_AGAIN = "pip uninstall --yes cywebsockets websockets; then install the one that is meant"
INSTALL_AGAIN = "pip install --force-reinstall --no-deps cywebsockets"


class Owner(NamedTuple):
    """A distribution that has files of a package ``websockets``."""

    name: str
    version: str
    folder: Path
    editable: bool
    distribution: importlib.metadata.Distribution

    def __str__(self) -> str:
        kind = "editable, " if self.editable else ""
        return f"{self.name} {self.version} ({kind}{self.folder})"

    @property
    def is_ours(self) -> bool:
        """Whether it is this library, under either of its names."""
        return self.name == "cywebsockets" or "+cy" in self.version


def plain(name: str) -> str:
    """Return the name of a distribution as all tools compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def distributions() -> Iterator[tuple[str, importlib.metadata.Distribution]]:
    """Yield the names of all distributions that are installed, and themselves."""
    for distribution in importlib.metadata.distributions():
        # What an interrupted installation leaves may have no name.
        if "Name" in distribution.metadata:
            yield plain(distribution.metadata["Name"]), distribution


def record(distribution: importlib.metadata.Distribution) -> Optional[dict[str, str]]:
    """Return the files that a distribution brought, with their hashes, if there is such a list."""
    # Its attribute ``files`` leaves out those that are gone, from Python 3.12 on.
    text = distribution.read_text("RECORD")
    if text is None:
        return None
    return {path: checksum for path, checksum, *_ in csv.reader(text.splitlines())}


def editable_folder(distribution: importlib.metadata.Distribution) -> Optional[Path]:
    """Return the source tree that a distribution is, if it is one."""
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    if not origin.get("dir_info", {}).get("editable"):
        return None
    return Path(unquote(urlsplit(origin["url"]).path))


def owners() -> list[Owner]:
    """Return the distributions that have a package ``websockets``, in the order of sys.path."""
    found: dict[tuple[str, Path], Owner] = {}
    for name, distribution in distributions():
        tree = editable_folder(distribution) if name in NAMES else None
        folder = tree or Path(str(distribution.locate_file("")))
        if tree is None:
            files = record(distribution)
            if files is None:
                # Debian's packages have no list, and neither has what setuptools leaves in a tree.
                if name not in NAMES or (folder / "setup.py").exists():
                    continue
            elif "websockets/__init__.py" not in files:
                continue
        folder = (folder / "websockets").resolve()
        owner = Owner(name, distribution.version, folder, tree is not None, distribution)
        found.setdefault((name, folder), owner)
    return list(found.values())


def changed_files(owner: Owner) -> list[str]:
    """Return the files of the package that aren't as they were installed."""
    changed = []
    for path, checksum in (record(owner.distribution) or {}).items():
        if path.startswith("websockets/") and checksum:
            mode, _, expected = checksum.partition("=")
            try:
                data = Path(str(owner.distribution.locate_file(path))).read_bytes()
            except OSError:
                data = b""
            digest = hashlib.new(mode, data).digest()
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != expected:
                changed.append(path)
    return changed


def ownership(found: list[Owner]) -> Iterator[str]:
    """Yield what is wrong with who owns the files that run."""
    here = [owner for owner in found if owner.folder == PACKAGE]
    for folder in dict.fromkeys(owner.folder for owner in found):
        several = [f"{owner.name} {owner.version}" for owner in found if owner.folder == folder]
        if len(several) > 1:
            yield (
                f"{' and '.join(several)} are installed over each other in {folder}: {START_AGAIN}"
            )
    if found and not here:
        yield (
            f"{PACKAGE} is imported in the place of {found[0]}: leave that folder, or take it from "
            "PYTHONPATH; 'python -m' and 'python -c' look in the current folder first"
        )
    if len(here) == 1 and here[0].is_ours and not here[0].editable:
        [owner] = here
        if owner.version.rpartition("+cy")[2] != distribution_version:
            yield f"the files are of version {distribution_version}, not {owner}: {INSTALL_AGAIN}"
        elif changed_files(owner):
            changed = changed_files(owner)
            some = ", ".join(changed[:3]) + (", ..." if len(changed) > 3 else "")
            yield f"{len(changed)} files aren't as {owner.name} has them ({some}): {INSTALL_AGAIN}"


def who_requires_websockets() -> list[str]:
    """Return the distributions that won't do without one that is named ``websockets``."""
    found = set()
    for name, distribution in distributions():
        for requirement in distribution.requires or ():
            required, marker = re.match(r"([\w.-]*)[^;]*(.*)", requirement, re.S).groups()  # type: ignore[union-attr]
            if plain(required) == "websockets" and "extra" not in marker:
                found.add(name)
    return sorted(found)


def why_pure() -> tuple[str, Optional[str]]:
    """Return why the core is pure, and what is wrong with that, if anything."""
    if os.environ.get("WEBSOCKETS_NO_EXTENSIONS", "") not in ("", "0"):
        return "WEBSOCKETS_NO_EXTENSIONS is set", None
    try:  # pragma: no cover (tested in a copy of the package)
        _core.load("compiled")
    except ImportError as error:  # pragma: no cover
        wrong = complaint(str(PACKAGE / "_core"), error)
        return "the compiled modules aren't there", wrong
    return "the compiled modules were built after it began", None  # pragma: no cover


def installed(name: str) -> Optional[str]:
    """Return the version of a distribution, or None if it isn't installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def event_loops() -> list[str]:
    """Return the event loops that programs may run on, asyncio's own first."""
    windows = sys.platform == "win32"
    kind = "ProactorEventLoop" if windows else selectors.DefaultSelector.__name__
    uvloop = installed("uvloop")
    return [f"asyncio ({kind})", *([f"uvloop {uvloop}"] if uvloop else [])]


def examine() -> dict[str, Any]:
    """Return all there is to know, in types that JSON has."""
    found = owners()
    problems, notes = list(ownership(found)), []
    reason = None
    if _core.backend == "pure":  # pragma: no cover (tested in a copy of the package)
        reason, wrong = why_pure()
        if wrong:
            problems.append(wrong)
        elif "NO_EXTENSIONS" not in reason:
            notes.append(
                "this is a pure build, which works, but slowly; a wheel for this Python, or a C "
                "compiler when it is installed, makes a fast one"
            )
    native = "compiled" in _core.Deflater.__module__
    if _core.backend == "compiled" and not native:  # pragma: no cover (the same)
        notes.append("compression is slower than it could be: it was built without zlib's header")
    requiring = who_requires_websockets()
    if requiring and not any(owner.name == "websockets" for owner in found):
        notes.append(
            f"a distribution named 'websockets' is required by {', '.join(requiring)}; pip will "
            "install it over this one, unless there is the wheel of that name which comes with "
            "each release"
        )
    return {
        "api": version,
        "version": distribution_version,
        "package": str(PACKAGE),
        "distributions": [
            {
                "name": owner.name,
                "version": owner.version,
                "folder": str(owner.folder),
                "editable": owner.editable,
            }
            for owner in found
        ],
        "backend": _core.backend,
        "why_pure": reason,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "event_loops": event_loops(),
        "tls": ssl.OPENSSL_VERSION,
        "direct_tls": calls_openssl(),
        "zlib": zlib.ZLIB_RUNTIME_VERSION,
        "compiled_zlib": native,
        "zlib_backend": chosen().module.__name__,
        "zlib_backends": [name for name in ZLIBS if installed(name)],
        "optional": {name: installed(name) for name in OPTIONAL},
        "problems": problems,
        "notes": notes,
    }


def compression(report: dict[str, Any]) -> str:
    """Return what compresses, and what a program may choose for that."""
    text = f"zlib {report['zlib']}{', compiled' if report['compiled_zlib'] else ''}"
    if report["zlib_backend"] != "zlib":
        text = f"{report['zlib_backend']}, chosen instead of {text}"
    elif report["zlib_backends"]:
        text += f" ({' or '.join(report['zlib_backends'])} can be chosen)"
    return text


def lines(report: dict[str, Any]) -> Iterator[str]:
    """Yield a report as people read it."""
    yield f"cywebsockets {report['version']}, with the API of websockets {report['api']}"
    owned = [
        f"{owner['name']} {owner['version']}{', editable' if owner['editable'] else ''}"
        for owner in report["distributions"]
        if owner["folder"] == report["package"]
    ]
    optional = [f"{name} {found or '-'}" for name, found in report["optional"].items()]
    for title, text in {
        "package": report["package"],
        "installed by": " and ".join(owned) or "nobody",
        "backend": report["backend"] + (f" ({report['why_pure']})" if report["why_pure"] else ""),
        "compression": compression(report),
        "event loops": ", ".join(report["event_loops"]),
        "TLS": report["tls"] + (", called directly" if report["direct_tls"] else ""),
        "Python": f"{report['python']}, {report['platform']}",
        "optional": ", ".join(optional),
    }.items():
        yield f"  {title:13} {text}"
    yield from (f"Note: {note}." for note in report["notes"])
    yield from (f"Wrong: {problem}." for problem in report["problems"])
    if not report["problems"]:
        yield "Nothing is wrong."


def run(as_json: bool) -> int:
    """
    Show what is installed, what runs, and what is wrong.

    Arguments:
        as_json: whether a program reads it.

    Returns:
        the exit status: 1 if something is wrong.
    """
    show_unknown_characters()
    report = examine()
    if as_json:
        print(json.dumps(report, indent=2))
    else:
        print(*map(escape, lines(report)), sep="\n")
    return 1 if report["problems"] else 0
