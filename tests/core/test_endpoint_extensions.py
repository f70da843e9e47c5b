"""
One endpoint with extensions: what they are handed, and what happens when they go wrong.
"""

import pytest
from cutting import every_cut
from drawing import BINARY, CLOSE, CONT, KEY, PING, PONG, TEXT, close, frame, header
from endpoints import feed, said, sent

from websockets.exceptions import PayloadTooBig, ProtocolError


class Recorder:
    """Extensions that note what they are handed, and return it unless told otherwise."""

    def __init__(self, decoded=None, encoded=None):
        self.received = []
        self.sent = []
        self.decoded = decoded
        self.encoded = encoded

    def decode(self, fin, rsv, opcode, payload, max_size):
        self.received.append((fin, rsv, opcode, payload, max_size))
        if isinstance(self.decoded, BaseException):
            raise self.decoded
        return self.decoded or (fin, opcode, payload)

    def passes(self, opcode, rsv):
        return False

    def encode(self, fin, opcode, payload):
        self.sent.append((fin, opcode, bytes(payload)))
        return self.encoded or (0, opcode, payload)


def endpoint(core, extensions, is_client=False, **options):
    return core.endpoint.Endpoint(is_client, extensions=extensions, **options)


def masked(opcode, payload=b"", **options):
    return frame(opcode, payload, key=KEY, **options)


def test_received_frames_are_handed_over_whole(core):
    wire = (
        masked(TEXT, b"abcdef", fin=False, rsv=0b101)
        + masked(PING, b"?", rsv=0b010)
        + masked(CONT, bytes(200))
        + masked(PONG)
        + close(1000, key=KEY)
    )
    for pieces in every_cut(wire):
        recorder = Recorder()
        connection = feed(endpoint(core, recorder, max_size=1000), pieces)
        assert recorder.received == [
            (False, 0x50, TEXT, b"abcdef", 1000),
            (True, 0x20, PING, b"?", 994),
            (True, 0, CONT, bytes(200), 994),
            (True, 0, PONG, b"", 1000),
            (True, 0, CLOSE, b"\x03\xe8", 1000),
        ]
        assert {type(call[3]) for call in recorder.received} == {bytes}
        assert recorder.sent == [(True, PONG, b"?")]
        assert list(connection.inbox) == ["abcdef" + "\0" * 200]
        assert connection.owes_close


def test_without_a_limit_there_is_no_room_to_tell(core):
    recorder = Recorder()
    feed(endpoint(core, recorder), [masked(BINARY, bytes(1000), fin=False), masked(CONT)])
    assert [call[4] for call in recorder.received] == [None, None]


@pytest.mark.parametrize("is_client", [False, True])
def test_all_frames_that_are_sent_are_handed_over(core, is_client):
    recorder = Recorder(encoded=(0x40, BINARY, b"encoded"))
    connection = endpoint(core, recorder, is_client)
    connection.send_frame(TEXT, b"a", fin=False)
    connection.send_frame(PING, b"?")
    connection.close()
    assert recorder.sent == [(False, TEXT, b"a"), (True, PING, b"?"), (True, CLOSE, b"\x03\xe8")]
    assert sent(connection) == [
        (BINARY, b"encoded", fin, 0b100, b"") for fin in [False, True, True]
    ]


@pytest.mark.parametrize(
    "decoded, code",
    [
        (ProtocolError("wrong"), 1002),
        (PayloadTooBig("big"), 1009),
        (RuntimeError("bug"), 1011),
        (MemoryError(), 1011),
        ((True, PING, bytes(126)), 1002),
        ((False, CLOSE, b""), 1002),
        ((True, CONT, b""), 1002),
        ((True, TEXT, b"\xff"), 1007),
    ],
)
def test_extensions_that_go_wrong(core, decoded, code):
    connection = endpoint(core, Recorder(decoded))
    connection.receive(masked(TEXT, b"x"))
    assert said(connection)[0] == code
    if isinstance(decoded, Exception):
        assert connection.failure is decoded
    else:
        assert isinstance(connection.failure, ProtocolError)
    # What went wrong inside of the program is none of the peer's business.
    assert said(connection)[1] == ("" if code == 1011 else str(connection.failure))
    assert len(sent(connection)) == 1


def test_max_size_is_about_what_is_decoded(core):
    growing = Recorder((True, BINARY, bytes(10)))
    assert feed(endpoint(core, growing, max_size=10), [masked(BINARY)]).inbox
    assert said(feed(endpoint(core, growing, max_size=9), [masked(BINARY)]))[0] == 1009


@pytest.mark.parametrize("length", [110, 10_000, 2**62])
def test_frames_that_no_compression_explains_are_refused_at_their_header(core, length):
    recorder = Recorder()
    connection = endpoint(core, recorder, max_size=64)
    connection.receive(header(BINARY, length, key=KEY))
    assert said(connection)[0] == 1009
    assert not recorder.received


@pytest.mark.parametrize("max_size", [0, 1, 50])
def test_control_frames_have_no_such_limit(core, max_size):
    connection = endpoint(core, Recorder(), max_size=max_size)
    feed(connection, [masked(PING, bytes(125)) + masked(PONG, bytes(125))])
    assert connection.failure is None
    assert sent(connection) == [(PONG, bytes(125), True, 0, b"")]
    connection.receive(close(1000, "a" * 123, key=KEY))
    assert said(connection)[0] == 1000


def test_the_room_for_a_message_is_never_negative(core):
    recorder = Recorder()
    connection = endpoint(core, recorder, max_size=5)
    connection.receive(masked(BINARY, b"abc", fin=False))
    connection.max_size = 2
    connection.receive(masked(CONT, b""))
    assert [call[4] for call in recorder.received] == [5, 0]
    assert said(connection)[0] == 1009
