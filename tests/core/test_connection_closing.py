"""
How a connection ends: the closing handshake from either side, failures, a lost transport.
"""

import pytest
from cutting import every_cut
from drawing import BINARY, CLOSE, CONT, KEY, PING, PONG, TEXT, close, frame
from endpoints import feed, peer_key, seen, sent

from websockets.exceptions import InvalidState, ProtocolError

OPEN, CLOSING, CLOSED = 1, 2, 3

both_sides = pytest.mark.parametrize("is_client", [False, True], ids=["server", "client"])


def endpoint(core, is_client=False, **options):
    return core.connection.Connection(is_client, **options)


def masked(opcode, payload=b"", **options):
    return frame(opcode, payload, key=KEY, **options)


def from_client(code=None, reason=""):
    return close(code, reason, key=KEY)


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
