"""
How a connection ends: the closing handshake from either side, failures, a lost transport.
"""

import pytest
from cutting import every_cut
from drawing import BINARY, CLOSE, CONT, KEY, PING, PONG, TEXT, close, frame
from endpoints import feed, heard, peer_key, said, seen, sent

from websockets.exceptions import InvalidState, ProtocolError
from websockets.frames import Close

OPEN, CLOSING, CLOSED = 1, 2, 3

FRAGMENTS = [(TEXT, False), (CONT, False), (CONT, True)]

both_sides = pytest.mark.parametrize("is_client", [False, True], ids=["server", "client"])


def endpoint(core, is_client=False, **options):
    return core.endpoint.Endpoint(is_client, **options)


def masked(opcode, payload=b"", **options):
    return frame(opcode, payload, key=KEY, **options)


def from_client(code=None, reason=""):
    return close(code, reason, key=KEY)


# The closing handshake, started by the peer


@both_sides
@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999])
@pytest.mark.parametrize("reason", ["", "bye", "à bientôt"])
def test_the_close_frame_of_the_peer_is_echoed(core, is_client, code, reason):
    connection = endpoint(core, is_client)
    connection.receive(close(code, reason, peer_key(is_client)))
    assert seen(connection) == {
        "inbox": [],
        "sent": [(CLOSE, code.to_bytes(2, "big") + reason.encode(), True, 0, b"")],
        "pongs": None,
        "state": CLOSING,
        "close": (Close(code, reason), Close(code, reason), True),
        "failure": None,
        "owes_close": False,
        "finished": True,
    }


@both_sides
def test_a_close_frame_without_a_code_is_echoed_as_such(core, is_client):
    connection = endpoint(core, is_client)
    connection.receive(close(key=peer_key(is_client)))
    assert said(connection) == (1005, "")
    assert sent(connection) == [(CLOSE, b"", True, 0, b"")]
    assert connection.failure is None


@both_sides
@pytest.mark.parametrize(
    "body, code, text",
    [
        (b"\x03", 1002, "close frame too short"),
        (b"\x00\x00", 1002, "invalid status code"),
        (b"\x03\xec", 1002, "invalid status code"),
        (b"\x03\xed", 1002, "invalid status code"),
        (b"\x03\xee", 1002, "invalid status code"),
        (b"\x03\xf7", 1002, "invalid status code"),
        (b"\x07\xd0bye", 1002, "invalid status code"),
        (b"\xff\xff\xff", 1002, "invalid status code"),
        (b"\x03\xe8ab\xff", 1007, "invalid start byte at position 2"),
        (b"\x03\xe8\xe2\x82", 1007, "unexpected end of data at position 0"),
    ],
)
def test_close_frames_that_are_not_acceptable(core, is_client, body, code, text):
    connection = endpoint(core, is_client)
    connection.receive(frame(CLOSE, body, key=peer_key(is_client)))
    if code == 1007:
        # What is wrong with the reason is Python's to say.
        assert isinstance(connection.failure, UnicodeDecodeError)
    else:
        assert isinstance(connection.failure, ProtocolError)
        assert str(connection.failure) == text
    assert connection.close_rcvd is None
    assert said(connection) == (code, text)
    assert sent(connection) == [(CLOSE, code.to_bytes(2, "big") + text.encode(), True, 0, b"")]
    assert connection.state == CLOSING
    assert connection.finished


def test_the_answer_waits_until_the_messages_before_it_are_read(core):
    connection = endpoint(core)
    feed(connection, [masked(TEXT, b"one") + masked(TEXT, b"two") + from_client(1001, "bye")])
    assert connection.owes_close
    assert heard(connection) == (1001, "bye")
    assert (connection.state, connection.finished) == (OPEN, False)
    assert connection.take() == "one"
    connection.send_frame(TEXT, b"answer to one")
    assert connection.take() == "two"
    connection.send_frame(TEXT, b"answer to two")
    assert connection.owes_close
    connection.settle()
    assert (connection.state, connection.finished) == (CLOSING, True)
    assert not connection.owes_close
    assert [drawn.payload for drawn in sent(connection)] == [
        b"answer to one",
        b"answer to two",
        b"\x03\xe9bye",
    ]
    connection.settle()
    assert len(sent(connection)) == 3


def test_close_settles_what_is_owed(core):
    connection = feed(endpoint(core), [masked(TEXT, b"one") + from_client(4321)])
    connection.close(1000, "mine")
    assert sent(connection) == [(CLOSE, b"\x10\xe1", True, 0, b"")]
    assert list(connection.inbox) == ["one"]


def test_settle_without_debts(core):
    connection = endpoint(core)
    connection.settle()
    assert (connection.state, connection.outbox.frames) == (OPEN, [])


def test_nothing_counts_after_the_close_frame_of_the_peer(core):
    connection = feed(endpoint(core), [masked(TEXT, b"x") + from_client(1000)])
    before = seen(connection)
    late = masked(TEXT, b"no") + masked(PING) + masked(PONG) + from_client(1001) + b"\xff\xff"
    for pieces in every_cut(late):
        feed(connection, pieces)
    assert seen(connection) == before
    connection = endpoint(core)
    connection.receive(masked(TEXT, b"x") + from_client(1000) + late)
    assert seen(connection) == before


# The closing handshake, started here


@both_sides
@pytest.mark.parametrize("code, reason", [(1000, ""), (1001, "bye"), (4999, "é" * 61)])
def test_close(core, is_client, code, reason):
    connection = endpoint(core, is_client)
    connection.close(code, reason)
    assert sent(connection) == [(CLOSE, code.to_bytes(2, "big") + reason.encode(), True, 0, b"")]
    assert (connection.state, connection.finished) == (CLOSING, False)
    assert connection.close_rcvd is None
    connection.close(1011, "again")
    connection.receive(close(code, "fine", peer_key(is_client)))
    assert (connection.state, connection.finished) == (CLOSING, True)
    assert heard(connection) == (code, "fine")
    assert connection.close_rcvd_then_sent is False
    assert len(sent(connection)) == 1


def test_close_has_defaults(core):
    connection = endpoint(core)
    connection.close()
    assert sent(connection) == [(CLOSE, b"\x03\xe8", True, 0, b"")]


@pytest.mark.parametrize("code, reason", [(999, ""), (1005, ""), (1006, ""), (1000, "a" * 124)])
def test_close_with_what_cannot_be_sent(core, code, reason):
    connection = endpoint(core)
    with pytest.raises(ProtocolError):
        connection.close(code, reason)
    assert (connection.state, connection.outbox.frames) == (OPEN, [])


def test_while_closing_messages_count_but_pings_do_not(core):
    connection = endpoint(core)
    connection.close()
    feed(connection, [masked(TEXT, b"still"), masked(PING, b"no"), masked(PONG, b"yes")])
    assert list(connection.inbox) == ["still"]
    assert connection.pongs == [b"yes"]
    assert len(sent(connection)) == 1


@both_sides
@pytest.mark.parametrize(
    "end",
    [
        lambda connection: connection.close(),
        lambda connection: connection.fail(1011),
        lambda connection: connection.fail(1006),
        lambda connection: connection.lost(),
        lambda connection: connection.receive(close(1000, key=peer_key(connection.is_client))),
        lambda connection: connection.receive(b"\xff\xff"),
    ],
    ids=["close", "failure", "failure without a close frame", "lost", "peer", "violation"],
)
def test_nothing_is_sent_after_the_end(core, is_client, end):
    connection = endpoint(core, is_client)
    end(connection)
    before = sent(connection)
    assert len(before) <= 1
    for opcode in [CONT, TEXT, BINARY, PING, PONG]:
        with pytest.raises(InvalidState) as raised:
            connection.send_frame(opcode, b"")
        assert str(raised.value) in ("connection is closing", "connection is closed")
    key = peer_key(is_client)
    feed(connection, [frame(PING, key=key), close(1001, key=key), b"\xff\xff"])
    connection.close()
    connection.fail(1002)
    connection.settle()
    connection.release()
    assert sent(connection) == before


def test_a_violation_while_closing(core):
    connection = endpoint(core)
    connection.close()
    connection.receive(masked(TEXT, b"\xff"))
    assert str(connection.failure) == "invalid start byte at position 0"
    assert len(sent(connection)) == 1
    assert connection.finished
    connection.receive(from_client(1000))
    assert (heard(connection), said(connection)) == ((1006, ""), (1000, ""))


# Failing (RFC 6455 7.1.7)


def test_fail(core):
    connection = endpoint(core)
    connection.fail(1011, "oops")
    assert seen(connection) == {
        "inbox": [],
        "sent": [(CLOSE, b"\x03\xf3oops", True, 0, b"")],
        "pongs": None,
        "state": CLOSING,
        "close": (None, Close(1011, "oops"), None),
        "failure": None,
        "owes_close": False,
        "finished": True,
    }


def test_the_first_failure_counts(core):
    connection = endpoint(core)
    cause = RuntimeError("first")
    connection.fail(1011, "first", cause)
    connection.fail(1002, "second", RuntimeError("second"))
    assert said(connection) == (1011, "first")
    assert connection.failure is cause
    assert len(sent(connection)) == 1


def test_fail_waits_for_messages_to_be_read_as_well(core):
    connection = feed(endpoint(core), [masked(TEXT, b"one")])
    connection.fail(1011)
    assert connection.owes_close
    assert connection.state == OPEN
    connection.settle()
    assert [drawn.payload for drawn in sent(connection)] == [b"\x03\xf3"]


def test_1006_sends_nothing(core):
    connection = feed(endpoint(core), [masked(TEXT, b"one")])
    connection.fail(1006)
    assert (connection.state, connection.finished, connection.outbox.frames) == (CLOSING, True, [])
    assert said(connection) == (1006, "")
    assert connection.take() == "one"


@pytest.mark.parametrize("character", ["a", "é", "€", "😀"])
@pytest.mark.parametrize("before", [0, 1, 2, 3])
def test_a_long_reason_is_cut_between_characters(core, character, before):
    reason = "a" * before + character * 130
    connection = endpoint(core)
    connection.fail(1002, reason)
    [drawn] = sent(connection)
    text = drawn.payload[2:].decode()
    size = len(character.encode())
    assert text == reason[: before + (123 - before) // size]
    assert said(connection)[1] == text


def test_a_reason_that_has_no_utf8(core):
    connection = endpoint(core)
    connection.fail(1002, "half a pair: \ud83d")
    assert sent(connection)[0].payload == b"\x03\xeahalf a pair: ?"


# The end of the transport


def test_lost(core):
    connection = endpoint(core)
    connection.send_frame(TEXT, b"too late")
    connection.lost()
    assert seen(connection) == {
        "inbox": [],
        "sent": [],
        "pongs": None,
        "state": CLOSED,
        "close": (None, None, None),
        "failure": None,
        "owes_close": False,
        "finished": True,
    }
    connection.receive(from_client(1000))
    connection.lost()
    assert (connection.state, connection.close_rcvd) == (CLOSED, None)


def test_lost_after_a_closing_handshake(core):
    connection = feed(endpoint(core), [from_client(1001, "bye")])
    connection.lost()
    assert (connection.state, heard(connection)) == (CLOSED, (1001, "bye"))
    assert list(connection.outbox) == []


def test_lost_without_an_answer_to_our_close_frame(core):
    connection = endpoint(core)
    connection.close(1000)
    connection.lost()
    assert (heard(connection), said(connection)) == ((1006, ""), (1000, ""))


def test_lost_after_a_failure(core):
    connection = feed(endpoint(core), [b"\xff\xff"])
    connection.lost()
    assert said(connection)[0] == 1002
    assert isinstance(connection.failure, ProtocolError)


def test_lost_in_the_middle_of_a_message(core):
    connection = feed(endpoint(core), [masked(TEXT, b"one") + masked(TEXT, b"tw", fin=False)])
    connection.lost()
    assert list(connection.inbox) == ["one"]
    assert said(connection)[0] == 1006


def test_what_was_behind_a_full_inbox_is_parsed_as_it_is_taken(core):
    wire = b"".join(masked(TEXT, b"%d" % number) for number in range(5))
    connection = feed(endpoint(core, max_queue=2), [wire + from_client(1001, "bye")])
    assert (len(connection.inbox), connection.close_rcvd) == (2, None)
    connection.lost()
    assert heard(connection) == (1001, "bye")
    assert len(connection.inbox) == 2
    assert [connection.take() for _ in range(5)] == ["0", "1", "2", "3", "4"]
    assert heard(connection) == (1001, "bye")
    assert not connection.inbox
    assert list(connection.outbox) == []


def test_a_violation_behind_a_full_inbox_when_the_transport_is_lost(core):
    connection = endpoint(core, max_queue=1)
    wire = masked(TEXT, b"1") + masked(TEXT, b"2") + masked(CONT) + from_client(1000)
    connection.receive(wire)
    connection.lost()
    assert (connection.state, connection.owes_close) == (CLOSED, False)
    assert heard(connection) == (1000, "")
    assert [connection.take(), connection.take()] == ["1", "2"]
    # Something was said that can't be read: that was no clean end.
    assert isinstance(connection.failure, ProtocolError)
    assert heard(connection) == (1006, "")


# Bytes behind a full inbox, when it's over


def numbers(count):
    return b"".join(masked(TEXT, b"%d" % number) for number in range(count))


def rest(connection):
    """Take all messages that are left."""
    found = []
    while connection.inbox:
        found.append(connection.take())
    return found


@pytest.mark.parametrize(
    "end",
    [
        lambda connection: connection.fail(1011, "keepalive ping timeout"),
        lambda connection: connection.fail(1006),
        lambda connection: connection.close(),
        lambda connection: connection.lost(),
        lambda connection: (connection.fail(1011), connection.settle(), connection.lost()),
        lambda connection: (connection.close(), connection.lost()),
    ],
    ids=["failure", "1006", "close", "lost", "failure and lost", "close and lost"],
)
def test_what_was_received_stays_readable(core, end):
    wire = numbers(9) + masked(TEXT, b"incompl")[:-1]
    for pieces in every_cut(wire):
        connection = feed(endpoint(core, max_queue=2), pieces)
        end(connection)
        connection.receive(b"\xff\xff" if connection.state == OPEN else b"")
        assert rest(connection) == [str(number) for number in range(9)]


def test_a_close_frame_is_found_behind_bytes_that_are_not_kept(core):
    connection = feed(endpoint(core, max_queue=1), [numbers(2)])
    connection.close(4000)
    large = masked(BINARY, bytes(50_000)) * 20
    for start in range(0, len(large), 1000):
        connection.receive(large[start : start + 1000])
        assert connection.buffered < 100_000
        assert not connection.stalled
    assert not connection.finished
    connection.receive(from_client(1001, "bye"))
    assert connection.finished
    assert heard(connection) == (1001, "bye")
    assert rest(connection) == ["0", "1", bytes(50_000)]


def test_reading_goes_on_while_closing_once_there_is_room(core):
    connection = feed(endpoint(core, max_queue=1), [numbers(2)])
    connection.close(4000)
    assert rest(connection) == ["0", "1"]
    connection.receive(numbers(1))
    assert rest(connection) == ["0"]
    connection.receive(from_client(4000))
    assert connection.finished


@pytest.mark.parametrize("body", [b"\x03", b"\x03\xe8\xff"])
def test_a_bad_close_frame_behind_a_full_inbox(core, body):
    connection = feed(endpoint(core, max_queue=1), [numbers(3) + masked(CLOSE, body)])
    connection.close(4000)
    assert connection.finished
    assert connection.close_rcvd is None
    assert rest(connection) == ["0", "1", "2"]
    assert isinstance(connection.failure, (ProtocolError, UnicodeDecodeError))


# The end of what the peer sends


@both_sides
def test_the_end_behind_a_close_frame_leaves_time_for_answers(core, is_client):
    key = peer_key(is_client)
    connection = endpoint(core, is_client)
    connection.receive(frame(TEXT, b"a", key=key) + close(1000, key=key))
    assert connection.eof_received() is True
    connection.take()
    connection.send_frame(TEXT, b"answer")
    connection.settle()
    assert [drawn.opcode for drawn in sent(connection)] == [TEXT, CLOSE]
    assert connection.eof_received() is False


@both_sides
@pytest.mark.parametrize("wire", [b"", b"\x81"])
def test_the_end_without_a_close_frame_leaves_none(core, is_client, wire):
    connection = endpoint(core, is_client, max_queue=1)
    connection.receive(frame(TEXT, b"a", key=peer_key(is_client)) * 2 + wire)
    assert connection.eof_received() is False
    assert connection.state == OPEN and connection.unexpected_end() is not None


@both_sides
@pytest.mark.parametrize("in_fragments", [False, True])
def test_the_end_has_a_close_frame_looked_for_behind_a_full_inbox(core, is_client, in_fragments):
    key = peer_key(is_client)
    connection = endpoint(core, is_client, max_queue=1, in_fragments=in_fragments)
    fragments = [frame(opcode, b"x", fin=fin, key=key) for opcode, fin in FRAGMENTS]
    connection.receive(b"".join(fragments) * 3 + close(1000, "bye", key=key))
    assert heard(connection) == (1006, "")
    assert connection.eof_received() is True
    assert heard(connection) == (1000, "bye") and connection.close_sent is None
    received = []
    while connection.inbox.waiting:
        message = connection.take()
        if message is not None:
            received.append(message)
    assert received == ["xxx"] * 3
    assert connection.failure is None and said(connection) == (1000, "bye")


@both_sides
def test_the_end_finds_a_violation_behind_a_full_inbox(core, is_client):
    key = peer_key(is_client)
    connection = endpoint(core, is_client, max_queue=1)
    connection.receive(frame(TEXT, b"a", key=key) * 2 + frame(3, key=key))
    assert connection.eof_received() is True
    assert said(connection) == (1002, "invalid opcode")
