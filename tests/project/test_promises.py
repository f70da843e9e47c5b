"""
Documents that promise something name the tests that hold it: those exist, and so do the targets.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = ["SECURITY.md", "docs/reliability.md"]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_tests_that_are_named_exist(document):
    named = re.findall(r"`(test_\w+\.py)::(\w+)`", (ROOT / document).read_text("utf-8"))
    assert len(named) > 10
    for file, name in named:
        [path] = (ROOT / "tests").glob(f"*/{file}")
        assert f"def {name}(" in path.read_text("utf-8")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_targets_that_are_named_exist(document):
    targets = re.findall(r"`make ([a-z-]+)", (ROOT / document).read_text("utf-8"))
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_readme_leads_there(document):
    assert f"]({document})" in (ROOT / "README.md").read_text("utf-8")
