"""
The wheel that stands in for the distribution ``websockets``.
"""

import csv
import email
import io
import zipfile

import contents
import pytest
import renamed_wheel

pytestmark = pytest.mark.one_backend

METADATA = """\
Metadata-Version: 2.4
Name: cywebsockets
Version: 0.1.0
Requires-Dist: cywebsockets[test]; extra == "dev"
Requires-Dist: pytest; extra == "test"

Name: cywebsockets is what pip shows.
"""

INFO = "cywebsockets-0.1.0.dist-info"


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / "cywebsockets-0.1.0-cp311-cp311-manylinux_2_28_x86_64.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("websockets/__init__.py", "x = 1\n")
        script = zipfile.ZipInfo("websockets/a,b.so", (2020, 1, 2, 3, 4, 6))
        script.external_attr = 0o755 << 16
        archive.writestr(script, "binary")
        archive.writestr(f"{INFO}/METADATA", METADATA)
        archive.writestr(f"{INFO}/WHEEL", "Wheel-Version: 1.0\n")
        archive.writestr(f"{INFO}/RECORD", "not looked at")
    return path


def test_a_renamed_wheel(wheel, tmp_path):
    path = renamed_wheel.rename(wheel, "17.4", tmp_path / "new" / "folder")
    assert path.parent == tmp_path / "new" / "folder"
    assert path.name == "websockets-17.4+cy0.1.0-cp311-cp311-manylinux_2_28_x86_64.whl"
    files, info = contents.read(path), "websockets-17.4+cy0.1.0.dist-info"
    assert sorted(files) == sorted(
        ["websockets/__init__.py", "websockets/a,b.so"]
        + [f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD")]
    )
    assert list(files)[-1] == f"{info}/RECORD"
    assert files["websockets/__init__.py"] == b"x = 1\n"
    metadata = email.message_from_bytes(files[f"{info}/METADATA"])
    assert (metadata["Name"], metadata["Version"]) == ("websockets", "17.4+cy0.1.0")
    assert metadata.get_all("Requires-Dist") == [
        'websockets[test]; extra == "dev"',
        'pytest; extra == "test"',
    ]
    assert metadata.get_payload() == "Name: cywebsockets is what pip shows.\n"


def test_its_record(wheel, tmp_path):
    files = contents.read(renamed_wheel.rename(wheel, "17.4", tmp_path / "new"))
    *others, record = files
    *rows, last = csv.reader(io.StringIO(files[record].decode()))
    assert last == [record, "", ""]
    assert rows == [[name, *renamed_wheel.digest(files[name])] for name in others]
    # As in the specification of the format: urlsafe, without padding.
    empty = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
    assert renamed_wheel.digest(b"") == (empty, "0")


def test_what_archives_know_of_files_is_kept(wheel, tmp_path):
    with zipfile.ZipFile(renamed_wheel.rename(wheel, "17.4", tmp_path / "new")) as archive:
        info = archive.getinfo("websockets/a,b.so")
    assert (info.external_attr >> 16, info.date_time) == (0o755, (2020, 1, 2, 3, 4, 6))


def test_only_our_wheels_are_renamed(wheel, tmp_path):
    path = renamed_wheel.rename(wheel, "17.4", tmp_path / "new")
    with pytest.raises(ValueError):
        renamed_wheel.renamed_metadata("Name: other\nVersion: 1\n\n", "17.4")
    assert path.exists()
