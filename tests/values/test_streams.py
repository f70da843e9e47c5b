"""Bytes that are fed on one side and read on the other."""

import pytest
from generators import SHORT, read

from websockets.streams import StreamReader


@pytest.mark.parametrize("step", [None, 1, 2, 5])
def test_a_line_ends_with_its_line_feed(step):
    assert read(lambda s: s.read_line(99), b"one\ntwo\n", step=step) == (b"one\n", b"two\n")
    assert read(lambda s: s.read_line(99), b"\n", step=step) == (b"\n", b"")
    assert read(lambda s: s.read_line(99), b"one", step=step) == (SHORT, b"one")


def test_a_line_has_a_limit():
    assert read(lambda s: s.read_line(4), b"one\n") == (b"one\n", b"")
    for data in (b"four\n", b"fours"):
        with pytest.raises(RuntimeError) as raised:
            read(lambda s: s.read_line(4), data)
        assert str(raised.value) == "read 5 bytes, expected no more than 4 bytes"
        with pytest.raises(BufferError, match="read 5 bytes"):
            read(lambda s: s.read_line(4, BufferError), data)


def test_a_stream_that_ends_in_a_line():
    with pytest.raises(EOFError) as raised:
        read(lambda s: s.read_line(99), b"one", eof=True)
    assert str(raised.value) == "stream ends after 3 bytes, before end of line"


@pytest.mark.parametrize("step", [None, 1, 2, 5])
def test_a_number_of_bytes(step):
    assert read(lambda s: s.read_exact(3), b"onetwo", step=step) == (b"one", b"two")
    assert read(lambda s: s.read_exact(0), b"", step=step) == (b"", b"")
    assert read(lambda s: s.read_exact(4), b"one", step=step) == (SHORT, b"one")


def test_a_number_of_bytes_is_not_negative():
    with pytest.raises(AssertionError):
        read(lambda s: s.read_exact(-1), b"one")


def test_a_stream_that_ends_too_early():
    with pytest.raises(EOFError) as raised:
        read(lambda s: s.read_exact(4), b"one", eof=True)
    assert str(raised.value) == "stream ends after 3 bytes, expected 4 bytes"


@pytest.mark.parametrize("step", [None, 1, 2])
def test_all_bytes_to_the_end(step):
    assert read(lambda s: s.read_to_eof(3), b"one", eof=True, step=step) == (b"one", b"")
    assert read(lambda s: s.read_to_eof(3), b"", eof=True, step=step) == (b"", b"")
    assert read(lambda s: s.read_to_eof(3), b"one", step=step) == (SHORT, b"one")


def test_all_bytes_have_a_limit():
    with pytest.raises(RuntimeError) as raised:
        read(lambda s: s.read_to_eof(2), b"one", eof=True)
    assert str(raised.value) == "read 3 bytes, expected no more than 2 bytes"
    with pytest.raises(BufferError):
        read(lambda s: s.read_to_eof(2, BufferError), b"one")


def test_whether_it_is_at_its_end():
    assert read(lambda s: s.at_eof(), b"") == (SHORT, b"")
    assert read(lambda s: s.at_eof(), b"one") == (False, b"one")
    assert read(lambda s: s.at_eof(), b"", eof=True) == (True, b"")


def test_what_is_read_is_bytes_of_its_own():
    stream = StreamReader()
    stream.feed_data(b"onetwo")
    with pytest.raises(StopIteration) as returned:
        next(stream.read_exact(3))
    assert type(returned.value.value) is bytearray
    returned.value.value[:] = b"xxx"
    assert stream.buffer == b"two"


def test_nothing_comes_behind_the_end():
    stream = StreamReader()
    assert (stream.buffer, stream.eof) == (b"", False)
    stream.feed_data(bytearray(b"one"))
    stream.feed_eof()
    assert (stream.buffer, stream.eof) == (b"one", True)
    for feed in (lambda: stream.feed_data(b""), stream.feed_eof):
        with pytest.raises(EOFError, match=r"^stream ended$"):
            feed()


def test_what_nobody_reads_can_be_dropped():
    stream = StreamReader()
    stream.feed_data(b"one")
    stream.discard()
    assert stream.buffer == b""
    stream.feed_data(b"two")
    assert stream.buffer == b"two"
