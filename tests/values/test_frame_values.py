"""Frames and close frames as values: read, written, checked and shown."""

import copy
import dataclasses
import enum
import pickle
import secrets

import pytest
from drawing import EXAMPLES, KEY, frame, frames, header
from generators import SHORT, read
from hypothesis import given
from hypothesis import strategies as st

import websockets
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import (
    BINARY,
    CLOSE,
    CLOSE_CODE_EXPLANATIONS,
    CONT,
    CTRL_OPCODES,
    DATA_OPCODES,
    EXTERNAL_CLOSE_CODES,
    OK_CLOSE_CODES,
    PING,
    PONG,
    TEXT,
    Close,
    CloseCode,
    Frame,
    Opcode,
    apply_mask,
)


def parse(data, mask=False, eof=False, step=None, **options):
    def reader(stream):
        return Frame.parse(stream.read_exact, mask=mask, **options)

    return read(reader, data, eof=eof, step=step)


# Opcodes and values


def test_opcodes():
    assert [(opcode.name, opcode.value) for opcode in Opcode] == [
        ("CONT", 0),
        ("TEXT", 1),
        ("BINARY", 2),
        ("CLOSE", 8),
        ("PING", 9),
        ("PONG", 10),
    ]
    assert DATA_OPCODES == (CONT, TEXT, BINARY) == (0, 1, 2)
    assert CTRL_OPCODES == (CLOSE, PING, PONG) == (8, 9, 10)
    assert all(type(opcode) is Opcode for opcode in DATA_OPCODES + CTRL_OPCODES)


def test_opcodes_are_an_enum_in_all_respects():
    plain = enum.IntEnum("Opcode", {opcode.name: opcode.value for opcode in Opcode})
    for cls in Opcode, plain:
        assert cls.TEXT is cls["TEXT"] is cls(1) and cls.TEXT.name == "TEXT"
        assert list(cls.__members__) == [opcode.name for opcode in Opcode] and len(cls) == 6
        assert cls.from_bytes(b"\1", "big") == 1 and cls.mro()[1] is enum.IntEnum
        with pytest.raises(AttributeError):
            cls.TEXT = 3
    for name in "text", "_name", "__missing__":
        complaints = []
        for cls in Opcode, plain:
            with pytest.raises(AttributeError) as caught:
                getattr(cls, name)
            complaints.append(str(caught.value))
        assert complaints[0] == complaints[1]
    assert pickle.loads(pickle.dumps(Opcode.PING)) is copy.deepcopy(Opcode.PING) is PING
    assert isinstance(Opcode, enum.EnumMeta) and {*dir(Opcode)} >= {*dir(plain)}


def test_a_frame_is_a_value():
    found = Frame(TEXT, b"a")
    assert dataclasses.astuple(found) == (TEXT, b"a", True, False, False, False)
    assert repr(found) == (
        "Frame(opcode=<Opcode.TEXT: 1>, data=b'a', fin=True, rsv1=False, rsv2=False, rsv3=False)"
    )
    assert found == Frame(1, bytearray(b"a")) == copy.copy(found)
    assert found == pickle.loads(pickle.dumps(found))
    found.data, found.rsv1 = b"b", True
    assert found == Frame(TEXT, b"b", rsv1=True) != Frame(TEXT, b"b")
    assert dataclasses.replace(found, fin=False) == Frame(TEXT, b"b", False, True)
    with pytest.raises(TypeError):
        hash(found)


def test_a_frame_has_the_attributes_of_the_named_tuple():
    fields = {"fin": False, "opcode": 1, "data": b"a", "rsv1": True, "rsv2": False, "rsv3": True}
    one, other = Frame(**fields), websockets.framing.Frame(**fields)
    for name, value in fields.items():
        assert getattr(one, name) == getattr(other, name) == value
    assert one._replace(data=b"b", rsv1=False) == Frame(TEXT, b"b", False, rsv3=True)
    assert one == Frame(**fields)


# Reading


@pytest.mark.parametrize("step", [None, 1, 3])
@pytest.mark.parametrize("example", EXAMPLES.values(), ids=list(EXAMPLES))
def test_the_examples_of_the_rfc(example, step):
    found, rest = parse(example.wire + b"rest", mask=bool(example.key), step=step)
    assert (found.opcode, found.fin, found.data) == (example.opcode, example.fin, example.payload)
    assert (found.rsv1, found.rsv2, found.rsv3) == (False, False, False)
    assert type(found.opcode) is Opcode
    assert rest == b"rest"


@given(st.binary(max_size=70_000), st.booleans())
def test_what_is_written_can_be_read(data, mask):
    written = Frame(BINARY, data, False).serialize(mask=mask)
    assert parse(written, mask) == (Frame(BINARY, data, False), b"")


@pytest.mark.parametrize("length", [0, 125, 126, 65535, 65536])
def test_lengths(length):
    assert parse(frame(BINARY, bytes(length)))[0].data == bytes(length)


@pytest.mark.parametrize("length, form", [(125, 126), (125, 127), (65535, 127), (2**63, 127)])
def test_lengths_that_break_the_protocol(length, form):
    size = length.to_bytes(2 if form == 126 else 8, "big")
    with pytest.raises(ProtocolError, match="length"):
        parse(bytes([0x82, form]) + size)


@pytest.mark.parametrize(
    "wire, mask, text",
    [
        (frame(TEXT, b"a"), True, "incorrect masking"),
        (frame(TEXT, b"a", key=KEY), False, "incorrect masking"),
        (b"\x83\x00", False, "invalid opcode"),
        (b"\x83\x80", False, "invalid opcode"),
        (b"\xc1\x00", False, "reserved bits must be 0"),
        (b"\xa1\x00", False, "reserved bits must be 0"),
        (b"\x91\x00", False, "reserved bits must be 0"),
        (b"\x09\x00", False, "fragmented control frame"),
        (b"\x89\x7e\x00\x7e" + bytes(126), False, "control frame too long"),
    ],
)
def test_frames_that_break_the_protocol(wire, mask, text):
    with pytest.raises(ProtocolError) as raised:
        parse(wire, mask)
    assert str(raised.value) == text


@pytest.mark.parametrize(
    "wire, text",
    [
        (b"", "stream ends after 0 bytes, expected 2 bytes"),
        (b"\x81", "stream ends after 1 bytes, expected 2 bytes"),
        (b"\x81\x05abc", "stream ends after 3 bytes, expected 5 bytes"),
        (b"\x81\x7e\x00", "stream ends after 1 bytes, expected 2 bytes"),
    ],
)
def test_a_stream_that_ends_in_a_frame(wire, text):
    assert parse(wire)[0] is SHORT
    with pytest.raises(EOFError) as raised:
        parse(wire, eof=True)
    assert str(raised.value) == text


@pytest.mark.parametrize("limit", [0, 1, 125, 126, 65536])
def test_max_size(limit):
    assert len(parse(frame(BINARY, bytes(limit)), max_size=limit)[0].data) == limit
    # The payload isn't asked for.
    with pytest.raises(PayloadTooBig) as raised:
        parse(header(BINARY, limit + 1), max_size=limit)
    assert (raised.value.size, raised.value.max_size) == (limit + 1, limit)
    assert str(raised.value) == f"frame with {limit + 1} bytes exceeds limit of {limit} bytes"


class Mark:
    """An extension in today's manner: it makes frames, or changes those that it is given."""

    def __init__(self, mark):
        self.mark = mark
        self.limits = []

    def encode(self, frame):
        return Frame(frame.opcode, bytes(frame.data) + self.mark, frame.fin, rsv1=True)

    def decode(self, frame, *, max_size=None):
        self.limits.append(max_size)
        assert bytes(frame.data[-1:]) == self.mark
        frame.data = frame.data[:-1]
        frame.rsv1 = False
        return frame


class OlderMark(Mark):
    """One in the manner of 8.1, where frames are named tuples."""

    def encode(self, frame):
        return frame._replace(data=bytes(frame.data) + self.mark, rsv1=True)

    def decode(self, frame, *, max_size=None):
        self.limits.append(max_size)
        assert bytes(frame.data[-1:]) == self.mark
        fields = frame.fin, frame.opcode, frame.data[:-1]
        return websockets.framing.Frame(*fields)


@pytest.mark.parametrize("first", [Mark, OlderMark])
@pytest.mark.parametrize("second", [Mark, OlderMark])
@pytest.mark.parametrize("mask", [False, True])
def test_extensions(first, second, mask):
    extensions = [first(b"1"), second(b"2")]
    sent = Frame(TEXT, b"a", False)
    written = sent.serialize(mask=mask, extensions=extensions)
    assert sent == Frame(TEXT, b"a", False)
    [drawn] = frames(written)
    assert drawn == (TEXT, b"a12", False, 0b100, drawn.key)
    found, _ = parse(written, mask, max_size=9, extensions=extensions)
    assert (found.opcode, found.data, found.fin, found.rsv1) == (TEXT, b"a", False, False)
    assert [extension.limits for extension in extensions] == [[9], [9]]


# Writing


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=list(EXAMPLES))
def test_the_examples_of_the_rfc_are_written(example):
    sent = Frame(Opcode(example.opcode), example.payload, example.fin)
    written = sent.serialize(mask=bool(example.key))
    assert type(written) is bytes
    if example.key:
        [drawn] = frames(written)
        assert drawn[:4] == (example.opcode, example.payload, example.fin, 0)
    else:
        assert written == example.wire


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_are_written(kind):
    assert Frame(BINARY, kind(bytes(200))).serialize(mask=False) == frame(BINARY, bytes(200))


def test_whether_to_mask_is_said():
    with pytest.raises(TypeError, match="mask"):
        Frame(TEXT, b"").serialize()


@pytest.mark.parametrize(
    "wrong, text",
    [
        (Frame(PING, bytes(126)), "control frame too long"),
        (Frame(CLOSE, b"", False), "fragmented control frame"),
        (Frame(TEXT, b"", rsv1=True), "reserved bits must be 0"),
        (Frame(TEXT, b"", rsv2=True), "reserved bits must be 0"),
        (Frame(TEXT, b"", rsv3=True), "reserved bits must be 0"),
    ],
    ids=str,
)
def test_what_cannot_be_sent(wrong, text):
    for attempt in (wrong.check, lambda: wrong.serialize(mask=False)):
        with pytest.raises(ProtocolError) as raised:
            attempt()
        assert str(raised.value) == text


def test_what_can_be_sent():
    for opcode in DATA_OPCODES:
        Frame(opcode, bytes(126), False).check()
    for opcode in CTRL_OPCODES:
        Frame(opcode, bytes(125)).check()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_masks(kind):
    assert apply_mask(kind(b"\1\2\3\4\5"), b"\1\2\3\4") == b"\0\0\0\0\4"
    for key in (b"", b"123", b"12345"):
        with pytest.raises(ValueError, match=r"^mask must contain 4 bytes$"):
            apply_mask(kind(b"abc"), key)


# Showing


@pytest.mark.parametrize(
    "opcode, data, text",
    [
        (TEXT, b"hello", "TEXT 'hello' [5 bytes]"),
        (TEXT, b"", "TEXT '' [0 bytes]"),
        (TEXT, "é日😀".encode(), "TEXT 'é日😀' [9 bytes]"),
        (TEXT, b"it's", 'TEXT "it\'s" [4 bytes]'),
        (TEXT, b"a\nb\tc\r", r"TEXT 'a\nb\tc\r' [6 bytes]"),
        (TEXT, b"\xff", "TEXT ff [binary, 1 byte]"),
        (TEXT, b"abc\xc3", "TEXT 61 62 63 c3 [binary, 4 bytes]"),
        (TEXT, b"\x1b[2J", "TEXT 1b 5b 32 4a [binary, 4 bytes]"),
        (TEXT, b"\xc2\x9b2J", "TEXT c2 9b 32 4a [binary, 4 bytes]"),
        (TEXT, "\u202e".encode(), r"TEXT '\u202e' [3 bytes]"),
        (BINARY, b"\0\1", "BINARY 00 01 [2 bytes]"),
        (BINARY, b"", "BINARY '' [0 bytes]"),
        (BINARY, b"txt", "BINARY 'txt' [text, 3 bytes]"),
        (BINARY, "é".encode(), "BINARY 'é' [text, 2 bytes]"),
        (CONT, b"a", "CONT 'a' [text, 1 byte]"),
        (CONT, b"\xa9abc", "CONT '�abc' [text, 4 bytes]"),
        (CONT, b"\xa9abc\xc3", "CONT a9 61 62 63 c3 [binary, 5 bytes]"),
        (CONT, b"\xff\xfe", "CONT ff fe [binary, 2 bytes]"),
        (CLOSE, b"", "CLOSE '' [0 bytes]"),
        (CLOSE, b"\x03\xe8", "CLOSE 1000 (OK) [2 bytes]"),
        (CLOSE, b"\x03\xe8bye", "CLOSE 1000 (OK) bye [5 bytes]"),
        (CLOSE, b"\x0f\xa0", "CLOSE 4000 (private use) [2 bytes]"),
        (CLOSE, b"\x03\xe8a\nb", r"CLOSE 1000 (OK) 'a\nb' [5 bytes]"),
        (CLOSE, b"\x03", "CLOSE 03 [binary, 1 byte]"),
        (CLOSE, b"\0\0", "CLOSE 00 00 [binary, 2 bytes]"),
        (CLOSE, b"\x03\xe8\xff", "CLOSE 03 e8 ff [binary, 3 bytes]"),
        (PING, b"", "PING '' [0 bytes]"),
        (PING, "é".encode(), "PING c3 a9 [binary, 2 bytes]"),
        (PONG, b"abcd", "PONG 'abcd' [text, 4 bytes]"),
    ],
)
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_frames_are_shown(opcode, data, text, kind):
    assert str(Frame(opcode, kind(data))) == text


@pytest.mark.parametrize(
    "opcode, data, text",
    [
        (TEXT, b"a", "TEXT 'a' [1 byte, continued]"),
        (TEXT, b"abc\xc3", "TEXT 'abc�' [4 bytes, continued]"),
        (BINARY, b"\0", "BINARY 00 [1 byte, continued]"),
        (CONT, b"a", "CONT 'a' [text, 1 byte, continued]"),
        (CONT, b"\xa9abc\xc3", "CONT '�abc�' [text, 5 bytes, continued]"),
        (CONT, b"\0", "CONT 00 [binary, 1 byte, continued]"),
    ],
)
def test_fragments_are_shown(opcode, data, text):
    assert str(Frame(opcode, data, False)) == text


def test_long_payloads_are_shown_in_part():
    assert str(Frame(TEXT, b"a" * 73)) == f"TEXT '{'a' * 73}' [73 bytes]"
    assert str(Frame(TEXT, b"a" * 74)) == f"TEXT '{'a' * 47}...{'a' * 23}' [74 bytes]"
    assert str(Frame(BINARY, bytes(25))) == f"BINARY {'00 ' * 25}[25 bytes]"
    text = f"BINARY {'00 ' * 16}...{' 00' * 8} [26 bytes]"
    assert str(Frame(BINARY, bytes(26))) == text
    close = f"CLOSE 1000 (OK) {'x' * 38}...{'x' * 24} [122 bytes]"
    assert str(Frame(CLOSE, b"\x03\xe8" + b"x" * 120)) == close


def test_how_much_is_shown_can_be_changed(monkeypatch):
    assert Frame.MAX_LOG_SIZE == 75
    monkeypatch.setattr(Frame, "MAX_LOG_SIZE", 15)
    assert str(Frame(TEXT, b"0123456789abcdef")) == "TEXT '0123456...def' [16 bytes]"
    monkeypatch.setattr(Frame, "MAX_LOG_SIZE", 0)
    assert str(Frame(TEXT, b"0123")) == "TEXT ... [4 bytes]"


@given(st.sampled_from([*Opcode, 1, 3]), st.binary() | st.text().map(str.encode), st.booleans())
def test_anything_can_be_shown(opcode, data, fin):
    text = str(Frame(opcode, data, fin))
    assert text.isprintable()
    assert len(text) <= 75 + 60


# Close frames


def test_close_codes():
    assert [(code.name, code.value) for code in CloseCode] == [
        ("NORMAL_CLOSURE", 1000),
        ("GOING_AWAY", 1001),
        ("PROTOCOL_ERROR", 1002),
        ("UNSUPPORTED_DATA", 1003),
        ("NO_STATUS_RCVD", 1005),
        ("ABNORMAL_CLOSURE", 1006),
        ("INVALID_DATA", 1007),
        ("POLICY_VIOLATION", 1008),
        ("MESSAGE_TOO_BIG", 1009),
        ("MANDATORY_EXTENSION", 1010),
        ("INTERNAL_ERROR", 1011),
        ("SERVICE_RESTART", 1012),
        ("TRY_AGAIN_LATER", 1013),
        ("BAD_GATEWAY", 1014),
        ("TLS_HANDSHAKE", 1015),
    ]
    never_sent = {1005, 1006, 1015}
    assert set(EXTERNAL_CLOSE_CODES) == set(CloseCode) - never_sent
    assert set(OK_CLOSE_CODES) == {1000, 1001, 1005}


def test_explanations_are_found_by_plain_numbers():
    assert CLOSE_CODE_EXPLANATIONS.get(1008, "?") == "policy violation"
    assert CLOSE_CODE_EXPLANATIONS.get(1004, "?") == "?"
    assert set(CLOSE_CODE_EXPLANATIONS) == set(CloseCode)


@pytest.mark.parametrize(
    "code, reason, text",
    [
        (1000, "", "1000 (OK)"),
        (CloseCode.GOING_AWAY, "bye", "1001 (going away) bye"),
        (1003, "", "1003 (unsupported data)"),
        (1005, "", "1005 (no status received [internal])"),
        (1006, "", "1006 (abnormal closure [internal])"),
        (1007, "", "1007 (invalid frame payload data)"),
        (1010, "", "1010 (mandatory extension)"),
        (1011, "", "1011 (internal error)"),
        (1015, "", "1015 (TLS handshake failure [internal])"),
        (1004, "", "1004 (unknown)"),
        (2999, "", "2999 (unknown)"),
        (3000, "", "3000 (registered)"),
        (4999, "x", "4999 (private use) x"),
        (5000, "", "5000 (unknown)"),
    ],
)
def test_close_frames_are_shown(code, reason, text):
    assert str(Close(code, reason)) == text


SENT = [1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999]
NEVER_SENT = [-1, 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535, 70000]


@pytest.mark.parametrize("code", SENT)
def test_codes_that_can_be_sent(code):
    close = Close(code, "é")
    close.check()
    assert close.serialize() == code.to_bytes(2, "big") + b"\xc3\xa9"
    for kind in (bytes, bytearray, memoryview):
        assert Close.parse(kind(close.serialize())) == close


@pytest.mark.parametrize("code", NEVER_SENT)
def test_codes_that_cannot_be_sent(code):
    attempts = [Close(code, "").check, Close(code, "").serialize]
    if 0 <= code < 65536:
        attempts.append(lambda: Close.parse(code.to_bytes(2, "big")))
    for attempt in attempts:
        with pytest.raises(ProtocolError, match=r"^invalid status code$"):
            attempt()


def test_payloads_of_close_frames():
    assert Close.parse(b"") == Close(1005, "")
    with pytest.raises(ProtocolError, match=r"^close frame too short$"):
        Close.parse(b"\x03")
    with pytest.raises(UnicodeDecodeError) as raised:
        Close.parse(b"\x03\xe8a\xff")
    assert (raised.value.start, raised.value.reason) == (1, "invalid start byte")


def test_a_close_frame_is_a_value():
    close = Close(1000, "bye")
    assert repr(close) == "Close(code=1000, reason='bye')"
    assert close == Close(CloseCode.NORMAL_CLOSURE, "bye") == copy.copy(close)
    assert close == pickle.loads(pickle.dumps(close))
    close.code, close.reason = 1001, ""
    assert dataclasses.astuple(close) == (1001, "")
    assert Close.__module__ == CloseCode.__module__ == "websockets.frames"


def test_masks_of_single_frames_come_from_secrets(monkeypatch):
    monkeypatch.setattr(secrets, "token_bytes", lambda size: b"\x01\x02\x03\x04"[:size])
    frame = Frame(Opcode.TEXT, b"abc")
    assert frame.serialize(mask=True) == b"\x81\x83\x01\x02\x03\x04" + bytes([0x60, 0x60, 0x60])
