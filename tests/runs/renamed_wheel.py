"""
Makes of a wheel one that has another name and version: same files, other metadata.

    python tests/runs/renamed_wheel.py dist/cywebsockets-0.1.0-....whl 17.4 dist/named-websockets

Packages that require ``websockets`` have pip install that over this library, unless a distribution
of that name is there already. So the wheel is called ``websockets``, with the version of the API that
a package wants, and says in its local part (PEP 440) whose it is and which: 17.4+cy0.1.0. No index
takes such a version, so it can't be published by mistake.
"""

import base64
import copy
import csv
import hashlib
import io
import re
import sys
import zipfile
from pathlib import Path

OURS, NAME = "cywebsockets", "websockets"


def digest(data):
    sha256 = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"sha256={sha256}", str(len(data))


def renamed_metadata(text, version):
    """Return METADATA with the other name, in what it requires for its extras as well."""
    head, blank, description = text.partition("\n\n")
    head, named = re.subn(rf"^Name: {OURS}$", f"Name: {NAME}", head, flags=re.M)
    head, numbered = re.subn(r"^Version: .+$", f"Version: {version}", head, flags=re.M)
    if (named, numbered) != (1, 1):
        raise ValueError("that isn't our METADATA")
    head = re.sub(rf"^(Requires-Dist: ){OURS}\b", rf"\g<1>{NAME}", head, flags=re.M)
    return head + blank + description


def rename(wheel, number, folder):
    """
    Write the renamed wheel, and return its path.

    Arguments:
        wheel: path of a wheel of ours.
        number: version of ``websockets`` that it stands in for, such as "17.4".
        folder: where it is written to.
    """
    _, ours, tags = wheel.name.split("-", 2)
    version = f"{number}+cy{ours}"
    old, new = f"{OURS}-{ours}.dist-info/", f"{NAME}-{version}.dist-info/"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NAME}-{version}-{tags}"
    record = []
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(path, "w") as target:
        for info in source.infolist():
            data = source.read(info)
            if info.filename == f"{old}RECORD":
                last = info
                continue
            if info.filename == f"{old}METADATA":
                data = renamed_metadata(data.decode(), version).encode()
            made = copy.copy(info)
            made.filename = re.sub(f"^{re.escape(old)}", new, info.filename)
            target.writestr(made, data)
            if not made.is_dir():
                record.append((made.filename, *digest(data)))
        # RECORD comes last, and has no hash of itself.
        lines = io.StringIO()
        csv.writer(lines, lineterminator="\n").writerows([*record, (f"{new}RECORD", "", "")])
        made = copy.copy(last)
        made.filename = f"{new}RECORD"
        target.writestr(made, lines.getvalue())
    return path


if __name__ == "__main__":
    wheel, number, folder = sys.argv[1:]
    print(rename(Path(wheel), number, Path(folder)))
