"""How connections end, on either side: closing handshakes, violations, deadlines, lost networks."""

import asyncio
import gc
import logging
import weakref

import pytest
from peer import (
    BINARY,
    CLOSE,
    PING,
    TEXT,
    both_sides,
    client_and_peer,
    close_payload,
    echo,
    frame,
    server_and_peer,
)

import websockets


async def assert_closed(ws, code, reason=""):
    await ws.wait_closed()
    assert (ws.close_code, ws.close_reason) == (code, reason)
    with pytest.raises(websockets.ConnectionClosed) as error:
        await ws.recv()
    kind = websockets.ConnectionClosedOK if code in (1000, 1001) else None
    assert type(error.value) is (kind or websockets.ConnectionClosedError)
    assert (error.value.code, error.value.reason) == (code, reason)
    return error.value


# The closing handshake


@both_sides
async def test_close_performs_the_closing_handshake(connection):
    async with connection() as (ws, peer):
        closing = asyncio.ensure_future(ws.close(1001, "caf\u00e9"))
        assert await peer.read_close() == (1001, "caf\u00e9")
        assert ws.state is websockets.State.CLOSING and not ws.open and not ws.closed
        peer.send(CLOSE, close_payload(1001, "caf\u00e9"))
        await closing
        assert ws.closed
        await assert_closed(ws, 1001, "caf\u00e9")
        assert await peer.read_eof() == b""
        await ws.close()
        await ws.close(4000, "again")
        assert ws.close_code == 1001


@both_sides
@pytest.mark.parametrize("code", [1000, 1003, 1011, 1014, 3000, 4999])
async def test_a_close_frame_is_answered_with_its_code_and_reason(connection, code):
    async with connection() as (ws, peer):
        peer.send(CLOSE, close_payload(code, "done"))
        assert await peer.read_close() == (code, "done")
        assert await peer.read_eof() == b""
        await assert_closed(ws, code, "done")


@both_sides
async def test_an_empty_close_frame_is_answered_with_one_and_means_1005(connection):
    async with connection() as (ws, peer):
        peer.send(CLOSE)
        assert await peer.read_close() is None
        await assert_closed(ws, 1005)


@both_sides
async def test_close_frames_that_cross_each_other(connection):
    async with connection() as (ws, peer):
        closing = asyncio.ensure_future(ws.close())
        peer.send(CLOSE, close_payload(4000))
        assert await peer.read_close() in ((1000, ""), (4000, ""))
        await closing
        assert ws.close_code == 4000


@both_sides
@pytest.mark.parametrize("code, reason", [(1005, ""), (999, ""), (5000, ""), (1000, "x" * 124)])
async def test_close_refuses_what_cannot_be_sent_and_the_connection_stays_open(
    connection, code, reason
):
    async with connection() as (ws, peer):
        with pytest.raises(websockets.ProtocolError):
            await ws.close(code, reason)
        await ws.send("open")
        assert await peer.read() == (0x80 | TEXT, b"open")


@both_sides
async def test_messages_that_arrive_while_closing_are_delivered_and_pings_ignored(connection):
    async with connection() as (ws, peer):
        closing = asyncio.ensure_future(ws.close())
        await peer.read_close()
        peer.send(TEXT, b"on its way")
        peer.send(PING, b"ignored")
        peer.send(CLOSE, close_payload(1000))
        assert await peer.read_eof() == b""
        await closing
        assert await ws.recv() == "on its way"
        await assert_closed(ws, 1000)


@both_sides
async def test_close_ends_at_once_behind_a_full_queue(connection):
    async with connection(max_queue=1, read_limit=1) as (ws, peer):
        for _ in range(10):
            peer.send(TEXT, b"unread")
        await (await answered_ping(ws, peer, unread=True))
        closing = asyncio.ensure_future(ws.close())
        await peer.read_close()
        peer.send(CLOSE, close_payload(1000))
        await closing
        assert ws.close_code == 1000
        assert await ws.recv() == "unread"


async def answered_ping(ws, peer, unread=False):
    """Wait until the library has read what the peer has sent so far."""
    if unread:
        # Pongs are behind the full queue, too: the transport tells that reading has paused.
        while ws.transport.is_reading():
            await asyncio.sleep(0)
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done
    return await ws.ping()


@both_sides
async def test_what_a_program_answers_at_once_goes_out_before_the_close_frame(connection):
    async with connection() as (ws, peer):
        echoing = asyncio.ensure_future(echo(ws, ws.path))
        await asyncio.sleep(0)
        peer.write(
            frame(TEXT, b"a", masked=peer.masked)
            + frame(TEXT, b"b", masked=peer.masked)
            + frame(CLOSE, close_payload(1000), masked=peer.masked)
        )
        frames = [(await peer.read())[1] for _ in range(3)]
        assert frames == [b"a", b"b", close_payload(1000)]
        if connection is client_and_peer:
            peer.writer.write_eof()
        await echoing


@both_sides
async def test_what_a_program_answers_at_once_goes_out_before_a_violation_is(connection):
    async with connection() as (ws, peer):
        echoing = asyncio.ensure_future(echo(ws, ws.path))
        await asyncio.sleep(0)
        peer.write(frame(TEXT, b"a", masked=peer.masked) + frame(3, b"", masked=peer.masked))
        assert (await peer.read())[1] == b"a"
        assert (await peer.read_close())[0] == 1002
        await peer.close()
        with pytest.raises(websockets.ConnectionClosedError):
            await echoing


@both_sides
async def test_a_close_frame_is_answered_soon_when_nobody_reads(connection):
    async with connection(close_timeout=60) as (ws, peer):
        peer.send(TEXT, b"unread")
        peer.send(CLOSE, close_payload(1000))
        assert await peer.read_close() == (1000, "")
        await ws.wait_closed()
        assert await ws.recv() == "unread"
        await assert_closed(ws, 1000)


# Violations


def masked_wrongly(peer):
    return frame(TEXT, b"x", masked=not peer.masked)


VIOLATIONS = {
    "wrong masking": (masked_wrongly, 1002, "incorrect masking"),
    "RSV1": (lambda p: frame(TEXT, b"x", rsv=4, masked=p.masked), 1002, "reserved bits must be 0"),
    "RSV2 and RSV3": (
        lambda p: frame(TEXT, b"x", rsv=3, masked=p.masked),
        1002,
        "reserved bits must be 0",
    ),
    "opcode 3": (lambda p: frame(3, b"x", masked=p.masked), 1002, "invalid opcode"),
    "opcode 15": (lambda p: frame(15, b"x", masked=p.masked), 1002, "invalid opcode"),
    "fragmented ping": (
        lambda p: frame(PING, fin=False, masked=p.masked),
        1002,
        "fragmented control",
    ),
    "long ping": (
        lambda p: frame(PING, b"x" * 126, masked=p.masked),
        1002,
        "control frame too long",
    ),
    "stray continuation": (
        lambda p: frame(0, b"x", masked=p.masked),
        1002,
        "unexpected continuation",
    ),
    "interrupted message": (
        lambda p: frame(TEXT, b"a", fin=False, masked=p.masked) + frame(TEXT, masked=p.masked),
        1002,
        "expected a continuation frame",
    ),
    "invalid UTF-8": (
        lambda p: frame(TEXT, b"a\xff", masked=p.masked),
        1007,
        "invalid start byte at position 1",
    ),
    "invalid UTF-8 over fragments": (
        lambda p: (
            frame(TEXT, b"ab\xe2", fin=False, masked=p.masked) + frame(0, b"\x82(", masked=p.masked)
        ),
        1007,
        "invalid continuation byte at position 2",
    ),
    "too big": (
        lambda p: frame(BINARY, b"x" * 1001, masked=p.masked),
        1009,
        "with 1001 bytes exceeds limit of 1000",
    ),
    "too big over fragments": (
        lambda p: (
            frame(BINARY, b"x" * 600, fin=False, masked=p.masked)
            + frame(0, b"x" * 401, masked=p.masked)
        ),
        1009,
        "with 401 bytes after reading 600 bytes exceeds limit of 1000",
    ),
    "close of 1 byte": (
        lambda p: frame(CLOSE, b"\x03", masked=p.masked),
        1002,
        "close frame too short",
    ),
    "close code 1005": (
        lambda p: frame(CLOSE, close_payload(1005), masked=p.masked),
        1002,
        "invalid status code",
    ),
    "close reason": (
        lambda p: frame(CLOSE, b"\x03\xe8\xff", masked=p.masked),
        1007,
        "invalid start byte",
    ),
}


@both_sides
@pytest.mark.parametrize("violation", VIOLATIONS)
async def test_a_violation_closes_with_its_code_and_says_what_was_wrong(connection, violation):
    make, code, words = VIOLATIONS[violation]
    async with connection(max_size=1000) as (ws, peer):
        peer.send(TEXT, b"before")
        peer.write(make(peer))
        peer.send(TEXT, b"after")
        assert await ws.recv() == "before"
        # Once it waits for another message, the close frame waits for nothing more.
        receiving = asyncio.ensure_future(ws.recv())
        sent_code, sent_reason = await peer.read_close()
        assert sent_code == code and words in sent_reason
        await peer.close()
        with pytest.raises(websockets.ConnectionClosedError):
            await receiving
        error = await assert_closed(ws, 1006)
        assert (error.sent.code, error.sent.reason) == (code, sent_reason)
        assert words in str(error) and words in str(error.__cause__)
        assert isinstance(error.__cause__, (websockets.WebSocketException, UnicodeDecodeError))


async def test_the_server_serves_others_after_a_violation():
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        uri = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with websockets.connect(uri) as good, websockets.connect(uri) as bad:
            bad.transport.write(frame(3, masked=True))
            with pytest.raises(websockets.ConnectionClosedError):
                await bad.recv()
            await good.send("fine")
            assert await good.recv() == "fine"


# Lost networks


@both_sides
@pytest.mark.parametrize("how", ["eof", "reset"])
async def test_a_connection_that_ends_without_a_close_frame_means_1006(connection, how, caplog):
    async with connection() as (ws, peer):
        peer.send(TEXT, b"before")
        assert await ws.recv() == "before"
        if how == "eof":
            await peer.close()
        else:
            peer.writer.transport.abort()
        await assert_closed(ws, 1006)
        with pytest.raises(websockets.ConnectionClosedError):
            await ws.send("x")
    assert not caplog.records


@both_sides
async def test_messages_behind_a_full_queue_survive_the_end(connection):
    async with connection(max_queue=1, read_limit=1) as (ws, peer):
        for n in range(10):
            peer.send(TEXT, b"%d" % n)
        while ws.transport.is_reading():
            await asyncio.sleep(0)
        ws.transport.abort()
        await ws.wait_closed()
        assert [await ws.recv() for n in range(10)] == [str(n) for n in range(10)]
        await assert_closed(ws, 1006)


# Deadlines


@both_sides
@pytest.mark.given_clock
@pytest.mark.parametrize("peer_reads", [True, False])
async def test_close_ends_in_its_time_when_the_peer_never_answers(connection, peer_reads):
    limit = 3
    async with connection(close_timeout=limit, write_limit=1000) as (ws, peer):
        sending = None
        if not peer_reads:
            sending = asyncio.ensure_future(ws.send(b"x" * 30_000_000))
            await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        start = loop.time()
        await ws.close()
        # The document allows 4 times close_timeout to servers and 5 times to clients.
        assert loop.time() - start <= limit * (4 if connection is server_and_peer else 5)
        await assert_closed(ws, 1006)
        if sending is not None:
            with pytest.raises(websockets.ConnectionClosedError):
                await sending


async def test_a_client_hangs_up_when_the_server_does_not_end_tcp():
    async with client_and_peer(close_timeout=0.02) as (ws, peer):
        closing = asyncio.ensure_future(ws.close())
        await peer.read_close()
        peer.write(frame(CLOSE, close_payload(1000)))
        await closing
        assert ws.close_code == 1000


@both_sides
async def test_cancelling_close_leaves_the_deadlines_in_force(connection):
    async with connection(close_timeout=0.02) as (ws, peer):
        closing = asyncio.ensure_future(ws.close())
        await peer.read_close()
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        await assert_closed(ws, 1006)


@both_sides
async def test_fail_connection_closes_with_a_code_and_drops_what_comes_after(connection):
    async with connection() as (ws, peer):
        ws.fail_connection(4321, "because")
        peer.send(TEXT, b"dropped")
        assert await peer.read_close() == (4321, "because")
        await peer.close()
        error = await assert_closed(ws, 1006)
        assert (error.sent.code, error.sent.reason) == (4321, "because")


@both_sides
async def test_fail_connection_refuses_a_code_that_cannot_be_sent(connection):
    async with connection() as (ws, peer):
        with pytest.raises(websockets.ProtocolError):
            ws.fail_connection(1005)
        peer.send(TEXT, b"still open")
        assert await ws.recv() == "still open"


# Nothing is left


@both_sides
@pytest.mark.parametrize(
    "end", ["close", "peer closes", "violation", "cut", "deadline", "handler error"]
)
async def test_a_connection_that_ended_is_freed_without_the_garbage_collector(
    connection, end, caplog
):
    caplog.set_level(logging.CRITICAL)
    gc.collect()
    gc.disable()
    try:
        async with connection(close_timeout=0.01) as (ws, peer):
            dead = weakref.ref(ws)
            await ws.send("x")
            await ws.ping()
            await peer.read()
            if end == "close":
                closing = asyncio.ensure_future(ws.close())
                await peer.read_close()
                peer.send(CLOSE, close_payload(1000))
                await closing
            elif end == "peer closes":
                peer.send(CLOSE, close_payload(1000))
                with pytest.raises(websockets.ConnectionClosed):
                    await ws.recv()
            elif end == "violation":
                peer.send(TEXT, b"\xff")
                with pytest.raises(websockets.ConnectionClosed):
                    await ws.recv()
            elif end == "cut":
                peer.writer.transport.abort()
            elif end == "deadline":
                await ws.close()
            else:
                ws.fail_connection(1011)
            await ws.wait_closed()
            closing = ws = None
        for _ in range(10):
            await asyncio.sleep(0)
        assert dead() is None
    finally:
        gc.enable()
