"""
Closing on asyncio and on trio: who closes, with what, and what becomes of those who wait.
"""

import asyncio

import pytest
from both import (
    both_ends,
    both_sides,
    client_and_peer,
    close,
    is_client,
    leave,
    now,
    server_and_peer,
    started,
    turns,
)
from cases import SIZES, UNSENDABLE_CODES, VIOLATIONS
from peer import CLOSE, TEXT, close_payload, frame

from websockets.exceptions import (
    ConnectionClosedError,
    ConnectionClosedOK,
    PayloadTooBig,
    ProtocolError,
)
from websockets.frames import Close

pytestmark = pytest.mark.and_trio


CONT = 0


@both_sides
@pytest.mark.parametrize("code, reason", [(1000, ""), (1001, "é"), (4999, "x" * 123)])
async def test_closing(connection, code, reason):
    async with connection() as (ws, peer):
        closing = started(close(ws, code, reason))
        assert await peer.read_close() == (code, reason)
        assert ws.state.name == "CLOSING"
        assert (ws.close_code, ws.close_reason) == (None, None)
        assert not closing.done()
        await peer.send(CLOSE, close_payload(code, reason))
        await peer.close()
        assert await closing is None
        assert ws.state.name == "CLOSED"
        assert (ws.close_code, ws.close_reason) == (code, reason)
        await close(ws)
        await close(ws, 4000)
        await ws.wait_closed()
        exc = ws.close_exc
        assert (exc.rcvd, exc.sent) == (Close(code, reason), Close(code, reason))
        assert exc.rcvd_then_sent is False
        assert isinstance(exc, ConnectionClosedOK if code < 4000 else ConnectionClosedError)


@both_sides
async def test_close_exc_is_for_closed_connections(connection):
    async with connection() as (ws, peer):
        with pytest.raises(AssertionError, match="^connection isn't closed yet$"):
            _ = ws.close_exc


@both_sides
@pytest.mark.parametrize("code", UNSENDABLE_CODES)
async def test_codes_that_can_not_be_sent(connection, code):
    async with connection() as (ws, peer):
        with pytest.raises(ProtocolError, match="^invalid status code$"):
            await close(ws, code)
        assert ws.state.name == "OPEN"


@both_sides
async def test_a_reason_that_is_too_long(connection):
    async with connection() as (ws, peer):
        with pytest.raises(ProtocolError, match="^control frame too long$"):
            await close(ws, 1000, "x" * 124)
        assert ws.state.name == "OPEN"


@both_sides
@pytest.mark.parametrize("answers", [False, True])
async def test_close_timeout_is_for_all_of_it(connection, answers):
    async with connection(close_timeout=60) as (ws, peer):
        ws.close_timeout = 0.1  # Otherwise this would take too long.
        closing = started(close(ws))
        await peer.read_close()
        if answers:
            await peer.write(frame(CLOSE, close_payload(1000), masked=peer.masked))
        await closing
        error = ConnectionClosedOK if answers else ConnectionClosedError
        with pytest.raises(error) as raised:
            await ws.recv()
        assert isinstance(raised.value.__cause__, TimeoutError)
        assert str(raised.value.__cause__) == "timed out while closing connection"
        assert ws.close_code == (1000 if answers else 1006)


@both_sides
async def test_messages_that_come_while_it_closes_can_be_read(connection):
    async with connection() as (ws, peer):
        await peer.send(TEXT, b"before")
        closing = started(close(ws))
        await peer.read_close()
        await peer.send(TEXT, b"meanwhile")
        await peer.send(CLOSE, close_payload(1000))
        await peer.close()
        await closing
        assert [await ws.recv(), await ws.recv()] == ["before", "meanwhile"]
        with pytest.raises(ConnectionClosedOK):
            await ws.recv()


@both_sides
async def test_who_receives_learns_that_it_is_closed(connection):
    async with connection() as (ws, peer):
        receiving = started(ws.recv())
        await turns()
        closing = started(close(ws, 1001))
        await peer.end()
        await closing
        with pytest.raises(ConnectionClosedOK):
            await receiving


@both_sides
async def test_the_first_who_closes_says_how(connection):
    async with connection() as (ws, peer):
        closing = []
        for code in (1001, 4000):
            closing.append(started(close(ws, code)))
            await turns()
        await peer.end()
        for closed in closing:
            await closed
        assert str(ws.close_exc) == "sent 1001 (going away); then received 1001 (going away)"


# What goes wrong


@both_sides
@pytest.mark.parametrize("arguments, options, code, text", VIOLATIONS.values(), ids=VIOLATIONS)
async def test_violations(connection, arguments, options, code, text):
    async with connection(max_size=10) as (ws, peer):
        await peer.write(frame(*arguments, masked=peer.masked, **options))
        assert await peer.read_close() == (code, text)
        await peer.close()
        with pytest.raises(ConnectionClosedError) as raised:
            await ws.recv()
        exc = raised.value
        assert (exc.rcvd, exc.sent) == (None, Close(code, text))
        kind = {1002: ProtocolError, 1007: UnicodeDecodeError, 1009: PayloadTooBig}[code]
        assert isinstance(exc.__cause__, kind)
        assert (ws.close_code, ws.close_reason) == (1006, "")


@both_sides
async def test_wrong_masking(connection):
    async with connection() as (ws, peer):
        await peer.write(frame(TEXT, b"x", masked=not peer.masked))
        assert await peer.read_close() == (1002, "incorrect masking")


@both_sides
async def test_messages_in_each_other(connection):
    async with connection() as (ws, peer):
        await peer.send(TEXT, b"a", fin=False)
        await peer.send(TEXT, b"b")
        assert await peer.read_close() == (1002, "expected a continuation frame")


@both_sides
async def test_a_close_frame_in_the_middle_of_a_message(connection):
    async with connection() as (ws, peer):
        await peer.send(TEXT, b"a", fin=False)
        await peer.send(CLOSE, close_payload(1000))
        receiving = started(ws.recv())
        assert await peer.read_close() == (1002, "incomplete fragmented message")
        await peer.close()
        with pytest.raises(ConnectionClosedError) as raised:
            await receiving
        assert str(raised.value) == (
            "received 1000 (OK); then sent 1002 (protocol error) incomplete fragmented message"
        )
        assert ws.close_code == 1000


@both_sides
@pytest.mark.parametrize("limits, sizes, text", SIZES)
async def test_limits_of_size(connection, limits, sizes, text):
    async with connection(max_size=limits) as (ws, peer):
        pair = limits if isinstance(limits, tuple) else (limits, None)
        assert (ws.protocol.max_message_size, ws.protocol.max_fragment_size) == pair
        for i, size in enumerate(sizes):
            await peer.send(CONT if i else TEXT, bytes(size), fin=i == len(sizes) - 1)
        receiving = started(ws.recv())
        assert await peer.read_close() == (1009, text)
        await peer.close()
        with pytest.raises(ConnectionClosedError) as raised:
            await receiving
        assert str(raised.value.__cause__) == text


async def test_a_server_that_fails_a_connection_ends_it():
    async with server_and_peer() as (ws, peer):
        await peer.send(3)
        await peer.read_close()
        assert await peer.read_eof() == b""
        await peer.close()
        await ws.wait_closed()
        assert ws.state.name == "CLOSED"


async def test_both_ends_close_at_once():
    async with both_ends() as (server, client):
        closing = started(close(server, 1001))
        await close(client, 4000)
        await closing
        assert {server.close_code, client.close_code} <= {1001, 4000}
        assert server.state.name == client.state.name == "CLOSED"


@both_sides
async def test_the_server_ends_tcp_first(connection):
    async with connection() as (ws, peer):
        closing = started(close(ws))
        await peer.read_close()
        await peer.write(frame(CLOSE, close_payload(1000), masked=peer.masked))
        if is_client(connection):
            await turns()
            assert not closing.done()
            await peer.write_eof()
        assert await peer.read_eof() == b""
        if not is_client(connection):
            # It waits for our end, so that nothing is lost on the way.
            await turns()
            assert not closing.done()
            await peer.write_eof()
        await closing
        assert ws.close_exc.__cause__ is None


@both_sides
@pytest.mark.parametrize(
    "exc", [None, ValueError, asyncio.CancelledError, KeyboardInterrupt, GeneratorExit]
)
async def test_a_context_closes(connection, exc):
    async with connection() as (ws, peer):
        ending = started(peer.end())
        try:
            async with ws as entered:
                assert entered is ws
                if exc is not None:
                    raise exc
        except BaseException as raised:
            assert type(raised) is exc
        await ending
        assert ws.close_exc.sent == Close(1000 if exc is None else 1011, "")


async def test_a_client_that_fails_a_connection_waits_for_the_server_to_end_it():
    async with client_and_peer() as (ws, peer):
        await peer.send(3)
        await peer.read_close()
        ended = started(peer.read_eof())
        await turns()
        assert not ended.done() and ws.state.name == "CLOSING"
        ended.cancel()
        await turns()
        await peer.close()
        await ws.wait_closed()
    async with client_and_peer(close_timeout=0.05) as (ws, peer):
        await peer.send(3)
        await peer.read_close()
        await ws.wait_closed()


@both_sides
async def test_what_carries_it_is_closed(connection):
    async with connection() as (ws, peer):
        await leave(ws)
        assert (ws.close_code, ws.close_reason) == (1006, "")
        with pytest.raises(ConnectionClosedError):
            await ws.send("x")


@both_sides
async def test_who_has_ended_its_side_of_tcp_is_answered(connection):
    async with connection(close_timeout=None) as (ws, peer):
        await peer.send(TEXT, b"question")
        await peer.send(CLOSE, close_payload(1000))
        if not is_client(connection):
            await peer.write_eof()
        await turns()
        assert await ws.recv() == "question"
        await ws.send("answer")
        assert await peer.read() == (0x80 | TEXT, b"answer")
        receiving = started(ws.recv())
        assert await peer.read_close() == (1000, "")
        await peer.close()
        with pytest.raises(ConnectionClosedOK):
            await receiving


@pytest.mark.given_clock
@both_sides
@pytest.mark.parametrize("count", [1, 50])
async def test_who_has_ended_its_side_of_tcp_is_not_kept_by_who_never_reads(connection, count):
    async with connection(close_timeout=None, max_queue=10) as (ws, peer):
        begun = now()
        for _ in range(count):
            await peer.send(TEXT, b"unread")
        await peer.write(frame(CLOSE, close_payload(1000), masked=peer.masked))
        await peer.write_eof()
        assert await peer.read_close() == (1000, "")
        assert 0.05 < now() - begun < 0.2
        await peer.close()
        await ws.wait_closed()
        assert now() - begun < 0.2
        for _ in range(count):
            assert await ws.recv() == "unread"
        with pytest.raises(ConnectionClosedOK):
            await ws.recv()
