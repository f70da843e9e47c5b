"""
Payloads from the wire to their final objects: unmasked, checked, gathered.
"""

import pytest
from cutting import cut, positions
from drawing import KEY, mask, number_of
from hypothesis import given, settings
from hypothesis import strategies as st

KEYS = [b"", KEY]
both = pytest.mark.parametrize("key", KEYS, ids=["unmasked", "masked"])

# Lengths around the words and blocks that are worked on at once.
LENGTHS = [0, 1, 3, 4, 7, 8, 9, 31, 32, 33, 63, 64, 65, 100, 4095, 4096, 4097, 8192, 70_000]


def wire(payload, key):
    return mask(payload, key) if key else payload


def gather(core, text, pieces, key, missing=1, ends=True):
    """Return what is gathered, or the position at which it isn't UTF-8."""
    buffer = core.payloads.PayloadBuffer(text)
    offset = 0
    for index, piece in enumerate(pieces):
        # Each piece stands inside other bytes, which must not count.
        chunk = b"\xff" + wire(bytes(offset % 4) + piece, key)[offset % 4 :] + b"\xff"
        last = index == len(pieces) - 1
        to_come = 0 if last else missing
        position = buffer.add(
            chunk, 1, 1 + len(piece), number_of(key), offset, to_come, last or ends
        )
        if position >= 0:
            return position
        offset += len(piece)
    return buffer.finish()


@both
@pytest.mark.parametrize("length", LENGTHS)
def test_unpack(core, length, key):
    payload = (b"0123456789" * 7000)[:length]
    for around in (b"", b"\xff" * 5):
        chunk = around + wire(payload, key) + around
        start = len(around)
        data = core.payloads.unpack(chunk, start, start + length, number_of(key), 0)
        assert type(data) is bytes
        assert data == payload
        text = core.payloads.unpack_text(chunk, start, start + length, number_of(key))
        assert text == payload.decode()


@both
@pytest.mark.parametrize("offset", range(9))
def test_unpack_goes_on_in_the_key(core, offset, key):
    payload = bytes(range(200))
    chunk = wire(payload, key)
    assert core.payloads.unpack(chunk, offset, 200, number_of(key), offset) == payload[offset:]


@both
@pytest.mark.parametrize("character", ["é", "€", "😀"])
@pytest.mark.parametrize("before", [0, 1, 31, 32, 63, 4094, 4095, 4096, 5000])
def test_text_that_is_not_all_ascii(core, before, character, key):
    text = "a" * before + character + "b" * 40
    chunk = wire(text.encode(), key)
    assert core.payloads.unpack_text(chunk, 0, len(chunk), number_of(key)) == text
    assert gather(core, True, [text.encode()], key) == text


@both
@pytest.mark.parametrize("before", [0, 1, 31, 32, 63, 4095, 5000])
def test_text_that_is_not_utf8(core, before, key):
    bad = b"a" * before + b"\xed\xa0\x80" + b"b" * 40
    chunk = wire(bad, key)
    with pytest.raises(UnicodeDecodeError) as raised:
        core.payloads.unpack_text(chunk, 0, len(chunk), number_of(key))
    assert raised.value.start == before
    assert gather(core, True, [bad], key) == before
    assert gather(core, True, [bad[: before + 1], bad[before + 1 :]], key) == before
    assert gather(core, False, [bad], key) == bad


def test_text_that_ends_half_way(core):
    assert gather(core, True, [b"ab\xe2\x82"], b"") == 2
    assert gather(core, True, [b"ab\xe2", b"\x82"], KEY) == 2
    assert gather(core, True, [b"ab\xe2", b"\x82", b"\xac"], KEY) == "ab€"


@settings(max_examples=100)
@given(
    text=st.text(max_size=300),
    positions=positions,
    key=st.sampled_from(KEYS),
    missing=st.sampled_from([1, 100, 2**62]),
    ends=st.booleans(),
)
def test_gathering_in_any_pieces(core, text, positions, key, missing, ends):
    data = text.encode()
    pieces = cut(data, positions) or [b""]
    assert gather(core, True, pieces, key, missing, ends) == text
    gathered = gather(core, False, pieces, key, missing, ends)
    assert type(gathered) is bytes
    assert gathered == data


def test_nothing_outside_the_chunk_is_read(compiled_core):
    unpack, unpack_text = compiled_core.payloads.unpack, compiled_core.payloads.unpack_text
    for start, stop in [(-1, 2), (2, 1), (0, 6), (6, 6)]:
        with pytest.raises(IndexError):
            unpack(b"Hello", start, stop, -1, 0)
        with pytest.raises(IndexError):
            unpack_text(b"Hello", start, stop, number_of(KEY))
        with pytest.raises(IndexError):
            compiled_core.payloads.PayloadBuffer(False).add(b"Hello", start, stop, -1, 0, 0, True)


@pytest.mark.parametrize("key", [2**32, -2])
def test_keys_that_have_not_32_bits(core, key):
    with pytest.raises(OverflowError):
        core.payloads.unpack(b"Hello", 0, 5, key, 0)
    with pytest.raises(OverflowError):
        core.payloads.unpack_text(b"Hello", 0, 5, key)
    with pytest.raises(OverflowError):
        core.payloads.PayloadBuffer(False).add(b"Hello", 0, 5, key, 0, 0, True)
    with pytest.raises(OverflowError):
        core.pack.pack_frame(0x82, b"Hello", key)
    with pytest.raises(OverflowError):
        core.pack.append_frame(bytearray(), 0x82, b"Hello", key)
    with pytest.raises(OverflowError):
        core.pack.pack_header(0x82, 5, key)
