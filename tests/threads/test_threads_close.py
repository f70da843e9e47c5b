"""
What connections for threads state of their end.
"""

import logging
import threading
import time

import pytest
from cases import SIZES, UNSENDABLE_CODES, VIOLATIONS
from peer import BINARY, CLOSE, PING, PONG, TEXT, close_payload, frame
from threads import Task, blocked, both_sides, client_and_peer

from websockets.exceptions import (
    ConnectionClosedError,
    ConnectionClosedOK,
    PayloadTooBig,
    ProtocolError,
)
from websockets.protocol import State

CONTINUATION = 0


@both_sides
@pytest.mark.parametrize("code, reason", [(1000, ""), (1001, "bye"), (4000, "é" * 61)])
def test_closing(connection, code, reason):
    with connection() as (ws, peer):
        task = Task(peer.answer_close)
        assert ws.close_code is None and ws.close_reason is None
        with pytest.raises(AssertionError, match="connection isn't closed yet"):
            ws.close_exc  # noqa: B018
        ws.close(code, reason)
        assert task.result() == (code, reason)
        assert ws.state is State.CLOSED
        assert (ws.close_code, ws.close_reason) == (code, reason)
        assert ws.close_exc.rcvd_then_sent is False
        with pytest.raises(OSError):
            ws.local_address  # noqa: B018
        with pytest.raises(OSError):
            ws.remote_address  # noqa: B018
        assert ws.socket.fileno() == -1
        ws.close(1011, "again")
        assert ws.wait_closed() is True


@both_sides
def test_the_peer_closes(connection):
    with connection() as (ws, peer):
        peer.send(CLOSE, close_payload(1001, "bye"))
        # Nobody calls a method of the connection.
        assert peer.read_close() == (1001, "bye")
        if peer.masked:
            peer.leave()
        assert ws.wait_closed(10) is True
        assert (ws.close_code, ws.close_reason) == (1001, "bye")
        assert ws.close_exc.rcvd_then_sent is True


@both_sides
def test_waiting_for_the_end(connection):
    with connection() as (ws, peer):
        assert ws.wait_closed(0.01) is False
        assert ws.wait_closed(0) is False
        task = Task(ws.wait_closed)
        blocked(task, "wait_closed")
        peer.close()
        assert task.result() is True
        assert ws.close_code == 1006 and ws.close_reason == ""


@both_sides
@pytest.mark.parametrize("code", UNSENDABLE_CODES)
def test_codes_that_can_not_be_sent(connection, code):
    with connection() as (ws, peer):
        with pytest.raises(ProtocolError, match="invalid status code"):
            ws.close(code)
        with pytest.raises(ProtocolError, match="control frame too long"):
            ws.close(1000, "x" * 124)
        ws.send("x")
        assert peer.read() == (0x80 | TEXT, b"x")


@both_sides
@pytest.mark.parametrize("answers", [False, True])
def test_close_timeout_is_for_all_of_it(connection, answers):
    with connection(close_timeout=0.1) as (ws, peer):
        task = Task(peer.read_close)
        closing = Task(ws.close)
        task.result()
        if answers:
            # And no end of TCP.
            peer.write(frame(CLOSE, close_payload(1000), masked=peer.masked))
        closing.result()
        assert ws.state is State.CLOSED
        assert ws.close_code == (1000 if answers else 1006)
        with pytest.raises((ConnectionClosedError, ConnectionClosedOK)) as caught:
            ws.recv()
        assert isinstance(caught.value.__cause__, TimeoutError)
        assert str(caught.value.__cause__) == "timed out while closing connection"


@both_sides
def test_no_time_at_all(connection):
    with connection(close_timeout=0) as (ws, peer):
        ws.close()
        assert ws.state is State.CLOSED
        assert peer.read_close() == (1000, "")


@both_sides
def test_closing_takes_no_longer_because_a_thread_receives(connection):
    with connection(close_timeout=0.1) as (ws, peer):
        task = Task(ws.recv)
        blocked(task, "recv")
        ws.close()
        with pytest.raises(ConnectionClosedError):
            task.result()


@both_sides
def test_closing_while_the_peer_does_not_read(connection):
    with connection(close_timeout=0.1) as (ws, peer):
        task = Task(ws.send, bytes(20_000_000))
        blocked(task, "send")
        ws.close()
        with pytest.raises(ConnectionClosedError):
            task.result()
        assert ws.close_code == 1006


@both_sides
def test_messages_that_come_while_it_closes_can_be_read(connection):
    with connection() as (ws, peer):
        task = Task(ws.close)
        peer.read_close()
        peer.send(TEXT, b"late")
        peer.send(CLOSE, close_payload(1000))
        peer.leave()
        task.result()
        assert ws.recv() == "late"
        with pytest.raises(ConnectionClosedOK):
            ws.recv()


@both_sides
def test_many_messages_that_come_while_it_closes(connection):
    with connection(max_queue=2) as (ws, peer):
        task = Task(ws.close)
        peer.read_close()
        for i in range(100):
            peer.send(BINARY, bytes([i]) * 1000)
        peer.send(CLOSE, close_payload(1000))
        peer.leave()
        task.result()
        assert ws.close_code == 1000


@both_sides
def test_answers_leave_before_the_close_frame(connection):
    with connection() as (ws, peer):
        for i in range(10):
            peer.send(TEXT, b"%d" % i)
        peer.send(CLOSE, close_payload(1000))
        closing = Task(lambda: [peer.read() for _ in range(11)])
        for message in [ws.recv() for _ in range(1)]:
            ws.send(message)
        for _ in range(9):
            ws.send(ws.recv())
        assert closing.result()[:10] == [(0x80 | TEXT, b"%d" % i) for i in range(10)]


@both_sides
def test_the_first_who_closes_says_how(connection):
    with connection() as (ws, peer):
        first = Task(ws.close, 1001, "first")
        code = peer.read_close()
        second = Task(ws.close, 1002, "second")
        peer.send(CLOSE, close_payload(1001))
        peer.leave()
        first.result()
        second.result()
        assert code == (1001, "first")
        assert ws.close_exc.sent.code == 1001


@both_sides
@pytest.mark.parametrize("exc", [None, ValueError, KeyboardInterrupt])
def test_a_context_closes(connection, exc):
    with connection() as (ws, peer):
        task = Task(peer.answer_close)
        try:
            with ws as entered:
                assert entered is ws
                if exc is not None:
                    raise exc
        except BaseException as raised:
            assert type(raised) is exc
        assert task.result() == (1000 if exc is None else 1011, "")


@both_sides
@pytest.mark.parametrize("arguments, options, code, text", VIOLATIONS.values(), ids=VIOLATIONS)
@pytest.mark.parametrize("receives", [False, True])
def test_violations(connection, arguments, options, code, text, receives):
    with connection(max_size=10) as (ws, peer):
        task = Task(ws.recv) if receives else None
        peer.write(frame(*arguments, masked=peer.masked, **options))
        assert peer.read_close() == (code, text)
        peer.close()
        assert ws.wait_closed(10)
        with pytest.raises(ConnectionClosedError) as caught:
            if task is None:
                ws.recv()
            else:
                task.result()
        kind = {1002: ProtocolError, 1007: UnicodeDecodeError, 1009: PayloadTooBig}[code]
        assert isinstance(caught.value.__cause__, kind)


@both_sides
@pytest.mark.parametrize("limits, sizes, text", SIZES)
def test_limits_of_size(connection, limits, sizes, text):
    with connection(max_size=limits) as (ws, peer):
        for i, size in enumerate(sizes):
            peer.send(0 if i else BINARY, bytes(size), fin=i == len(sizes) - 1)
        assert peer.read_close() == (1009, text)
        peer.close()
        with pytest.raises(ConnectionClosedError) as caught:
            ws.recv()
        assert isinstance(caught.value.__cause__, PayloadTooBig)


def test_a_client_that_fails_a_connection_waits_for_the_server_to_end_it():
    with client_and_peer(close_timeout=0.1) as (ws, peer):
        peer.send(CONTINUATION)
        assert ws.wait_closed(10)
        assert ws.close_exc.sent.code == 1002
        assert peer.read_close()[0] == 1002


@both_sides
def test_a_connection_that_the_program_drops(connection):
    with connection() as (ws, peer):
        task = Task(ws.recv)
        blocked(task, "recv")
        ws.close_socket()
        with pytest.raises(ConnectionClosedError):
            task.result()
        assert ws.close_code == 1006
        peer.read_eof()


@both_sides
def test_pings_regularly(connection):
    with connection(ping_interval=0.02) as (ws, peer):
        for _ in range(3):
            byte0, payload = peer.read()
            assert byte0 == 0x80 | PING and len(payload) == 4
            peer.send(PONG, payload)
        assert ws.keepalive_thread.is_alive()
        task = Task(peer.answer_close)
        ws.close()
        task.result()
        assert ws.latency > 0
        assert not ws.keepalive_thread.is_alive()
        ws.keepalive_thread.join()
        ws.recv_events_thread.join()


@both_sides
@pytest.mark.parametrize("receives", [False, True])
def test_a_peer_that_does_not_answer_is_given_up(connection, receives):
    with connection(ping_interval=0.02, ping_timeout=0.02, close_timeout=1) as (ws, peer):
        task = Task(ws.recv) if receives else None
        assert peer.read_close() == (1011, "keepalive ping timeout")
        peer.close()
        assert ws.wait_closed(10)
        with pytest.raises(ConnectionClosedError) as caught:
            task.result() if receives else ws.recv()
        assert str(caught.value) == (
            "sent 1011 (internal error) keepalive ping timeout; no close frame received"
        )


@both_sides
def test_a_peer_that_takes_what_waits_for_it_lives(connection):
    with connection(ping_interval=0.02, ping_timeout=1, close_timeout=0.1) as (ws, peer):
        task = Task(ws.send, bytes(80_000_000))  # more than the system keeps
        begun = time.monotonic()
        while time.monotonic() - begun < 2.5:
            # So much leaves room for more, as the system sees it.
            peer.read_exactly(2_000_000)
            time.sleep(0.1)
        assert ws.state is State.OPEN and not task.done()
        with pytest.raises(ConnectionClosedError, match="keepalive ping timeout"):
            task.result()


@both_sides
def test_without_ping_interval_there_is_no_keepalive(connection):
    with connection(ping_interval=None) as (ws, peer):
        assert ws.keepalive_thread is None
        assert ws.recv_events_thread.is_alive()


def test_what_a_server_logs_and_a_client_does_not(caplog):
    caplog.set_level(logging.INFO)
    from threads import echo, serving, uri_of

    from websockets.sync.client import connect

    with serving(echo) as server:
        with connect(uri_of(server), proxy=None):
            pass
    messages = [(record.name, record.message) for record in caplog.records]
    port = server_port(messages)
    # The client may learn that it is closed before the server does.
    assert sorted(messages) == sorted(
        [
            ("websockets.server", f"server listening on 127.0.0.1:{port}"),
            ("websockets.server", "connection open"),
            ("websockets.server", "connection closed"),
            ("websockets.server", "server closing"),
            ("websockets.server", "server closed"),
        ]
    )


def server_port(messages):
    return int(messages[0][1].rpartition(":")[2])


@both_sides
def test_frames_and_states_in_logs(connection, caplog):
    caplog.set_level(logging.DEBUG)
    with connection() as (ws, peer):
        ws.send("hello")
        peer.read()
        peer.send(TEXT, b"there")
        ws.recv()
        task = Task(peer.answer_close)
        ws.close()
        task.result()
    for line in (
        "= connection is OPEN",
        "> TEXT 'hello' [5 bytes]",
        "< TEXT 'there' [5 bytes]",
        "> CLOSE 1000 (OK) [2 bytes]",
        "< CLOSE 1000 (OK) [2 bytes]",
        "= connection is CLOSING",
        "= connection is CLOSED",
    ):
        assert any(record.getMessage() == line for record in caplog.records), line


@both_sides
def test_pings_and_pongs(connection):
    with connection() as (ws, peer):
        pong = ws.ping("hé")
        assert isinstance(pong, threading.Event)
        assert peer.read() == (0x80 | PING, "hé".encode())
        assert not pong.wait(0.01)
        earlier = pong
        later = ws.ping()
        byte0, payload = peer.read()
        assert len(payload) == 4
        peer.send(PONG, payload)
        assert later.wait(10)
        assert earlier.is_set()
        assert ws.latency > 0
        ws.pong(b"x")
        assert peer.read() == (0x80 | PONG, b"x")


@both_sides
def test_a_pong_comes_at_once_to_who_waits_for_it(connection):
    with connection() as (ws, peer):
        task = Task(ws.recv)
        blocked(task, "recv")
        pong = ws.ping(b"x")
        peer.read()
        peer.send(PONG, b"x")
        assert pong.wait(10)
        waiting = Task(ws.ping(b"y").wait, 10)
        peer.read()
        peer.send(TEXT, b"message")
        assert task.result() == "message"
        peer.send(PONG, b"y")
        assert waiting.result()


@both_sides
def test_a_ping_is_answered_without_the_program(connection):
    with connection() as (ws, peer):
        for _ in range(3):
            peer.send(PING, b"x")
            assert peer.read() == (0x80 | PONG, b"x")
            peer.send(TEXT, b"message")
            assert ws.recv() == "message"


@both_sides
def test_pings_that_nobody_will_answer_any_more(connection):
    with connection() as (ws, peer):
        silent, told = ws.ping(), ws.ping(ack_on_close=True)
        peer.close()
        assert told.wait(10)
        assert not silent.is_set()
        assert not silent.wait(0.01)


@both_sides
def test_two_pings_with_the_same_data(connection):
    with connection() as (ws, peer):
        ws.ping(b"x")
        with pytest.raises(RuntimeError, match="already waiting for a pong with the same data"):
            ws.ping("x")
        with pytest.raises(TypeError, match="data must be str or bytes-like"):
            ws.ping(1)
        with pytest.raises(ProtocolError, match="control frame too long"):
            ws.ping(b"x" * 126)


def test_closing_takes_no_time():
    with client_and_peer() as (ws, peer):
        task = Task(peer.answer_close)
        start = time.monotonic()
        ws.close()
        assert time.monotonic() - start < 5
        task.result()
