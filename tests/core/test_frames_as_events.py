"""
Frames as events: both backends, cut anywhere, and beside an endpoint that delivers messages.
"""

import pytest
from cutting import cut, every_cut, plausible_streams, positions, valid_streams
from drawing import CLOSE, CONT, KEY, PING, PONG, TEXT, frame, frames
from hypothesis import given

from websockets.frames import Frame, Opcode

OPCODES = tuple({int(opcode): opcode for opcode in Opcode}.get(number) for number in range(16))


def endpoint(core, is_client=False, max_size=2**20, max_frame=None):
    maker = core.values.FrameMaker(Frame, OPCODES)
    return core.events.EventEndpoint(is_client, max_size, max_frame, maker)


def outcome(core, pieces, **kwargs):
    """Return all that comes of bytes."""
    connection = endpoint(core, **kwargs)
    for piece in pieces:
        connection.receive(piece)
    failure = connection.failure
    return (
        connection.take_events(),
        connection.collect(),
        connection.phase,
        connection.close_rcvd,
        connection.close_sent,
        None if failure is None else (type(failure).__name__, str(failure)),
    )


@given(plausible_streams(KEY), positions)
def test_cuts_change_nothing(core, wire, where):
    assert outcome(core, cut(wire, where)) == outcome(core, [wire])


@given(valid_streams(KEY))
def test_events_are_what_is_on_the_wire(core, wire):
    events, *_, failure = outcome(core, [wire])
    assert failure is None
    assert [(event.opcode, event.data, event.fin) for event in events] == [
        tuple(one[:3]) for one in frames(wire)
    ]


@given(valid_streams(KEY))
def test_messages_are_made_of_events(core, wire):
    messages = core.endpoint.Endpoint(False)
    messages.receive(wire)
    whole, parts = [], []
    for event in outcome(core, [wire])[0]:
        if event.opcode <= Opcode.BINARY:
            parts.append(event)
            if event.fin:
                data = b"".join(part.data for part in parts)
                whole.append(data.decode() if parts[0].opcode is Opcode.TEXT else data)
                parts = []
    assert list(messages.inbox) == whole


def test_a_frame_that_comes_byte_by_byte(core):
    wire = frame(TEXT, b"abc", key=KEY, fin=False) + frame(CONT, b"", key=KEY)
    for pieces in every_cut(wire):
        events = outcome(core, pieces)[0]
        assert events == [Frame(Opcode.TEXT, b"abc", False), Frame(Opcode.CONT, b"")]


def test_nothing_is_held_back(core):
    wire = frame(TEXT, b"a", key=KEY) + frame(PING, b"b", key=KEY) + frame(CLOSE, key=KEY)
    connection = endpoint(core)
    assert connection.receive(wire) is True
    assert connection.collect() == [frame(PONG, b"b"), frame(CLOSE), b""]
    assert connection.finished


def test_whether_there_is_something_to_see_to(core):
    connection = endpoint(core)
    assert connection.receive(frame(TEXT, b"a", key=KEY)) is False
    assert connection.receive(frame(PING, b"a", key=KEY)) is True
    connection.collect()
    assert connection.receive(frame(TEXT, b"a", key=KEY)) is False


def test_extensions_change_in_between(core):
    connection = endpoint(core, True)
    connection.use(core.compression.Compression(None, None))
    connection.receive(frame(TEXT, b"a"))
    connection.use(None)
    connection.receive(frame(TEXT, b"b", rsv=0b100))
    assert [event.data for event in connection.take_events()] == [b"a"]
    assert str(connection.failure) == "reserved bits must be 0"


@pytest.mark.parametrize("fin", [True, False])
def test_events_of_a_class_of_ones_own(core, fin):
    class Event:
        fin = True

    event = core.values.FrameMaker(Event, tuple("0123456789abcdef")).make(10, b"a", fin)
    assert type(event) is Event
    assert (event.opcode, event.data, event.fin) == ("a", b"a", fin)
