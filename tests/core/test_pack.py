"""
Frames to bytes (RFC 6455 5.2).
"""

import ctypes
from array import array

import pytest
from drawing import BINARY, EXAMPLES, KEY, TEXT, frame, frames, header, number_of
from hypothesis import given, settings
from hypothesis import strategies as st

BORDERS = [0, 1, 125, 126, 127, 65535, 65536]


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=list(EXAMPLES))
def test_the_examples_of_the_rfc(core, example):
    byte0 = example.fin << 7 | example.opcode
    assert core.pack.pack_frame(byte0, example.payload, number_of(example.key)) == example.wire


@pytest.mark.parametrize("key", [b"", KEY], ids=["unmasked", "masked"])
@pytest.mark.parametrize("length", BORDERS)
def test_lengths_at_the_borders_of_their_forms(core, key, length):
    payload = (b"0123456789" * 6554)[:length]
    packed = core.pack.pack_frame(0x82, payload, number_of(key))
    assert packed == frame(BINARY, payload, key=key)
    assert (
        packed
        == core.pack.pack_header(0x82, length, number_of(key)) + packed[len(packed) - length :]
    )


@pytest.mark.parametrize("length", [2**16, 2**31, 2**32, 2**63 - 1])
def test_headers_of_what_would_not_fit_in_memory(core, length):
    assert core.pack.pack_header(0x82, length, -1) == header(BINARY, length)
    assert core.pack.pack_header(0x82, length, number_of(KEY)) == header(BINARY, length, key=KEY)


@pytest.mark.parametrize("byte0", range(256))
def test_every_first_byte(core, byte0):
    assert core.pack.pack_frame(byte0, b"ab", -1) == bytes([byte0]) + b"\x02ab"
    assert core.pack.pack_header(byte0, 2, -1) == bytes([byte0]) + b"\x02"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("key", [b"", KEY], ids=["unmasked", "masked"])
def test_kinds_of_payloads(core, kind, key):
    packed = core.pack.pack_frame(0x81, kind(b"Hello"), number_of(key))
    assert type(packed) is bytes
    assert packed == frame(TEXT, b"Hello", key=key)


@pytest.mark.parametrize("key", [b"", KEY], ids=["unmasked", "masked"])
def test_the_payload_is_left_alone(core, key):
    payload = bytearray(b"Hello")
    core.pack.pack_frame(0x81, payload, number_of(key))
    assert payload == b"Hello"
    payload.append(0)  # a view that is still held would forbid that


@settings(max_examples=60)
@given(
    opcode=st.integers(0, 15),
    fin=st.booleans(),
    rsv=st.integers(0, 7),
    payload=st.binary(max_size=40) | st.integers(100, 300).map(bytes),
    key=st.just(b"") | st.binary(min_size=4, max_size=4),
)
def test_what_is_packed_can_be_taken_apart(core, opcode, fin, rsv, payload, key):
    packed = core.pack.pack_frame(fin << 7 | rsv << 4 | opcode, payload, number_of(key))
    assert frames(packed) == [(opcode, payload, fin, rsv, key)]


@settings(max_examples=60)
@given(
    payloads=st.lists(st.text(max_size=20) | st.binary(max_size=200), max_size=20),
    key=st.just(b"") | st.binary(min_size=4, max_size=4),
)
def test_frames_behind_each_other(core, payloads, key):
    packed = [core.pack.pack_frame(0x81, payload, number_of(key)) for payload in payloads]
    appended = bytearray()
    sizes = [
        core.pack.append_frame(appended, 0x81, payload, number_of(key)) for payload in payloads
    ]
    assert appended == b"".join(packed)
    assert sizes == list(map(len, packed))


def test_what_has_no_encoding_is_not_appended(core):
    appended = bytearray(b"before")
    with pytest.raises(UnicodeEncodeError):
        core.pack.append_frame(appended, 0x81, "abc\udfff", number_of(KEY))
    assert appended == b"before"


TEXTS = {
    "empty": "",
    "ASCII": "Hello" * 40,
    "two bytes, stored in one": "é\x7f\x80ÿ" * 40,
    "two bytes, stored in two": "\u0100\u07ff\x7fé" * 40,
    "three bytes": "\u0800€\ud7ff\ue000\uffff" * 40,
    "four bytes": "\U00010000😀\U0010ffff€éa" * 40,
}


@pytest.mark.parametrize("key", [b"", KEY], ids=["unmasked", "masked"])
@pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))
def test_text_is_encoded(core, text, key):
    class Text(str):
        pass

    for payload in (text, Text(text)):
        assert core.pack.pack_frame(0x81, payload, number_of(key)) == frame(
            TEXT, text.encode(), key=key
        )
        assert core.pack.to_bytes(payload) == text.encode()


@settings(max_examples=100)
@given(text=st.text(), key=st.just(b"") | st.binary(min_size=4, max_size=4))
def test_any_text(core, text, key):
    assert core.pack.pack_frame(0x81, text, number_of(key)) == frame(TEXT, text.encode(), key=key)


@pytest.mark.parametrize("key", [b"", KEY], ids=["unmasked", "masked"])
@pytest.mark.parametrize("text", ["\ud800", "abc\udfff", "😀\ud83d"])
def test_surrogates_have_no_encoding(core, text, key):
    with pytest.raises(UnicodeEncodeError) as expected:
        text.encode()
    with pytest.raises(UnicodeEncodeError) as raised:
        core.pack.pack_frame(0x81, text, number_of(key))
    assert raised.value.args == expected.value.args


LAYOUTS = {
    "items of two bytes": memoryview(array("H", [1, 2, 3])),
    "every other byte": memoryview(bytes(range(200)))[::2],
    "backwards": memoryview(bytes(range(200)))[::-1],
    "two dimensions": memoryview(bytes(range(12))).cast("B", [3, 4]),
    "empty in two dimensions": memoryview((ctypes.c_char * 0 * 4)()),
    "array": array("i", range(50)),
}


@pytest.mark.parametrize("key", [b"", KEY], ids=["unmasked", "masked"])
@pytest.mark.parametrize("payload", LAYOUTS.values(), ids=list(LAYOUTS))
def test_layouts_of_buffers(core, payload, key):
    data = bytes(payload)
    assert core.pack.pack_frame(0x82, payload, number_of(key)) == frame(BINARY, data, key=key)
    assert core.pack.to_bytes(payload) == data


LARGE_SIZES = [2**17 - 1, 2**17, 2**17 + 1, 2**20, 2**20 - 5, 2**19, 2**22, 2**22 + 1, 70_000]


def test_a_large_frame_stays_as_it_is_as_long_as_somebody_has_it(core):
    """Their memory may be used again, but not before."""
    payloads = [bytes([number]) * size for number, size in enumerate(LARGE_SIZES * 2)]
    kept = [core.pack.pack_frame(0x82, payload, number_of(KEY)) for payload in payloads]
    for frame_, payload in zip(kept, payloads):
        assert frames(frame_)[0].payload == payload


def test_large_frames_that_nobody_keeps(core):
    seen = set()
    for number, size in enumerate(LARGE_SIZES * 2):
        payload = bytes([number]) * size
        packed = core.pack.pack_frame(0x82, payload, number_of(KEY))
        assert packed == frame(BINARY, payload, key=KEY)
        # What is in its place later has a hash of its own.
        seen.add(hash(packed) == hash(frame(BINARY, payload, key=KEY)))
        view = memoryview(packed)[size:]
        del packed
        core.pack.pack_frame(0x82, bytes(size), number_of(KEY))
        assert view == frame(BINARY, payload, key=KEY)[size:]
    assert seen == {True}
