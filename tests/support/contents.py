"""
What a wheel may contain: the package, what describes it, and nothing of the machine that built it.
"""

import os
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
TWINS = sorted(path.stem for path in ROOT.glob("websockets/_core/[!_]*.py"))

# For linkers and debuggers only.
SECTIONS = [".symtab", ".debug_info", ".debug_line"]


def read(wheel):
    """Map the names of a wheel's files to what is in them."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        return {name: archive.read(name) for name in names}


def is_binary(name):
    return name.endswith((".so", ".pyd"))


def twins(files):
    """Return the names of the modules that are compiled."""
    return sorted(PurePosixPath(name).name.partition(".")[0] for name in files if is_binary(name))


def faults(files):
    """Tell which files are missing, and which don't belong there. Compiled ones aren't looked at."""
    expected = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("websockets/**/*.py")}
    expected |= {"websockets/py.typed", "licenses/LICENSE", "METADATA", "RECORD", "WHEEL"}
    expected |= {"top_level.txt", "entry_points.txt"}
    found = set()
    for name in files:
        folder, _, rest = name.partition("/")
        if not is_binary(name):
            found.add(rest if folder.endswith(".dist-info") else name)
    missing = [f"{name} is missing" for name in sorted(expected - found)]
    return missing + [f"{name} doesn't belong there" for name in sorted(found - expected)]


def traces(files):
    """Tell what compiled modules say to debuggers, and of the folders that they were built in."""
    folders = [f"{folder}/" for folder in (ROOT, Path.home(), tempfile.gettempdir())]
    clues = [f"\0{section}\0" for section in SECTIONS] + folders
    return [
        f"{clue.strip(chr(0))} is in {name}"
        for name, binary in files.items()
        for clue in clues
        if is_binary(name) and os.fsencode(clue) in binary
    ]
