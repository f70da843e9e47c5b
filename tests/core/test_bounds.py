"""
Kernels keep to their buffers, which end here where the memory ends that was allocated for them.

A byte read too many shows under ``make sanitize`` only; a byte written too many shows always.
"""

from array import array
from ctypes import string_at

import pytest
from drawing import KEY, mask, number_of

SIZES = [*range(140), 255, 256, 257, 1023, 4097]


def exact(data):
    """Copy bytes to where no byte follows them; behind those of ``bytes`` there is a zero."""
    return array("B", list(data))


@pytest.mark.parametrize("offset", range(4))
def test_masking(core, offset):
    key = KEY[offset:] + KEY[:offset]
    for size in SIZES:
        data = bytes(index * 7 & 255 for index in range(size))
        masked = core.mask.apply_mask(exact(data), exact(KEY), offset)
        assert masked == mask(data, key)
        assert string_at(masked, size + 1)[size] == 0
        buffer = exact(data)
        core.mask.mask_in_place(buffer, exact(KEY), offset)
        assert buffer.tobytes() == masked


def test_parts_of_buffers(core):
    data = bytes(range(100))
    for start in range(20):
        for stop in range(start, 100, 3):
            view = memoryview(exact(data[:stop]))[start:]
            assert core.mask.apply_mask(view, KEY) == mask(data[start:stop], KEY)


@pytest.mark.parametrize("masked", [False, True], ids=["server", "client"])
def test_packing(core, masked):
    key = KEY if masked else b""
    for size in [*SIZES, 65535, 65536]:
        frame = core.pack.pack_frame(0x82, exact(bytes(size)), number_of(key))
        assert frame[len(frame) - size :] == mask(bytes(size), key)
        assert string_at(frame, len(frame) + 1)[-1] == 0
