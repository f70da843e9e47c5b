"""
Masking a payload, beside a plain copy of it, which is as fast as touching every byte can be.
"""

import pytest

from websockets import _core

KEY = b"\x37\xfa\x21\x3d"
SIZES = {"32 B": 32, "4 KiB": 4096, "64 KiB": 65536, "1 MiB": 2**20}


def load(backend):
    try:
        return _core.load(backend).mask
    except ImportError:
        pytest.skip("the compiled backend isn't built")


@pytest.fixture(params=SIZES)
def payload(request, benchmark):
    benchmark.group = f"mask {request.param}"
    benchmark.extra_info["bytes"] = SIZES[request.param]
    return bytearray(SIZES[request.param])


def test_copy(benchmark, payload):
    benchmark(bytes, payload)


@pytest.mark.parametrize("backend", ["compiled", "pure"])
def test_apply_mask(benchmark, payload, backend):
    benchmark(load(backend).apply_mask, payload, KEY)


@pytest.mark.parametrize("backend", ["compiled", "pure"])
def test_mask_in_place(benchmark, payload, backend):
    benchmark(load(backend).mask_in_place, payload, KEY)
