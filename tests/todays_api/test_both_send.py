"""
Sending on asyncio and on trio: whole messages, fragmented ones, several at once, and broadcasts.
"""

import pytest
from both import (
    Dripping,
    ExceptionGroup,
    both_sides,
    broadcast,
    client_and_peer,
    close,
    has_groups,
    server_and_peer,
    started,
    turns,
)
from cases import MESSAGES, WRONG_ITEMS
from peer import BINARY, CLOSE, PING, TEXT, close_payload
from todays import Records

from websockets.exceptions import ConcurrencyError, ConnectionClosedError, ProtocolError

pytestmark = pytest.mark.and_trio


CONT = 0


FIN = 0x80


async def one_by_one(*items):
    for item in items:
        yield item


@both_sides
@pytest.mark.parametrize("message, options, opcode, payload", MESSAGES)
async def test_what_a_message_is_sent_as(connection, message, options, opcode, payload):
    async with connection() as (ws, peer):
        await ws.send(message, **options)
        assert await peer.read() == (FIN | opcode, payload)


@both_sides
@pytest.mark.parametrize("make", [list, tuple, iter, lambda items: one_by_one(*items)])
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
async def test_what_is_no_message_changes_nothing(connection, message, text):
    async with connection() as (ws, peer):
        with pytest.raises(TypeError) as raised:
            await ws.send(message)
        assert str(raised.value) == text
        await ws.send("a message")
        assert await peer.read() == (FIN | TEXT, b"a message")


@both_sides
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("items, text", WRONG_ITEMS.values(), ids=WRONG_ITEMS)
async def test_wrong_items_fail_the_connection(connection, items, text, asynchronous):
    async with connection() as (ws, peer):
        message = one_by_one(*items) if asynchronous else items
        sending = started(ws.send(message))
        assert await peer.read_close() == (1011, "error in fragmented message")
        assert not sending.done()
        await peer.send(CLOSE, close_payload(1011))
        await peer.close()
        with pytest.raises(TypeError) as raised:
            await sending
        assert str(raised.value) == "async " * asynchronous + text
        assert ws.state.name == "CLOSED"


@both_sides
async def test_an_iterator_that_fails(connection):
    async with connection() as (ws, peer):
        with pytest.raises(ZeroDivisionError):
            await ws.send(1 // 0 for _ in "x")
        assert ws.state.name == "OPEN"
        sending = started(ws.send("" if i else str(1 // i) for i in (1, 0)))
        assert await peer.read_close() == (1011, "error in fragmented message")
        await peer.close()
        with pytest.raises(ZeroDivisionError):
            await sending


@both_sides
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
async def test_others_wait_for_a_message_in_fragments(connection):
    async with connection() as (ws, peer):
        message = Dripping()
        first = started(ws.send(message))
        message.put("a")
        await turns()
        others = []
        for data in ("b", b"c", ["d"]):
            others.append(started(ws.send(data)))
            await turns()
        await ws.ping(b"a ping doesn't wait")
        assert await peer.read() == (TEXT, b"a")
        assert await peer.read() == (FIN | PING, b"a ping doesn't wait")
        assert not any(other.done() for other in others)
        message.put(None)
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
async def test_a_fragmented_message_that_is_cancelled_stays_unfinished(connection):
    records = Records()
    async with connection(logger=records.logger) as (ws, peer):
        message = Dripping()
        sending = started(ws.send(message))
        message.put("a")
        assert await peer.read() == (TEXT, b"a")
        waiting = started(ws.send("waits"))
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
        closing = started(close(ws))
        assert await peer.read_close() == (1000, "")
        await peer.close()
        await closing


@both_sides
async def test_another_fragmented_message_behind_one_that_was_cancelled(connection):
    async with connection(close_timeout=1) as (ws, peer):
        message = Dripping()
        sending = started(ws.send(message))
        message.put("a")
        await peer.read()
        sending.cancel()
        await turns()
        sending = started(ws.send(["x"]))
        assert await peer.read_close() == (1011, "error in fragmented message")
        await peer.close()
        with pytest.raises(ProtocolError):
            await sending


@both_sides
async def test_cancelling_before_the_first_fragment_changes_nothing(connection):
    async with connection() as (ws, peer):
        sending = started(ws.send(Dripping()))
        await turns()
        sending.cancel()
        await turns()
        await ws.send("x")
        assert await peer.read() == (FIN | TEXT, b"x")


@both_sides
async def test_closing_during_a_fragmented_message(connection):
    async with connection() as (ws, peer):
        message = Dripping()
        sending = started(ws.send(message))
        message.put("a")
        await peer.read()
        with pytest.raises(ProtocolError):
            await close(ws, 1006)
        closing = started(close(ws))
        assert await peer.read_close() == (1011, "close during fragmented message")
        await peer.close()
        await closing
        message.put("b")
        with pytest.raises(ConnectionClosedError):
            await sending


@both_sides
async def test_sending_waits_for_the_end_of_a_connection_that_closes(connection):
    async with connection() as (ws, peer):
        closing = started(close(ws))
        await turns()
        sending = [started(it) for it in (ws.send("x"), ws.ping(), ws.pong())]
        sending.append(started(ws.send(["x"])))
        await turns()
        assert not any(task.done() for task in sending)
        await peer.end()
        await closing
        for task in sending:
            with pytest.raises(Exception, match=r"sent 1000 \(OK\); then received 1000 \(OK\)"):
                await task


# Broadcasts


@both_sides
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


async def test_what_can_not_be_broadcast():
    for message in (1, None, ["a"], {"a": 1}):
        with pytest.raises(TypeError) as raised:
            await broadcast([], message)
        assert str(raised.value) == "data must be str or bytes"


async def test_a_broadcast_passes_over_connections_that_are_not_open():
    async with client_and_peer() as (closing, peer), server_and_peer() as (ws, other):
        task = started(close(closing))
        await turns()
        await broadcast([closing, ws], "x", raise_exceptions=has_groups())
        assert await other.read() == (FIN | TEXT, b"x")
        await peer.end()
        await task


@both_sides
async def test_a_broadcast_in_the_middle_of_a_fragmented_message(connection):
    records = Records()
    async with connection(logger=records.logger) as (ws, peer):
        message = Dripping()
        sending = started(ws.send(message))
        message.put("a")
        await turns()
        await broadcast([ws], "skipped")
        assert records.lines[-1] == "WARNING skipped broadcast: sending a fragmented message"
        if has_groups():
            with pytest.raises(ExceptionGroup) as raised:
                await broadcast([ws], "skipped", raise_exceptions=True)
            assert raised.value.message == "skipped broadcast"
            [exc] = raised.value.exceptions
            assert isinstance(exc, ConcurrencyError)
            assert str(exc) == "sending a fragmented message"
        message.put(None)
        await sending
