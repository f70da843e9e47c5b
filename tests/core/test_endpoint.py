"""
One endpoint: what it sends and answers in any cut, and flow control.
"""

import os

import pytest
from cutting import cut, every_cut, positions, valid_streams
from drawing import BINARY, CLOSE, CONT, KEY, PING, PONG, TEXT, close, frame, frames
from endpoints import feed, feed_and_take, heard, measured, peer_key, seen, sent
from hypothesis import given, settings
from hypothesis import strategies as st

from websockets.exceptions import ProtocolError

OPEN, CLOSING, CLOSED = 1, 2, 3
FULL = 2

both_sides = pytest.mark.parametrize("is_client", [False, True], ids=["server", "client"])


def endpoint(core, is_client=False, **options):
    return core.endpoint.Endpoint(is_client, **options)


def masked(opcode, payload=b"", **options):
    return frame(opcode, payload, key=KEY, **options)


def from_client(code=None, reason=""):
    return close(code, reason, key=KEY)


def test_states(core):
    states = core.constants.OPEN, core.constants.CLOSING, core.constants.CLOSED
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
        "pongs": None,
        "state": OPEN,
        "close": (None, None, None),
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
    client.send_frame(TEXT, b"a", fin=False)
    client.send_frame(PING, b"?")
    client.send_frame(CONT, b"b")
    client.close(4000, "enough")
    feed(server, client.outbox)
    assert server.take() == "ab"
    assert heard(server) == (4000, "enough")
    server.settle()
    feed(client, server.outbox)
    assert client.pongs == [b"?"]
    assert heard(client) == (4000, "enough")
    for connection in [client, server]:
        assert connection.finished
        assert connection.close_rcvd is not None
        assert connection.failure is None


# Sending


@both_sides
@pytest.mark.parametrize("opcode", [CONT, TEXT, BINARY, PING, PONG])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_send(core, is_client, opcode, kind):
    connection = endpoint(core, is_client)
    connection.send_frame(opcode, kind(b"Hello"))
    assert sent(connection) == [(opcode, b"Hello", True, 0, b"")]


@both_sides
def test_send_fragments(core, is_client):
    connection = endpoint(core, is_client)
    connection.send_frame(TEXT, b"a", False)
    connection.send_frame(CONT, b"b", fin=False)
    connection.send_frame(CONT, b"c")
    assert [drawn.fin for drawn in sent(connection)] == [False, False, True]


@both_sides
@pytest.mark.parametrize("size", [65535, 65536, 65537, 200_000])
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_large_payloads(core, is_client, size, kind):
    payload = os.urandom(size)
    original = kind(payload)
    connection = endpoint(core, is_client)
    connection.send_frame(BINARY, original)
    if kind is bytearray:
        # What can change doesn't change what is sent any more.
        original[:] = bytes(size)
        original.append(0)
    assert sent(connection) == [(BINARY, payload, True, 0, b"")]


def test_a_large_payload_is_not_copied_unless_it_is_masked(core):
    connection = endpoint(core, is_client=False)
    payload = bytes(1_000_000)
    with measured() as memory:
        connection.send_frame(BINARY, payload)
    assert memory.peak < 10_000


def test_a_client_masks_each_frame_with_another_key(core):
    connection = endpoint(core, is_client=True)
    for _ in range(50):
        connection.send_frame(BINARY, bytes(16))
    connection.receive(frame(PING, bytes(16)))
    connection.close()
    keys = {drawn.key for drawn in frames(b"".join(connection.outbox))}
    assert len(keys) >= 51


@both_sides
@pytest.mark.parametrize("opcode", [PING, PONG])
def test_control_frames_that_are_too_long_are_not_sent(core, is_client, opcode):
    connection = endpoint(core, is_client)
    connection.send_frame(opcode, bytes(125))
    for payload, fin in [(bytes(126), True), (b"", False)]:
        with pytest.raises(ProtocolError):
            connection.send_frame(opcode, payload, fin)
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


@both_sides
def test_frames_leave_in_the_order_in_which_they_were_put_in(core, is_client):
    connection = endpoint(core, is_client)
    large = bytes(70_000)
    key = peer_key(is_client)
    put = []
    for _ in range(2):
        for payload in (b"1", b"2", b"ping", "3", large, b"4", b"ping", b"ping", large, "5", "6"):
            if payload == b"ping":
                connection.receive(frame(PING, payload, key=key))
                put.append((PONG, payload))
            else:
                connection.send_message(payload, 0.0)
                text = type(payload) is str
                put.append((TEXT if text else BINARY, payload.encode() if text else payload))
        waiting = frames(b"".join(connection.outbox))
        assert waiting == frames(b"".join(connection.outbox.frames))
        size = connection.outbox.size
        pieces = connection.collect()
        assert size == sum(map(len, pieces)) and connection.outbox.size == 0
        assert frames(b"".join(pieces)) == waiting
        assert [drawn[:2] for drawn in waiting] == put
        put.clear()
        assert connection.collect() == [] and connection.collect_alone() is None


def test_a_frame_that_is_alone(core):
    connection = endpoint(core)
    connection.send_message("1", 0.0)
    assert connection.collect_alone() == frame(TEXT, b"1")
    assert connection.collect() == []
    connection.send_message("1", 0.0)
    connection.send_message("2", 0.0)
    assert connection.collect_alone() is None
    assert b"".join(connection.collect()) == frame(TEXT, b"1") + frame(TEXT, b"2")


def test_a_ping_that_waits_is_answered_before_a_frame_leaves_alone(core):
    connection = endpoint(core)
    connection.holds |= FULL
    connection.receive(masked(PING, b"1"))
    connection.holds &= ~FULL
    connection.send_message("1", 0.0)
    assert connection.collect_alone() is None
    assert b"".join(connection.collect()) == frame(TEXT, b"1") + frame(PONG, b"1")


@both_sides
def test_of_a_flood_of_pings_the_latest_is_answered(core, is_client):
    key = peer_key(is_client)
    connection = endpoint(core, is_client)
    flood = b"".join(frame(PING, b"%d" % n, key=key) for n in range(40_000))
    with measured() as memory:
        connection.receive(flood)
    assert memory.peak < len(flood) + 20_000
    connection.receive(frame(PING, b"late", key=key))
    pongs = frames(b"".join(connection.collect()))
    assert {pong.opcode for pong in pongs} == {PONG}
    assert pongs[0].payload == b"0" and pongs[-1].payload == b"late" and len(pongs) < 100
    connection.receive(frame(PING, b"next", key=key))
    assert [pong.payload for pong in frames(b"".join(connection.collect()))] == [b"next"]


def test_pongs_are_kept_in_order(core):
    connection = feed(endpoint(core), [masked(PONG, b"1") + masked(PONG) + masked(PONG, b"3")])
    assert connection.pongs == [b"1", b"", b"3"]
    assert not connection.outbox.frames
    assert not connection.inbox
    connection.pongs = None
    connection.receive(masked(PONG, b"4"))
    assert connection.pongs == [b"4"]


def test_while_pongs_are_held_only_the_latest_ping_waits(core):
    connection = endpoint(core)
    connection.holds |= FULL
    feed(connection, [masked(PING, b"1"), masked(TEXT, b"x"), masked(PING, b"2")])
    assert sent(connection) == []
    connection.release()
    assert sent(connection) == [(PONG, b"2", True, 0, b"")]
    assert not connection.holds & FULL
    connection.receive(masked(PING, b"3"))
    connection.release()
    assert [drawn.payload for drawn in sent(connection)] == [b"2", b"3"]


def test_without_a_ping_nothing_is_released(core):
    connection = endpoint(core)
    connection.holds |= FULL
    connection.release()
    assert not connection.outbox.frames


def test_an_empty_ping_waits_as_well(core):
    connection = endpoint(core)
    connection.holds |= FULL
    connection.receive(masked(PING, b""))
    connection.release()
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
    connection.holds |= FULL
    connection.receive(masked(PING, b"1"))
    end(connection)
    connection.release()
    assert [drawn.opcode for drawn in sent(connection)] == [CLOSE]


def test_a_held_pong_does_not_outlive_the_transport(core):
    connection = endpoint(core)
    connection.holds |= FULL
    connection.receive(masked(PING, b"1"))
    connection.lost()
    connection.release()
    assert list(connection.outbox) == []


def test_a_held_pong_goes_out_while_a_close_frame_is_owed(core):
    connection = endpoint(core)
    connection.holds |= FULL
    feed(connection, [masked(TEXT, b"x") + masked(PING, b"1") + from_client(1000)])
    connection.release()
    connection.settle()
    assert [drawn.opcode for drawn in sent(connection)] == [PONG, CLOSE]


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
    low = max_queue // 4
    for number in range(10):
        before = len(connection.inbox)
        assert connection.take() == str(number)
        left = 9 - number
        # It goes on when few are left, not for each.
        full = min(max_queue, left) if before - 1 <= low else before - 1
        assert len(connection.inbox) == full
        assert connection.stalled or left == full
    assert not connection.stalled
    assert [drawn.payload for drawn in sent(connection)] == [b"%d" % n for n in range(10)]


def test_a_full_inbox_matters_once_something_waits_behind_it(core):
    connection = endpoint(core, max_queue=2)
    assert not connection.receive(masked(TEXT, b"a") + masked(TEXT, b"b"))
    assert not connection.stalled
    assert connection.receive(masked(TEXT, b"c")[:1])
    assert connection.stalled
    assert connection.receive(masked(TEXT, b"c")[1:])
    assert [connection.take() for _ in range(3)] == ["a", "b", "c"]
    assert not connection.stalled


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


class Decodes:
    """Extensions that decode each frame."""

    def passes(self, opcode, rsv):
        return False

    def decode(self, fin, rsv, opcode, payload, max_size):
        return fin, opcode, payload

    def encode(self, fin, opcode, payload):
        return 0, opcode, payload


@pytest.mark.parametrize("limits", [{"max_frame": 100}, {"max_size": 100}, {"max_size": 2**62}])
def test_a_frame_that_is_too_long_is_refused_before_extensions_have_it(core, limits):
    limits.setdefault("max_frame", 100)
    connection = endpoint(core, extensions=Decodes(), **limits)
    connection.receive(masked(BINARY, bytes(200))[:8])
    assert connection.close_sent.code == 1009
    connection = endpoint(core, extensions=Decodes(), **limits)
    connection.receive(masked(BINARY, bytes(100)))
    assert connection.take() == bytes(100)


def test_close_finds_the_close_frame_behind_a_full_inbox(core):
    wire = b"".join(masked(TEXT, b"%d" % number) for number in range(5)) + from_client(1001, "bye")
    connection = feed(endpoint(core, max_queue=2), [wire])
    assert connection.close_rcvd is None
    connection.close(4000)
    assert heard(connection) == (1001, "bye")
    assert connection.finished
    assert not connection.stalled
    # What was received can be read.
    assert [connection.take() for _ in range(5)] == ["0", "1", "2", "3", "4"]
    assert not connection.inbox


def test_the_close_frame_may_come_after_close_with_a_full_inbox(core):
    connection = feed(endpoint(core, max_queue=1), [masked(TEXT, b"1") + masked(TEXT, b"2")])
    connection.close()
    assert not connection.stalled
    feed(connection, [masked(TEXT, b"3"), masked(BINARY, b"4"), from_client(1000)])
    assert connection.finished
    assert [connection.take() for _ in range(4)] == ["1", "2", "3", b"4"]
    assert not connection.inbox


def test_messages_that_fit_are_kept_while_closing(core):
    connection = endpoint(core, max_queue=2)
    connection.close()
    feed(connection, [masked(TEXT, b"1"), masked(TEXT, b"2"), masked(TEXT, b"3")])
    assert list(connection.inbox) == ["1", "2"]
