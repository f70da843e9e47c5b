"""
Packing a message into a frame: in one go, and as an endpoint sends it, with a new masking key.
"""

import pytest

from websockets import _core

KEY = 0x37FA213D
PAYLOADS = {
    "32 B": b"0123456789abcdef" * 2,
    "32 characters": "0123456789abcdef" * 2,
    "32 characters, not ASCII": "αβγδεζηθικλμνξοπ" * 2,
    "64 KiB": bytes(65536),
}


def load(backend):
    try:
        return _core.load(backend)
    except ImportError:
        pytest.skip("the compiled backend isn't built")


@pytest.mark.parametrize("backend", ["compiled", "pure"])
@pytest.mark.parametrize("key", [-1, KEY], ids=["unmasked", "masked"])
@pytest.mark.parametrize("payload", PAYLOADS)
def test_pack_frame(benchmark, payload, key, backend):
    benchmark.group = f"pack {payload}, {'unmasked' if key < 0 else 'masked'}"
    benchmark(load(backend).pack.pack_frame, 0x82, PAYLOADS[payload], key)


@pytest.mark.parametrize("backend", ["compiled", "pure"])
def test_masking_key(benchmark, backend):
    benchmark.group = "draw a masking key"
    benchmark(load(backend).keys.masking_key)
