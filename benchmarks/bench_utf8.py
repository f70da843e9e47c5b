"""
Checking text piece by piece, beside decoding it whole, which checks it and builds a string as well.
"""

import pytest

from websockets import _core

CHARACTERS = {"ASCII": "a", "Latin": "aé", "CJK": "漢字", "emoji": "😀"}
SIZES = {"32 B": 32, "4 KiB": 4096, "64 KiB": 65536, "1 MiB": 2**20}


def load(backend):
    try:
        return _core.load(backend).utf8
    except ImportError:
        pytest.skip("the compiled backend isn't built")


@pytest.fixture(params=SIZES)
def size(request):
    return request.param


@pytest.fixture(params=CHARACTERS)
def text(request, size, benchmark):
    benchmark.group = f"UTF-8, {request.param}, {size}"
    characters = CHARACTERS[request.param]
    text = (characters * SIZES[size]).encode()[: SIZES[size]]
    text = text.decode(errors="ignore").encode()  # the last character may have been cut
    benchmark.extra_info["bytes"] = len(text)
    return text


def test_decode(benchmark, text):
    benchmark(text.decode)


@pytest.mark.parametrize("backend", ["compiled", "pure"])
def test_validate(benchmark, text, backend):
    validator = load(backend).Utf8Validator()
    assert benchmark(validator.check, text, True) == -1
