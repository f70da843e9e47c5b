"""
Bytes to frames (RFC 6455 5.2), each rule where a header breaks it.
"""

import tracemalloc

import pytest
from cutting import cut, every_cut, positions
from drawing import BINARY, CLOSE, CONT, EXAMPLES, KEY, PING, PONG, TEXT, bits, frame, header
from hypothesis import given, settings
from hypothesis import strategies as st

from websockets.exceptions import ProtocolError

DATA = [CONT, TEXT, BINARY]
CONTROL = [CLOSE, PING, PONG]
RESERVED = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]
BORDERS = {0: 2, 1: 2, 125: 2, 126: 4, 127: 4, 65535: 4, 65536: 10}  # length: bytes of header


def read(core, pieces, *, masked=False, any_rsv=False):
    """Return the complete frames in what is fed: tuples of FIN, reserved bits, opcode, payload."""
    reader = core.frames.FrameReader(masked, any_rsv)
    frames = []
    gathered = None
    for piece in pieces:
        reader.append(piece)
        while reader.next():
            assert reader.first == (gathered is None)
            gathered = (gathered or b"") + reader.payload()
            assert reader.last == (len(gathered) == reader.length)
            if reader.last:
                frames.append((reader.fin, reader.rsv, reader.opcode, gathered))
                gathered = None
    return frames


def refusal(core, pieces, **options):
    with pytest.raises(ProtocolError) as raised:
        read(core, pieces, **options)
    return str(raised.value)


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=list(EXAMPLES))
def test_the_examples_of_the_rfc(core, example):
    expected = [(example.fin, 0, example.opcode, example.payload)]
    assert read(core, [example.wire], masked=bool(example.key)) == expected


@pytest.mark.parametrize("key", [b"", KEY], ids=["unmasked", "masked"])
@pytest.mark.parametrize("length", list(BORDERS))
def test_lengths_at_the_borders_of_their_forms(core, key, length):
    payload = (b"0123456789" * 6554)[:length]
    wire = frame(BINARY, payload, key=key)
    assert len(wire) == BORDERS[length] + len(key) + length
    assert read(core, [wire + wire], masked=bool(key)) == [(True, 0, BINARY, payload)] * 2


@pytest.mark.parametrize("length", [65536, 2**31, 2**32 + 5, 2**63 - 1])
def test_a_length_of_64_bits_is_known_before_the_payload(core, length):
    reader = core.frames.FrameReader(False)
    reader.append(header(BINARY, length) + b"begin")
    assert reader.next()
    assert reader.length == length
    assert (reader.first, reader.last, reader.payload()) == (True, False, b"begin")
    reader.append(b"more")
    assert reader.next()
    assert (reader.first, reader.last, reader.payload()) == (False, False, b"more")
    assert not reader.next()


def test_a_claimed_length_allocates_nothing(core):
    reader = core.frames.FrameReader(False)
    tracemalloc.start()
    try:
        reader.append(header(BINARY, 2**62))
        assert reader.next()
        assert tracemalloc.get_traced_memory()[1] < 10_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("key", [b"", KEY], ids=["unmasked", "masked"])
@pytest.mark.parametrize(
    "length, form", [(0, 2), (1, 2), (125, 2), (0, 8), (125, 8), (126, 8), (65535, 8)]
)
def test_lengths_that_are_not_in_their_shortest_form(core, key, length, form):
    wire = header(BINARY, length, form=form, key=key)
    # The length is enough; neither the masking key nor the payload has to be there.
    text = refusal(core, [wire[: 2 + form]], masked=bool(key))
    assert text == f"payload length {length} isn't in its shortest form"


@pytest.mark.parametrize("length", [2**63, 2**63 + 5, 2**64 - 1])
def test_lengths_with_their_top_bit_set(core, length):
    assert (
        refusal(core, [header(BINARY, length, form=8)])
        == "payload length with its most significant bit set"
    )


def test_the_top_bit_drawn(core):
    wire = bits(
        """
        1 000 0010       FIN, binary
        0 1111111        length in the next 64 bits
        10000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001
        """
    )
    assert "most significant bit" in refusal(core, [wire])


@pytest.mark.parametrize("opcode", DATA + CONTROL)
def test_every_opcode_that_is_defined(core, opcode):
    assert read(core, [frame(opcode, b"ab")]) == [(True, 0, opcode, b"ab")]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("opcode", RESERVED)
def test_every_opcode_that_is_reserved(core, opcode, masked):
    wire = frame(opcode, key=KEY if masked else b"")[:2]
    assert refusal(core, [wire], masked=masked) == "invalid opcode"
    assert refusal(core, [wire], masked=masked, any_rsv=True) == "invalid opcode"


@pytest.mark.parametrize("opcode", DATA + CONTROL)
@pytest.mark.parametrize("rsv", [0b100, 0b010, 0b001, 0b101, 0b111])
def test_reserved_bits(core, opcode, rsv):
    wire = frame(opcode, b"ab", rsv=rsv)
    assert refusal(core, [wire[:2]]) == "reserved bits must be 0"
    # With extensions, they are somebody else's business.
    assert read(core, [wire], any_rsv=True) == [(True, rsv << 4, opcode, b"ab")]


@pytest.mark.parametrize("opcode", DATA + CONTROL)
def test_masks_by_side(core, opcode):
    masked, unmasked = frame(opcode, b"ab", key=KEY), frame(opcode, b"ab")
    assert refusal(core, [masked[:2]]) == "incorrect masking"
    assert refusal(core, [unmasked[:2]], masked=True) == "incorrect masking"


def test_a_mask_of_zeros_is_a_mask(core):
    wire = frame(TEXT, b"abc", key=bytes(4))
    assert read(core, [wire], masked=True) == [(True, 0, TEXT, b"abc")]


def test_each_frame_has_its_own_key(core):
    keys = [KEY, b"\x01\x02\x03\x04", b"\xff\x00\xff\x00"]
    wire = b"".join(frame(BINARY, b"same payload", key=key) for key in keys)
    for pieces in every_cut(wire):
        expected = [(True, 0, BINARY, b"same payload")] * 3
        assert read(core, pieces, masked=True) == expected


@pytest.mark.parametrize("opcode", CONTROL)
def test_control_frames_are_not_fragmented(core, opcode):
    wire = frame(opcode, b"ab", fin=False)
    assert refusal(core, [wire[:2]]) == "fragmented control frame"
    assert refusal(core, [wire[:2]], any_rsv=True) == "fragmented control frame"


@pytest.mark.parametrize("opcode", CONTROL)
@pytest.mark.parametrize("length", [126, 127, 65535, 65536])
def test_control_frames_have_125_bytes_at_most(core, opcode, length):
    assert read(core, [frame(opcode, bytes(125))]) == [(True, 0, opcode, bytes(125))]
    assert refusal(core, [header(opcode, length)]) == "control frame too long"


@pytest.mark.parametrize("opcode", CONTROL)
@pytest.mark.parametrize("form", [2, 8])
def test_the_length_of_a_control_frame_has_one_form(core, opcode, form):
    # RFC 6455 5.2: the shortest form; so many bytes would be fine.
    text = refusal(core, [header(opcode, 125, form=form)])
    assert text == "payload length 125 isn't in its shortest form"


@pytest.mark.parametrize("opcode", CONTROL)
def test_control_frames_come_whole(core, opcode):
    wire = frame(opcode, bytes(range(125)), key=KEY)
    for position in range(1, len(wire)):
        reader = core.frames.FrameReader(True)
        reader.append(wire[:position])
        assert not reader.next()
        reader.append(wire[position:])
        assert reader.next()
        assert (reader.first, reader.last) == (True, True)
        assert reader.payload() == bytes(range(125))


def test_control_frames_between_fragments(core):
    wire = (
        frame(TEXT, b"ab", fin=False)
        + frame(PING, b"1")
        + frame(CONT, b"", fin=False)
        + frame(PONG, b"2")
        + frame(CONT, b"cd")
    )
    assert read(core, [wire]) == [
        (False, 0, TEXT, b"ab"),
        (True, 0, PING, b"1"),
        (False, 0, CONT, b""),
        (True, 0, PONG, b"2"),
        (True, 0, CONT, b"cd"),
    ]


@pytest.mark.parametrize("key", [b"", KEY], ids=["unmasked", "masked"])
def test_the_same_frames_in_every_cut(core, key):
    frames = [
        (True, 0, TEXT, b"Hello"),
        (False, 0, BINARY, bytes(range(126))),
        (True, 0, PING, b"ping"),
        (False, 0, CONT, b""),
        (True, 0, CONT, b"!"),
        (True, 0, CLOSE, b""),
    ]
    wire = b"".join(frame(opcode, data, fin=fin, key=key) for fin, _, opcode, data in frames)
    for pieces in every_cut(wire):
        assert read(core, pieces, masked=bool(key)) == frames


@settings(max_examples=60)
@given(
    frames=st.lists(
        st.tuples(
            st.booleans(),
            st.just(0),
            st.sampled_from(DATA),
            st.binary(max_size=20) | st.integers(100, 400).map(bytes),
        ),
        max_size=8,
    ),
    positions=positions,
    key=st.just(b"") | st.binary(min_size=4, max_size=4),
)
def test_the_same_frames_in_random_cuts(core, frames, positions, key):
    wire = b"".join(frame(opcode, data, fin=fin, key=key) for fin, _, opcode, data in frames)
    assert read(core, cut(wire, positions), masked=bool(key)) == frames


def test_pieces_come_as_they_arrive(core):
    reader = core.frames.FrameReader(True)
    wire = frame(BINARY, b"abcdef", key=KEY)
    reader.append(wire[:6])
    assert reader.next()
    assert (reader.first, reader.last, reader.payload(), reader.length) == (True, False, b"", 6)
    assert not reader.next()
    for index, letter in enumerate(b"abcdef"):
        reader.append(wire[6 + index : 7 + index])
        assert reader.next()
        assert (reader.first, reader.last) == (False, index == 5)
        assert reader.payload() == bytes([letter])
        assert not reader.next()
        assert reader.payload() == b""


def test_empty_chunks(core):
    wire = frame(TEXT, b"Hello", key=KEY)
    pieces = [b""]
    for byte in wire:
        pieces += [bytes([byte]), b"", b""]
    assert read(core, pieces, masked=True) == [(True, 0, TEXT, b"Hello")]


def test_clear_forgets_what_is_not_parsed(core):
    reader = core.frames.FrameReader(False)
    reader.append(frame(TEXT, b"one") + frame(TEXT, b"two"))
    reader.append(frame(TEXT, b"three"))
    assert reader.next()
    reader.clear()
    assert reader.payload() == b""
    assert not reader.next()
    reader.append(frame(TEXT, b"four"))
    assert reader.next()
    assert reader.payload() == b"four"


def test_nothing_is_kept_once_it_is_read(core):
    reader = core.frames.FrameReader(False)
    tracemalloc.start()
    try:
        # The last byte begins another frame, which must not keep the others.
        reader.append(frame(BINARY, bytes(100_000)) + b"\x81")
        assert reader.next()
        assert not reader.next()
        assert tracemalloc.get_traced_memory()[0] < 10_000
    finally:
        tracemalloc.stop()


# The checks by themselves, which websockets.framing uses too.


@pytest.mark.parametrize("opcode", range(16))
def test_check_opcode(core, opcode):
    if opcode in DATA + CONTROL:
        core.frames.check_opcode(opcode)
    else:
        with pytest.raises(ProtocolError):
            core.frames.check_opcode(opcode)


def test_check_rsv(core):
    core.frames.check_rsv(0)
    for rsv in range(0x10, 0x80, 0x10):
        with pytest.raises(ProtocolError):
            core.frames.check_rsv(rsv)


def test_check_control(core):
    core.frames.check_control(True, 125)
    for fin, length in [(False, 0), (True, 126)]:
        with pytest.raises(ProtocolError):
            core.frames.check_control(fin, length)


@pytest.mark.parametrize("length, form", [(126, 126), (65535, 126), (65536, 127), (2**63 - 1, 127)])
def test_check_length(core, length, form):
    core.frames.check_length(length, form)


@pytest.mark.parametrize(
    "length, form", [(0, 126), (125, 126), (0, 127), (65535, 127), (2**63, 127), (2**64 - 1, 127)]
)
def test_check_length_refuses(core, length, form):
    with pytest.raises(ProtocolError):
        core.frames.check_length(length, form)


def test_check_start(core):
    core.frames.check_start(0x81, 0x85, True, False)
    core.frames.check_start(0x81, 0x05, False, False)
    core.frames.check_start(0xF1, 0x05, False, True)
    for arguments in [
        (0x81, 0x05, True, False),
        (0x81, 0x85, False, False),
        (0xC1, 0x05, False, False),
        (0x83, 0x05, False, True),
        (0x09, 0x05, False, True),
    ]:
        with pytest.raises(ProtocolError):
            core.frames.check_start(*arguments)


def test_opcodes(core):
    names = ["OP_CONT", "OP_TEXT", "OP_BINARY", "OP_CLOSE", "OP_PING", "OP_PONG"]
    assert [getattr(core.constants, name) for name in names] == DATA + CONTROL
