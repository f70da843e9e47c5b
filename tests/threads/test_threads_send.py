"""
What connections for threads state of sending.
"""

import pytest
from cases import MESSAGES, WRONG_ITEMS
from peer import BINARY, CLOSE, PING, PONG, TEXT, close_payload
from threads import Task, blocked, both_sides, serving, uri_of

from websockets.exceptions import (
    ConcurrencyError,
    ConnectionClosedError,
    ConnectionClosedOK,
    ProtocolError,
)
from websockets.protocol import State
from websockets.sync.client import connect
from websockets.sync.server import broadcast

CONTINUATION = 0


@both_sides
@pytest.mark.parametrize(
    "message, options, opcode, payload", [*MESSAGES, (b"x" * 100_000, {}, BINARY, b"x" * 100_000)]
)
def test_what_a_message_is_sent_as(connection, message, options, opcode, payload):
    with connection() as (ws, peer):
        task = Task(peer.read)
        ws.send(message, **options)
        assert task.result() == (0x80 | opcode, payload)


@both_sides
def test_a_frame_for_each_item_and_an_empty_one(connection):
    with connection() as (ws, peer):
        ws.send(iter(["a", "b"]))
        assert [peer.read() for _ in range(3)] == [
            (TEXT, b"a"),
            (CONTINUATION, b"b"),
            (0x80 | CONTINUATION, b""),
        ]
        ws.send([b"a"], text=True)
        assert [peer.read(), peer.read()] == [(TEXT, b"a"), (0x80 | CONTINUATION, b"")]
        ws.send([])
        ws.send("next")
        assert peer.read() == (0x80 | TEXT, b"next")


@both_sides
@pytest.mark.parametrize(
    "message, text",
    [({"a": 1}, "data is a dict-like object"), (1, "data must be str, bytes, or iterable")],
)
def test_what_is_no_message_changes_nothing(connection, message, text):
    with connection() as (ws, peer):
        with pytest.raises(TypeError, match=f"^{text}$"):
            ws.send(message)
        ws.send("x")
        assert peer.read() == (0x80 | TEXT, b"x")


@both_sides
@pytest.mark.parametrize("items, text", WRONG_ITEMS.values(), ids=WRONG_ITEMS)
def test_wrong_items_fail_the_connection(connection, items, text):
    with connection() as (ws, peer):
        task = Task(peer.answer_close)
        with pytest.raises(TypeError, match=f"^{text}$"):
            ws.send(items)
        assert task.result() == (1011, "error in fragmented message")
        assert ws.state is State.CLOSED


@both_sides
def test_an_iterator_that_fails(connection):
    def items():
        yield "a"
        raise LookupError("mine")

    with connection() as (ws, peer):
        task = Task(peer.answer_close)
        with pytest.raises(LookupError, match="mine"):
            ws.send(items())
        assert task.result() == (1011, "error in fragmented message")


@both_sides
def test_another_thread_can_not_send_in_the_middle_of_a_message(connection):
    with connection() as (ws, peer):

        def items():
            yield "a"
            text = "^cannot call send while another thread is already running send$"
            for message in ("x", b"x", ["x"]):
                with pytest.raises(ConcurrencyError, match=text):
                    ws.send(message)
            yield "b"

        ws.send(items())
        assert [peer.read() for _ in range(3)] == [
            (TEXT, b"a"),
            (CONTINUATION, b"b"),
            (0x80 | CONTINUATION, b""),
        ]
        ws.send("next")
        assert peer.read() == (0x80 | TEXT, b"next")


@both_sides
def test_an_interrupt_in_the_middle_of_a_message_leaves_it_unfinished(connection):
    def items():
        yield "a"
        raise KeyboardInterrupt

    with connection() as (ws, peer):
        with pytest.raises(KeyboardInterrupt):
            ws.send(items())
        assert ws.state is State.OPEN
        for message in ("x", ["x"]):
            with pytest.raises(ProtocolError, match="^expected a continuation frame$"):
                ws.send(message)
        peer.send(TEXT, b"still")
        assert ws.recv() == "still"


@both_sides
def test_closing_during_a_fragmented_message(connection):
    with connection() as (ws, peer):

        def items():
            yield "a"
            task = Task(peer.answer_close)
            ws.close()
            assert task.result() == (1011, "close during fragmented message")
            yield "b"

        with pytest.raises(ConnectionClosedError):
            ws.send(items())


@both_sides
def test_sending_waits_while_the_peer_does_not_read(connection):
    with connection() as (ws, peer):
        count, size = 20, 1_000_000
        task = Task(lambda: [ws.send(bytes([i]) * size) for i in range(count)])
        blocked(task, "send")
        for i in range(count):
            assert peer.read() == (0x80 | BINARY, bytes([i]) * size)
            # What is left for a system's buffers is more than they have room for.
            assert i >= count // 4 or not task.done()
        task.result()


@both_sides
def test_who_waits_to_send_answers_pings(connection):
    with connection() as (ws, peer):
        task = Task(ws.send, bytes(20_000_000))
        blocked(task, "send")
        peer.send(PING, b"1")
        peer.send(PING, b"2")
        assert peer.read() == (0x80 | BINARY, bytes(20_000_000))
        task.result()
        byte0, payload = peer.read()
        assert byte0 == 0x80 | PONG
        if payload == b"1":
            assert peer.read() == (0x80 | PONG, b"2")
        else:
            assert payload == b"2"


@both_sides
def test_many_threads_send(connection):
    with connection() as (ws, peer):
        threads, count = 8, 60
        sizes = [1, 100, 70_000]
        tasks = [
            Task(
                lambda i=i: [
                    ws.send(bytes([i, j]) * sizes[(i + j) % len(sizes)]) for j in range(count)
                ]
            )
            for i in range(threads)
        ]
        heard = {i: [] for i in range(threads)}
        for _ in range(threads * count):
            byte0, payload = peer.read()
            assert byte0 == 0x80 | BINARY
            i, j = payload[:2]
            assert payload == bytes([i, j]) * sizes[(i + j) % len(sizes)]
            heard[i].append(j)
        assert heard == {i: list(range(count)) for i in range(threads)}
        for task in tasks:
            task.result()


def test_two_sides_that_both_send_before_they_receive():
    def handler(connection):
        connection.send(bytes(8_000_000))
        connection.send(connection.recv())

    with serving(handler, max_size=None) as server:
        with connect(uri_of(server), max_size=None, compression=None, proxy=None) as ws:
            ws.send(b"x" * 8_000_000)
            assert ws.recv() == bytes(8_000_000)
            assert ws.recv() == b"x" * 8_000_000


@both_sides
def test_sending_on_a_connection_that_is_closed(connection):
    with connection() as (ws, peer):
        peer.send(CLOSE, close_payload(1001, "bye"))
        peer.leave()
        with pytest.raises(ConnectionClosedOK) as caught:
            while True:
                ws.send("x")
        assert "received 1001 (going away) bye" in str(caught.value)
        with pytest.raises(ConnectionClosedOK):
            ws.send(b"x", text=True)
        with pytest.raises(ConnectionClosedOK):
            ws.send(["x"])


@both_sides
def test_sending_where_the_peer_has_gone(connection):
    with connection() as (ws, peer):
        peer.close()
        with pytest.raises(ConnectionClosedError) as caught:
            while True:
                ws.send("x")
        assert isinstance(caught.value.__cause__, (EOFError, OSError))


def test_a_broadcast():
    def handler(connection):
        for _ in connection:
            broadcast(server.connections, "all", max_workers=3)

    with serving(handler) as server:
        with connect(uri_of(server), proxy=None) as one, connect(uri_of(server), proxy=None) as two:
            one.send("x")
            two.send("x")
            assert [one.recv(), one.recv()] == ["all"] * 2
            assert [two.recv(), two.recv()] == ["all"] * 2


def test_what_can_not_be_broadcast():
    with pytest.raises(TypeError, match="^data must be str or bytes$"):
        broadcast([], 1)


@both_sides
def test_a_broadcast_in_the_middle_of_a_fragmented_message(connection, caplog):
    with connection() as (ws, peer):

        def items():
            yield "a"
            broadcast([ws], "x")

        ws.send(items())
        assert "skipped broadcast: sending a fragmented message" in caplog.text
