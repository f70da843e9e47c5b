"""
Frames to messages: fragments, UTF-8 and the limits, as an endpoint applies them.
"""

import pytest
from cutting import every_cut
from drawing import BINARY, CONT, KEY, PING, TEXT, close, frame, header
from endpoints import feed, said, seen, sent

from websockets.exceptions import PayloadTooBig, ProtocolError


def server(core, *pieces, **limits):
    return feed(core.endpoint.Endpoint(False, **limits), pieces)


def masked(opcode, payload=b"", **options):
    return frame(opcode, payload, key=KEY, **options)


def message(opcode, *parts):
    """Build the frames of a message in fragments."""
    frames = [masked(CONT, part, fin=False) for part in parts]
    frames[0] = masked(opcode, parts[0], fin=False)
    last = opcode if len(parts) == 1 else CONT
    frames[-1] = masked(last, parts[-1])
    return b"".join(frames)


def check_failure(connection, code, text, kind=ProtocolError):
    """An endpoint has failed the connection and tells the peer why."""
    assert isinstance(connection.failure, kind)
    assert str(connection.failure) == text
    assert said(connection) == (code, text)
    assert connection.close_rcvd is None
    connection.settle()
    assert sent(connection)[-1][:2] == (0x8, code.to_bytes(2, "big") + text.encode()[:123])
    assert connection.state == 2
    assert connection.finished


# Messages and their types


@pytest.mark.parametrize(
    "opcode, payload, expected",
    [
        (TEXT, b"", ""),
        (TEXT, b"Hello", "Hello"),
        (TEXT, "aé€😀".encode(), "aé€😀"),
        (TEXT, "\ufeff\x00".encode(), "\ufeff\x00"),
        (BINARY, b"", b""),
        (BINARY, b"\xff\x00", b"\xff\x00"),
    ],
)
def test_a_message_in_any_number_of_fragments(core, opcode, payload, expected):
    for parts in every_cut(payload):
        connection = server(core, message(opcode, *parts))
        assert list(connection.inbox) == [expected]
        assert type(list(connection.inbox)[0]) is type(expected)
        assert connection.failure is None


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_messages_are_str_or_bytes_whatever_came(core, kind):
    wire = masked(BINARY, b"abc") + message(BINARY, b"a", b"bc") + message(TEXT, b"a", b"bc")
    for pieces in every_cut(wire):
        connection = server(core, *map(kind, pieces))
        assert [type(message) for message in connection.inbox] == [bytes, bytes, str]


def test_what_was_received_may_be_overwritten(core):
    buffer = bytearray(masked(BINARY, b"abc") + masked(BINARY, b"def")[:-1])
    connection = server(core, buffer)
    buffer[:] = bytes(len(buffer))
    connection.receive(masked(BINARY, b"def")[-1:])
    assert list(connection.inbox) == [b"abc", b"def"]


def test_control_frames_do_not_end_a_message(core):
    ping = masked(PING, b"?")
    wire = masked(TEXT, b"\xe2", fin=False) + ping + masked(CONT, b"\x82", fin=False) + ping
    connection = server(core, wire + masked(CONT, b"\xac"))
    assert list(connection.inbox) == ["€"]
    assert len(sent(connection)) == 2


# The order of fragments (RFC 6455 5.4)


@pytest.mark.parametrize("fin", [False, True])
@pytest.mark.parametrize("before", [b"", masked(TEXT, b"ab"), message(TEXT, b"a", b"b")])
def test_nothing_to_continue(core, fin, before):
    connection = server(core, before + masked(CONT, b"cd", fin=fin))
    check_failure(connection, 1002, "unexpected continuation frame")


@pytest.mark.parametrize("fin", [False, True])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_new_message_too_early(core, fin, opcode):
    for started in [masked(TEXT, b"a", fin=False), masked(BINARY, b"", fin=False)]:
        connection = server(core, started + masked(opcode, b"b", fin=fin))
        check_failure(connection, 1002, "expected a continuation frame")


def test_the_order_is_checked_at_the_header(core):
    connection = server(core, header(CONT, 1000, key=KEY))
    check_failure(connection, 1002, "unexpected continuation frame")


# UTF-8 (RFC 6455 8.1)

BAD_TEXT = [
    (b"\xff", 0, 0),
    (b"abc\x80", 3, 3),
    (b"\xc3(", 0, 1),
    ("€".encode() + b"\xc0\xaf", 3, 3),
    (b"a\xed\xa0\x80", 1, 2),
    (b"a\xf4\x90\x80\x80", 1, 2),
    (b"a\xf0\x9f\x98A", 1, 4),
    (b"a\xe0\x9f\x80", 1, 2),
]  # text, where the bad sequence begins, where the first byte is that can't be right


def wrong_with(text, start):
    """What is said of a text, whatever comes behind it."""
    with pytest.raises(UnicodeDecodeError) as raised:
        (text + b"more").decode()
    return f"{raised.value.reason} at position {start}"


@pytest.mark.parametrize("text, start, first_bad", BAD_TEXT)
def test_invalid_text_in_one_piece(core, text, start, first_bad):
    connection = server(core, masked(TEXT, text + b"more"))
    check_failure(connection, 1007, wrong_with(text, start))


@pytest.mark.parametrize("text, start, first_bad", BAD_TEXT)
def test_invalid_text_fails_at_the_first_bad_byte_of_a_frame(core, text, start, first_bad):
    wire = masked(TEXT, text + bytes(1000))
    connection = server(core)
    for index, byte in enumerate(wire):
        connection.receive(bytes([byte]))
        if index < 8 + first_bad:
            assert connection.failure is None
        else:
            break
    check_failure(connection, 1007, wrong_with(text, start))
    # The same when it comes in one piece, but not to its end.
    assert server(core, wire[: 8 + first_bad]).failure is None
    assert server(core, wire[: 8 + first_bad + 1]).failure is not None


@pytest.mark.parametrize("text, start, first_bad", BAD_TEXT)
def test_invalid_text_fails_at_the_first_bad_byte_of_fragments(core, text, start, first_bad):
    connection = server(core, masked(TEXT, b"", fin=False))
    for index in range(first_bad):
        connection.receive(masked(CONT, text[index : index + 1], fin=False) + masked(PING))
        assert connection.failure is None
    connection.receive(masked(CONT, text[first_bad : first_bad + 1], fin=False))
    check_failure(connection, 1007, wrong_with(text, start))


@pytest.mark.parametrize("text", ["é", "€", "😀"])
def test_text_that_ends_half_way(core, text):
    half = b"abc" + text.encode()[:-1]
    for wire in [masked(TEXT, half), message(TEXT, b"ab", half[2:]), message(TEXT, half, b"")]:
        for pieces in every_cut(wire):
            connection = server(core, *pieces)
            check_failure(connection, 1007, "unexpected end of data at position 3")


def test_each_message_is_checked_from_its_beginning(core):
    # Half a character in a binary message isn't the beginning of one in the next text.
    binary, text = message(BINARY, b"\xe2", b"\x82"), message(TEXT, b"a", b"b")
    connection = server(core, binary + text + binary + masked(TEXT, b"\xac"))
    assert list(connection.inbox) == [b"\xe2\x82", "ab", b"\xe2\x82"]
    check_failure(connection, 1007, "invalid start byte at position 0")


def test_a_failure_names_its_position_in_the_message_not_in_the_frame(core):
    connection = server(core, message(TEXT, b"abc", "€".encode(), b"de\xff"))
    check_failure(connection, 1007, "invalid start byte at position 8")


# Limits

TOO_BIG = "frame with {} bytes exceeds limit of {} bytes"
LATER = "frame with {} bytes after reading {} bytes exceeds limit of {} bytes"


@pytest.mark.parametrize("limit", [0, 1, 125, 126, 1000, 65535, 65536])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_of_max_size_passes_and_one_byte_more_fails(core, opcode, limit):
    payload = b"a" * limit
    connection = server(core, masked(opcode, payload), max_size=limit)
    assert connection.take() == (payload.decode() if opcode == TEXT else payload)
    connection.receive(masked(opcode, payload + b"a"))
    assert not connection.inbox
    check_failure(connection, 1009, TOO_BIG.format(limit + 1, limit), PayloadTooBig)


def test_the_size_is_checked_at_the_header(core):
    connection = server(core, header(BINARY, 2**63 - 1, key=KEY), max_size=2**20)
    check_failure(connection, 1009, TOO_BIG.format(2**63 - 1, 2**20), PayloadTooBig)


def test_sizes_that_do_not_fit_in_64_bits_together(core):
    wire = masked(BINARY, b"ab", fin=False) + header(CONT, 2**63 - 1, key=KEY)
    connection = server(core, wire, max_size=2**62)
    assert isinstance(connection.failure, PayloadTooBig)
    assert said(connection)[0] == 1009


@pytest.mark.parametrize("parts", [[3, 2], [5, 0], [0, 5], [1, 1, 1, 1, 1], [0, 0, 5, 0]])
def test_max_size_is_about_messages_not_frames(core, parts):
    whole = message(BINARY, *map(bytes, parts))
    connection = server(core, whole, whole, max_size=5)
    assert list(connection.inbox) == [bytes(5)] * 2
    connection = server(core, message(BINARY, *map(bytes, parts), b"!"), max_size=5)
    assert not connection.inbox
    check_failure(connection, 1009, LATER.format(1, 5, 5), PayloadTooBig)


def test_bytes_are_counted_not_characters(core):
    assert list(server(core, masked(TEXT, "€€".encode()), max_size=6).inbox) == ["€€"]
    assert said(server(core, masked(TEXT, "€€".encode()), max_size=5))[0] == 1009


def test_control_frames_do_not_count(core):
    wire = masked(BINARY, b"a", fin=False) + masked(PING, bytes(125)) + masked(CONT, b"b")
    assert list(server(core, wire, max_size=2, max_fragments=2).inbox) == [b"ab"]


def test_without_a_limit(core):
    connection = server(core, message(BINARY, bytes(70_000), bytes(70_000)))
    assert list(connection.inbox) == [bytes(140_000)]


def test_max_size_can_change(core):
    connection = server(core, max_size=5)
    assert connection.max_size == 5
    connection.max_size = 2
    connection.receive(masked(BINARY, b"ab"))
    connection.max_size = None
    connection.receive(masked(BINARY, bytes(1000)))
    assert list(connection.inbox) == [b"ab", bytes(1000)]
    connection.max_size = 999
    connection.receive(masked(BINARY, bytes(1000)))
    check_failure(connection, 1009, TOO_BIG.format(1000, 999), PayloadTooBig)
    assert connection.max_size == 999


def test_max_size_can_become_less_than_what_is_there(core):
    connection = server(core, masked(BINARY, b"abc", fin=False), max_size=5)
    connection.max_size = 2
    connection.receive(masked(CONT, b""))
    check_failure(connection, 1009, LATER.format(0, 3, 2), PayloadTooBig)


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_a_message_of_max_fragments_passes_and_one_more_fails(core, limit):
    parts = [b"a"] * limit
    connection = server(core, message(BINARY, *parts) * 3, max_fragments=limit)
    assert list(connection.inbox) == [b"a" * limit] * 3
    connection.receive(message(BINARY, *parts, b""))
    text = f"message exceeds the limit of {limit} fragments"
    check_failure(connection, 1009, text, PayloadTooBig)


def test_messages_before_a_violation_stay_readable(core):
    wire = masked(TEXT, b"one") + masked(BINARY, b"two") + masked(CONT) + masked(TEXT, b"never")
    connection = server(core, wire)
    assert connection.owes_close
    assert connection.take() == "one"
    assert connection.take() == b"two"
    assert not connection.inbox
    check_failure(connection, 1002, "unexpected continuation frame")


def test_nothing_is_read_after_a_violation(core):
    connection = server(core, masked(CONT))
    before = seen(connection)
    feed(connection, [masked(TEXT, b"no"), masked(PING), close(1000, key=KEY), b"\xff\xff"])
    assert seen(connection) == before
