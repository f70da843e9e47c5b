"""
Inputs that fuzzing found worth keeping, fed again to the backends that are there; see tests/runs/fuzz/.
"""

from importlib import import_module
from pathlib import Path

import pytest

from websockets import _core

pytestmark = pytest.mark.one_backend

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
INPUTS = sorted(path.relative_to(CORPUS).as_posix() for path in CORPUS.glob("*/*"))


@pytest.mark.parametrize("name", INPUTS)
def test_input(name):
    target = import_module(f"fuzz.{name.partition('/')[0]}")
    backends = [_core.load(backend) for backend in sorted({_core.backend, "pure"})]
    target.check(backends, (CORPUS / name).read_bytes())
