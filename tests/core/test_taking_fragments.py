"""
Endpoints whose fragments wait one by one: messages are put together, and text is checked, as they are
taken.
"""

import random

import pytest
from cutting import every_cut
from drawing import BINARY, CONT, KEY, PING, TEXT, frame
from endpoints import feed, heard, said, sent

from websockets.exceptions import PayloadTooBig, TooManyFragments


def endpoint(core, *pieces, **options):
    return feed(core.endpoint.Endpoint(False, in_fragments=True, **options), pieces)


def masked(opcode, payload=b"", **options):
    return frame(opcode, payload, key=KEY, **options)


def message(opcode, *parts):
    """Build the frames of a message in fragments."""
    frames = [masked(CONT if i else opcode, part, fin=False) for i, part in enumerate(parts)]
    frames[-1] = masked(CONT if len(parts) > 1 else opcode, parts[-1])
    return b"".join(frames)


def shown(fragment):
    return fragment.opcode, fragment.data, fragment.fin


def taken(core, connection, form="USUAL"):
    """Take all that is there."""
    number = getattr(core.constants, form)
    found = []
    while connection.inbox.waiting or (form == "IN_FRAGMENTS" and connection.fragments):
        found.append(connection.take(number))
    return found


@pytest.mark.parametrize(
    "opcode, payload, text",
    [(TEXT, "aé€😀".encode(), "aé€😀"), (TEXT, b"", ""), (BINARY, b"\xff\x00", None)],
)
def test_a_message_is_put_together_as_it_is_taken(core, opcode, payload, text):
    for parts in every_cut(payload):
        connection = endpoint(core, message(opcode, *parts))
        assert connection.inbox.waiting == len(parts)
        expected = payload if text is None else text
        assert taken(core, connection) == [None] * (len(parts) - 1) + [expected]
        assert connection.failure is None


@pytest.mark.parametrize("fragments", [1, 3])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_in_the_form_that_is_asked_for(core, opcode, fragments):
    parts = ["é".encode()] + [b"x"] * (fragments - 1)
    payload = b"".join(parts)
    for form, expected in (("AS_BYTES", payload), ("AS_TEXT", payload.decode())):
        connection = endpoint(core, message(opcode, *parts))
        assert taken(core, connection, form)[-1] == expected


def test_fragments_as_they_come(core):
    connection = endpoint(
        core, message(TEXT, b"a\xc3", b"\xa9"), masked(PING), masked(BINARY, b"b")
    )
    found = [shown(fragment) for fragment in taken(core, connection, "IN_FRAGMENTS")]
    assert found == [(TEXT, b"a\xc3", False), (CONT, b"\xa9", True), (BINARY, b"b", True)]
    [whole] = taken(core, endpoint(core, masked(TEXT, b"c")), "IN_FRAGMENTS")
    assert shown(whole) == (TEXT, "c", True)


def test_what_was_taken_of_a_message_is_kept(core):
    connection = endpoint(core, masked(TEXT, b"a", fin=False), masked(CONT, b"b", fin=False))
    assert taken(core, connection) == [None, None]
    connection.receive(masked(CONT, b"c"))
    found = [shown(fragment) for fragment in taken(core, connection, "IN_FRAGMENTS")]
    assert found == [(TEXT, b"a", False), (CONT, b"b", False), (CONT, b"c", True)]
    assert connection.fragments is None


def test_a_message_longer_than_the_inbox(core):
    frames = message(TEXT, *[b"%d" % number for number in range(10)]) + masked(TEXT, b"next")
    connection = endpoint(core, frames, max_queue=4, low_queue=0)
    assert connection.inbox.waiting == 4
    assert [piece for piece in taken(core, connection) if piece] == ["0123456789", "next"]


@pytest.mark.parametrize("size", [10, 70_000, 300_000])
def test_a_large_message_in_pieces_of_any_size(core, size):
    randomness = random.Random(size)
    payload = ("a" * (size - 2) + "é").encode()
    data = masked(TEXT, payload)
    for _ in range(5):
        connection = endpoint(core)
        start = 0
        while start < len(data):
            stop = min(len(data), start + randomness.randint(1, size))
            connection.receive(data[start:stop])
            start = stop
        assert taken(core, connection) == [payload.decode()]


def test_memory_for_the_bytes_to_come(core):
    for last in (b"e", b"\xff"):
        payload = b"a" * 199_999 + last
        data = masked(TEXT, payload)
        connection = endpoint(core, data[:1000])
        rest = data[1000:]
        while len(rest) >= 65_536:
            space = connection.space()
            size = min(len(space), len(rest))
            space[:size] = rest[:size]
            connection.fill(size)
            rest = rest[size:]
        connection.receive(rest)
        assert taken(core, connection, "AS_BYTES") == [payload]


@pytest.mark.parametrize("pieces", ["at once", "byte by byte"])
@pytest.mark.parametrize("parts", [[b"ab\xffc"], [b"a", b"b\xff", b"c"]])
def test_a_text_that_is_none_fails_when_it_is_taken_as_text(core, parts, pieces):
    data = message(TEXT, *parts) + masked(TEXT, b"behind")
    cut = [data] if pieces == "at once" else [data[i : i + 1] for i in range(len(data))]
    connection = endpoint(core, *cut)
    assert connection.failure is None
    assert taken(core, connection)[-1] is None
    assert connection.refilled and connection.inbox.waiting == 0
    assert said(connection) == (1007, "invalid start byte at position 2")
    assert isinstance(connection.failure, UnicodeDecodeError)
    # As bytes it is as good as any other.
    connection = endpoint(core, *cut)
    assert taken(core, connection, "AS_BYTES")[-2:] == [b"ab\xffc", b"behind"]
    assert connection.failure is None


def test_a_binary_message_that_is_taken_as_text(core):
    connection = endpoint(core, masked(BINARY, b"\xff"))
    assert taken(core, connection, "AS_TEXT") == [None]
    assert said(connection) == (1007, "invalid start byte at position 0")


def test_a_text_that_is_none_after_the_end(core):
    connection = endpoint(core, masked(TEXT, b"\xff"), frame(0x8, b"\x03\xe8", key=KEY))
    connection.lost()
    assert heard(connection) == (1000, "")
    assert taken(core, connection) == [None]
    assert heard(connection) == (1006, "")
    assert isinstance(connection.failure, UnicodeDecodeError)


def test_too_many_fragments(core):
    connection = endpoint(core, message(BINARY, b"1", b"2", b"3"), max_fragments=3)
    assert taken(core, connection)[-1] == b"123"
    connection.receive(message(BINARY, b"1", b"2", b"3", b"4"))
    assert taken(core, connection) == [None] * 4
    assert said(connection) == (1009, "too many fragments")
    assert isinstance(connection.failure, TooManyFragments)
    # There is no limit for those who take one at a time.
    connection = endpoint(core, message(BINARY, *[b"."] * 9), max_fragments=3)
    assert len(taken(core, connection, "IN_FRAGMENTS")) == 9


def test_a_message_that_is_too_large(core):
    connection = endpoint(core, message(BINARY, b"12", b"34"), max_size=3)
    assert isinstance(connection.failure, PayloadTooBig)
    assert said(connection)[0] == 1009
    assert [shown(fragment) for fragment in connection.inbox] == [(BINARY, b"12", False)]
    assert taken(core, connection) == [None]
    assert sent(connection)[-1].opcode == 0x8
