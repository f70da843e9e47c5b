"""
The last frames of a connection: what was sent before the end leaves, and nothing leaves after it.

Messages that were gathered and not written yet leave before the transport is closed, whoever closes
it: a peer that has ended its side of TCP can still read. A pong that waits for room doesn't go out
behind the end.
"""

import asyncio
import contextlib
import ssl

import pytest
from drawing import CLOSE, KEY, PING, PONG, TEXT, frame, frames
from held import SIDES, held
from peer import REQUEST, port_of, turns, until

import websockets

both_sides = pytest.mark.parametrize("side", SIDES)

COUNT = 20  # messages, more than leave at once
PAYLOADS = [b"%d" % number for number in range(COUNT)]


async def say(ws):
    """Send messages quickly, without a turn of the loop in between."""
    for payload in PAYLOADS:
        await ws.send(payload.decode())


# Each ends a connection at once, without a turn of the loop.


def end_of_tcp(one):
    one.transport.hear_eof()


def their_close(one):
    one.hear(one.close_frame(1000))


def their_close_and_end(one):
    one.hear(one.close_frame(1000))
    one.transport.hear_eof()


def failure(one):
    one.ws.fail_connection(1011)


def failure_without_a_close_frame(one):
    one.ws.fail_connection()


def violation(one):
    one.hear(one.frame(3))


def too_big(one):
    one.hear(one.frame(TEXT, bytes(2000)))


ENDS = {
    "end of TCP": end_of_tcp,
    "their close": their_close,
    "their close and the end of TCP": their_close_and_end,
    "failure": failure,
    "failure without a close frame": failure_without_a_close_frame,
    "violation": violation,
    "too big": too_big,
}
every_end = pytest.mark.parametrize("end", ENDS.values(), ids=list(ENDS))


async def in_a_callback(*functions):
    """Call functions as transports do: not in a task, so that whoever waits goes on at once."""

    def call():
        for function in functions:
            function()

    asyncio.get_running_loop().call_soon(call)
    await turns()


def check_order(one):
    """Check that all messages were written, then a close frame if any, then TCP's end."""
    assert one.transport.messages == PAYLOADS
    opcodes = [drawn.opcode for drawn in one.transport.frames]
    assert CLOSE not in opcodes[:-1]
    kinds = [isinstance(done, bytes) for done in one.transport.done]
    assert kinds == sorted(kinds, reverse=True), "a write after the end"
    assert not one.transport.faults


@both_sides
@every_end
async def test_what_was_sent_in_the_same_turn_leaves(side, end):
    async with held(side, max_size=1000) as one:
        await say(one.ws)
        end(one)
        await turns()
        check_order(one)


@both_sides
@every_end
async def test_what_answers_a_message_in_the_same_turn_leaves(side, end):
    async def handler(ws):
        async for _ in ws:
            await say(ws)

    async with held(side, handler, max_size=1000) as one:
        await turns()
        await in_a_callback(lambda: one.hear(one.frame(TEXT, b"?")), lambda: end(one))
        check_order(one)


@both_sides
@every_end
async def test_what_answers_a_part_of_a_burst_in_the_same_turn_leaves(side, end):
    async def handler(ws):
        for _ in range(COUNT):
            await ws.send(await ws.recv())
        await ws.wait_closed()

    async with held(side, handler, max_size=1000) as one:
        await turns()
        wires = [one.frame(TEXT, payload) for payload in [*PAYLOADS, b"left", b"left"]]
        await in_a_callback(lambda: one.hear(*wires), lambda: end(one))
        check_order(one)


@pytest.mark.parametrize("end", ["close", "abort"])
@pytest.mark.parametrize("tls", [False, True], ids=["TCP", "TLS"])
@both_sides
async def test_what_was_sent_leaves_before_a_program_ends_the_transport_itself(
    side, tls, end, certificates
):
    """As it would without gathering; but what TLS hasn't encrypted isn't waited for by abort()."""
    heard = asyncio.get_running_loop().create_future()

    async def say_and_end(ws):
        await say(ws)
        getattr(ws.transport, end)()
        await ws.wait_closed()

    async def hear(ws):
        messages = []
        with contextlib.suppress(websockets.ConnectionClosed):
            async for message in ws:
                messages.append(message.encode())
        heard.set_result(messages)

    async def handler(ws):
        await (say_and_end if side == "server" else hear)(ws)

    options = {"ssl": certificates.server_context()} if tls else {}
    async with websockets.serve(handler, "127.0.0.1", 0, **options) as server:
        secure = {"ssl": certificates.client_context()} if tls else {}
        uri = f"{'wss' if tls else 'ws'}://127.0.0.1:{port_of(server)}"
        async with websockets.connect(uri, **secure) as ws:
            await (hear if side == "server" else say_and_end)(ws)
        messages = await heard
        if tls and end == "abort":
            assert messages == PAYLOADS[: len(messages)]
        else:
            assert messages == PAYLOADS


@both_sides
async def test_what_was_sent_before_close_leaves(side):
    async with held(side) as one:
        await say(one.ws)
        closing = asyncio.ensure_future(one.ws.close())
        await turns()
        check_order(one)
        one.hear(one.close_frame(1000))
        one.transport.hear_eof()
        await closing
        check_order(one)


@pytest.mark.parametrize("how", ["return", "raise", "cancel"])
async def test_what_a_handler_sent_last_leaves(how):
    async def handler(ws):
        await say(ws)
        if how == "raise":
            raise websockets.ConnectionClosed(1006, "")
        if how == "cancel":
            raise asyncio.CancelledError

    async with held("server", handler) as one:
        await turns()
        check_order(one)
        assert one.transport.frames[-1].opcode == CLOSE


@both_sides
@every_end
async def test_what_was_sent_while_the_transport_was_full_comes_first(side, end):
    async with held(side, max_size=1000, write_limit=1) as one:
        one.transport.stuck = True
        sending = asyncio.ensure_future(say(one.ws))
        await turns()
        end(one)
        await turns()
        one.transport.release()
        await turns()
        sent = one.transport.messages
        assert sent == PAYLOADS[: len(sent)]
        kinds = [isinstance(done, bytes) for done in one.transport.done]
        assert kinds == sorted(kinds, reverse=True)
        one.transport.lose()
        with contextlib.suppress(websockets.ConnectionClosed):
            await sending


# Pongs that wait for room


@contextlib.asynccontextmanager
async def full(side, **options):
    """Hold a connection whose transport is full, and which owes the peer a pong."""
    async with held(side, write_limit=10, max_size=1000, **options) as one:
        one.transport.stuck = True
        sending = asyncio.ensure_future(one.ws.send("-" * 100))
        await turns()
        one.hear(one.frame(PING, b"one"), one.frame(PING, b"two"))
        await turns()
        yield one
        one.transport.lose()
        with contextlib.suppress(websockets.ConnectionClosed):
            await sending


@both_sides
async def test_a_pong_that_waits_leaves_when_there_is_room(side):
    async with full(side) as one:
        assert len(one.transport.frames) == 1
        one.transport.release()
        assert [(d.opcode, d.payload) for d in one.transport.frames[1:]] == [(PONG, b"two")]


@both_sides
@every_end
@pytest.mark.parametrize("unread", [0, 3])
async def test_a_pong_that_waits_does_not_leave_after_the_end(side, end, unread):
    async with full(side) as one:
        one.hear(*[one.frame(TEXT, b"x")] * unread)
        end(one)
        one.transport.release()
        await turns()
        opcodes = [drawn.opcode for drawn in one.transport.frames]
        if CLOSE in opcodes:
            assert opcodes[-1] == CLOSE
        if end is failure_without_a_close_frame:
            assert opcodes == [TEXT]
        kinds = [isinstance(done, bytes) for done in one.transport.done]
        assert kinds == sorted(kinds, reverse=True)
        assert not one.transport.faults


@both_sides
async def test_a_pong_that_waits_does_not_leave_behind_our_close_frame(side):
    async with full(side) as one:
        closing = asyncio.ensure_future(one.ws.close())
        await turns()
        one.transport.release()
        await turns()
        opcodes = [drawn.opcode for drawn in one.transport.frames]
        assert opcodes[0] == TEXT and opcodes[-1] == CLOSE
        one.hear(one.frame(PING, b"late"))
        assert [drawn.opcode for drawn in one.transport.frames] == opcodes
        one.transport.lose()
        await closing


@both_sides
@pytest.mark.parametrize("max_queue", [1, 32])
async def test_a_ping_that_is_reached_after_a_failure_is_not_answered(side, max_queue):
    async with held(side, max_queue=max_queue) as one:
        one.hear(*[one.frame(TEXT, b"x")] * max_queue)
        one.hear(one.frame(PING, b"?"), one.frame(TEXT, b"x"))
        one.ws.fail_connection()
        await turns()
        done = list(one.transport.done)
        for _ in range(max_queue + 1):
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(one.ws.recv(), 0.001)
        one.transport.lose()
        assert one.transport.done == done and PONG not in [d.opcode for d in one.transport.frames]


# Over TLS, where a message and the end come in one read


class Secured:
    """A client that speaks TLS by hand, so that it can end its side and read on."""

    def __init__(self, reader, writer, context):
        self.reader = reader
        self.writer = writer
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

    async def do(self, function, *args):
        while True:
            try:
                result = function(*args)
            except ssl.SSLWantReadError:
                self.flush()
                data = await self.reader.read(65536)
                if not data:
                    return b""
                self.incoming.write(data)
            else:
                self.flush()
                return result

    def flush(self):
        self.writer.write(self.outgoing.read())

    async def read_all(self):
        data = b""
        while True:
            try:
                more = await self.do(self.tls.read, 65536)
            except ssl.SSLError:
                more = b""
            if not more:
                return data
            data += more


async def test_what_answers_a_message_that_comes_with_the_end_of_tls(certificates):
    async def handler(ws, path):
        with contextlib.suppress(websockets.ConnectionClosed):
            async for _ in ws:
                await say(ws)

    context = certificates.server_context()
    async with websockets.serve(handler, "127.0.0.1", 0, ssl=context, compression=None) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
        peer = Secured(reader, writer, certificates.client_context())
        await peer.do(peer.tls.do_handshake)
        peer.tls.write(REQUEST + b"\r\n")
        peer.flush()
        head = await peer.do(peer.tls.read, 65536)
        assert head.endswith(b"\r\n\r\n")
        await turns(20)
        peer.tls.write(frame(TEXT, b"?", key=KEY))
        with contextlib.suppress(ssl.SSLWantReadError):
            peer.tls.unwrap()
        peer.flush()
        received = [drawn.payload for drawn in frames(await peer.read_all())]
        assert received == PAYLOADS
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        await until(lambda: not server.websockets)


# What ends with the peer's side


@both_sides
@pytest.mark.parametrize("count", [1, 5])
async def test_our_close_frame_leaves_at_once_where_nothing_can_later(side, count):
    """As with the TLS of event loops, which ends when the peer ends it, whatever we say to that."""
    async with held(side, max_queue=2) as one:
        one.transport.can_write_eof = bool
        one.hear(*[one.frame(TEXT, b"x")] * count, one.close_frame(1001))
        one.transport.hear_eof()
        assert [drawn.opcode for drawn in one.transport.frames] == [CLOSE]
        await turns()
        assert one.transport.done[-1] == "close" and not one.transport.faults
        assert [await one.ws.recv() for _ in range(count)] == ["x"] * count
        assert one.ws.close_code == 1001
