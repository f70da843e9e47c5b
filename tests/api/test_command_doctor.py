"""
The command that tells what is installed.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import types
import zlib

import pytest
from openssl import CALLED
from package import PACKAGE, ROOT
from variants import switched_on

import websockets
from websockets import version
from websockets.__main__ import main
from websockets.extensions.permessage_deflate import set_zlib_backend

pytestmark = [
    pytest.mark.one_backend,
    pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege there"),
]

needs_lock = pytest.mark.skipif(
    sys.implementation.name != "cpython" or "t" in getattr(sys, "abiflags", ""),
    reason="nobody builds compiled modules for this interpreter",
)


class Site:
    """A folder in the place of site-packages, with a link to the package and what describes it."""

    def __init__(self, folder, capsys, monkeypatch):
        self.folder = folder
        self.capsys = capsys
        folder.mkdir()
        (folder / "websockets").symlink_to(PACKAGE)
        unwanted = ("site-packages", "dist-packages", str(ROOT))
        path = [entry for entry in sys.path if entry and not any(map(entry.count, unwanted))]
        monkeypatch.setattr(sys, "path", [str(folder), *path])

    def describe(self, name, number, *, editable=None, requires=(), package=True, folder=None):
        """Say that a distribution is installed here, with files of which it knows the hashes."""
        folder = folder or self.folder
        info = folder / f"{name}-{number}.dist-info"
        info.mkdir(parents=True)
        head = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {number}"]
        lines = head + [f"Requires-Dist: {requirement}" for requirement in requires]
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        record = [f"{info.name}/METADATA,,", f"{info.name}/RECORD,,"]
        if editable is not None:
            origin = {"url": editable.as_uri(), "dir_info": {"editable": True}}
            (info / "direct_url.json").write_text(json.dumps(origin))
        elif package:
            for path in PACKAGE.glob("**/*.py"):
                digest = hashlib.sha256(path.read_bytes()).digest()
                digest = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
                record.append(f"{path.relative_to(PACKAGE.parent).as_posix()},sha256={digest},")
        (info / "RECORD").write_text("\n".join(record) + "\n")
        return info

    def doctor(self, *options):
        """Return the exit status, and what people read."""
        status = main(["doctor", *options])
        return status, self.capsys.readouterr().out

    def examine(self):
        """Return what programs read."""
        status, text = self.doctor("--json")
        report = json.loads(text)
        assert status == (1 if report["problems"] else 0)
        return report

    def problem(self):
        [problem] = self.examine()["problems"]
        return problem


def examine_copy(folder, **variables):
    """Have a copy of the package, which nobody has installed, examine itself."""
    kept = {name: value for name, value in os.environ.items() if name[:10] != "WEBSOCKETS"}
    result = subprocess.run(
        [sys.executable, "-S", "-W", "ignore", "-m", "websockets", "doctor", "--json"],
        cwd=folder,
        env={**kept, **variables},
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    report = json.loads(result.stdout)
    assert result.returncode == (1 if report["problems"] else 0)
    return report


@pytest.fixture
def site(tmp_path, capsys, monkeypatch):
    return Site(tmp_path / "site", capsys, monkeypatch)


OURS = "cywebsockets", version.distribution_version
ALIAS = "websockets", f"{version.version}+cy{version.distribution_version}"
THEIRS = "websockets", version.version


def test_nothing_is_wrong(site):
    site.describe(*OURS)
    report = site.examine()
    assert (report["api"], report["version"]) == (version.version, version.distribution_version)
    assert report["package"] == str(PACKAGE)
    assert report["backend"] == websockets.backend
    [owner] = report["distributions"]
    assert owner == {
        "name": "cywebsockets",
        "version": version.distribution_version,
        "folder": report["package"],
        "editable": False,
    }
    assert report["problems"] == []
    assert "asyncio" in report["event_loops"][0]
    forbidden = switched_on("WEBSOCKETS_NO_DIRECT_OPENSSL")
    assert report["direct_tls"] == (CALLED and report["backend"] == "compiled" and not forbidden)
    assert "SSL" in report["tls"] and report["zlib"].startswith("1.")
    assert report["optional"] == dict.fromkeys(
        ["isal", "python-socks", "redis", "trio", "uvloop", "werkzeug", "zlib-ng"]
    )


def test_what_people_read(site):
    site.describe(*OURS)
    site.describe("uvloop", "9.8", package=False)
    status, text = site.doctor()
    first, *_, last = lines = text.splitlines()
    ours, api = version.distribution_version, version.version
    assert first == f"cywebsockets {ours}, with the API of websockets {api}"
    assert f"  package       {PACKAGE}" in lines
    assert f"  installed by  cywebsockets {ours}" in lines
    assert any(line.startswith(f"  backend       {websockets.backend}") for line in lines)
    assert any(line.startswith("  compression   zlib 1.") for line in lines)
    assert any(line.startswith("  event loops   asyncio (") for line in lines)
    assert any(line.endswith(", uvloop 9.8") for line in lines)
    [optional] = [line for line in lines if line.startswith("  optional ")]
    assert "python-socks -, redis -, trio -, uvloop 9.8, werkzeug -" in optional
    assert (status, last) == (0, "Nothing is wrong.")


def test_what_compresses(site):
    def compression():
        [line] = [line for line in site.doctor()[1].splitlines() if "  compression " in line]
        return line.partition("compression   ")[2]

    site.describe(*OURS)
    assert "chosen" not in compression()
    assert (site.examine()["zlib_backend"], site.examine()["zlib_backends"]) == ("zlib", [])
    site.describe("isal", "1.9", package=False)
    site.describe("zlib_ng", "1.1", package=False)
    assert compression().endswith(" (zlib-ng or isal can be chosen)")
    assert site.examine()["zlib_backends"] == ["zlib-ng", "isal"]
    module = types.ModuleType("another")
    module.__dict__.update({name: getattr(zlib, name) for name in dir(zlib) if name[0] != "_"})
    set_zlib_backend(module)
    try:
        assert compression().startswith("another, chosen instead of zlib 1.")
        assert site.examine()["zlib_backend"] == "another"
    finally:
        set_zlib_backend(zlib)


def test_nobody_owns_the_files(site):
    report = site.examine()
    assert (report["distributions"], report["problems"]) == ([], [])
    assert "  installed by  nobody" in site.doctor()[1].splitlines()


@pytest.mark.parametrize("theirs", [THEIRS, ALIAS], ids=["theirs", "alias"])
def test_two_distributions_over_each_other(site, theirs):
    site.describe(*OURS)
    site.describe(*theirs)
    status, text = site.doctor()
    assert status == 1
    *_, last = text.splitlines()
    assert last.startswith("Wrong: ") and "over each other" in last
    assert "cywebsockets 0" in last and f"websockets {theirs[1]}" in last
    assert "pip uninstall --yes cywebsockets websockets" in last


def test_the_same_distribution_twice_in_the_path(site, monkeypatch):
    site.describe(*OURS)
    monkeypatch.setattr(sys, "path", [str(site.folder), *sys.path])
    report = site.examine()
    assert (len(report["distributions"]), report["problems"]) == (1, [])


def test_a_folder_in_the_place_of_an_installation(site):
    (site.folder / "websockets").unlink()
    site.describe(*OURS)
    problem = site.problem()
    assert problem.startswith(f"{PACKAGE} is imported in the place of cywebsockets ")
    assert str(site.folder / "websockets") in problem


def test_what_setuptools_leaves_in_a_source_tree_is_no_installation(site):
    (site.folder / "setup.py").touch()
    info = site.folder / "cywebsockets.egg-info"
    info.mkdir()
    (info / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: cywebsockets\nVersion: 0\n")
    (info / "SOURCES.txt").write_text("websockets/__init__.py\n")
    assert site.examine()["distributions"] == []


def test_an_editable_installation(site, tmp_path):
    (tmp_path / "a tree").mkdir()
    (site.folder / "websockets").rename(tmp_path / "a tree/websockets")
    site.describe(*OURS, editable=tmp_path / "a tree")
    report = site.examine()
    assert report["problems"] == []
    assert report["distributions"][0]["editable"]
    assert f"cywebsockets {version.distribution_version}, editable" in site.doctor()[1]


def test_an_editable_installation_that_is_not_imported(site, tmp_path):
    site.describe(*OURS, editable=tmp_path / "elsewhere")
    assert "in the place of cywebsockets" in site.problem()


def test_a_distribution_without_a_list_of_files(site):
    info = site.describe(*OURS)
    (info / "RECORD").unlink()
    report = site.examine()
    assert [owner["name"] for owner in report["distributions"]] == ["cywebsockets"]
    assert report["problems"] == []


def test_a_distribution_without_a_name(site):
    (site.folder / "nameless-1.dist-info").mkdir()
    (site.folder / "nameless-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\n")
    assert site.examine()["problems"] == []


def test_files_that_were_changed(site):
    record = site.describe(*OURS) / "RECORD"
    with record.open("a") as file:
        file.write("websockets/auth.py,sha256=abc,\nwebsockets/gone.py,sha256=abc,\n")
    problem = site.problem()
    both = "(websockets/auth.py, websockets/gone.py)"
    assert problem.startswith(f"2 files aren't as cywebsockets has them {both}: ")
    assert "--force-reinstall" in problem


def test_files_of_another_version(site):
    site.describe("cywebsockets", "9.9")
    assert "not cywebsockets 9.9" in site.problem()


def test_the_wheel_of_the_other_name(site):
    site.describe(*ALIAS)
    report = site.examine()
    assert report["problems"] == []
    assert report["distributions"][0]["name"] == "websockets"


def test_who_requires_the_other_name(site):
    site.describe(*OURS)
    site.describe("one", "1", requires=["h11", "WebSockets (>=10)"], package=False)
    site.describe("two", "1", requires=["websockets>=10 ; extra == 'ws'"], package=False)
    [note] = [note for note in site.examine()["notes"] if "named" in note]
    assert note.startswith("a distribution named 'websockets' is required by one; ")


def test_who_has_the_other_name_lacks_nothing(site):
    site.describe(*ALIAS)
    site.describe("one", "1", requires=["websockets>=10"], package=False)
    assert not [note for note in site.examine()["notes"] if "named" in note]


@pytest.mark.usefixtures("compiled_core")
def test_a_compiled_backend_without_zlib(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "websockets")
    for path in (tmp_path / "websockets/_core/compiled").glob("deflate.*"):
        path.unlink()
    report = examine_copy(tmp_path)
    assert (report["backend"], report["compiled_zlib"]) == ("compiled", False)
    assert "zlib's header" in report["notes"][0]


def test_a_pure_build_that_is_installed(tmp_path):
    shutil.copytree(
        PACKAGE, tmp_path / "websockets", ignore=shutil.ignore_patterns("*.so", "*.pyd")
    )
    report = examine_copy(tmp_path)
    assert (report["backend"], report["problems"]) == ("pure", [])
    assert report["why_pure"] == "the compiled modules aren't there"
    assert report["notes"][0].startswith("this is a pure build")
    report = examine_copy(tmp_path, WEBSOCKETS_NO_EXTENSIONS="1")
    assert (report["backend"], report["problems"], report["notes"]) == ("pure", [], [])
    assert report["why_pure"] == "WEBSOCKETS_NO_EXTENSIONS is set"


@needs_lock
def test_a_source_tree_that_is_not_built(tmp_path):
    shutil.copytree(
        PACKAGE, tmp_path / "websockets", ignore=shutil.ignore_patterns("*.so", "*.pyd")
    )
    (tmp_path / "ext").mkdir()
    (tmp_path / "ext/utf8.pyx").touch()
    [problem] = examine_copy(tmp_path)["problems"]
    assert problem.startswith(f"the source tree {tmp_path} has no compiled modules for Python 3.")
