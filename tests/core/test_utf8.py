"""
Incremental UTF-8 validation (RFC 3629), with the interpreter's own decoder as the oracle, in both
backends and with all vector instructions.
"""

import array
import itertools

import pytest
from cutting import cut, every_cut, positions
from hypothesis import given, settings
from hypothesis import strategies as st
from levels import every_level

core = every_level("utf8")


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
        position = validator.check(piece, final and index == len(pieces) - 1)
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


# Long enough to fill several vectors, whose borders fall on every part of a character.
SURROUNDINGS = {
    "ASCII": b"a" * 200,
    "two bytes": "é".encode() * 100,
    "three bytes": "漢".encode() * 67,
    "four bytes": "😀".encode() * 50,
    "mixed": "a漢é😀 ".encode() * 20,
}
in_every_surrounding = pytest.mark.parametrize(
    "around", SURROUNDINGS.values(), ids=SURROUNDINGS.keys()
)


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
        assert new().check(data, True) == expected
        validator = new()
        positions = [validator.check(data[:1]), validator.check(data[1:], True)]
        assert max(positions) == expected


@pytest.mark.parametrize("position", [30, 66, 67, 130])
def test_all_pairs_of_bytes_in_long_text(core, position):
    before, behind = b"a" * position, b"a" * 70
    good = core.utf8.Utf8Validator()
    for numbers in itertools.product(range(256), repeat=2):
        data = before + bytes(numbers) + behind
        expected = whole(data)
        if expected < 0:
            assert good.check(data, True) == -1
        else:
            assert core.utf8.Utf8Validator().check(data, True) == expected


@in_every_surrounding
def test_borders_at_every_position_in_long_text(core, around):
    for data in VALID + INVALID:
        for position in range(len(around)):
            before = around[:position].decode(errors="ignore").encode()
            before += b"a" * (position - len(before))
            text = before + data + around
            assert validate(core, [text]) == whole(text)


@in_every_surrounding
@pytest.mark.parametrize("data", [b"", b"\xff", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"])
def test_long_text_in_every_cut(core, around, data):
    data = around + data + around
    expected = whole(data)
    for pieces in every_cut(data):
        assert validate(core, pieces) == expected


@in_every_surrounding
def test_long_text_cut_in_three(core, around):
    for start, stop in itertools.combinations(range(60, 140), 2):
        assert validate(core, cut(around, [start, stop])) == -1


@pytest.mark.parametrize("lead", [0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5])
def test_all_second_bytes_behind_longer_beginnings(core, lead):
    for second in range(256):
        for tail in [b"", b"\x80", b"\x80\x80", b"\xbf\xbf", b"\x80\x41"]:
            data = bytes([lead, second]) + tail
            assert validate(core, [data]) == whole(data)
            assert validate(core, cut(data, range(1, len(data)))) == whole(data)


@pytest.mark.parametrize("data", [b"ab" + data + b"c" for data in INVALID])
@pytest.mark.parametrize("before", [b"", b"a" * 130, "漢".encode() * 43])
def test_the_first_bad_byte_is_refused_when_it_is_seen(core, data, before):
    data = before + data
    for index in range(len(data)):
        if not may_continue(data[: index + 1]):
            assert validate(core, [data[: index + 1]], final=False) == whole(data[: index + 1])
            break
    validator = core.utf8.Utf8Validator()
    for index in range(len(data)):
        position = validator.check(data[index : index + 1])
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


@st.composite
def mutated_texts(draw):
    """Long text with some of its bytes replaced, put in or left out."""
    text = draw(
        st.lists(st.sampled_from(list(SURROUNDINGS.values())), min_size=1, max_size=3).map(b"".join)
    )
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        stop = start + draw(st.integers(0, 3))
        middle = draw(st.binary(max_size=3) | st.sampled_from(VALID + INVALID))
        text = text[:start] + middle + text[stop:]
    return text


@settings(max_examples=100)
@given(data=mutated_texts(), positions=positions)
def test_mutations_of_long_text(core, data, positions):
    assert validate(core, [data]) == whole(data)
    assert validate(core, cut(data, positions)) == whole(data)


@pytest.mark.parametrize("size", [65535, 65536, 65537, 300_000])
def test_large_pieces(core, size):
    for around in SURROUNDINGS.values():
        text = (around * (size // len(around) + 1))[:size].decode(errors="ignore").encode()
        assert validate(core, [text, text]) == -1
        assert validate(core, [text, text[:-1] + b"\xff"]) == whole(text + text[:-1] + b"\xff")


def test_kinds_of_buffers(core):
    text = "漢字😀".encode() + b"ab"
    table = memoryview(text).cast("B", (2, 6))
    for data in [bytearray(text), memoryview(text), array.array("I", text), table]:
        # The offset shows that bytes are counted, not items.
        assert validate(core, [data, b"\xff"]) == 12


@pytest.mark.parametrize("wrong", ["text", None, 1])
def test_what_is_not_bytes_like(core, wrong):
    with pytest.raises(TypeError):
        core.utf8.Utf8Validator().check(wrong)


def test_views_with_gaps(core):
    with pytest.raises((BufferError, TypeError)):
        core.utf8.Utf8Validator().check(memoryview(b"abcdef")[::2])
