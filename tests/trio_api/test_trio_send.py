"""
Sending on trio: whole messages, fragmented ones, several at once, and broadcasts.
"""

import pytest
from on_trio import (
    ExceptionGroup,
    Started,
    both_sides,
    client_and_peer,
    on_trio,
    server_and_peer,
    trio,
    turns,
)
from peer import BINARY, CLOSE, PING, TEXT, close_payload
from todays import Records
from trio.testing import lockstep_stream_pair

from websockets.exceptions import ConcurrencyError, ConnectionClosedError, ProtocolError
from websockets.trio.server import broadcast

CONT = 0
FIN = 0x80


async def one_by_one(*items):
    for item in items:
        yield item


class Dripping:
    """A message in fragments that come when a test says so; None is the end."""

    def __init__(self):
        self.put, self.items = trio.open_memory_channel(10)

    def __aiter__(self):
        return self

    async def __anext__(self):
        item = await self.items.receive()
        if item is None:
            raise StopAsyncIteration
        return item


@both_sides
@pytest.mark.parametrize(
    "message, options, opcode, payload",
    [
        ("é", {}, TEXT, "é".encode()),
        ("", {}, TEXT, b""),
        (b"\xff", {}, BINARY, b"\xff"),
        (bytearray(b"a"), {}, BINARY, b"a"),
        (memoryview(b"abcd")[::2], {}, BINARY, b"ac"),
        ("é", {"text": False}, BINARY, "é".encode()),
        ("é", {"text": True}, TEXT, "é".encode()),
        (b"a", {"text": True}, TEXT, b"a"),
        (bytearray(b"a"), {"text": True}, TEXT, b"a"),
        (b"a", {"text": False}, BINARY, b"a"),
    ],
)
@on_trio
async def test_what_a_message_is_sent_as(connection, message, options, opcode, payload):
    async with connection() as (ws, peer):
        await ws.send(message, **options)
        assert await peer.read() == (FIN | opcode, payload)


@both_sides
@pytest.mark.parametrize("make", [list, tuple, iter, lambda items: one_by_one(*items)])
@on_trio
async def test_a_frame_for_each_item_and_an_empty_one(connection, make):
    async with connection() as (ws, peer):
        await ws.send(make(["a", "b"]))
        assert [await peer.read() for _ in range(3)] == [(TEXT, b"a"), (CONT, b"b"), (FIN, b"")]
        await ws.send(make([b"a", bytearray(b"b"), memoryview(b"c")]))
        frames = [(BINARY, b"a"), (CONT, b"b"), (CONT, b"c"), (FIN, b"")]
        assert [await peer.read() for _ in range(4)] == frames
        await ws.send(make(["a"]), text=False)
        assert [await peer.read() for _ in range(2)] == [(BINARY, b"a"), (FIN, b"")]
        await ws.send(make([b"a"]), text=True)
        assert [await peer.read() for _ in range(2)] == [(TEXT, b"a"), (FIN, b"")]
        await ws.send(make([]))
        await ws.send("behind nothing")
        assert await peer.read() == (FIN | TEXT, b"behind nothing")


@both_sides
@pytest.mark.parametrize(
    "message, text",
    [
        ({"a": 1}, "data is a dict-like object"),
        (1, "data must be str, bytes, iterable, or async iterable"),
        (None, "data must be str, bytes, iterable, or async iterable"),
    ],
)
@on_trio
async def test_what_is_no_message_changes_nothing(connection, message, text):
    async with connection() as (ws, peer):
        with pytest.raises(TypeError) as raised:
            await ws.send(message)
        assert str(raised.value) == text
        await ws.send("a message")
        assert await peer.read() == (FIN | TEXT, b"a message")


WRONG = {
    "another kind": (["a", b"b"], "iterable must contain uniform types"),
    "no kind at first": ([1], "iterable must contain bytes or str"),
    "no kind later": (["a", 1], "iterable must contain uniform types"),
    "nested": ([["a"]], "iterable must contain bytes or str"),
}


@both_sides
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("items, text", WRONG.values(), ids=WRONG)
@on_trio
async def test_wrong_items_fail_the_connection(connection, items, text, asynchronous):
    async with connection() as (ws, peer):
        message = one_by_one(*items) if asynchronous else items
        sending = Started(ws.send(message))
        assert await peer.read_close() == (1011, "error in fragmented message")
        assert not sending.done()
        await peer.send(CLOSE, close_payload(1011))
        await peer.close()
        with pytest.raises(TypeError) as raised:
            await sending
        assert str(raised.value) == "async " * asynchronous + text
        assert ws.state.name == "CLOSED"


@both_sides
@on_trio
async def test_an_iterator_that_fails(connection):
    async with connection() as (ws, peer):
        with pytest.raises(ZeroDivisionError):
            await ws.send(1 // 0 for _ in "x")
        assert ws.state.name == "OPEN"
        sending = Started(ws.send("" if i else str(1 // i) for i in (1, 0)))
        assert await peer.read_close() == (1011, "error in fragmented message")
        await peer.close()
        with pytest.raises(ZeroDivisionError):
            await sending


@both_sides
@on_trio
async def test_wrong_items_and_a_peer_that_does_not_end(connection):
    async with connection(close_timeout=0.05) as (ws, peer):
        with pytest.raises(ConnectionClosedError) as raised:
            await ws.send([1])
        assert str(raised.value) == (
            "sent 1011 (internal error) error in fragmented message; no close frame received"
        )
        assert str(raised.value.__cause__) == "timed out while closing connection"


# Several at once


@both_sides
@on_trio
async def test_others_wait_for_a_message_in_fragments(connection):
    async with connection() as (ws, peer):
        message = Dripping()
        first = Started(ws.send(message))
        message.put.send_nowait("a")
        await turns()
        others = []
        for data in ("b", b"c", ["d"]):
            others.append(Started(ws.send(data)))
            await turns()
        await ws.ping(b"a ping doesn't wait")
        assert await peer.read() == (TEXT, b"a")
        assert await peer.read() == (FIN | PING, b"a ping doesn't wait")
        assert not any(other.done() for other in others)
        message.put.send_nowait(None)
        for task in (first, *others):
            await task
        assert [await peer.read() for _ in range(5)] == [
            (FIN, b""),
            (FIN | TEXT, b"b"),
            (FIN | BINARY, b"c"),
            (TEXT, b"d"),
            (FIN, b""),
        ]


@both_sides
@on_trio
async def test_a_plain_message_is_written_though_send_is_cancelled(connection):
    async with connection(pair=lockstep_stream_pair) as (ws, peer):
        sending = Started(ws.send("x" * 100))
        await turns()
        assert not sending.done()
        sending.cancel()
        waiting = Started(ws.send("behind it"))
        never = Started(ws.send("never"))
        await turns()
        assert sending.cancelled() and not waiting.done()
        never.cancel()
        await turns()
        assert await peer.read() == (FIN | TEXT, b"x" * 100)
        assert await peer.read() == (FIN | TEXT, b"behind it")
        await waiting
        pinging = Started(ws.ping("last"))
        assert await peer.read() == (FIN | PING, b"last")
        await pinging
        await peer.close()


@both_sides
@on_trio
async def test_a_fragmented_message_that_is_cancelled_stays_unfinished(connection):
    records = Records()
    async with connection(logger=records.logger) as (ws, peer):
        message = Dripping()
        sending = Started(ws.send(message))
        message.put.send_nowait("a")
        assert await peer.read() == (TEXT, b"a")
        waiting = Started(ws.send("waits"))
        await turns()
        sending.cancel()
        with pytest.raises(ProtocolError):
            await waiting
        assert sending.cancelled() and ws.state.name == "OPEN"
        for data in ("x", b"x"):
            with pytest.raises(ProtocolError) as raised:
                await ws.send(data)
            assert str(raised.value) == "expected a continuation frame"
        await broadcast([ws], "x")
        assert records.lines[-1] == (
            "WARNING skipped broadcast: failed to write message: "
            "ProtocolError: expected a continuation frame"
        )
        await ws.ping(b"still there")
        assert await peer.read() == (FIN | PING, b"still there")
        closing = Started(ws.aclose())
        assert await peer.read_close() == (1000, "")
        await peer.close()
        await closing


@both_sides
@on_trio
async def test_another_fragmented_message_behind_one_that_was_cancelled(connection):
    async with connection(close_timeout=1) as (ws, peer):
        message = Dripping()
        sending = Started(ws.send(message))
        message.put.send_nowait("a")
        await peer.read()
        sending.cancel()
        await turns()
        sending = Started(ws.send(["x"]))
        assert await peer.read_close() == (1011, "error in fragmented message")
        await peer.close()
        with pytest.raises(ProtocolError):
            await sending


@both_sides
@on_trio
async def test_one_that_is_cancelled_before_it_begins_leaves_another_as_it_is(connection):
    async with connection() as (ws, peer):
        message = Dripping()
        first = Started(ws.send(message))
        message.put.send_nowait("a")
        assert await peer.read() == (TEXT, b"a")
        second = Started(ws.send(Dripping()))
        await turns()
        second.cancel()
        await turns()
        with pytest.raises(ExceptionGroup):
            await broadcast([ws], "skipped", raise_exceptions=True)
        message.put.send_nowait(None)
        await first
        assert await peer.read() == (FIN, b"")


@both_sides
@on_trio
async def test_cancelling_before_the_first_fragment_changes_nothing(connection):
    async with connection() as (ws, peer):
        sending = Started(ws.send(Dripping()))
        await turns()
        sending.cancel()
        await turns()
        await ws.send("x")
        assert await peer.read() == (FIN | TEXT, b"x")


@both_sides
@on_trio
async def test_closing_during_a_fragmented_message(connection):
    async with connection() as (ws, peer):
        message = Dripping()
        sending = Started(ws.send(message))
        message.put.send_nowait("a")
        await peer.read()
        with pytest.raises(ProtocolError):
            await ws.aclose(1006)
        closing = Started(ws.aclose())
        assert await peer.read_close() == (1011, "close during fragmented message")
        await peer.close()
        await closing
        message.put.send_nowait("b")
        with pytest.raises(ConnectionClosedError):
            await sending


@both_sides
@on_trio
async def test_sending_waits_for_the_end_of_a_connection_that_closes(connection):
    async with connection() as (ws, peer):
        closing = Started(ws.aclose())
        await turns()
        sending = [Started(it) for it in (ws.send("x"), ws.ping(), ws.pong())]
        sending.append(Started(ws.send(["x"])))
        await turns()
        assert not any(task.done() for task in sending)
        await peer.end()
        await closing
        for task in sending:
            with pytest.raises(Exception, match=r"sent 1000 \(OK\); then received 1000 \(OK\)"):
                await task


# Broadcasts


@both_sides
@on_trio
async def test_a_broadcast(connection):
    async with connection() as (ws, peer):
        for message, options, frame in [
            ("é", {}, (FIN | TEXT, "é".encode())),
            (b"b", {}, (FIN | BINARY, b"b")),
            (bytearray(b"b"), {}, (FIN | BINARY, b"b")),
            (memoryview(b"b"), {}, (FIN | BINARY, b"b")),
            ("t", {"text": False}, (FIN | BINARY, b"t")),
            (b"t", {"text": True}, (FIN | TEXT, b"t")),
        ]:
            assert await broadcast({ws}, message, **options) is None
            assert await peer.read() == frame


@on_trio
async def test_what_can_not_be_broadcast():
    for message in (1, None, ["a"], {"a": 1}):
        with pytest.raises(TypeError) as raised:
            await broadcast([], message)
        assert str(raised.value) == "data must be str or bytes"


@on_trio
async def test_a_broadcast_passes_over_connections_that_are_not_open():
    async with client_and_peer() as (closing, peer), server_and_peer() as (ws, other):
        task = Started(closing.aclose())
        await turns()
        await broadcast([closing, ws], "x", raise_exceptions=True)
        assert await other.read() == (FIN | TEXT, b"x")
        await peer.end()
        await task


@both_sides
@on_trio
async def test_a_broadcast_in_the_middle_of_a_fragmented_message(connection):
    records = Records()
    async with connection(logger=records.logger) as (ws, peer):
        message = Dripping()
        sending = Started(ws.send(message))
        message.put.send_nowait("a")
        await turns()
        await broadcast([ws], "skipped")
        assert records.lines[-1] == "WARNING skipped broadcast: sending a fragmented message"
        with pytest.raises(ExceptionGroup) as raised:
            await broadcast([ws], "skipped", raise_exceptions=True)
        assert raised.value.message == "skipped broadcast"
        [exc] = raised.value.exceptions
        assert isinstance(exc, ConcurrencyError)
        assert str(exc) == "sending a fragmented message"
        message.put.send_nowait(None)
        await sending
