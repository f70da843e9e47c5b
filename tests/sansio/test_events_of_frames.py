"""
What a connection without I/O makes of bytes: an event for each frame, and what it answers.
"""

import gc
import logging
import weakref

import pytest
from cutting import every_cut
from drawing import BINARY, CLOSE, CONT, PING, PONG, TEXT, close, frame, frames, header
from hypothesis import given
from hypothesis import strategies as st
from without_io import REQUEST, answered, asked, both_kinds, events, from_peer, opened

from websockets.exceptions import (
    ConnectionClosedError,
    ConnectionClosedOK,
    PayloadTooBig,
    ProtocolError,
)
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import CLIENT, CLOSED, CLOSING, OPEN, SEND_EOF, SERVER


def said(protocol):
    """Return the frames and the end of the stream in what is to be sent."""
    data = protocol.data_to_send()
    assert SEND_EOF not in data[:-1]
    sent = [(opcode, payload) for opcode, payload, *_ in frames(b"".join(data))]
    return sent + data[-1:] if data[-1:] == [SEND_EOF] else sent


@both_kinds
def test_frames_of_all_kinds_in_their_order(side):
    wire = b"".join(
        [
            from_peer(side, TEXT, "é".encode()),
            from_peer(side, BINARY, b"\x00\xff", fin=False),
            from_peer(side, PING, b"ping"),
            from_peer(side, CONT, b"", fin=False),
            from_peer(side, PONG, b""),
            from_peer(side, CONT, b"end"),
            from_peer(side, CLOSE, b"\x03\xe8bye"),
            from_peer(side, TEXT, b"never"),
        ]
    )
    for pieces in every_cut(wire):
        protocol = opened(side, *pieces)
        assert protocol.events_received() == [
            Frame(Opcode.TEXT, "é".encode()),
            Frame(Opcode.BINARY, b"\x00\xff", fin=False),
            Frame(Opcode.PING, b"ping"),
            Frame(Opcode.CONT, b"", fin=False),
            Frame(Opcode.PONG, b""),
            Frame(Opcode.CONT, b"end"),
            Frame(Opcode.CLOSE, b"\x03\xe8bye"),
        ]
        assert protocol.events_received() == []


@both_kinds
def test_events_are_frames_as_programs_make_them(side):
    (event,) = opened(side, from_peer(side, TEXT, b"abc")).events_received()
    assert event.opcode is Opcode.TEXT
    assert type(event.data) is bytes
    assert (event.fin, event.rsv1, event.rsv2, event.rsv3) == (True, False, False, False)
    assert repr(event) == repr(Frame(Opcode.TEXT, b"abc"))
    event.data = b"abcd"
    assert str(event) == "TEXT 'abcd' [4 bytes]"


@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_kinds_of_data(kind):
    assert events(opened(CLIENT, kind(frame(TEXT, b"a")))) == [(TEXT, b"a", True)]


def test_text_is_not_checked():
    protocol = opened(CLIENT, frame(TEXT, b"\xff"), frame(TEXT, b"\xe2", fin=False))
    assert events(protocol) == [(TEXT, b"\xff", True), (TEXT, b"\xe2", False)]
    assert protocol.parser_exc is None


def test_large_frames_come_whole():
    payload = bytes(range(256)) * 1000
    wire = frame(BINARY, payload)
    protocol = opened(CLIENT, max_size=None)
    for start in range(0, len(wire), 10_000):
        assert protocol.events_received() == []
        protocol.receive_data(wire[start : start + 10_000])
    assert events(protocol) == [(BINARY, payload, True)]


@given(st.integers(0, 300), st.integers(1, 200))
def test_any_number_of_frames_waits(count, ping):
    wire = b"".join(frame(TEXT, b"%d" % n) + frame(PING) * (n % ping == 0) for n in range(count))
    protocol = opened(CLIENT, wire)
    assert sum(event.opcode is Opcode.TEXT for event in protocol.events_received()) == count
    assert said(protocol).count((PONG, b"")) == len(range(0, count, ping))


# Control frames


@both_kinds
def test_each_ping_is_answered(side):
    protocol = opened(side, b"".join(from_peer(side, PING, b"%d" % n) for n in range(200)))
    assert said(protocol) == [(PONG, b"%d" % n) for n in range(200)]


@both_kinds
def test_a_ping_is_answered_between_the_two_close_frames(side):
    protocol = opened(side)
    protocol.send_close(1000)
    protocol.receive_data(from_peer(side, PING, b"a") + from_peer(side, TEXT, b"b"))
    assert said(protocol) == [(CLOSE, b"\x03\xe8"), (PONG, b"a")]
    assert events(protocol) == [(PING, b"a", True), (TEXT, b"b", True)]


# The closing handshake

CLOSES = [
    (b"", Close(1005, "")),
    (b"\x03\xe8", Close(1000, "")),
    (b"\x0f\xa1\xc3\xa9", Close(4001, "é")),
]


@both_kinds
@pytest.mark.parametrize("payload, expected", CLOSES)
def test_the_peer_closes(side, payload, expected):
    protocol = opened(side, from_peer(side, CLOSE, payload))
    assert events(protocol) == [(CLOSE, payload, True)]
    assert said(protocol) == [(CLOSE, payload)] + [SEND_EOF] * (side == SERVER)
    assert protocol.state is CLOSING
    assert protocol.close_rcvd == protocol.close_sent == expected
    assert protocol.close_rcvd_then_sent is True
    assert (protocol.close_code, protocol.close_reason) == (None, None)
    assert protocol.close_expected()
    with pytest.raises(AssertionError, match="^connection isn't closed yet$"):
        protocol.close_exc  # noqa: B018
    protocol.receive_eof()
    assert said(protocol) == [SEND_EOF] * (side == CLIENT)
    assert protocol.state is CLOSED
    assert (protocol.close_code, protocol.close_reason) == (expected.code, expected.reason)
    assert not protocol.close_expected()
    assert protocol.parser_exc is None
    exc = protocol.close_exc
    assert type(exc) is (ConnectionClosedOK if expected.code < 4000 else ConnectionClosedError)
    assert (exc.rcvd, exc.sent, exc.rcvd_then_sent) == (expected, expected, True)
    assert exc is not protocol.close_exc


@both_kinds
@pytest.mark.parametrize("payload, expected", CLOSES)
def test_this_side_closes(side, payload, expected):
    protocol = opened(side)
    protocol.send_close(*([] if expected.code == 1005 else [expected.code, expected.reason]))
    assert said(protocol) == [(CLOSE, payload)]
    assert protocol.state is CLOSING
    assert protocol.close_sent == expected
    assert protocol.close_rcvd is protocol.close_rcvd_then_sent is None
    protocol.receive_data(from_peer(side, CLOSE, b"\x03\xe9going"))
    assert events(protocol) == [(CLOSE, b"\x03\xe9going", True)]
    assert said(protocol) == [SEND_EOF] * (side == SERVER)
    assert protocol.close_rcvd == Close(1001, "going")
    assert protocol.close_rcvd_then_sent is False
    protocol.receive_eof()
    protocol.receive_eof()
    assert said(protocol) == [SEND_EOF] * (side == CLIENT)
    assert protocol.close_code == 1001
    assert protocol.eof_sent


@both_kinds
@pytest.mark.parametrize("begun", [False, True])
def test_the_stream_ends_without_a_close_frame(side, begun):
    protocol = opened(side)
    if begun:
        protocol.send_close(1000)
    protocol.data_to_send()
    protocol.receive_eof()
    assert said(protocol) == [SEND_EOF]
    assert protocol.state is CLOSED
    assert (protocol.close_code, protocol.close_reason) == (1006, "")
    assert type(protocol.parser_exc) is EOFError
    assert str(protocol.parser_exc) == "unexpected end of stream"
    exc = protocol.close_exc
    assert type(exc) is ConnectionClosedError
    assert exc.__cause__ is protocol.parser_exc
    with pytest.raises(EOFError, match="^stream ended$"):
        protocol.receive_data(b"")


@pytest.mark.parametrize(
    "size, text",
    [
        (1, "stream ends after 1 bytes, expected 2 bytes"),
        (2, "stream ends after 0 bytes, expected 2 bytes"),
        (3, "stream ends after 1 bytes, expected 2 bytes"),
        (4, "stream ends after 0 bytes, expected 4 bytes"),
        (7, "stream ends after 3 bytes, expected 4 bytes"),
        (8, "stream ends after 0 bytes, expected 200 bytes"),
        (108, "stream ends after 100 bytes, expected 200 bytes"),
    ],
)
def test_the_stream_ends_inside_a_frame(size, text):
    wire = from_peer(SERVER, TEXT, bytes(200))[:size]
    for pieces in every_cut(wire):
        protocol = opened(SERVER, from_peer(SERVER, TEXT, b"a"), *pieces)
        protocol.receive_eof()
        assert str(protocol.parser_exc) == text


@pytest.mark.parametrize(
    "opcode, size, text",
    [
        (PING, 2, "stream ends after 0 bytes, expected 4 bytes"),
        (PING, 6, "stream ends after 0 bytes, expected 3 bytes"),
        (PING, 8, "stream ends after 2 bytes, expected 3 bytes"),
    ],
)
def test_the_stream_ends_inside_a_control_frame(opcode, size, text):
    protocol = opened(SERVER, from_peer(SERVER, opcode, b"abc")[:size])
    protocol.receive_eof()
    assert str(protocol.parser_exc) == text


def test_the_stream_may_end_between_two_fragments():
    protocol = opened(CLIENT, frame(TEXT, b"a", fin=False))
    assert protocol.current_size == 1
    protocol.receive_eof()
    assert str(protocol.parser_exc) == "unexpected end of stream"


# Violations

UNFINISHED = frame(TEXT, b"a", fin=False)

VIOLATIONS = {
    "masked": (b"\x81\x80\x00\x00\x00\x00", 1002, "incorrect masking"),
    "masked, with a reserved bit": (b"\xc1\x80\x00\x00\x00\x00", 1002, "incorrect masking"),
    "a reserved opcode": (frame(3), 1002, "invalid opcode"),
    "a reserved opcode, masked": (b"\x83\x80\x00\x00\x00\x00", 1002, "invalid opcode"),
    "a reserved bit": (frame(TEXT, rsv=0b100), 1002, "reserved bits must be 0"),
    "a long ping": (frame(PING, bytes(126)), 1002, "control frame too long"),
    "a long fragmented ping": (frame(PING, bytes(126), fin=False), 1002, "control frame too long"),
    "a fragmented ping": (frame(PING, fin=False), 1002, "fragmented control frame"),
    "a continuation": (frame(CONT), 1002, "unexpected continuation frame"),
    "no continuation": (UNFINISHED + frame(TEXT), 1002, "expected a continuation frame"),
    "an early close": (UNFINISHED + close(1000), 1002, "incomplete fragmented message"),
    "a short close": (frame(CLOSE, b"\x03"), 1002, "close frame too short"),
    "a bad code": (close(1005), 1002, "invalid status code"),
    "a bad reason": (frame(CLOSE, b"\x03\xe8ab\xff"), 1007, "invalid start byte at position 2"),
    "a long frame": (
        header(TEXT, 101),
        1009,
        "frame with 101 bytes exceeds limit of 100 bytes",
    ),
    "a long message": (
        frame(TEXT, bytes(60), fin=False) + header(CONT, 41),
        1009,
        "frame with 41 bytes after reading 60 bytes exceeds limit of 100 bytes",
    ),
    "a long ping in a message": (
        frame(TEXT, bytes(60), fin=False) + frame(PING, bytes(41)),
        1009,
        "frame with 41 bytes after reading 60 bytes exceeds limit of 100 bytes",
    ),
}


@pytest.mark.parametrize("wire, code, text", VIOLATIONS.values(), ids=VIOLATIONS)
def test_violations(wire, code, text):
    protocol = opened(CLIENT, wire + frame(PING), frame(PING), max_size=100)
    assert said(protocol) == [(CLOSE, code.to_bytes(2, "big") + text.encode())]
    assert protocol.state is CLOSING
    assert protocol.close_sent == Close(code, text)
    expected = {1002: ProtocolError, 1007: UnicodeDecodeError, 1009: PayloadTooBig}[code]
    assert isinstance(protocol.parser_exc, expected)
    if code != 1007:
        assert str(protocol.parser_exc) == text
    # It is told once, and what came before it stays.
    assert len(protocol.events_received()) == (len(wire) > 2 and wire[0] == 0x01)
    if "incomplete" in text:
        assert protocol.close_rcvd == Close(1000, "")
        assert protocol.close_rcvd_then_sent is True
    else:
        assert protocol.close_rcvd is None
    protocol.receive_eof()
    assert protocol.close_exc.__cause__ is protocol.parser_exc
    assert said(protocol) == [SEND_EOF]


def test_a_server_ends_the_stream_behind_its_close_frame():
    protocol = opened(SERVER, b"\x81\x00")
    assert said(protocol) == [(CLOSE, b"\x03\xeaincorrect masking"), SEND_EOF]
    protocol.receive_eof()
    assert said(protocol) == []


def test_a_pair_of_limits():
    protocol = opened(CLIENT, frame(TEXT, bytes(5), fin=False), max_size=(8, 5))
    assert (protocol.max_message_size, protocol.max_fragment_size) == (8, 5)
    protocol.receive_data(frame(CONT, bytes(3), fin=False) + header(CONT, 1))
    assert protocol.close_sent.code == 1009
    protocol = opened(CLIENT, header(TEXT, 6), max_size=(None, 5))
    assert protocol.close_sent.reason == "frame with 6 bytes exceeds limit of 5 bytes"
    protocol = opened(CLIENT, frame(TEXT, bytes(5000)), max_size=None)
    assert len(protocol.events_received()) == 1


# Failing


@both_kinds
def test_failing_an_open_connection(side):
    protocol = opened(side)
    protocol.fail(1011, "oops")
    protocol.fail(1012)
    assert said(protocol) == [(CLOSE, b"\x03\xf3oops")] + [SEND_EOF] * (side == SERVER)
    assert protocol.state is CLOSING
    protocol.receive_data(from_peer(side, TEXT, b"a") + from_peer(side, CLOSE))
    assert protocol.events_received() == []
    assert protocol.close_rcvd is protocol.parser_exc is None
    protocol.receive_eof()
    assert protocol.parser_exc is None
    assert protocol.close_code == 1006


@both_kinds
def test_failing_without_a_close_frame(side):
    protocol = opened(side)
    protocol.fail(1006)
    protocol.fail(1006)
    assert protocol.state is OPEN
    assert protocol.eof_sent == (side == SERVER)
    protocol.receive_data(from_peer(side, TEXT, b"a"))
    assert protocol.events_received() == []
    protocol.receive_eof()
    assert said(protocol) == [SEND_EOF]
    assert protocol.state is CLOSED
    assert protocol.parser_exc is None


@both_kinds
def test_failing_with_a_close_frame_after_all(side):
    protocol = opened(side)
    protocol.fail(1006)
    protocol.data_to_send()
    protocol.fail(1011, "oops")
    assert said(protocol) == [(CLOSE, b"\x03\xf3oops")]
    assert protocol.state is CLOSING
    protocol = opened(side)
    protocol.fail(1006)
    protocol.data_to_send()
    protocol.send_close(1000)
    assert said(protocol) == [(CLOSE, b"\x03\xe8")]
    protocol.receive_data(from_peer(side, CLOSE))
    assert protocol.events_received() == []


def test_a_server_ends_the_stream_of_what_its_host_says_is_closed():
    protocol = opened(SERVER)
    protocol.state = CLOSED
    assert protocol.data_to_send() == []
    protocol.fail(1006)
    protocol.fail(1006)
    assert said(protocol) == [SEND_EOF]
    protocol.receive_eof()
    assert protocol.data_to_send() == []


@both_kinds
def test_failing_what_is_closing(side):
    protocol = opened(side)
    protocol.send_close(1000)
    protocol.fail(1011)
    assert said(protocol) == [(CLOSE, b"\x03\xe8")] + [SEND_EOF] * (side == SERVER)
    protocol.receive_data(from_peer(side, TEXT, b"a"))
    assert protocol.events_received() == []
    protocol.receive_eof()
    if side == SERVER:
        protocol.fail(1011)
    else:
        with pytest.raises(AssertionError):
            protocol.fail(1011)


@pytest.mark.parametrize(
    "arguments, text",
    [
        ((1005,), "invalid status code"),
        ((99,), "invalid status code"),
        ((3000, "a" * 124), "control frame too long"),
    ],
)
def test_failing_with_what_cannot_be_sent(arguments, text):
    protocol = opened(SERVER)
    with pytest.raises(ProtocolError, match=f"^{text}$"):
        protocol.fail(*arguments)
    assert protocol.state is OPEN
    assert protocol.data_to_send() == []


# What hosts do


def test_the_state_can_be_set():
    protocol = opened(SERVER)
    protocol.state = CLOSED
    assert protocol.state is CLOSED
    assert protocol.close_code == 1006
    protocol.state = OPEN
    protocol.send_text(b"a")
    protocol.state = CLOSING
    assert protocol.close_expected()
    assert protocol.data_to_send() == [b"\x81\x01a"]


def test_names_of_connections():
    one, other = opened(SERVER), opened(SERVER)
    assert one.id == one.id != other.id
    one.id = other.id
    assert one.id == other.id


class Broken:
    """An extension that fails, in frames that refer to the connection."""

    name = "x-broken"

    def __init__(self, protocol):
        self.protocol = weakref.ref(protocol)

    def encode(self, frame):
        return frame

    def decode(self, frame, *, max_size=None):
        protocol = self.protocol()
        raise RuntimeError(protocol.state.name)


def violated():
    protocol = opened(SERVER, from_peer(SERVER, PING), b"\x83")
    protocol.receive_eof()
    assert protocol.close_exc.__cause__ is not None
    return protocol


def with_a_broken_extension():
    # What is logged is kept by pytest.
    logger = logging.getLogger("silent")
    logger.setLevel(logging.CRITICAL)
    protocol = opened(CLIENT, logger=logger)
    protocol.extensions = [Broken(protocol)]
    protocol.receive_data(frame(TEXT))
    assert str(protocol.parser_exc) == "OPEN"
    return protocol


def refused():
    protocol, (request,) = asked(REQUEST.replace(b"GET", b"POST") + b"\r\n")
    protocol.send_response(protocol.accept(request))
    return protocol


def unreadable():
    return asked(b"HELLO\r\n")[0]


def disappointed():
    return answered(b"HTTP/1.1 204 No Content\r\n\r\n")


@pytest.mark.parametrize(
    "make", [violated, with_a_broken_extension, refused, unreadable, disappointed]
)
def test_a_connection_is_freed_by_counting_references(make):
    gc.disable()
    try:
        protocol = make()
        gone = weakref.ref(protocol)
        del protocol
        assert gone() is None
    finally:
        gc.enable()
