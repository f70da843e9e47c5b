"""
The masking kernel against a naive oracle, in both backends and with all vector instructions.
"""

import random

import pytest
from levels import every_level

core = every_level("mask")


def oracle(data, key, offset=0):
    return bytes(byte ^ key[(offset + i) % 4] for i, byte in enumerate(bytes(data)))


KEYS = [b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x01\x02\x03\x04", b"\x80\x00\x7f\xfe"]
DATA = random.Random(6455).randbytes(512)


@pytest.mark.parametrize("phase", range(4))
def test_every_length_at_every_alignment(core, phase):
    key = b"\x37\xfa\x21\x3d"
    for start in range(64):
        longest = oracle(DATA[start : start + 300], key, phase)
        for length in range(301):
            masked = core.mask.apply_mask(memoryview(DATA)[start : start + length], key, phase)
            assert masked == longest[:length]


@pytest.mark.parametrize("phase", range(4))
def test_in_place_touches_only_its_bytes(core, phase):
    key = b"\x37\xfa\x21\x3d"
    buffer = bytearray(DATA)
    view = memoryview(buffer)
    for start in range(64):
        longest = oracle(DATA[start : start + 300], key, phase)
        for length in range(301):
            stop = start + length
            core.mask.mask_in_place(view[start:stop], key, phase)
            assert buffer == DATA[:start] + longest[:length] + DATA[stop:]
            view[start:stop] = DATA[start:stop]


@pytest.mark.parametrize("key", KEYS)
def test_every_length_with_every_kind_of_key(core, key):
    for length in range(301):
        assert core.mask.apply_mask(DATA[:length], key) == oracle(DATA[:length], key)


def test_the_example_of_the_rfc(core):
    # RFC 6455 5.7: a single-frame masked text message, "Hello".
    assert core.mask.apply_mask(b"Hello", b"\x37\xfa\x21\x3d") == b"\x7f\x9f\x4d\x51\x58"


@pytest.mark.parametrize("size", [65535, 65536, 65537, 1_000_003])
def test_large_payloads(core, size):
    generator = random.Random(size)
    key = generator.randbytes(4)
    margin = 70
    data = generator.randbytes(margin + size + margin)
    for _ in range(5):
        start, offset = generator.randrange(margin), generator.randrange(1000)
        stop = start + size + generator.randrange(margin - start)
        # The naive oracle, but as whole numbers, for it takes half a second otherwise.
        pattern = (key * (size // 4 + margin))[offset % 4 :][: stop - start]
        expected = int.from_bytes(data[start:stop], "big") ^ int.from_bytes(pattern, "big")
        expected = expected.to_bytes(stop - start, "big")
        assert core.mask.apply_mask(data[start:stop], key, offset) == expected
        buffer = bytearray(data)
        core.mask.mask_in_place(memoryview(buffer)[start:stop], key, offset)
        assert buffer == data[:start] + expected + data[stop:]


def test_a_payload_in_pieces(core):
    key = b"\xde\xad\xbe\xef"
    generator = random.Random(1)
    cuts = sorted(generator.sample(range(len(DATA)), 40))
    pieces = [
        core.mask.apply_mask(DATA[start:stop], key, start)
        for start, stop in zip([0, *cuts], [*cuts, len(DATA)])
    ]
    assert b"".join(pieces) == oracle(DATA, key)


@pytest.mark.parametrize("offset", [4, 5, 2**31 + 1, 2**40 + 3, 2**62 + 2, -1])
def test_the_phase_is_the_offset_modulo_four(core, offset):
    expected = oracle(DATA, b"abcd", offset % 4)
    assert core.mask.apply_mask(DATA, b"abcd", offset) == expected
    assert core.mask.apply_mask(DATA, key=b"abcd", offset=offset) == expected


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_kinds_of_buffers(core, kind):
    masked = core.mask.apply_mask(kind(b"payload"), kind(b"\x01\x02\x03\x04"))
    assert type(masked) is bytes
    assert masked == oracle(b"payload", b"\x01\x02\x03\x04")


def test_views_of_wider_items(core):
    numbers = memoryview(bytearray(DATA)).cast("I")
    table = numbers.cast("B").cast("H", (16, 16))
    for view in [numbers, table]:
        assert core.mask.apply_mask(view, b"abcd", 1) == oracle(DATA, b"abcd", 1)
    core.mask.mask_in_place(table, b"abcd", 1)
    assert bytes(numbers) == oracle(DATA, b"abcd", 1)


def test_the_data_is_left_alone(core):
    data = bytearray(DATA)
    core.mask.apply_mask(data, b"abcd")
    assert data == DATA
    # No view of it is kept either: a bytearray that is viewed can't grow.
    core.mask.mask_in_place(data, b"abcd")
    data.append(0)


@pytest.mark.parametrize("length", [0, 1, 3, 5, 8])
def test_keys_of_a_wrong_length(core, length):
    for mask, data in [(core.mask.apply_mask, b"data"), (core.mask.mask_in_place, bytearray(4))]:
        with pytest.raises(ValueError) as raised:
            mask(data, bytes(length))
        assert str(raised.value) == f"a masking key has 4 bytes, not {length}"


@pytest.mark.parametrize("wrong", ["text", None, 1, [1, 2]])
def test_what_is_not_bytes_like(core, wrong):
    text = f"a bytes-like object is required, not {type(wrong).__name__!r}"
    for mask in [core.mask.apply_mask, core.mask.mask_in_place]:
        for arguments in [(wrong, b"abcd"), (bytearray(4), wrong)]:
            with pytest.raises(TypeError) as raised:
                mask(*arguments)
            assert str(raised.value) == text


def test_views_with_gaps(core):
    for mask in [core.mask.apply_mask, core.mask.mask_in_place]:
        with pytest.raises(BufferError) as raised:
            mask(memoryview(bytearray(8))[::2], b"abcd")
        assert str(raised.value) == "a C-contiguous buffer is required"


def test_in_place_needs_a_writable_buffer(core):
    for buffer in [b"data", memoryview(b"data"), memoryview(bytearray(4)).toreadonly()]:
        with pytest.raises(BufferError) as raised:
            core.mask.mask_in_place(buffer, b"abcd")
        assert str(raised.value) == "a writable buffer is required"


def test_empty_buffers(core):
    assert core.mask.apply_mask(b"", b"abcd") == b""
    assert core.mask.apply_mask(memoryview(DATA)[5:5], b"abcd", 3) == b""
    assert core.mask.mask_in_place(bytearray(), b"abcd") is None
