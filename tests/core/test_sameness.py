"""
Both backends, fed the same bytes in the same cuts, show the same.
"""

import pytest
from cutting import cut, plausible_streams, positions, valid_streams
from drawing import BINARY, CONT, PING, TEXT, number_of
from endpoints import peer_key, seen
from hypothesis import given, settings
from hypothesis import strategies as st

from websockets import _core
from websockets.exceptions import WebSocketException

both_sides = pytest.mark.parametrize("is_client", [False, True], ids=["server", "client"])

limits = st.fixed_dictionaries(
    {},
    optional={
        "max_size": st.sampled_from([0, 1, 5, 125, 200]),
        "max_queue": st.integers(1, 3),
        "max_fragments": st.integers(1, 3),
    },
)


@pytest.fixture(scope="module")
def backends(compiled_core):
    return [compiled_core, _core.load("pure")]


class Flips:
    """Extensions that understand RSV1: it says that the payload is reversed."""

    def decode(self, fin, rsv, opcode, payload, max_size):
        if rsv & 0x30:
            raise ValueError(f"unexpected bits {rsv:#x} with {max_size} left")
        return fin, opcode, payload[::-1] if rsv else payload

    def passes(self, opcode, rsv):
        return False

    def encode(self, fin, opcode, payload):
        return 0x40, opcode, bytes(payload)[::-1]


# What the program does between two reads.
ACTIONS = {
    "take": lambda connection: connection.take() if connection.inbox else None,
    "take all": lambda connection: [connection.take() for _ in range(len(connection.inbox))],
    "send": lambda connection: connection.send_frame(TEXT, b"Hello", fin=False),
    "send on": lambda connection: connection.send_frame(CONT, bytes(200)),
    "send much": lambda connection: connection.send_frame(BINARY, bytearray(70_000)),
    "ping": lambda connection: connection.send_frame(PING, bytes(126)),
    "hold": lambda connection: setattr(connection, "holds", connection.holds | 2),
    "release": lambda connection: connection.release(),
    "limit": lambda connection: setattr(connection, "max_size", 2),
    "settle": lambda connection: connection.settle(),
    "close": lambda connection: connection.close(1001, "bye"),
    "close badly": lambda connection: connection.close(1006),
    "fail": lambda connection: connection.fail(1011, "€" * 50),
    "drop": lambda connection: connection.fail(1006),
    "lose": lambda connection: connection.lost(),
}
RARE = ["close", "close badly", "fail", "drop", "lose", "limit"]

actions = st.lists(
    st.none() | st.none() | st.sampled_from([name for name in ACTIONS if name not in RARE]),
    max_size=30,
) | st.lists(st.none() | st.sampled_from(list(ACTIONS)), max_size=30)


def story(core, is_client, pieces, actions, options, extensions):
    """Return all that an endpoint shows, after each piece and each action."""
    connection = core.endpoint.Endpoint(is_client, extensions=extensions, **options)
    shown = []
    for index, piece in enumerate(pieces):
        connection.receive(piece)
        name = actions[index] if index < len(actions) else None
        result = None
        if name is not None:
            try:
                result = ACTIONS[name](connection)
            except WebSocketException as exc:
                result = type(exc), str(exc)
        shown.append((name, result, seen(connection), connection.stalled, connection.max_size))
    return shown


def check(backends, *arguments):
    one, other = (story(core, *arguments) for core in backends)
    for ours, theirs in zip(one, other):
        assert ours == theirs


@both_sides
@settings(max_examples=150)
@given(data=st.data(), positions=positions, actions=actions, options=limits, extended=st.booleans())
def test_plausible_bytes(backends, is_client, data, positions, actions, options, extended):
    wire = data.draw(plausible_streams(peer_key(is_client)) | valid_streams(peer_key(is_client)))
    extensions = Flips() if extended else None
    check(backends, is_client, cut(wire, positions), actions, options, extensions)


@both_sides
@settings(max_examples=150)
@given(wire=st.binary(max_size=100), positions=positions, options=limits, extended=st.booleans())
def test_arbitrary_bytes(backends, is_client, wire, positions, options, extended):
    extensions = Flips() if extended else None
    check(backends, is_client, cut(wire, positions), [], options, extensions)


@settings(max_examples=150)
@given(pieces=st.lists(st.binary(max_size=4) | st.text(max_size=3).map(str.encode), max_size=10))
def test_utf8(backends, pieces):
    stories = []
    for core in backends:
        validator = core.utf8.Utf8Validator()
        shown = []
        for piece in pieces:
            shown.append(validator.check(piece, piece is pieces[-1]))
            if shown[-1] >= 0:
                break
        stories.append(shown)
    assert stories[0] == stories[1]


@settings(max_examples=100)
@given(
    byte0=st.integers(0, 255),
    payload=st.binary(max_size=20) | st.sampled_from([125, 126, 65535, 65536]).map(bytes),
    key=st.just(b"") | st.binary(min_size=4, max_size=4),
)
def test_packing(backends, byte0, payload, key):
    one, other = (core.pack.pack_frame(byte0, payload, number_of(key)) for core in backends)
    assert one == other


@settings(max_examples=100)
@given(body=st.binary(max_size=6) | st.binary(max_size=4).map(b"\x03\xe8".__add__))
def test_close_bodies(backends, body):
    outcomes = []
    for core in backends:
        try:
            outcomes.append(core.closing.parse_close(body))
        except (WebSocketException, UnicodeDecodeError) as exc:
            outcomes.append((type(exc), str(exc)))
    assert outcomes[0] == outcomes[1]
