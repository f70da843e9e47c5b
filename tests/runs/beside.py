"""
Looks whether packages that require ``websockets`` have left this library where it was.

    python tests/runs/beside.py 17.4 gql uvicorn     where they and a renamed wheel are installed

pip must say that nothing is missing, ``python -m websockets doctor`` that nothing is wrong, and the
packages' programs in tests/packages must pass.
"""

import importlib.metadata
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAMS = Path(__file__).resolve().parents[1] / "packages"
LIMIT = 150  # seconds for a program


def call(*arguments):
    """Run Python in a folder where there is nothing to import; end with 1 if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run([sys.executable, *arguments], cwd=folder, timeout=LIMIT)
    if result.returncode:
        sys.exit(f"failed: {' '.join(map(str, arguments))}")


def main(number, *programs):
    version = importlib.metadata.version("websockets")
    if not version.startswith(f"{number}+cy"):
        sys.exit(f"The distribution websockets is {version}.")
    call("-m", "pip", "check")
    call("-m", "websockets", "doctor")
    # So they don't insist on the tree.
    os.environ["WEBSOCKETS_DISTRIBUTION"] = version
    for program in programs:
        call(PROGRAMS / f"with_{program}.py")
    print(f"websockets {version} works beside {', '.join(programs)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
