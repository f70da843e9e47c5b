"""
Documents that promise something name the tests that hold it: those exist, and so do the targets.
"""

import re

import pytest
from package import ROOT

pytestmark = pytest.mark.one_backend

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


def test_every_target_is_explained():
    makefile = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", " ")
    targets = re.findall(r"[\w-]+", " ".join(re.findall(r"^\.PHONY:(.*)", makefile, re.MULTILINE)))
    assert len(targets) > 10
    for target in targets:
        assert re.search(rf"^{target}:.*  ## \w", makefile, re.MULTILINE), target


@pytest.mark.parametrize("example", ["echo_server.py", "echo_client.py"])
def test_the_readme_shows_the_examples_as_they_are(example):
    code = (ROOT / "examples" / example).read_text("utf-8")
    assert f"```python\n{code}```" in (ROOT / "README.md").read_text("utf-8")
