"""
What connections for threads state of receiving.
"""

import pytest
from peer import BINARY, CLOSE, PING, PONG, TEXT, close_payload, frame
from threads import Task, blocked, both_sides, client_and_peer

from websockets.exceptions import (
    ConcurrencyError,
    ConnectionClosedError,
    ConnectionClosedOK,
    TooManyFragments,
)
from websockets.protocol import State
from websockets.sync.client import ClientConnection

CONTINUATION = 0


@both_sides
def test_a_message_is_what_it_was_sent_as(connection):
    with connection() as (ws, peer):
        peer.send(TEXT, "café".encode())
        peer.send(BINARY, b"\xff")
        assert ws.recv() == "café"
        message = ws.recv()
        assert message == b"\xff" and type(message) is bytes


@both_sides
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_may_be_taken_as_text_or_as_bytes(connection, opcode):
    with connection() as (ws, peer):
        for _ in range(4):
            peer.send(opcode, b"x")
        assert ws.recv(decode=True) == "x"
        assert ws.recv(decode=False) == b"x"
        assert ws.recv(None, True) == "x"
        assert ws.recv(5, False) == b"x"


@both_sides
@pytest.mark.parametrize("size", [1, 125, 126, 20_000, 65_535, 65_536, 300_000])
def test_messages_of_all_sizes(connection, size):
    with connection() as (ws, peer):
        for opcode in (TEXT, BINARY):
            task = Task(peer.send, opcode, b"x" * size)
            message = ws.recv()
            assert message == ("x" * size if opcode == TEXT else b"x" * size)
            task.result()


@both_sides
@pytest.mark.parametrize("timeout", [None, 10])
def test_a_message_that_comes_byte_by_byte(connection, timeout):
    with connection() as (ws, peer):
        task = Task(ws.recv, timeout)
        for byte in frame(TEXT, b"hello", masked=peer.masked):
            peer.write(bytes([byte]))
        assert task.result() == "hello"


@both_sides
def test_fragments_are_put_together(connection):
    with connection() as (ws, peer):
        peer.send(TEXT, b"caf\xc3", fin=False)
        peer.send(PING, b"in between")
        peer.send(CONTINUATION, b"\xa9", fin=False)
        peer.send(CONTINUATION, b"")
        assert ws.recv() == "café"
        assert peer.read() == (0x80 | PONG, b"in between")


@both_sides
def test_text_is_checked_when_it_is_taken(connection):
    with connection() as (ws, peer):
        peer.send(TEXT, b"\xff")
        peer.send(TEXT, b"never")
        task = Task(peer.answer_close)
        with pytest.raises(ConnectionClosedError) as caught:
            ws.recv()
        assert task.result() == (1007, "invalid start byte at position 0")
        assert isinstance(caught.value.__cause__, UnicodeDecodeError)


@both_sides
def test_a_message_that_does_not_come_in_time(connection):
    with connection() as (ws, peer):
        for timeout in (0.01, 0, -1):
            with pytest.raises(TimeoutError, match=rf"^timed out in {timeout:.1f}s$"):
                ws.recv(timeout=timeout)
        peer.send(TEXT, b"late")
        assert ws.recv(timeout=10) == "late"


@both_sides
def test_no_time_is_enough_for_what_is_there(connection):
    with connection() as (ws, peer):
        peer.write(b"".join(frame(TEXT, b"x", masked=peer.masked) for _ in range(3)))
        assert ws.recv() == "x"
        assert ws.recv(timeout=0) == "x"
        assert ws.recv(timeout=-1) == "x"


@both_sides
def test_a_time_out_in_the_middle_of_a_message_loses_nothing(connection):
    data = frame(TEXT, b"hello", masked=connection.__name__.startswith("server"))
    with connection() as (ws, peer):
        peer.write(data[:4])
        with pytest.raises(TimeoutError):
            ws.recv(timeout=0.01)
        peer.write(data[4:])
        assert ws.recv() == "hello"


@both_sides
def test_a_time_out_between_fragments_loses_nothing(connection):
    with connection() as (ws, peer):
        peer.send(TEXT, b"hel", fin=False)
        with pytest.raises(TimeoutError):
            ws.recv(timeout=0.01)
        peer.send(CONTINUATION, b"lo")
        assert ws.recv(timeout=10) == "hello"


@both_sides
def test_one_thread_receives_at_a_time(connection):
    with connection() as (ws, peer):
        task = Task(ws.recv)
        blocked(task, "recv")
        text = "cannot call {} while another thread is already running recv or recv_streaming"
        while True:
            try:
                ws.recv(timeout=0)
            except TimeoutError:
                continue
            except ConcurrencyError as exc:
                assert str(exc) == text.format("recv")
                break
        with pytest.raises(ConcurrencyError, match=text.format("recv_streaming")):
            next(iter(ws.recv_streaming()))
        peer.send(TEXT, b"x")
        assert task.result() == "x"


@both_sides
def test_what_came_before_the_end_can_be_read_after_it(connection):
    with connection() as (ws, peer):
        for text in (b"1", b"2", b"3"):
            peer.send(TEXT, text)
        peer.send(CLOSE, close_payload(1001, "bye"))
        assert ws.recv() == "1"
        peer.read_close()
        if peer.masked:
            peer.read_eof()
        peer.close()
        assert ws.wait_closed(10)
        assert ws.state is State.CLOSED
        assert [ws.recv(), ws.recv()] == ["2", "3"]
        with pytest.raises(ConnectionClosedOK):
            ws.recv()
        assert (ws.close_code, ws.close_reason) == (1001, "bye")


@both_sides
def test_iterating(connection):
    with connection() as (ws, peer):
        peer.send(TEXT, b"1")
        peer.send(TEXT, b"2")
        peer.send(CLOSE, close_payload(1000))
        closing = Task(peer.leave)
        assert list(ws) == ["1", "2"]
        closing.result()


@both_sides
def test_iterating_to_an_end_that_is_an_error(connection):
    with connection() as (ws, peer):
        peer.send(TEXT, b"1")
        peer.close()
        messages = []
        with pytest.raises(ConnectionClosedError) as caught:
            for message in ws:
                messages.append(message)
        assert messages == ["1"]
        assert str(caught.value) == "no close frame received or sent"
        assert isinstance(caught.value.__cause__, (EOFError, ConnectionError))


@both_sides
def test_a_message_in_fragments(connection):
    with connection() as (ws, peer):
        peer.send(TEXT, b"caf\xc3", fin=False)
        peer.send(CONTINUATION, b"\xa9", fin=False)
        peer.send(CONTINUATION, b"")
        peer.send(BINARY, b"whole")
        assert list(ws.recv_streaming()) == ["caf", "é", ""]
        assert list(ws.recv_streaming()) == [b"whole"]


@both_sides
def test_all_fragments_have_to_be_taken(connection):
    with connection() as (ws, peer):
        peer.send(TEXT, b"1", fin=False)
        peer.send(CONTINUATION, b"2")
        fragments = ws.recv_streaming()
        assert next(fragments) == "1"
        with pytest.raises(ConcurrencyError):
            ws.recv()
        with pytest.raises(ConcurrencyError):
            next(ws.recv_streaming())
        assert list(fragments) == ["2"]
        peer.send(TEXT, b"next")
        assert ws.recv() == "next"


@both_sides
def test_a_message_of_very_many_frames(connection):
    with connection() as (ws, peer):
        frames = [frame(TEXT, b"x", fin=False, masked=peer.masked)]
        frames += [frame(CONTINUATION, b"x", fin=False, masked=peer.masked)] * 4096
        task = Task(peer.write, b"".join(frames))
        closing = Task(peer.answer_close)
        with pytest.raises(ConnectionClosedError) as caught:
            ws.recv()
        assert isinstance(caught.value.__cause__, TooManyFragments)
        assert closing.result() == (1009, "too many fragments")
        task.result()


@both_sides
def test_a_full_inbox_stops_reading(connection):
    with connection(max_queue=4) as (ws, peer), client_and_peer() as (_, another):
        size = 500_000
        count = 40
        task = Task(lambda: [peer.send(BINARY, bytes([i]) * size) for i in range(count)])
        assert ws.recv() == bytes(1) * size
        # The same thread reads both: while it answers so many pings, it could read all of that.
        pings = 0
        while pings < 1000:
            another.send(PING, b"x")
            assert another.read() == (0x80 | PONG, b"x")
            pings += len(ws.recv_messages) >= 3  # there were four, maybe before one was taken
        assert not task.done()
        for i in range(1, count):
            assert ws.recv() == bytes([i]) * size
        task.result()


@both_sides
def test_who_waits_learns_that_it_is_closed(connection):
    with connection() as (ws, peer):
        task = Task(ws.recv)
        blocked(task, "recv")
        closing = Task(ws.close, 1001, "enough")
        assert peer.answer_close() == (1001, "enough")
        closing.result()
        with pytest.raises(ConnectionClosedOK):
            task.result()


def test_iterating_calls_an_overridden_recv():
    class Loud(ClientConnection):
        def recv(self, *args, **kwargs):
            return super().recv(*args, **kwargs).upper()

    with client_and_peer(create_connection=Loud) as (ws, peer):
        peer.send(TEXT, b"x")
        peer.send(CLOSE, close_payload(1000))
        assert list(ws) == ["X"]
