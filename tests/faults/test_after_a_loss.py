"""
What is left of a connection that was lost: its messages in order, and no more memory than before.

A limit that holds while a connection is open must hold in the last step of its life, too. What was
received and not parsed stays bytes, and is parsed as ``recv()`` makes room.
"""

import asyncio
import contextlib
import gc
import random
import socket
import weakref

import pytest
from drawing import BINARY, CONT, PING, PONG, TEXT, frame
from endpoints import measured
from held import SIDES, held, rest_of, watched
from peer import REQUEST, compressed, echo, port_of, tcp_to, turns, until, uri_of
from proxy import LINGER

import websockets
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)

KIB = 1024
RSV1 = 4
QUEUE = 4  # messages
MANY = 200  # messages

both_sides = pytest.mark.parametrize("side", SIDES)


def reset(one):
    one.transport.lose(ConnectionResetError("reset by a test"))


def vanish(one):
    one.transport.lose()


def end(one):
    one.transport.hear_eof()


def abort(one):
    one.ws.transport.abort()


LOSSES = {"reset": reset, "lost": vanish, "end of TCP": end, "abort": abort}
every_loss = pytest.mark.parametrize("lose", LOSSES.values(), ids=list(LOSSES))


# What was received


@both_sides
@every_loss
@pytest.mark.parametrize("max_queue", [1, 32, None])
async def test_all_whole_messages_can_be_read(side, lose, max_queue):
    async with held(side, max_queue=max_queue) as one:
        wires = [one.frame(TEXT, b"%d" % number) for number in range(MANY)]
        one.hear(*wires, one.frame(TEXT, b"the first half")[:9])
        lose(one)
        await one.ws.wait_closed()
        received, exc = await rest_of(one.ws)
        assert received == [str(number) for number in range(MANY)]
        assert (type(exc), exc.code) == (websockets.ConnectionClosedError, 1006)
        assert (one.ws.close_code, one.ws.close_reason) == (1006, "")


@both_sides
@every_loss
async def test_fragments_and_pings_among_them(side, lose):
    async with held(side, max_queue=1) as one:
        one.hear(
            one.frame(TEXT, b"a"),
            one.frame(BINARY, b"b", fin=False),
            one.frame(PING, b"?"),
            one.frame(CONT, b"c", fin=False),
            one.frame(PONG, b"!"),
            one.frame(CONT, b"d"),
            one.frame(TEXT, b"e"),
            one.frame(TEXT, b"f", fin=False),
        )
        lose(one)
        await one.ws.wait_closed()
        done = len(one.transport.done)
        received, exc = await rest_of(one.ws)
        assert received == ["a", b"bcd", "e"]
        assert exc.code == 1006
        # Nothing is said on a connection that is gone.
        assert len(one.transport.done) == done and not one.transport.faults


@both_sides
@every_loss
async def test_a_close_frame_behind_unread_messages_tells_the_code(side, lose):
    for code, reason in [(1000, ""), (1001, "bye"), (4000, "enough"), (None, "")]:
        async with held(side, max_queue=2) as one:
            one.hear(*[one.frame(TEXT, b"x")] * MANY, one.close_frame(code, reason))
            lose(one)
            await one.ws.wait_closed()
            received, exc = await rest_of(one.ws)
            assert received == ["x"] * MANY
            assert (exc.code, exc.reason) == (1005 if code is None else code, reason)
            assert isinstance(exc, websockets.ConnectionClosedOK) is (code in (1000, 1001))
            assert (one.ws.close_code, one.ws.close_reason) == (exc.code, exc.reason)


@both_sides
@every_loss
async def test_a_loss_while_reading_is_paused(side, lose):
    async with held(side, max_queue=2, read_limit=1) as one:
        one.hear(*[one.frame(TEXT, b"%d" % number) for number in range(20)])
        assert not one.transport.reading
        lose(one)
        await one.ws.wait_closed()
        received, exc = await rest_of(one.ws)
        assert received == [str(number) for number in range(20)]
        assert exc.code == 1006


async def test_iteration_ends_as_the_peer_ended_it():
    async with held("client", max_queue=2) as one:
        one.hear(*[one.frame(TEXT, b"x")] * MANY, one.close_frame(1000))
        reset(one)
        assert [message async for message in one.ws] == ["x"] * MANY


async def test_iteration_tells_of_a_cut_behind_the_messages():
    async with held("client", max_queue=2) as one:
        one.hear(*[one.frame(TEXT, b"x")] * MANY)
        reset(one)
        received = []
        with pytest.raises(websockets.ConnectionClosedError):
            async for message in one.ws:
                received.append(message)
        assert received == ["x"] * MANY


async def test_legacy_recv_gives_none_behind_the_messages():
    async with held("server", max_queue=2, legacy_recv=True) as one:
        one.hear(*[one.frame(TEXT, b"x")] * 5)
        reset(one)
        assert [await one.ws.recv() for _ in range(7)] == ["x"] * 5 + [None] * 2


@both_sides
async def test_cancelling_recv_after_a_loss_loses_nothing(side):
    async with held(side, max_queue=2) as one:
        one.hear(*[one.frame(TEXT, b"%d" % number) for number in range(10)])
        reset(one)
        for _ in range(3):
            receiving = asyncio.ensure_future(one.ws.recv())
            receiving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await receiving
        received, _ = await rest_of(one.ws)
        assert received == [str(number) for number in range(10)]


BROKEN = {
    "an opcode that there isn't": (
        lambda one: one.frame(3),
        websockets.ProtocolError,
    ),
    "text that isn't UTF-8": (
        lambda one: one.frame(TEXT, b"\xff"),
        Exception,  # of which type is said nowhere
    ),
    "a message that is too big": (
        lambda one: one.frame(BINARY, bytes(101)),
        websockets.PayloadTooBig,
    ),
    "a close code that can't be sent": (
        lambda one: one.close_frame(1005),
        websockets.ProtocolError,
    ),
}


@both_sides
@pytest.mark.parametrize("max_queue", [1, QUEUE])
@pytest.mark.parametrize("broken, cause", BROKEN.values(), ids=list(BROKEN))
async def test_what_turns_out_to_be_invalid_ends_it(side, broken, cause, max_queue):
    async with held(side, max_queue=max_queue, max_size=100) as one:
        one.hear(*[one.frame(TEXT, b"x")] * 20, broken(one), one.frame(TEXT, b"never"))
        vanish(one)
        received, exc = await rest_of(one.ws)
        assert received == ["x"] * 20
        assert (type(exc), exc.code) == (websockets.ConnectionClosedError, 1006)
        assert isinstance(exc.__cause__, cause)
        # It stays so.
        received, again = await rest_of(one.ws)
        assert (received, again.code) == ([], 1006)


@both_sides
async def test_an_extension_that_raises_ends_it(side, caplog):
    async with held(side, max_queue=2, **watched(side)) as one:
        one.hear(*[one.frame(TEXT, b"x")] * 20, one.frame(TEXT, b"broken"))
        vanish(one)
        received, exc = await rest_of(one.ws)
        assert received == ["x"] * 20
        assert (type(exc), exc.code) == (websockets.ConnectionClosedError, 1006)
        assert isinstance(exc.__cause__, ZeroDivisionError)


@both_sides
@every_loss
async def test_everybody_else_is_released_at_once(side, lose):
    async with held(side, max_queue=1) as one:
        pong = await one.ws.ping(b"?")
        one.hear(*[one.frame(TEXT, b"x")] * 20, one.frame(PONG, b"?"))
        lose(one)
        await one.ws.wait_closed()
        assert one.ws.closed and one.ws.state is websockets.State.CLOSED
        assert pong.done()
        with contextlib.suppress(websockets.ConnectionClosed):
            pong.result()
        for call in (one.ws.send("x"), one.ws.ping(), one.ws.pong(), one.ws.ensure_open()):
            with pytest.raises(websockets.ConnectionClosed):
                await call
        await one.ws.close()
        received, _ = await rest_of(one.ws)
        assert received == ["x"] * 20


# What it costs


@both_sides
@every_loss
@pytest.mark.parametrize("max_queue", [1, 32])
async def test_no_more_is_decoded_than_fits_the_inbox(side, lose, max_queue):
    async with held(side, max_queue=max_queue, **watched(side)) as one:
        [extension] = one.ws.extensions
        one.hear(*[one.frame(TEXT, b"x")] * MANY)
        lose(one)
        await one.ws.wait_closed()
        await turns()
        assert extension.decoded <= max_queue + 1
        for received in range(1, MANY + 1):
            assert await one.ws.recv() == "x"
            assert extension.decoded <= received + max_queue + 1
        assert extension.decoded == MANY


@both_sides
async def test_no_more_is_decoded_when_a_task_that_waits_has_gone(side):
    async with held(side, max_queue=QUEUE, **watched(side)) as one:
        [extension] = one.ws.extensions
        receiving = asyncio.ensure_future(one.ws.recv())
        await turns()
        one.hear(*[one.frame(TEXT, b"x")] * MANY)
        receiving.cancel()
        reset(one)
        await turns()
        assert extension.decoded <= QUEUE + 2


async def go_on(one, size, expected):
    """Receive messages of a size, keeping one at a time; return the exception."""
    for _ in range(expected):
        message = await one.ws.recv()
        assert len(message) == size
        del message
    with pytest.raises(websockets.ConnectionClosedError) as closed:
        await one.ws.recv()
    assert closed.value.code == 1006


LARGE = 64 * KIB
HEAD = "permessage-deflate; client_no_context_takeover; server_no_context_takeover"
DEFLATE = {"server": ServerPerMessageDeflateFactory, "client": ClientPerMessageDeflateFactory}


def deflating(side, **settings):
    """Return the arguments of ``held`` for a connection that compresses each message by itself."""
    if side == "client":
        settings.update(client_no_context_takeover=True, server_no_context_takeover=True)
    return {"extensions": HEAD, "factories": [DEFLATE[side](**settings)]}


@both_sides
@every_loss
@pytest.mark.parametrize("thread_size", [None, 0])
async def test_memory_stays_within_its_limits(side, lose, thread_size):
    options = {"max_queue": QUEUE, "max_size": LARGE, **deflating(side, thread_size=thread_size)}
    async with held(side, **options) as one:
        [deflate] = one.ws.extensions
        wire = one.frame(BINARY, compressed(bytes(LARGE)), rsv=RSV1) * MANY
        with measured() as memory:
            one.hear(wire)
            lose(one)
            await one.ws.wait_closed()
            await turns()
            assert deflate.received.messages <= QUEUE + 1
            await go_on(one, LARGE, MANY)
        # One is in the program's hands, one is being made.
        assert memory.peak < LARGE * (QUEUE + 3) + 3 * len(wire) + 100 * KIB
        assert deflate.received.messages == MANY


@both_sides
async def test_memory_stays_within_its_limits_without_compression(side):
    async with held(side, max_queue=QUEUE, max_size=LARGE) as one:
        wire = one.frame(BINARY, bytes(1000)) * MANY
        with measured() as memory:
            one.hear(wire)
            reset(one)
            await turns()
            await go_on(one, 1000, MANY)
        assert memory.peak < LARGE * QUEUE + 3 * len(wire) + 100 * KIB


@both_sides
async def test_what_is_read_to_the_end_leaves_nothing_behind(side):
    async with held(side, max_queue=QUEUE, max_size=LARGE, **deflating(side)) as one:
        wire = one.frame(BINARY, compressed(random.Random(1).randbytes(1000)), rsv=RSV1) * MANY
        with measured() as memory:
            one.hear(wire)
            reset(one)
            await go_on(one, 1000, MANY)
            del wire
            gc.collect()
        assert memory.kept < 50 * KIB


@both_sides
async def test_what_nobody_reads_is_freed_with_its_connection(side):
    async with held(side, max_queue=QUEUE) as one:
        one.hear(*[one.frame(TEXT, b"x")] * MANY)
        reset(one)
        ref = weakref.ref(one.ws)
    gc.collect()
    gc.disable()
    try:
        one.transport.protocol = None
        del one
        await turns()
        assert ref() is None
    finally:
        gc.enable()


# Over sockets


async def flood(peer, message, count):
    """Send so many messages that are compressed, each by itself."""
    peer.write(frame(BINARY, compressed(message), rsv=RSV1, key=b"\1\2\3\4") * count)
    await peer.writer.drain()


def cut_by_reset(peer):
    sock = peer.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
    peer.writer.transport.abort()


def cut_by_end(peer):
    peer.writer.write_eof()


def cut(peer):
    peer.writer.transport.abort()


@pytest.mark.parametrize(
    "how, tls",
    [(cut_by_reset, False), (cut_by_end, False), (cut, False), (cut, True), (cut_by_reset, True)],
    ids=["reset", "end", "abort", "TLS cut", "TLS reset"],
)
async def test_a_flood_and_a_cut_over_sockets(how, tls, certificates, caplog):
    opened = asyncio.Queue()
    finished = asyncio.Event()

    async def handler(ws, path):
        opened.put_nowait(ws)
        await finished.wait()

    server_tls = {"ssl": certificates.server_context()} if tls else {}
    client_tls = {"ssl": certificates.client_context()} if tls else {}
    options = {"max_queue": QUEUE, "max_size": LARGE, "ping_interval": None}
    async with websockets.serve(handler, "127.0.0.1", 0, **options, **server_tls) as server:
        async with tcp_to(port_of(server), **client_tls) as peer:
            peer.write(REQUEST + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
            await peer.read_head()
            ws = await opened.get()
            [deflate] = ws.extensions
            with measured() as memory:
                # Less than would pause reading, so that the cut is noticed.
                await flood(peer, bytes(LARGE), MANY)
                await until(lambda: deflate.received.messages >= QUEUE)
                await turns()
                how(peer)
                await ws.wait_closed()
                await turns()
                at_once = deflate.received.messages
                del peer
                received = 0
                with pytest.raises(websockets.ConnectionClosedError) as closed:
                    while True:
                        assert len(await ws.recv()) == LARGE
                        received += 1
            finished.set()
            del ws
    assert closed.value.code == 1006
    assert at_once <= QUEUE + 1
    assert QUEUE <= received <= MANY
    assert memory.peak < LARGE * (QUEUE + 4) + 1000 * KIB


async def test_a_flood_of_bombs_at_an_echo_server():
    """Nobody reads its answers, so that it is stuck in send() while its inbox is full."""
    size, count = 2**20, 150
    async with websockets.serve(echo, "127.0.0.1", 0, ping_interval=None) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
            await peer.read_head()
            peer.writer.transport.pause_reading()
            [ws] = server.websockets
            [deflate] = ws.extensions
            sock = ws.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            for _ in range(8):
                peer.send(BINARY, random.Random(1).randbytes(size))
            await until(ws.transport.get_write_buffer_size)
            with measured() as memory:
                await flood(peer, bytes(size), count)
                await until(lambda: deflate.received.messages >= 20)
                await turns(20)
                cut_by_reset(peer)
                await until(lambda: not server.websockets)
    assert deflate.received.messages < 50
    assert memory.peak < 60 * size


async def test_a_flood_and_a_cut_at_the_client():
    """The client's side, from one end of ours to the other."""

    async def handler(ws, path):
        for _ in range(MANY):
            await ws.send(bytes(LARGE))
        await until(lambda: not ws.transport.get_write_buffer_size())
        sent.set()
        await cut_it.wait()
        ws.transport.abort()

    sent, cut_it = asyncio.Event(), asyncio.Event()
    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        options = {"max_queue": QUEUE, "max_size": LARGE}
        async with websockets.connect(uri_of(server), **options) as ws:
            [deflate] = ws.extensions
            await sent.wait()
            await until(lambda: deflate.received.messages >= QUEUE)
            cut_it.set()
            await ws.wait_closed()
            assert deflate.received.messages <= QUEUE + 1
            received, exc = await rest_of(ws)
            assert len(received) == MANY and exc.code == 1006


# While a connection ends in another way


@both_sides
@pytest.mark.parametrize("max_queue", [1, QUEUE])
async def test_a_loss_after_our_close_frame(side, max_queue):
    async with held(side, max_queue=max_queue, **watched(side)) as one:
        [extension] = one.ws.extensions
        one.hear(*[one.frame(TEXT, b"%d" % number) for number in range(20)])
        closing = asyncio.ensure_future(one.ws.close(4000))
        await turns()
        reset(one)
        await closing
        received, exc = await rest_of(one.ws)
        assert received == [str(number) for number in range(20)]
        assert exc.code == 1006


@both_sides
async def test_a_loss_while_a_close_frame_is_held_back(side):
    async with held(side, max_queue=32) as one:
        one.hear(*[one.frame(TEXT, b"%d" % number) for number in range(20)])
        one.hear(one.close_frame(1001, "bye"))
        reset(one)
        received, exc = await rest_of(one.ws)
        assert received == [str(number) for number in range(20)]
        assert (exc.code, exc.reason) == (1001, "bye")


@both_sides
async def test_bytes_that_come_when_it_is_lost_do_no_harm(side):
    async with held(side, max_queue=2) as one:
        one.hear(*[one.frame(TEXT, b"x")] * 10)
        reset(one)
        # Hosts that drive a protocol by hand may do this.
        one.ws.data_received(one.frame(TEXT, b"late"))
        one.ws.eof_received()
        received, exc = await rest_of(one.ws)
        assert received[:10] == ["x"] * 10 and exc.code == 1006
