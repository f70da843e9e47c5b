"""
Sending in today's API: whole messages, fragmented ones, several at once, and broadcasts.
"""

import asyncio
import contextlib
import sys

import pytest
from peer import BINARY, CLOSE, PING, TEXT, close_payload, turns
from todays import Records, both_sides, client_and_peer, end, server_and_peer

from websockets.asyncio.server import broadcast
from websockets.exceptions import ConcurrencyError, ConnectionClosedError, ProtocolError

CONT = 0
FIN = 0x80


async def one_by_one(*items):
    for item in items:
        yield item


class Dripping:
    """A message in fragments that come when a test says so; None is the end."""

    def __init__(self):
        self.items = asyncio.Queue()

    def __aiter__(self):
        return self

    async def __anext__(self):
        item = await self.items.get()
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


WRONG = {
    "another kind": (["a", b"b"], "iterable must contain uniform types"),
    "no kind at first": ([1], "iterable must contain bytes or str"),
    "no kind later": (["a", 1], "iterable must contain uniform types"),
    "nested": ([["a"]], "iterable must contain bytes or str"),
}


@both_sides
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("items, text", WRONG.values(), ids=WRONG)
async def test_wrong_items_fail_the_connection(connection, items, text, asynchronous):
    async with connection() as (ws, peer):
        message = one_by_one(*items) if asynchronous else items
        sending = asyncio.ensure_future(ws.send(message))
        assert await peer.read_close() == (1011, "error in fragmented message")
        assert not sending.done()
        peer.send(CLOSE, close_payload(1011))
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
        sending = asyncio.ensure_future(ws.send("" if i else str(1 // i) for i in (1, 0)))
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
        first = asyncio.ensure_future(ws.send(message))
        message.items.put_nowait("a")
        await turns()
        others = [asyncio.ensure_future(ws.send(data)) for data in ("b", b"c", ["d"])]
        await ws.ping(b"a ping doesn't wait")
        assert await peer.read() == (TEXT, b"a")
        assert await peer.read() == (FIN | PING, b"a ping doesn't wait")
        assert not any(other.done() for other in others)
        message.items.put_nowait(None)
        await asyncio.gather(first, *others)
        assert [await peer.read() for _ in range(5)] == [
            (FIN, b""),
            (FIN | TEXT, b"b"),
            (FIN | BINARY, b"c"),
            (TEXT, b"d"),
            (FIN, b""),
        ]


@both_sides
async def test_a_plain_message_is_written_though_send_is_cancelled(connection):
    async with connection(write_limit=0) as (ws, peer):
        sending = asyncio.ensure_future(ws.send("x" * 100))
        await asyncio.sleep(0)
        sending.cancel()
        assert await peer.read() == (FIN | TEXT, b"x" * 100)


@both_sides
async def test_a_fragmented_message_that_is_cancelled_stays_unfinished(connection):
    records = Records()
    async with connection(logger=records.logger) as (ws, peer):
        message = Dripping()
        sending = asyncio.ensure_future(ws.send(message))
        message.items.put_nowait("a")
        assert await peer.read() == (TEXT, b"a")
        waiting = asyncio.ensure_future(ws.send("waits"))
        await turns()
        sending.cancel()
        with pytest.raises(ProtocolError):
            await waiting
        assert sending.cancelled() and ws.state.name == "OPEN"
        for data in ("x", b"x"):
            with pytest.raises(ProtocolError) as raised:
                await ws.send(data)
            assert str(raised.value) == "expected a continuation frame"
        broadcast([ws], "x")
        assert records.lines[-1] == (
            "WARNING skipped broadcast: failed to write message: "
            "ProtocolError: expected a continuation frame"
        )
        await ws.ping(b"still there")
        assert await peer.read() == (FIN | PING, b"still there")
        closing = asyncio.ensure_future(ws.close())
        assert await peer.read_close() == (1000, "")
        await peer.close()
        await closing


@both_sides
async def test_another_fragmented_message_behind_one_that_was_cancelled(connection):
    async with connection(close_timeout=1) as (ws, peer):
        message = Dripping()
        sending = asyncio.ensure_future(ws.send(message))
        message.items.put_nowait("a")
        await peer.read()
        sending.cancel()
        await turns()
        sending = asyncio.ensure_future(ws.send(["x"]))
        assert await peer.read_close() == (1011, "error in fragmented message")
        await peer.close()
        with pytest.raises(ProtocolError):
            await sending


@both_sides
async def test_cancelling_before_the_first_fragment_changes_nothing(connection):
    async with connection() as (ws, peer):
        sending = asyncio.ensure_future(ws.send(Dripping()))
        await turns()
        sending.cancel()
        await turns()
        await ws.send("x")
        assert await peer.read() == (FIN | TEXT, b"x")


@both_sides
async def test_closing_during_a_fragmented_message(connection):
    async with connection() as (ws, peer):
        message = Dripping()
        sending = asyncio.ensure_future(ws.send(message))
        message.items.put_nowait("a")
        await peer.read()
        with pytest.raises(ProtocolError):
            await ws.close(1006)
        closing = asyncio.ensure_future(ws.close())
        assert await peer.read_close() == (1011, "close during fragmented message")
        await peer.close()
        await closing
        message.items.put_nowait("b")
        with pytest.raises(ConnectionClosedError):
            await sending


@both_sides
async def test_sending_waits_while_the_write_buffer_is_full(connection):
    async with connection(write_limit=(1000, 10)) as (ws, peer):
        assert ws.transport.get_write_buffer_limits() == (10, 1000)
        peer.reader._transport.pause_reading()

        async def flood():
            while True:
                await ws.send(bytes(100_000))

        flooding = asyncio.ensure_future(flood())
        while not ws.transport.get_write_buffer_size():
            await asyncio.sleep(0)
        await turns()
        size = ws.transport.get_write_buffer_size()
        await turns()
        assert ws.transport.get_write_buffer_size() == size
        flooding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await flooding


@both_sides
async def test_sending_waits_for_the_end_of_a_connection_that_closes(connection):
    async with connection() as (ws, peer):
        closing = asyncio.ensure_future(ws.close())
        await turns()
        sending = [asyncio.ensure_future(it) for it in (ws.send("x"), ws.ping(), ws.pong())]
        sending.append(asyncio.ensure_future(ws.send(["x"])))
        await turns()
        assert not any(task.done() for task in sending)
        await end(peer)
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
            assert broadcast({ws}, message, **options) is None
            assert await peer.read() == frame


def test_what_can_not_be_broadcast():
    for message in (1, None, ["a"], {"a": 1}):
        with pytest.raises(TypeError) as raised:
            broadcast([], message)
        assert str(raised.value) == "data must be str or bytes"


async def test_a_broadcast_passes_over_connections_that_are_not_open():
    async with client_and_peer() as (closing, peer), server_and_peer() as (ws, other):
        task = asyncio.ensure_future(closing.close())
        await turns()
        broadcast([closing, ws], "x", raise_exceptions=sys.version_info >= (3, 11))
        assert await other.read() == (FIN | TEXT, b"x")
        await end(peer)
        await task


@both_sides
async def test_a_broadcast_in_the_middle_of_a_fragmented_message(connection):
    records = Records()
    async with connection(logger=records.logger) as (ws, peer):
        message = Dripping()
        sending = asyncio.ensure_future(ws.send(message))
        message.items.put_nowait("a")
        await turns()
        broadcast([ws], "skipped")
        assert records.lines[-1] == "WARNING skipped broadcast: sending a fragmented message"
        if sys.version_info >= (3, 11):
            with pytest.raises(ExceptionGroup) as raised:  # noqa: F821
                broadcast([ws], "skipped", raise_exceptions=True)
            assert raised.value.message == "skipped broadcast"
            [exc] = raised.value.exceptions
            assert isinstance(exc, ConcurrencyError)
            assert str(exc) == "sending a fragmented message"
        message.items.put_nowait(None)
        await sending
