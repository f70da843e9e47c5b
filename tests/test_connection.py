"""
One endpoint: what it sends and answers, the closing handshake, and flow control.
"""

import os

import pytest
from cutting import cut, every_cut, positions, valid_streams
from drawing import BINARY, CLOSE, CONT, KEY, PING, PONG, TEXT, close, frame
from endpoints import feed, feed_and_take, measured, peer_key, seen, sent
from hypothesis import given, settings
from hypothesis import strategies as st

from websockets.exceptions import InvalidState, ProtocolError

OPEN, CLOSING, CLOSED = 1, 2, 3

both_sides = pytest.mark.parametrize("is_client", [False, True], ids=["server", "client"])


def endpoint(core, is_client=False, **options):
    return core.connection.Connection(is_client, **options)


def masked(opcode, payload=b"", **options):
    return frame(opcode, payload, key=KEY, **options)


def from_client(code=None, reason=""):
    return close(code, reason, key=KEY)


def test_states(core):
    states = core.connection.OPEN, core.connection.CLOSING, core.connection.CLOSED
    assert states == (OPEN, CLOSING, CLOSED)


@both_sides
def test_a_new_endpoint(core, is_client):
    connection = endpoint(core, is_client)
    assert connection.is_client is is_client
    assert connection.max_size is None
    assert not connection.stalled
    assert seen(connection) == {
        "inbox": [],
        "sent": [],
        "pongs": [],
        "state": OPEN,
        "close": (None, None, False),
        "failure": None,
        "owes_close": False,
        "finished": False,
    }


# Any cut gives the same


def conversation(key):
    """Everything that may happen, and all of it in order."""
    return b"".join(
        [
            frame(TEXT, "première €😀".encode(), key=key),
            frame(PING, b"1", key=key),
            frame(BINARY, b"\xff", fin=False, key=key),
            frame(PING, b"2", key=key),
            frame(CONT, b"", fin=False, key=key),
            frame(PONG, b"p", key=key),
            frame(CONT, bytes(126), key=key),
            frame(TEXT, b"\xf0\x9f", fin=False, key=key),
            frame(CONT, b"\x98", fin=False, key=key),
            frame(CONT, b"\x80!", key=key),
            frame(BINARY, key=key),
        ]
    )


MESSAGES = ["première €😀", b"\xff" + bytes(126), "😀!", b""]

ENDINGS = {
    "open": lambda key: b"",
    "closed": lambda key: close(1001, "bye é", key) + frame(TEXT, b"late", key=key) + b"\xff",
    "closed without code": lambda key: close(key=key) + frame(PING, key=key),
    "bad close code": lambda key: close(1006, key=key),
    "bad close reason": lambda key: frame(CLOSE, b"\x03\xe8\xff", key=key),
    "bad opcode": lambda key: frame(3, key=key) + frame(TEXT, b"late", key=key),
    "bad text": lambda key: frame(TEXT, b"abc\xffdef", key=key),
    "bad text in fragments": lambda key: (
        frame(TEXT, b"a\xe2", fin=False, key=key) + frame(CONT, b"\x82", key=key)
    ),
    "too big": lambda key: frame(TEXT, bytes(131), key=key) + frame(TEXT, b"late", key=key),
    "bad order": lambda key: frame(CONT, b"late", key=key),
}


@both_sides
@pytest.mark.parametrize("ending", ENDINGS.values(), ids=list(ENDINGS))
def test_the_same_in_every_cut(core, is_client, ending):
    key = peer_key(is_client)
    wire = conversation(key) + ending(key)
    expected = seen(feed(endpoint(core, is_client, max_size=130), [wire]))
    assert expected["inbox"] == MESSAGES
    assert [drawn.payload for drawn in expected["sent"]] == [b"1", b"2"]
    assert expected["pongs"] == [b"p"]
    for pieces in every_cut(wire):
        assert seen(feed(endpoint(core, is_client, max_size=130), pieces)) == expected


@both_sides
@pytest.mark.parametrize("max_queue", [1, 3])
@pytest.mark.parametrize("ending", ENDINGS.values(), ids=list(ENDINGS))
def test_the_same_with_any_inbox_that_is_read(core, is_client, max_queue, ending):
    key = peer_key(is_client)
    wire = conversation(key) + ending(key)
    whole = endpoint(core, is_client, max_size=130)
    assert feed_and_take(whole, [wire]) == MESSAGES
    whole.settle()
    for pieces in every_cut(wire):
        connection = endpoint(core, is_client, max_size=130, max_queue=max_queue)
        assert feed_and_take(connection, pieces) == MESSAGES
        connection.settle()
        assert seen(connection) == seen(whole)


@both_sides
@settings(max_examples=60)
@given(data=st.data(), positions=positions, max_queue=st.none() | st.integers(1, 3))
def test_valid_streams_in_random_cuts(core, is_client, data, positions, max_queue):
    wire = data.draw(valid_streams(peer_key(is_client)))
    whole = endpoint(core, is_client)
    messages = feed_and_take(whole, [wire])
    whole.settle()
    assert whole.failure is None
    connection = endpoint(core, is_client, max_queue=max_queue)
    assert feed_and_take(connection, cut(wire, positions)) == messages
    connection.settle()
    assert seen(connection) == seen(whole)


def test_two_endpoints_understand_each_other(core):
    client, server = endpoint(core, True), endpoint(core, False)
    client.send(TEXT, b"a", fin=False)
    client.send(PING, b"?")
    client.send(CONT, b"b")
    client.close(4000, "enough")
    feed(server, client.outbox)
    assert server.take() == "ab"
    assert (server.close_code, server.close_reason) == (4000, "enough")
    server.settle()
    feed(client, server.outbox)
    assert client.pongs == [b"?"]
    assert (client.close_code, client.close_reason) == (4000, "")
    for connection in [client, server]:
        assert connection.finished
        assert connection.close_received
        assert connection.failure is None


# Sending


@both_sides
@pytest.mark.parametrize("opcode", [CONT, TEXT, BINARY, PING, PONG])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_send(core, is_client, opcode, kind):
    connection = endpoint(core, is_client)
    connection.send(opcode, kind(b"Hello"))
    assert sent(connection) == [(opcode, b"Hello", True, 0, b"")]


@both_sides
def test_send_fragments(core, is_client):
    connection = endpoint(core, is_client)
    connection.send(TEXT, b"a", False)
    connection.send(CONT, b"b", fin=False)
    connection.send(CONT, b"c")
    assert [drawn.fin for drawn in sent(connection)] == [False, False, True]


@both_sides
@pytest.mark.parametrize("size", [65535, 65536, 65537, 200_000])
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_large_payloads(core, is_client, size, kind):
    payload = os.urandom(size)
    original = kind(payload)
    connection = endpoint(core, is_client)
    connection.send(BINARY, original)
    if kind is bytearray:
        # What can change doesn't change what is sent any more.
        original[:] = bytes(size)
        original.append(0)
    assert sent(connection) == [(BINARY, payload, True, 0, b"")]


def test_a_large_payload_is_not_copied_unless_it_is_masked(core):
    connection = endpoint(core, is_client=False)
    payload = bytes(1_000_000)
    with measured() as memory:
        connection.send(BINARY, payload)
    assert memory.peak < 10_000


def test_a_client_masks_each_frame_with_another_key(core):
    connection = endpoint(core, is_client=True)
    for _ in range(50):
        connection.send(BINARY, bytes(16))
    connection.receive(frame(PING, bytes(16)))
    connection.close()
    # A payload of zeros shows the key.
    keys = {data[2:6] for data in connection.outbox}
    assert len(keys) >= 51


@both_sides
@pytest.mark.parametrize("opcode", [PING, PONG])
def test_control_frames_that_are_too_long_are_not_sent(core, is_client, opcode):
    connection = endpoint(core, is_client)
    connection.send(opcode, bytes(125))
    for payload, fin in [(bytes(126), True), (b"", False)]:
        with pytest.raises(ProtocolError):
            connection.send(opcode, payload, fin)
    assert len(sent(connection)) == 1
    assert connection.state == OPEN


# Ping and pong (RFC 6455 5.5.2 and 5.5.3)


@both_sides
@pytest.mark.parametrize("payload", [b"", b"Hello", b"\xff\x00", bytes(range(125))])
def test_a_ping_is_answered_with_its_payload(core, is_client, payload):
    connection = endpoint(core, is_client)
    connection.receive(frame(PING, payload, key=peer_key(is_client)))
    assert sent(connection) == [(PONG, payload, True, 0, b"")]
    assert not connection.inbox


def test_every_ping_is_answered(core):
    connection = feed(endpoint(core), [masked(PING, b"1") + masked(PING, b"2")])
    assert [drawn.payload for drawn in sent(connection)] == [b"1", b"2"]


def test_pongs_are_kept_in_order(core):
    connection = feed(endpoint(core), [masked(PONG, b"1") + masked(PONG) + masked(PONG, b"3")])
    assert connection.pongs == [b"1", b"", b"3"]
    assert not connection.outbox
    assert not connection.inbox
    connection.pongs.clear()
    connection.receive(masked(PONG, b"4"))
    assert connection.pongs == [b"4"]


def test_while_pongs_are_held_only_the_latest_ping_waits(core):
    connection = endpoint(core)
    connection.hold_pongs = True
    feed(connection, [masked(PING, b"1"), masked(TEXT, b"x"), masked(PING, b"2")])
    assert sent(connection) == []
    connection.release_pongs()
    assert sent(connection) == [(PONG, b"2", True, 0, b"")]
    assert not connection.hold_pongs
    connection.receive(masked(PING, b"3"))
    connection.release_pongs()
    assert [drawn.payload for drawn in sent(connection)] == [b"2", b"3"]


def test_without_a_ping_nothing_is_released(core):
    connection = endpoint(core)
    connection.hold_pongs = True
    connection.release_pongs()
    assert not connection.outbox


def test_an_empty_ping_waits_as_well(core):
    connection = endpoint(core)
    connection.hold_pongs = True
    connection.receive(masked(PING, b""))
    connection.release_pongs()
    assert sent(connection) == [(PONG, b"", True, 0, b"")]


@pytest.mark.parametrize(
    "end",
    [
        lambda connection: connection.close(),
        lambda connection: connection.receive(from_client(1000)),
        lambda connection: connection.receive(b"\xff\xff"),
        lambda connection: connection.fail(1011),
    ],
    ids=["close", "close of the peer", "violation", "failure"],
)
def test_a_held_pong_does_not_follow_a_close_frame(core, end):
    connection = endpoint(core)
    connection.hold_pongs = True
    connection.receive(masked(PING, b"1"))
    end(connection)
    connection.release_pongs()
    assert [drawn.opcode for drawn in sent(connection)] == [CLOSE]


def test_a_held_pong_goes_out_while_a_close_frame_is_owed(core):
    connection = endpoint(core)
    connection.hold_pongs = True
    feed(connection, [masked(TEXT, b"x") + masked(PING, b"1") + from_client(1000)])
    connection.release_pongs()
    connection.settle()
    assert [drawn.opcode for drawn in sent(connection)] == [PONG, CLOSE]


# The closing handshake, started by the peer


@both_sides
@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999])
@pytest.mark.parametrize("reason", ["", "bye", "à bientôt"])
def test_the_code_of_the_peer_is_echoed(core, is_client, code, reason):
    connection = endpoint(core, is_client)
    connection.receive(close(code, reason, peer_key(is_client)))
    assert seen(connection) == {
        "inbox": [],
        "sent": [(CLOSE, code.to_bytes(2, "big"), True, 0, b"")],
        "pongs": [],
        "state": CLOSING,
        "close": (code, reason, True),
        "failure": None,
        "owes_close": False,
        "finished": True,
    }


@both_sides
def test_a_close_frame_without_a_code_is_echoed_as_such(core, is_client):
    connection = endpoint(core, is_client)
    connection.receive(close(key=peer_key(is_client)))
    assert (connection.close_code, connection.close_reason) == (1005, "")
    assert sent(connection) == [(CLOSE, b"", True, 0, b"")]
    assert connection.failure is None


@both_sides
@pytest.mark.parametrize(
    "body, code, text",
    [
        (b"\x03", 1002, "close frame with 1 byte of payload"),
        (b"\x00\x00", 1002, "close frame with invalid code 0"),
        (b"\x03\xec", 1002, "close frame with invalid code 1004"),
        (b"\x03\xed", 1002, "close frame with invalid code 1005"),
        (b"\x03\xee", 1002, "close frame with invalid code 1006"),
        (b"\x03\xf7", 1002, "close frame with invalid code 1015"),
        (b"\x07\xd0bye", 1002, "close frame with invalid code 2000"),
        (b"\xff\xff\xff", 1002, "close frame with invalid code 65535"),
        (b"\x03\xe8ab\xff", 1007, "invalid UTF-8 in a close reason at byte 2"),
        (b"\x03\xe8\xe2\x82", 1007, "invalid UTF-8 in a close reason at byte 0"),
    ],
)
def test_close_frames_that_are_not_acceptable(core, is_client, body, code, text):
    connection = endpoint(core, is_client)
    connection.receive(frame(CLOSE, body, key=peer_key(is_client)))
    assert isinstance(connection.failure, ProtocolError)
    assert str(connection.failure) == text
    assert not connection.close_received
    assert (connection.close_code, connection.close_reason) == (code, text)
    assert sent(connection) == [(CLOSE, code.to_bytes(2, "big") + text.encode(), True, 0, b"")]
    assert connection.state == CLOSING
    assert connection.finished


def test_the_answer_waits_until_the_messages_before_it_are_read(core):
    connection = endpoint(core)
    feed(connection, [masked(TEXT, b"one") + masked(TEXT, b"two") + from_client(1001, "bye")])
    assert connection.owes_close
    assert connection.close_code == 1001
    assert (connection.state, connection.finished) == (OPEN, False)
    assert connection.take() == "one"
    connection.send(TEXT, b"answer to one")
    assert connection.take() == "two"
    connection.send(TEXT, b"answer to two")
    assert connection.owes_close
    connection.settle()
    assert (connection.state, connection.finished) == (CLOSING, True)
    assert not connection.owes_close
    assert [drawn.payload for drawn in sent(connection)] == [
        b"answer to one",
        b"answer to two",
        b"\x03\xe9",
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
    assert (connection.state, connection.outbox) == (OPEN, [])


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
    assert connection.close_code is None
    connection.close(1011, "again")
    connection.receive(close(code, "fine", peer_key(is_client)))
    assert (connection.state, connection.finished) == (CLOSING, True)
    assert (connection.close_code, connection.close_reason) == (code, "fine")
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
    assert (connection.state, connection.outbox) == (OPEN, [])


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
            connection.send(opcode, b"")
        assert str(raised.value) == "frames can't be sent after a close frame"
    key = peer_key(is_client)
    feed(connection, [frame(PING, key=key), close(1001, key=key), b"\xff\xff"])
    connection.close()
    connection.fail(1002)
    connection.settle()
    connection.release_pongs()
    assert sent(connection) == before


def test_a_violation_while_closing(core):
    connection = endpoint(core)
    connection.close()
    connection.receive(masked(TEXT, b"\xff"))
    assert connection.close_code == 1007
    assert len(sent(connection)) == 1
    assert connection.finished
    connection.receive(from_client(1000))
    assert (connection.close_code, connection.close_received) == (1007, False)


# Failing (RFC 6455 7.1.7)


def test_fail(core):
    connection = endpoint(core)
    connection.fail(1011, "oops")
    assert seen(connection) == {
        "inbox": [],
        "sent": [(CLOSE, b"\x03\xf3oops", True, 0, b"")],
        "pongs": [],
        "state": CLOSING,
        "close": (1011, "oops", False),
        "failure": None,
        "owes_close": False,
        "finished": True,
    }


def test_the_first_failure_counts(core):
    connection = endpoint(core)
    cause = RuntimeError("first")
    connection.fail(1011, "first", cause)
    connection.fail(1002, "second", RuntimeError("second"))
    assert (connection.close_code, connection.close_reason) == (1011, "first")
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
    assert (connection.state, connection.finished, connection.outbox) == (CLOSING, True, [])
    assert (connection.close_code, connection.close_reason) == (1006, "")
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
    assert connection.close_reason == reason


def test_a_reason_that_has_no_utf8(core):
    connection = endpoint(core)
    connection.fail(1002, "half a pair: \ud83d")
    assert sent(connection)[0].payload == b"\x03\xeahalf a pair: ?"


# The end of the transport


def test_lost(core):
    connection = endpoint(core)
    connection.send(TEXT, b"too late")
    connection.lost()
    assert seen(connection) == {
        "inbox": [],
        "sent": [],
        "pongs": [],
        "state": CLOSED,
        "close": (1006, "", False),
        "failure": None,
        "owes_close": False,
        "finished": True,
    }
    connection.receive(from_client(1000))
    connection.lost()
    assert (connection.state, connection.close_code) == (CLOSED, 1006)


def test_lost_after_a_closing_handshake(core):
    connection = feed(endpoint(core), [from_client(1001, "bye")])
    connection.lost()
    assert (connection.state, connection.close_code, connection.close_reason) == (3, 1001, "bye")
    assert connection.outbox == []


def test_lost_without_an_answer_to_our_close_frame(core):
    connection = endpoint(core)
    connection.close(1000)
    connection.lost()
    assert (connection.close_code, connection.close_received) == (1006, False)


def test_lost_after_a_failure(core):
    connection = feed(endpoint(core), [b"\xff\xff"])
    connection.lost()
    assert connection.close_code == 1002
    assert isinstance(connection.failure, ProtocolError)


def test_lost_in_the_middle_of_a_message(core):
    connection = feed(endpoint(core), [masked(TEXT, b"one") + masked(TEXT, b"tw", fin=False)])
    connection.lost()
    assert list(connection.inbox) == ["one"]
    assert connection.close_code == 1006


def test_what_was_behind_a_full_inbox_is_parsed_when_the_transport_is_lost(core):
    wire = b"".join(masked(TEXT, b"%d" % number) for number in range(5))
    connection = feed(endpoint(core, max_queue=2), [wire + from_client(1001, "bye")])
    assert (len(connection.inbox), connection.close_code) == (2, None)
    connection.lost()
    assert (connection.close_code, connection.close_reason) == (1001, "bye")
    assert [connection.take() for _ in range(5)] == ["0", "1", "2", "3", "4"]
    assert connection.outbox == []


def test_a_violation_behind_a_full_inbox_when_the_transport_is_lost(core):
    connection = endpoint(core, max_queue=1)
    feed(connection, [masked(TEXT, b"1") + masked(TEXT, b"2") + masked(CONT)])
    connection.lost()
    assert (connection.state, connection.close_code, connection.owes_close) == (CLOSED, 1002, False)
    assert list(connection.inbox) == ["1", "2"]


# Flow control


@pytest.mark.parametrize("max_queue", [1, 2, 5])
def test_parsing_stops_at_a_full_inbox_and_goes_on_with_take(core, max_queue):
    connection = endpoint(core, max_queue=max_queue)
    for number in range(10):
        assert connection.stalled == (number >= max_queue)
        connection.receive(masked(TEXT, b"%d" % number) + masked(PING, b"%d" % number))
    assert len(connection.inbox) == max_queue
    # Nothing behind the message that fills the inbox has been looked at.
    assert [drawn.payload for drawn in sent(connection)] == [
        b"%d" % n for n in range(max_queue - 1)
    ]
    for number in range(10):
        assert connection.take() == str(number)
        assert len(connection.inbox) == min(max_queue, 9 - number)
        assert connection.stalled == (9 - number >= max_queue)
    assert [drawn.payload for drawn in sent(connection)] == [b"%d" % n for n in range(10)]


def test_a_fragment_is_not_a_message_in_the_inbox(core):
    connection = endpoint(core, max_queue=1)
    feed(connection, [masked(TEXT, b"a", fin=False) + masked(CONT, b"b", fin=False) + masked(PING)])
    assert not connection.stalled
    assert len(sent(connection)) == 1


def test_what_waits_in_the_middle_of_a_frame(core):
    wire = masked(TEXT, b"one") + masked(TEXT, b"two") + masked(TEXT, b"three")
    for pieces in every_cut(wire):
        connection = feed(endpoint(core, max_queue=1), pieces)
        assert list(connection.inbox) == ["one"]
        assert [connection.take() for _ in range(3)] == ["one", "two", "three"]
        assert not connection.stalled


def test_a_violation_behind_a_full_inbox_waits(core):
    connection = endpoint(core, max_queue=1)
    feed(connection, [masked(TEXT, b"one") + masked(TEXT, b"two") + b"\xff\xff"])
    assert connection.failure is None
    assert connection.take() == "one"
    assert connection.failure is None
    assert connection.take() == "two"
    assert connection.failure is not None
    assert not connection.owes_close


def test_an_inbox_without_a_limit(core):
    connection = feed(endpoint(core), [masked(TEXT, b"x") * 5000])
    assert len(connection.inbox) == 5000
    assert not connection.stalled


def test_close_finds_the_close_frame_behind_a_full_inbox(core):
    wire = b"".join(masked(TEXT, b"%d" % number) for number in range(5)) + from_client(1001, "bye")
    connection = feed(endpoint(core, max_queue=2), [wire])
    assert connection.close_code is None
    connection.close(4000)
    assert (connection.close_code, connection.close_reason) == (1001, "bye")
    assert connection.finished
    assert not connection.stalled
    # What fits in the inbox is there, and no message that came after one that doesn't.
    assert [connection.take(), connection.take()] == ["0", "1"]
    assert not connection.inbox


def test_the_close_frame_may_come_after_close_with_a_full_inbox(core):
    connection = feed(endpoint(core, max_queue=1), [masked(TEXT, b"1") + masked(TEXT, b"2")])
    connection.close()
    assert not connection.stalled
    assert connection.take() == "1"
    # A message was dropped, so no later one may take its place.
    feed(connection, [masked(TEXT, b"3"), masked(BINARY, b"4"), from_client(1000)])
    assert not connection.inbox
    assert connection.finished


def test_messages_that_fit_are_kept_while_closing(core):
    connection = endpoint(core, max_queue=2)
    connection.close()
    feed(connection, [masked(TEXT, b"1"), masked(TEXT, b"2"), masked(TEXT, b"3")])
    assert list(connection.inbox) == ["1", "2"]
