"""
What an endpoint costs: the memory it keeps, when it gives it back, and how work grows.
"""

import gc
import weakref

import pytest
from cutting import cut
from drawing import BINARY, CLOSE, CONT, PING, PONG, TEXT, close, frame, header
from endpoints import feed, measured, peer_key
from growth import is_linear

SIZE = 200_000  # bytes of a large message
FEW = 10_000  # bytes that don't matter
COUNT = 8000  # fragments


class Extensions:
    """Extensions that change nothing."""

    def decode(self, fin, rsv, opcode, payload, max_size):
        return fin, opcode, payload

    def passes(self, opcode, rsv):
        return False

    def encode(self, fin, opcode, payload):
        return 0, opcode, payload


def endpoint(core, is_client=True, **options):
    return core.endpoint.Endpoint(is_client, **options)


both_sides = pytest.mark.parametrize("is_client", [False, True], ids=["server", "client"])
with_and_without = pytest.mark.parametrize("extensions", [None, Extensions()])


# Memory


def flood(connection, opcode, payload):
    """Feed fragments of a message that doesn't end."""
    connection.receive(frame(opcode, payload, fin=False))
    fragments = frame(CONT, payload, fin=False) * 100
    for _ in range(COUNT // 100):
        connection.receive(fragments)
    return connection


@with_and_without
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_tiny_fragments_cost_their_bytes(core, opcode, extensions):
    with measured() as memory:
        connection = flood(endpoint(core, extensions=extensions), opcode, b"a")
    assert connection.failure is None
    assert memory.peak < 2 * COUNT + 6 * FEW
    connection.receive(frame(CONT, b"!"))
    assert len(connection.take()) == COUNT + 2


@with_and_without
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_empty_fragments_cost_nothing(core, opcode, extensions):
    with measured() as memory:
        connection = flood(endpoint(core, max_size=3, extensions=extensions), opcode, b"")
    assert memory.peak < 6 * FEW
    connection.receive(frame(CONT, b"end"))
    assert connection.take() in ("end", b"end")


def test_empty_fragments_can_be_limited(core):
    connection = flood(endpoint(core, max_fragments=100), TEXT, b"")
    assert str(connection.failure) == "message exceeds the limit of 100 fragments"


@with_and_without
def test_a_claimed_length_allocates_nothing(core, extensions):
    with measured() as memory:
        connection = endpoint(core, extensions=extensions)
        connection.receive(header(BINARY, 2**62) + b"begin")
    assert connection.failure is None
    assert memory.peak < 2 * FEW


def test_a_message_in_pieces_is_kept_once(core):
    wire = frame(BINARY, bytes(SIZE))
    pieces = cut(wire, range(0, len(wire), 4096))
    connection = endpoint(core)
    with measured() as memory:
        feed(connection, pieces)
    assert list(connection.inbox) == [bytes(SIZE)]
    # Twice in the moment when the buffer becomes bytes, and the eighth that buffers grow by.
    assert memory.peak < 2.3 * SIZE
    assert memory.kept < 1.1 * SIZE


def alone(opcode, key):
    yield frame(opcode, bytes(SIZE), key=key)


def before_a_byte(opcode, key):
    yield frame(opcode, bytes(SIZE), key=key) + frame(BINARY, key=key)[:1]


def behind_a_ping(opcode, key):
    yield frame(PING, b"?", key=key) + frame(opcode, bytes(SIZE), key=key)


def in_fragments(opcode, key):
    yield frame(opcode, bytes(SIZE), fin=False, key=key) + frame(CONT, key=key)


def in_pieces(opcode, key):
    yield from cut(frame(opcode, bytes(SIZE), key=key), [3, 1000, 50_000])


@both_sides
@with_and_without
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("max_queue", [None, 1])
@pytest.mark.parametrize("comes", [alone, before_a_byte, behind_a_ping, in_fragments, in_pieces])
def test_an_idle_endpoint_keeps_nothing_of_its_last_message(
    core, is_client, extensions, opcode, max_queue, comes
):
    connection = endpoint(core, is_client, max_queue=max_queue, extensions=extensions)
    with measured() as memory:
        feed(connection, comes(opcode, peer_key(is_client)))
        assert len(connection.take()) == SIZE
        connection.collect()
    assert memory.kept < FEW


@with_and_without
@pytest.mark.parametrize(
    "end",
    [
        lambda connection: connection.fail(1011),
        lambda connection: connection.fail(1006),
        lambda connection: connection.lost(),
        lambda connection: connection.receive(frame(TEXT)),
        lambda connection: connection.receive(close(1000)),
    ],
    ids=["failure", "failure without a close frame", "lost", "violation", "close"],
)
def test_the_end_drops_what_will_never_be_complete(core, end, extensions):
    connection = endpoint(core, max_size=10 * SIZE, extensions=extensions)
    with measured() as memory:
        connection.receive(frame(BINARY, bytes(SIZE), fin=False))
        end(connection)
        connection.collect()
    assert memory.kept < FEW
    assert connection.max_size == 10 * SIZE


@with_and_without
def test_after_the_end_nothing_is_kept_of_what_was_taken(core, extensions):
    connection = endpoint(core, max_queue=1, extensions=extensions)
    with measured() as memory:
        feed(connection, [frame(BINARY), frame(BINARY, bytes(SIZE)), frame(BINARY, bytes(SIZE))])
        connection.fail(1011)
        connection.settle()
        connection.collect()
        assert [len(connection.take()) for _ in range(3)] == [0, SIZE, SIZE]
    assert memory.kept < FEW


def test_what_comes_after_the_end_is_not_kept(core):
    connection = endpoint(core)
    connection.fail(1011)
    with measured() as memory:
        for _ in range(3):
            connection.receive(frame(BINARY, bytes(SIZE)))
    assert memory.kept < FEW


ENDS = {
    "close": close(1000),
    "bad header": b"\xff\xff",
    "bad text": frame(TEXT, b"\xff"),
    "bad text in fragments": frame(TEXT, b"\xff", fin=False) + frame(CONT),
    "bad order": frame(CONT),
    "bad close code": close(0),
    "bad close reason": frame(CLOSE, b"\x03\xe8\xff"),
    "too big": frame(TEXT, bytes(100)),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=list(ENDS))
def test_an_endpoint_is_freed_without_the_garbage_collector(core, end):
    extensions = Extensions()
    # They belong to the endpoint only, so they are gone when it is.
    gone = weakref.ref(extensions)
    connection = endpoint(core, max_size=10, extensions=extensions)
    gc.disable()
    try:
        connection.receive(end)
        assert connection.phase > 0
        connection.lost()
        failure = connection.failure
        del connection, extensions
        assert gone() is None, f"{failure!r} keeps it"
    finally:
        gc.enable()


def test_forget_frames_drops_the_tracebacks_of_a_whole_chain(core):
    def fail():
        try:
            try:
                raise KeyError("first")
            except KeyError:
                raise ValueError("second")  # noqa: B904
        except ValueError as exc:
            raise RuntimeError("third") from exc

    with pytest.raises(RuntimeError) as raised:
        fail()
    third = raised.value
    second = third.__cause__
    first = second.__context__
    core.endpoint.forget_frames(third)
    assert [exc.__traceback__ for exc in [first, second, third]] == [None, None, None]


# Time


def one_frame_in_pieces(connection, count):
    wire = frame(TEXT, bytes(64 * count))
    for start in range(0, len(wire), 64):
        connection.receive(wire[start : start + 64])


def many_frames_at_once(connection, count):
    connection.receive(frame(BINARY, bytes(62)) * count)


def many_fragments(connection, count):
    connection.receive(frame(TEXT, bytes(62), fin=False))
    fragment = frame(CONT, bytes(62), fin=False)
    for _ in range(count):
        connection.receive(fragment)


def frames_across_pieces(connection, count):
    wire = frame(PONG, bytes(62)) * count
    connection.receive(wire[:32])
    for start in range(32, len(wire), 64):
        connection.receive(wire[start : start + 64])


def pieces_behind_a_full_inbox(connection, count):
    for _ in range(count):
        connection.receive(frame(BINARY, bytes(62)))
    while connection.inbox:
        connection.take()


def one_piece_behind_a_full_inbox(connection, count):
    many_frames_at_once(connection, count)
    while connection.inbox:
        connection.take()


@pytest.mark.parametrize(
    "work, max_queue",
    [
        (one_frame_in_pieces, None),
        (many_frames_at_once, None),
        (many_fragments, None),
        (frames_across_pieces, None),
        (pieces_behind_a_full_inbox, 1),
        (one_piece_behind_a_full_inbox, 1),
    ],
)
def test_work_grows_with_the_bytes_not_with_their_square(core, work, max_queue):
    def run(count):
        work(endpoint(core, max_queue=max_queue), count)

    assert is_linear(run, 2_000)
