"""
What is told of the end of a connection: the code is the one received, and the exception has both.

RFC 6455 7.1.5: the close code is that of the first close frame received, 1005 if that had none, and
1006 if there was no such frame. What this side said is in the exception. RFC 6455 5.5.1: a close
frame is answered with what it said.
"""

import asyncio
import copy
import pickle
from typing import NamedTuple, Optional

import pytest
from drawing import BINARY, CLOSE, CONT, PING, TEXT
from held import SIDES, held, in_virtual_time, watched
from peer import turns, uri_of

import websockets
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, ConnectionClosedOK

both_sides = pytest.mark.parametrize("side", SIDES)

EXPLANATIONS = {
    1000: "OK",
    1001: "going away",
    1002: "protocol error",
    1003: "unsupported data",
    1005: "no status received [internal]",
    1006: "abnormal closure [internal]",
    1007: "invalid frame payload data",
    1008: "policy violation",
    1009: "message too big",
    1010: "mandatory extension",
    1011: "internal error",
    1012: "service restart",
    1013: "try again later",
    1014: "bad gateway",
    3000: "registered",
    3999: "registered",
    4000: "private use",
    4001: "private use",
    4999: "private use",
}


class Said(NamedTuple):
    """What a close frame said."""

    code: int
    reason: str = ""

    def __str__(self):
        text = f"{self.code} ({EXPLANATIONS[self.code]})"
        return f"{text} {self.reason}" if self.reason else text


def text_of(rcvd, sent, rcvd_then_sent):
    if rcvd and sent:
        if rcvd_then_sent:
            return f"received {rcvd}; then sent {sent}"
        return f"sent {sent}; then received {rcvd}"
    if rcvd:
        return f"received {rcvd}; no close frame sent"
    if sent:
        return f"sent {sent}; no close frame received"
    return "no close frame received or sent"


def said(close):
    """Return what an attribute of an exception says."""
    return None if close is None else Said(int(close.code), close.reason)


def written_close(one) -> Optional[Said]:
    """Return what our close frame said, if one was written."""
    closes = [drawn.payload for drawn in one.transport.frames if drawn.opcode == CLOSE]
    assert len(closes) <= 1
    if not closes:
        return None
    [payload] = closes
    if not payload:
        return Said(1005)
    return Said(int.from_bytes(payload[:2], "big"), payload[2:].decode())


async def exceptions_of(ws):
    """Return the exceptions that calls raise."""
    found = []
    for call in (ws.recv(), ws.send("x"), ws.ping(), ws.pong(), ws.ensure_open()):
        with pytest.raises(ConnectionClosed) as closed:
            await call
        found.append(closed.value)
    return found


async def check(one, rcvd, sent, rcvd_then_sent=None):
    """Check all that a connection tells of its end; ``sent`` is a code, or what was said."""
    assert one.ws.closed
    written = written_close(one)
    if sent is None or isinstance(sent, Said):
        assert written == sent
    else:
        assert written is not None and written.code == sent
    code, reason = rcvd or (1006, "")
    assert (one.ws.close_code, one.ws.close_reason) == (code, reason)
    for exc in await exceptions_of(one.ws):
        assert (exc.code, exc.reason) == (code, reason)
        assert type(exc) is (ConnectionClosedOK if code in (1000, 1001) else ConnectionClosedError)
        assert (said(exc.rcvd), said(exc.sent)) == (rcvd, written)
        assert exc.rcvd_then_sent is rcvd_then_sent
        assert str(exc) == text_of(rcvd, written, rcvd_then_sent)


# The peer closes

EVERY_CODE = [Said(code, "bye") for code in EXPLANATIONS if code not in (1005, 1006)]
CLOSINGS = [Said(1000), Said(1001, "bye"), Said(1011), Said(3000, "done"), Said(4999)]


@both_sides
async def test_the_peer_closes(side):
    for close in [*EVERY_CODE, Said(1000), Said(4000)]:
        async with held(side) as one:
            one.hear(one.close_frame(*close))
            await turns()
            one.transport.hear_eof()
            await turns()
            await check(one, close, close, True)


@both_sides
async def test_the_texts_as_they_are_known(side):
    async with held(side) as one:
        one.hear(one.close_frame(1001, "bye"))
        one.transport.hear_eof()
        await turns()
        [exc, *_] = await exceptions_of(one.ws)
        assert str(exc) == "received 1001 (going away) bye; then sent 1001 (going away) bye"
    async with held(side) as one:
        one.transport.lose()
        [exc, *_] = await exceptions_of(one.ws)
        assert str(exc) == "no close frame received or sent"
    async with held(side) as one:
        one.ws.fail_connection(1011, "oops")
        one.transport.lose()
        [exc, *_] = await exceptions_of(one.ws)
        assert str(exc) == "sent 1011 (internal error) oops; no close frame received"


REASONS = {
    "none": "",
    "short": "bye",
    "of characters of 2 bytes": "é" * 61,
    "of characters of 4 bytes": "\U0001f600" * 30,
    "not printable": "\n\x00\x7f",
    "long": "x" * 123,
}


@both_sides
@pytest.mark.parametrize("reason", REASONS.values(), ids=list(REASONS))
@pytest.mark.parametrize("unread", [0, 1, 3])
async def test_the_answer_repeats_what_was_said(side, reason, unread):
    async with held(side, max_queue=2) as one:
        one.hear(*[one.frame(TEXT, b"x")] * unread, one.close_frame(4001, reason))
        for _ in range(unread):
            await one.ws.recv()
        receiving = asyncio.ensure_future(one.ws.recv())
        await turns()
        assert written_close(one) == Said(4001, reason)
        one.transport.hear_eof()
        with pytest.raises(ConnectionClosedError):
            await receiving
        assert (one.ws.close_code, one.ws.close_reason) == (4001, reason)


@both_sides
@pytest.mark.parametrize("unread", [0, 1])
async def test_an_empty_close_frame_is_answered_by_an_empty_one(side, unread):
    async with held(side) as one:
        one.hear(*[one.frame(TEXT, b"x")] * unread, one.close_frame())
        for _ in range(unread):
            await one.ws.recv()
        receiving = asyncio.ensure_future(one.ws.recv())
        await turns()
        assert [(d.opcode, d.payload) for d in one.transport.frames] == [(CLOSE, b"")]
        one.transport.hear_eof()
        with pytest.raises(ConnectionClosedError):
            await receiving
        await check(one, Said(1005), Said(1005), True)


@both_sides
@pytest.mark.parametrize("close", [Said(1000), Said(1001, "bye"), Said(4001, "enough")], ids=str)
async def test_the_answer_is_theirs_when_the_program_closes_at_last(side, close):
    async with held(side) as one:
        one.hear(one.frame(TEXT, b"unread"), one.close_frame(*close))
        closing = asyncio.ensure_future(one.ws.close(3000, "ours"))
        await turns()
        one.transport.hear_eof()
        await closing
        assert await one.ws.recv() == "unread"
        await check(one, close, close, True)


@both_sides
async def test_the_peer_closes_and_is_gone_before_the_answer(side):
    async with held(side) as one:
        one.hear(one.frame(TEXT, b"unread"), one.close_frame(1001, "bye"))
        one.transport.lose(ConnectionResetError("reset by a test"))
        assert await one.ws.recv() == "unread"
        await check(one, Said(1001, "bye"), None)


@both_sides
async def test_the_peer_closes_twice(side):
    async with held(side) as one:
        one.hear(one.close_frame(4000, "first"), one.close_frame(4001, "second"))
        one.transport.hear_eof()
        await turns()
        await check(one, Said(4000, "first"), Said(4000, "first"), True)


# The program closes


@both_sides
@pytest.mark.parametrize("close", CLOSINGS, ids=str)
async def test_the_program_closes(side, close):
    async with held(side) as one:
        closing = asyncio.ensure_future(one.ws.close(*close))
        await turns()
        one.hear(one.close_frame(*close))
        one.transport.hear_eof()
        await closing
        await check(one, close, close, False)


@both_sides
@pytest.mark.parametrize("answer", [Said(1000), Said(1001, "x"), Said(1011), Said(4001)], ids=str)
async def test_the_peer_answers_with_another_code(side, answer):
    async with held(side) as one:
        closing = asyncio.ensure_future(one.ws.close(4000, "ours"))
        await turns()
        one.hear(one.close_frame(*answer))
        one.transport.hear_eof()
        await closing
        await check(one, answer, Said(4000, "ours"), False)


@both_sides
async def test_the_peer_answers_without_a_code(side):
    async with held(side) as one:
        closing = asyncio.ensure_future(one.ws.close(1000))
        await turns()
        one.hear(one.close_frame())
        one.transport.hear_eof()
        await closing
        await check(one, Said(1005), Said(1000), False)


@both_sides
@pytest.mark.parametrize("how", ["end", "reset"])
async def test_the_program_closes_and_gets_no_answer(side, how):
    async with held(side) as one:
        closing = asyncio.ensure_future(one.ws.close(1000, "bye"))
        await turns()
        if how == "end":
            one.transport.hear_eof()
        else:
            one.transport.lose(ConnectionResetError("reset by a test"))
        await closing
        await check(one, None, Said(1000, "bye"))


@both_sides
@in_virtual_time
async def test_the_program_closes_and_the_peer_is_silent(side):
    async with held(side, close_timeout=1) as one:
        await one.ws.close(1000, "bye")
        await check(one, None, Said(1000, "bye"))


@both_sides
async def test_a_violation_after_our_close_frame(side):
    async with held(side) as one:
        closing = asyncio.ensure_future(one.ws.close(1000, "bye"))
        await turns()
        one.hear(one.frame(3))
        one.transport.hear_eof()
        await closing
        await check(one, None, Said(1000, "bye"))


@both_sides
async def test_a_failure_after_our_close_frame(side):
    async with held(side) as one:
        closing = asyncio.ensure_future(one.ws.close(1000, "bye"))
        await turns()
        one.ws.fail_connection(1011, "too late")
        one.transport.lose()
        await closing
        await check(one, None, Said(1000, "bye"))


@both_sides
async def test_a_failure_after_their_close_frame(side):
    async with held(side) as one:
        one.hear(one.close_frame(4001, "bye"))
        one.ws.fail_connection(1011, "too late")
        one.transport.lose()
        await check(one, Said(4001, "bye"), Said(4001, "bye"), True)


# Nobody says a word


@both_sides
@pytest.mark.parametrize("how", ["lost", "reset", "end", "abort"])
async def test_a_loss(side, how):
    async with held(side) as one:
        if how == "lost":
            one.transport.lose()
        elif how == "reset":
            one.transport.lose(ConnectionResetError("reset by a test"))
        elif how == "end":
            one.transport.hear_eof()
        else:
            one.ws.transport.abort()
        await turns()
        await check(one, None, None)
        [exc, *_] = await exceptions_of(one.ws)
        assert isinstance(exc.__cause__, ConnectionResetError) is (how == "reset")


@both_sides
async def test_a_failure_without_a_close_frame(side):
    async with held(side) as one:
        one.ws.fail_connection()
        one.transport.lose()
        await check(one, None, None)


# Failures of our own

VIOLATIONS = {
    "an opcode that there isn't": (1002, lambda one: one.frame(3)),
    "a reserved bit": (1002, lambda one: one.frame(TEXT, b"x", rsv=2)),
    "a continuation of nothing": (1002, lambda one: one.frame(CONT, b"x")),
    "a fragmented ping": (1002, lambda one: one.frame(PING, b"x", fin=False)),
    "text that isn't UTF-8": (1007, lambda one: one.frame(TEXT, b"\xff")),
    "a message that is too big": (1009, lambda one: one.frame(BINARY, bytes(101))),
    "a close code that can't be sent": (1002, lambda one: one.close_frame(1005)),
    "a close code of one byte": (1002, lambda one: one.frame(CLOSE, b"\x03")),
    "a close reason that isn't UTF-8": (1007, lambda one: one.frame(CLOSE, b"\x03\xe8\xff")),
}


@both_sides
@pytest.mark.parametrize("code, wire", VIOLATIONS.values(), ids=list(VIOLATIONS))
async def test_a_violation(side, code, wire):
    for answer in (None, Said(1000), "same"):
        async with held(side, max_size=100) as one:
            one.hear(wire(one))
            await turns()
            if answer is not None:
                # RFC 6455 7.1.7: a close frame that answers ours isn't processed any more.
                close = written_close(one) if answer == "same" else answer
                one.hear(one.close_frame(*close))
            one.transport.hear_eof()
            await turns()
            await check(one, None, code)
            [exc, *_] = await exceptions_of(one.ws)
            assert exc.__cause__ is not None


@both_sides
@pytest.mark.parametrize("code, wire", VIOLATIONS.values(), ids=list(VIOLATIONS))
async def test_a_violation_behind_unread_messages(side, code, wire):
    async with held(side, max_size=100, max_queue=2) as one:
        one.hear(*[one.frame(TEXT, b"x")] * 5, wire(one))
        for _ in range(5):
            assert await one.ws.recv() == "x"
        receiving = asyncio.ensure_future(one.ws.recv())
        await turns()
        one.transport.hear_eof()
        with pytest.raises(ConnectionClosedError):
            await receiving
        await check(one, None, code)


@both_sides
@pytest.mark.parametrize("close", CLOSINGS, ids=str)
async def test_the_program_fails_the_connection(side, close):
    async with held(side) as one:
        one.ws.fail_connection(*close)
        await turns()
        one.transport.lose()
        await check(one, None, close)


@both_sides
async def test_a_message_that_can_not_be_completed(side):
    async with held(side) as one:
        with pytest.raises(TypeError):
            await one.ws.send(["text", b"bytes"])
        await turns()
        one.transport.hear_eof()
        await turns()
        await check(one, None, 1011)


@both_sides
async def test_an_extension_that_raises(side, caplog):
    async with held(side, **watched(side)) as one:
        one.hear(one.frame(TEXT, b"broken"))
        await turns()
        one.transport.hear_eof()
        await turns()
        await check(one, None, 1011)
        caplog.clear()


@both_sides
@in_virtual_time
async def test_keepalive_gives_up(side):
    async with held(side, ping_interval=20, ping_timeout=20, close_timeout=1) as one:
        await asyncio.sleep(100)
        await check(one, None, Said(1011, "keepalive ping timeout"))
        [exc, *_] = await exceptions_of(one.ws)
        assert str(exc) == (
            "sent 1011 (internal error) keepalive ping timeout; no close frame received"
        )


# Everybody who waits is told the same


@both_sides
@pytest.mark.parametrize("how", ["their close", "our failure", "loss"])
async def test_all_who_wait_are_told_the_same(side, how):
    async with held(side, write_limit=1) as one:

        async def pong():
            await (await one.ws.ping())

        async def iterate():
            async for _ in one.ws:
                pass

        ponging = asyncio.ensure_future(pong())
        iterating = asyncio.ensure_future(iterate())
        await turns()
        one.transport.stuck = True
        sending = [asyncio.ensure_future(one.ws.send("x")) for _ in range(3)]
        await turns()
        if how == "their close":
            one.hear(one.close_frame(4001, "bye"))
        elif how == "our failure":
            one.ws.fail_connection(1008, "no")
        await turns()
        one.transport.lose()
        found = await asyncio.gather(ponging, iterating, *sending, return_exceptions=True)
        expected = {
            "their close": (Said(4001, "bye"), Said(4001, "bye"), True),
            "our failure": (None, Said(1008, "no"), None),
            "loss": (None, None, None),
        }[how]
        # The first sender may hear that its message has left.
        found = [exc for exc in found if exc is not None]
        assert len(found) >= 4
        for exc in found:
            assert isinstance(exc, ConnectionClosedError)
            assert (said(exc.rcvd), said(exc.sent), exc.rcvd_then_sent) == expected
            assert str(exc) == text_of(*expected)


# From one end of ours to the other


async def test_both_ends_tell_their_side():
    ended = asyncio.Queue()

    async def handler(ws, path):
        with pytest.raises(ConnectionClosed) as closed:
            await ws.recv()
        await ws.wait_closed()
        ended.put_nowait((closed.value, ws.close_code))

    async with websockets.serve(handler, "127.0.0.1", 0, max_size=100) as server:
        async with websockets.connect(uri_of(server)) as ws:
            await ws.close(1001, "bye")
            assert ws.close_code == 1001
            with pytest.raises(ConnectionClosedOK) as closed:
                await ws.recv()
            assert str(closed.value) == (
                "sent 1001 (going away) bye; then received 1001 (going away) bye"
            )
        exc, code = await ended.get()
        assert (str(exc), code) == (
            "received 1001 (going away) bye; then sent 1001 (going away) bye",
            1001,
        )
        async with websockets.connect(uri_of(server)) as ws:
            await ws.send(bytes(101))
            with pytest.raises(ConnectionClosedError) as closed:
                await ws.recv()
            assert ws.close_code == closed.value.code == 1009
        exc, code = await ended.get()
        assert (exc.code, exc.reason, code) == (1006, "", 1006)
        assert (exc.rcvd, exc.sent.code) == (None, 1009)
        assert str(exc) == f"sent 1009 (message too big) {exc.sent.reason}; no close frame received"


# The exceptions by themselves


@pytest.mark.parametrize("duplicate", [copy.copy, lambda exc: pickle.loads(pickle.dumps(exc))])
@pytest.mark.parametrize("how", ["their close", "our failure", "loss"])
async def test_exceptions_survive_copies(how, duplicate):
    async with held("server") as one:
        if how == "their close":
            one.hear(one.close_frame(4001, "bye"))
        elif how == "our failure":
            one.ws.fail_connection(1008, "no")
        one.transport.lose()
        for exc in await exceptions_of(one.ws):
            again = duplicate(exc)
            assert type(again) is type(exc) and str(again) == str(exc)
            assert (again.code, again.reason) == (exc.code, exc.reason)
            assert (said(again.rcvd), said(again.sent)) == (said(exc.rcvd), said(exc.sent))
            assert again.rcvd_then_sent is exc.rcvd_then_sent


@pytest.mark.parametrize("kind", [ConnectionClosed, ConnectionClosedError, ConnectionClosedOK])
@pytest.mark.parametrize("code, reason", [(1006, ""), (1000, ""), (1001, "bye"), (4000, "é")])
def test_exceptions_that_are_built_by_hand(kind, code, reason):
    for exc in [kind(code, reason), kind(code=code, reason=reason)]:
        assert (exc.code, exc.reason) == (code, reason)
        again = pickle.loads(pickle.dumps(exc))
        assert (type(again), again.code, again.reason) == (kind, code, reason)
        assert str(again) == str(exc)
