"""
The core for tests of a kernel: pure, and compiled with each set of vector instructions that the
processor has.
"""

import pytest

from websockets import _core

BEST = 9  # more than there are


def every_level(name):
    """Make a fixture ``core`` that tests the kernel of this name on every level."""
    levels = []
    if _core.backend == "compiled":
        kernel = getattr(_core.load("compiled"), name)
        levels = list(range(kernel.use_simd(BEST) + 1))

    @pytest.fixture(scope="module", params=[*levels, "pure"])
    def core(request):
        if request.param == "pure":
            yield _core.load("pure")
            return
        assert kernel.use_simd(request.param) == request.param
        yield _core.load("compiled")
        kernel.use_simd(BEST)

    return core
