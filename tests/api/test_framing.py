"""
Single frames for programs that read and write them themselves.
"""

import ctypes

import pytest
from drawing import BINARY, CLOSE, CONT, EXAMPLES, KEY, PING, PONG, TEXT, frame, frames, header
from hypothesis import given, settings
from hypothesis import strategies as st

from websockets import framing
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.framing import Frame

OPCODES = [CONT, TEXT, BINARY, CLOSE, PING, PONG]


def reader_of(data):
    """Return a reader that ends with the data, and the bytes that nobody has read yet."""
    left = bytearray(data)

    async def reader(count):
        assert count >= 0
        read = bytes(left[:count])
        del left[:count]
        return read

    return reader, left


def run(coroutine):
    """Run a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as exc:
        return exc.value
    raise AssertionError("it waits")


def read(data, mask=False, **options):
    reader, left = reader_of(data)
    found = run(Frame.read(reader, mask=mask, **options))
    assert not left
    return found


def write(frame, mask=False, **options):
    calls = []
    assert frame.write(calls.append, mask=mask, **options) is None
    [data] = calls
    assert type(data) is bytes
    return data


def test_opcodes():
    assert framing.DATA_OPCODES == (framing.OP_CONT, framing.OP_TEXT, framing.OP_BINARY)
    assert framing.DATA_OPCODES == (CONT, TEXT, BINARY)
    assert framing.CTRL_OPCODES == (framing.OP_CLOSE, framing.OP_PING, framing.OP_PONG)
    assert framing.CTRL_OPCODES == (CLOSE, PING, PONG)


def test_fields():
    found = Frame(True, TEXT, b"Hello")
    assert (found.fin, found.opcode, found.data) == (True, TEXT, b"Hello")
    assert (found.rsv1, found.rsv2, found.rsv3) == (False, False, False)
    assert found == Frame(fin=True, opcode=TEXT, data=b"Hello", rsv1=False, rsv2=False, rsv3=False)
    assert "Hello" in repr(found)
    changed = found._replace(rsv1=True)
    assert type(changed) is Frame
    assert changed.rsv1


# Reading


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=list(EXAMPLES))
def test_the_examples_of_the_rfc_are_read(example):
    expected = Frame(example.fin, example.opcode, example.payload)
    assert read(example.wire, mask=bool(example.key)) == expected


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65535, 65536])
def test_read_lengths_at_the_borders_of_their_forms(mask, length):
    payload = (b"0123456789" * 6554)[:length]
    wire = frame(BINARY, payload, key=KEY if mask else b"")
    assert read(wire, mask) == Frame(True, BINARY, payload)


def test_bytes_behind_the_frame_are_left():
    reader, left = reader_of(frame(TEXT, b"one") + frame(TEXT, b"two"))
    assert run(Frame.read(reader, mask=False)).data == b"one"
    assert left == frame(TEXT, b"two")


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("length", [5, 126, 65536])
def test_streams_that_end_early(mask, length):
    wire = frame(BINARY, bytes(length), key=KEY if mask else b"")
    for end in [*range(15), len(wire) - 1]:
        if end < len(wire):
            with pytest.raises(EOFError):
                read(wire[:end], mask)


@pytest.mark.parametrize(
    "wire, mask",
    [
        (frame(TEXT, b"a"), True),
        (frame(TEXT, b"a", key=KEY), False),
        (frame(3), False),
        (frame(15), False),
        (frame(TEXT, rsv=0b100), False),
        (frame(TEXT, rsv=0b010), False),
        (frame(PING, rsv=0b001), False),
        (frame(PING, fin=False), False),
        (header(CLOSE, 126), False),
        (header(BINARY, 125, form=2), False),
        (header(BINARY, 65535, form=8), False),
        (header(BINARY, 2**63, form=8), False),
    ],
)
def test_frames_that_break_a_rule(wire, mask):
    with pytest.raises(ProtocolError):
        read(wire, mask)


@pytest.mark.parametrize("limit", [0, 1, 125, 126, 65536])
def test_max_size(limit):
    assert len(read(frame(BINARY, bytes(limit)), max_size=limit).data) == limit
    # The payload isn't asked for.
    with pytest.raises(PayloadTooBig) as raised:
        read(header(BINARY, limit + 1), max_size=limit)
    assert (raised.value.size, raised.value.max_size) == (limit + 1, limit)


# Writing


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=list(EXAMPLES))
def test_the_examples_of_the_rfc_are_written(example):
    written = write(Frame(example.fin, example.opcode, example.payload), bool(example.key))
    if example.key:
        [drawn] = frames(written)
        assert drawn == (example.opcode, example.payload, example.fin, 0, drawn.key)
        assert drawn.key
    else:
        assert written == example.wire


def test_each_frame_is_masked_with_another_key():
    written = {write(Frame(True, BINARY, bytes(8)), mask=True) for _ in range(50)}
    assert len(written) >= 49


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("mask", [False, True])
def test_kinds_of_payloads(kind, mask):
    [drawn] = frames(write(Frame(True, BINARY, kind(b"Hello")), mask))
    assert drawn.payload == b"Hello"


BROKEN = [
    Frame(True, 3, b""),
    Frame(True, 7, b""),
    Frame(True, 11, b""),
    Frame(True, 15, b""),
    Frame(True, TEXT, b"", rsv1=True),
    Frame(True, TEXT, b"", rsv2=True),
    Frame(True, PONG, b"", rsv3=True),
    Frame(False, CLOSE, b""),
    Frame(False, PING, b""),
    Frame(False, PONG, b""),
    Frame(True, CLOSE, bytes(126)),
    Frame(True, PING, bytes(126)),
    Frame(True, PONG, bytes(126)),
]


@pytest.mark.parametrize("broken", BROKEN)
def test_broken_frames_are_not_written(broken):
    with pytest.raises(ProtocolError):
        broken.check()
    calls = []
    with pytest.raises(ProtocolError):
        broken.write(calls.append, mask=False)
    assert not calls


@pytest.mark.parametrize("opcode", OPCODES)
def test_check(opcode):
    assert Frame(True, opcode, bytes(125)).check() is None
    if opcode in framing.DATA_OPCODES:
        assert Frame(False, opcode, bytes(126)).check() is None


def test_the_error_of_the_writer_is_handed_on():
    def writer(data):
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        Frame(True, TEXT, b"").write(writer, mask=False)


@settings(max_examples=80)
@given(
    fin=st.booleans(),
    opcode=st.sampled_from(OPCODES),
    data=st.binary(max_size=125),
    mask=st.booleans(),
)
def test_there_and_back(fin, opcode, data, mask):
    original = Frame(fin or opcode in framing.CTRL_OPCODES, opcode, data)
    assert read(write(original, mask), mask) == original


# Extensions


class Appends:
    """An extension that marks what went through it."""

    def __init__(self, mark, **rsv):
        self.mark = mark
        self.rsv = rsv

    def encode(self, frame):
        return frame._replace(data=frame.data + self.mark, **self.rsv)

    def decode(self, frame, *, max_size=None):
        self.max_size = max_size
        assert frame.data.endswith(self.mark)
        unset = {name: False for name in self.rsv}
        return frame._replace(data=frame.data[: -len(self.mark)], **unset)


def test_extensions_encode_first_to_last_and_decode_last_to_first():
    extensions = [Appends(b"1", rsv1=True), Appends(b"2"), Appends(b"3", rsv3=True)]
    written = write(Frame(True, TEXT, b"Hello"), extensions=extensions)
    assert written == frame(TEXT, b"Hello123", rsv=0b101)
    assert read(written, extensions=extensions, max_size=20) == Frame(True, TEXT, b"Hello")
    assert [extension.max_size for extension in extensions] == [20, 20, 20]


def test_bits_that_no_extension_accounts_for():
    with pytest.raises(ProtocolError):
        read(frame(TEXT, b"Hello1", rsv=0b110), extensions=[Appends(b"1", rsv1=True)])


def test_an_extension_need_not_know_of_max_size():
    class Reversing:
        def decode(self, frame):
            return frame._replace(data=frame.data[::-1])

        def encode(self, frame):
            return self.decode(frame)

    assert read(b"\x82\x02ab", max_size=2, extensions=[Reversing()]).data == b"ba"
    assert framing.ExtensionChain([Reversing()]).decode(True, 0, BINARY, b"ab", 2)[2] == b"ba"


def test_what_is_decoded_is_checked():
    class Turns:
        def decode(self, frame, *, max_size=None):
            return frame._replace(opcode=3)

    with pytest.raises(ProtocolError):
        read(frame(TEXT), extensions=[Turns()])


def test_a_chain_of_extensions():
    chain = framing.ExtensionChain(
        [Appends(b"1", rsv1=True), Appends(b"2"), Appends(b"3", rsv3=True)]
    )
    assert chain.encode(True, TEXT, b"Hello") == (0x50, TEXT, b"Hello123")
    assert chain.decode(True, 0x50, TEXT, b"Hello123", None) == (True, TEXT, b"Hello")
    assert chain.decode(False, 0x50, CONT, b"123", 5) == (False, CONT, b"")
    with pytest.raises(ProtocolError):
        chain.decode(True, 0x20, TEXT, b"Hello123", None)


def test_a_chain_of_none():
    chain = framing.ExtensionChain([])
    assert chain.encode(False, BINARY, b"a") == (0, BINARY, b"a")
    assert chain.decode(False, 0, BINARY, b"a", None) == (False, BINARY, b"a")


# Data


@pytest.mark.parametrize(
    "data, opcode, payload",
    [
        ("", TEXT, b""),
        ("aé€😀", TEXT, b"a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
        (b"", BINARY, b""),
        (b"\xff\x00", BINARY, b"\xff\x00"),
        (bytearray(b"abc"), BINARY, b"abc"),
        (memoryview(b"abc"), BINARY, b"abc"),
    ],
)
def test_prepare_and_encode_data(data, opcode, payload):
    assert framing.prepare_data(data) == (opcode, payload)
    encoded = framing.encode_data(data)
    assert type(encoded) is bytes
    assert encoded == payload


def views():
    numbers = memoryview(bytes(range(24)))
    yield numbers.cast("I")
    yield numbers.cast("d")
    yield numbers.cast("c")
    yield numbers.cast("H", (3, 4))
    yield numbers[::2]
    yield numbers[::-1]
    yield numbers.cast("I")[::3]
    yield numbers[5:5]
    yield memoryview(bytearray())
    yield memoryview(((ctypes.c_uint16 * 3) * 2)((1, 2, 3), (4, 5, 6)))
    yield memoryview(((ctypes.c_uint16 * 3) * 0)())


@pytest.mark.parametrize("view", list(views()), ids=lambda view: f"{view.format}{view.shape}")
def test_views_are_all_their_bytes(view):
    opcode, payload = framing.prepare_data(view)
    assert opcode == BINARY
    assert bytes(payload) == view.tobytes()
    assert len(payload) == view.nbytes
    assert framing.encode_data(view) == view.tobytes()


@pytest.mark.parametrize("data", [None, 1, ["a"], {"a": 1}, object(), ("a",)])
def test_what_is_no_data(data):
    expected = f"data must be str or bytes-like, not {type(data).__name__}"
    for function in [framing.prepare_data, framing.encode_data]:
        with pytest.raises(TypeError) as raised:
            function(data)
        assert str(raised.value) == expected


def test_text_that_has_no_utf8():
    with pytest.raises(UnicodeEncodeError):
        framing.prepare_data("\ud83d")


# Close


def test_close():
    assert framing.parse_close(b"\x03\xe8bye") == (1000, "bye")
    assert framing.serialize_close(1000, "bye") == b"\x03\xe8bye"
    assert framing.parse_close(b"") == (1005, "")
    for data in [b"\x03", b"\x03\xed", b"\x00\x00"]:
        with pytest.raises(ProtocolError):
            framing.parse_close(data)
    with pytest.raises(UnicodeDecodeError):
        framing.parse_close(b"\x03\xe8\xff")
    with pytest.raises(ProtocolError):
        framing.serialize_close(1006, "")


@settings(max_examples=50)
@given(
    code=st.integers(3000, 4999),
    reason=st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
)
def test_close_there_and_back(code, reason):
    assert framing.parse_close(framing.serialize_close(code, reason)) == (code, reason)
