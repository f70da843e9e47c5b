"""
Incremental UTF-8 validation (RFC 3629), with the interpreter's own decoder as the oracle.
"""

import itertools

import pytest
from cutting import cut, every_cut, positions
from hypothesis import given, settings
from hypothesis import strategies as st


def whole(data):
    """What the interpreter says of a whole text: -1, or the offset of the first bad sequence."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as exc:
        return exc.start
    return -1


def may_continue(data):
    """Whether some valid text begins with these bytes."""
    if whole(data) < 0:
        return True
    # A sequence that is cut short has one of four shapes; the smallest and largest continuations
    # of each tell whether there is a character behind it.
    return any(
        whole(data + tail) < 0 for size in [1, 2, 3] for tail in [b"\x80" * size, b"\xbf" * size]
    )


def validate(core, pieces, final=True):
    validator = core.utf8.Utf8Validator()
    for index, piece in enumerate(pieces):
        position = validator.feed(piece, final and index == len(pieces) - 1)
        if position >= 0:
            return position
    return -1


INTERESTING = [
    # Each border of a length, and each border of a hole in the code points.
    *["\x00", "\x7f", "\x80", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\U00010000"],
    *["\U0010ffff", "\ufeff", "aé€😀", "😀€éa", "κόσμε", ""],
]
VALID = [text.encode() for text in INTERESTING]
INVALID = [
    # Overlong forms.
    *[b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xf0\x80\x80\x80"],
    *[b"\xf0\x8f\xbf\xbf", b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"],
    # Halves of surrogate pairs, and a pair.
    *[b"\xed\xa0\x80", b"\xed\xaf\xbf", b"\xed\xb0\x80", b"\xed\xbf\xbf"],
    b"\xed\xa0\xbd\xed\xb8\x80",
    # Above U+10FFFF.
    *[b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf7\xbf\xbf\xbf", b"\xfe", b"\xff"],
    # Continuations without a beginning, and beginnings without continuation.
    *[
        b"\x80",
        b"\xbf",
        b"\xc2",
        b"\xc2a",
        b"\xe2\x82",
        b"\xe2\x82a",
        b"\xf0\x9f\x98",
        b"\xf0\x9fa",
    ],
    *[b"\xe2\xe2\x82\xac", b"\xf0\x9f\x98\xf0\x9f\x98\x80", b"\xc2\xc2\xa9", b"\xe2\x82\xff"],
]


@pytest.mark.parametrize("data", VALID + INVALID)
@pytest.mark.parametrize("around", [(b"", b""), (b"abc", b"xyz"), ("é€".encode(), "😀".encode())])
def test_borders_in_every_cut(core, data, around):
    data = around[0] + data + around[1]
    for pieces in every_cut(data):
        assert validate(core, pieces) == whole(data)


@pytest.mark.parametrize("size", [1, 2])
def test_all_short_strings(core, size):
    new = core.utf8.Utf8Validator
    for numbers in itertools.product(range(256), repeat=size):
        data = bytes(numbers)
        expected = whole(data)
        assert new().feed(data, True) == expected
        validator = new()
        positions = [validator.feed(data[:1]), validator.feed(data[1:], True)]
        assert max(positions) == expected


@pytest.mark.parametrize("lead", [0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5])
def test_all_second_bytes_behind_longer_beginnings(core, lead):
    for second in range(256):
        for tail in [b"", b"\x80", b"\x80\x80", b"\xbf\xbf", b"\x80\x41"]:
            data = bytes([lead, second]) + tail
            assert validate(core, [data]) == whole(data)
            assert validate(core, cut(data, range(1, len(data)))) == whole(data)


@pytest.mark.parametrize("data", [b"ab" + data + b"c" for data in INVALID])
def test_the_first_bad_byte_is_refused_when_it_is_seen(core, data):
    validator = core.utf8.Utf8Validator()
    for index in range(len(data)):
        position = validator.feed(data[index : index + 1])
        if not may_continue(data[: index + 1]):
            assert position == whole(data[: index + 1])
            return
        assert position == -1


@pytest.mark.parametrize("data", [b"ab\xe2", b"ab\xe2\x82", b"ab\xf0\x9f\x98", b"ab\xc3"])
def test_text_may_stop_half_way_but_not_end_there(core, data):
    assert validate(core, [data], final=False) == -1
    assert validate(core, [data]) == 2
    for pieces in every_cut(data):
        assert validate(core, [*pieces, b""]) == 2


def test_nothing_is_valid(core):
    assert validate(core, [b""]) == -1
    assert validate(core, [b"", b"", b""]) == -1


@pytest.mark.parametrize("length", [*range(70), 255, 256, 257, 4095, 4096, 70_000])
def test_a_bad_byte_anywhere_in_long_text(core, length):
    for before in [
        b"a" * length,
        ("é€😀" * length).encode()[:length].decode(errors="ignore").encode(),
    ]:
        for bad in [b"\xff", b"\xed\xa0\x80", b"\xe2\x82"]:
            data = before + bad + b"a" * 70
            assert validate(core, [data]) == len(before)
        assert validate(core, [before + b"a" * 70]) == -1


@settings(max_examples=100)
@given(
    data=st.lists(
        st.sampled_from(VALID + INVALID)
        | st.text(max_size=10).map(str.encode)
        | st.binary(max_size=4),
        max_size=8,
    ).map(b"".join),
    positions=positions,
)
def test_random_text_in_random_cuts(core, data, positions):
    assert validate(core, cut(data, positions)) == whole(data)
