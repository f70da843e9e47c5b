"""Large messages that are compressed and decompressed in a thread, while the event loop goes on."""

import asyncio
import concurrent.futures
import contextlib
import gc
import random
import threading
import weakref
import zlib

import pytest
from peer import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    close_payload,
    compressed,
    echo,
    server_and_peer,
    turns,
    until,
    uri_of,
)

import websockets
from websockets.extensions.base import Extension, ServerExtensionFactory
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)

OFFER = b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n"
THREAD_SIZE = 1000
LARGE = random.Random(1).randbytes(2 * THREAD_SIZE)
RSV1 = 4
TIME_LIMIT = 30  # seconds that a thread waits for its test


class Threads(concurrent.futures.ThreadPoolExecutor):
    """One thread, which does nothing until it is let."""

    def __init__(self):
        super().__init__(max_workers=1)
        self._gate = threading.Event()
        self.let = self._gate.set
        self.submit(self._gate.wait, TIME_LIMIT)


@contextlib.contextmanager
def busy_threads():
    """Have nothing done in the event loop's threads until ``let()`` is called."""
    with Threads() as threads:
        asyncio.get_running_loop().set_default_executor(threads)
        try:
            yield threads
        finally:
            threads.let()


def offloading(handler=None, **options):
    extension = ServerPerMessageDeflateFactory(thread_size=THREAD_SIZE)
    # What threads do may take long, and peers here answer no pings.
    options = {"ping_interval": None, **options}
    return server_and_peer(handler, OFFER, extensions=[extension], **options)


def send_compressed(peer, message):
    peer.send(BINARY, compressed(message), rsv=RSV1)


def decompressed(payload):
    return zlib.decompressobj(-15).decompress(payload + b"\x00\x00\xff\xff")


@pytest.mark.parametrize("takeover", [True, False])
@pytest.mark.parametrize("thread_size", [0, THREAD_SIZE])
async def test_messages_of_all_sizes_come_in_order(takeover, thread_size):
    settings = {
        "server_no_context_takeover": not takeover,
        "client_no_context_takeover": not takeover,
        "thread_size": thread_size,
    }
    messages = [LARGE[:size] * 2 for size in (0, 1, 499, 500, 1000, 2000, 3, 2000, 0, 999)]
    messages += ["é" * 600, "e" * 999, [b"ab", LARGE, b"c"]]
    server = ServerPerMessageDeflateFactory(**settings)
    async with websockets.serve(echo, "127.0.0.1", 0, extensions=[server]) as server:
        client = ClientPerMessageDeflateFactory(**settings)
        async with websockets.connect(uri_of(server), extensions=[client]) as ws:
            sending = asyncio.gather(*[ws.send(message) for message in messages])
            received = [await ws.recv() for _ in messages]
            await sending
            await (await ws.ping())
            [deflate] = ws.extensions
            assert deflate.sent.messages == deflate.received.messages == len(messages)
    assert received == [*messages[:-1], b"".join(messages[-1])]


async def test_the_event_loop_goes_on_while_a_message_is_compressed():
    with busy_threads() as threads:
        async with offloading() as (ws, peer):
            large = asyncio.ensure_future(ws.send(LARGE))
            small = asyncio.ensure_future(ws.send("small"))
            peer.send(PING, b"?")
            assert await peer.read() == (0x80 | PONG, b"?")
            assert not large.done() and not small.done()
            threads.let()
            byte0, payload = await peer.read()
            assert (byte0, decompressed(payload)) == (0xC0 | BINARY, LARGE)
            byte0, payload = await peer.read()
            assert (byte0, decompressed(payload)) == (0xC0 | TEXT, b"small")
            await asyncio.gather(large, small)


async def test_the_event_loop_goes_on_while_a_message_is_decompressed():
    with busy_threads() as threads:
        async with offloading() as (ws, peer):
            send_compressed(peer, b"before")
            send_compressed(peer, LARGE)
            send_compressed(peer, b"after")
            assert await ws.recv() == b"before"
            waiting = asyncio.ensure_future(ws.recv())
            await ws.send("goes on")
            await peer.read()
            assert not waiting.done()
            threads.let()
            assert await waiting == LARGE
            assert await ws.recv() == b"after"


async def test_what_comes_meanwhile_is_bounded():
    with busy_threads() as threads:
        async with offloading(read_limit=4096) as (ws, peer):
            send_compressed(peer, LARGE)
            flood = [bytes([n]) * 65536 for n in range(200)]
            for message in flood:
                peer.send(BINARY, message)
            drained = asyncio.ensure_future(peer.writer.drain())
            await until(lambda: not ws.transport.is_reading())
            await turns()
            assert not drained.done()
            threads.let()
            assert await ws.recv() == LARGE
            for message in flood:
                assert await ws.recv() == message
            await drained


async def test_messages_that_are_not_to_be_compressed_need_no_thread():
    with busy_threads():
        async with offloading() as (ws, peer):
            await ws.send(LARGE, compress=False)
            assert await peer.read() == (0x80 | BINARY, LARGE)
            peer.send(BINARY, LARGE)
            assert await ws.recv() == LARGE


async def test_a_message_is_sent_though_its_sender_is_cancelled():
    with busy_threads() as threads:
        async with offloading() as (ws, peer):
            sending = asyncio.ensure_future(ws.send(LARGE))
            await turns()
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            after = asyncio.ensure_future(ws.send(LARGE[:1500]))
            threads.let()
            await after
            for message in (LARGE, LARGE[:1500]):
                byte0, payload = await peer.read()
                assert (byte0, decompressed(payload)) == (0xC0 | BINARY, message)


async def test_a_message_is_not_sent_after_the_close_frame():
    with busy_threads() as threads:
        async with offloading() as (ws, peer):
            sending = asyncio.ensure_future(ws.send(LARGE))
            await turns()
            closing = asyncio.ensure_future(ws.close())
            assert await peer.read() == (0x80 | CLOSE, close_payload(1000))
            threads.let()
            peer.send(CLOSE, close_payload(1000))
            await closing
            with pytest.raises(websockets.ConnectionClosedOK):
                await sending
            assert await peer.read_eof() == b""


async def test_a_sender_waits_until_the_transport_takes_what_was_compressed():
    large = random.Random(2).randbytes(16_000_000)
    async with offloading() as (ws, peer):
        sending = asyncio.ensure_future(ws.send(large))
        await until(lambda: ws.transport.get_write_buffer_size())
        await turns()
        assert not sending.done()
        assert decompressed((await peer.read())[1]) == large
        await sending


async def test_what_cannot_be_encoded_fails_the_connection():
    class Failing(Extension):
        name = "failing"
        sharing_key = None
        thread_size = 0

        def direct(self):
            return self.passes, self.decode, self.encode

        def encode(self, fin, opcode, payload, compress=None):
            if opcode == BINARY:
                raise MemoryError
            return 0, opcode, payload

    class Factory(ServerExtensionFactory):
        name = "failing"

        def process_request_params(self, params, accepted_extensions):
            return [], Failing()

    offer = b"Sec-WebSocket-Extensions: failing\r\n"
    async with server_and_peer(None, offer, extensions=[Factory()]) as (ws, peer):
        with pytest.raises(MemoryError):
            await ws.send(LARGE)
        assert (await peer.read_close())[0] == 1011
        await peer.close()
        with pytest.raises(websockets.ConnectionClosedError):
            await ws.send("after")


async def test_fragments_are_compressed_elsewhere_too():
    async def fragments():
        yield LARGE
        yield b"small"

    with busy_threads() as threads:
        async with offloading() as (ws, peer):
            sending = asyncio.ensure_future(ws.send(fragments()))
            peer.send(PING, b"?")
            assert await peer.read() == (0x80 | PONG, b"?")
            threads.let()
            await sending
            frames = [await peer.read() for _ in range(3)]
            assert [byte0 for byte0, _ in frames] == [0x40 | BINARY, 0, 0x80]
            assert decompressed(b"".join(payload for _, payload in frames)) == LARGE + b"small"


async def test_messages_from_before_the_end_stay_readable():
    with busy_threads() as threads:
        async with offloading() as (ws, peer):
            send_compressed(peer, LARGE)
            send_compressed(peer, LARGE[:1500])
            peer.send(TEXT, b"after")
            peer.send(CLOSE, close_payload(1001, "bye"))
            peer.writer.write_eof()
            await ws.wait_closed()
            # The thread has done nothing so far.
            receiving = asyncio.ensure_future(ws.recv())
            await turns()
            assert not receiving.done()
            threads.let()
            assert await receiving == LARGE
            assert await ws.recv() == LARGE[:1500]
            assert await ws.recv() == "after"
            with pytest.raises(websockets.ConnectionClosedOK) as caught:
                await ws.recv()
            assert (caught.value.code, caught.value.reason) == (1001, "bye")


@pytest.mark.parametrize(
    "payload, options, code",
    [
        (b"\xff" * THREAD_SIZE, {}, 1002),
        (compressed(LARGE), {"max_size": 1999}, 1009),
    ],
    ids=["invalid", "too large"],
)
async def test_bad_data_fails_the_connection(payload, options, code):
    async with offloading(**options) as (ws, peer):
        send_compressed(peer, b"before")
        peer.send(BINARY, payload, rsv=RSV1)
        peer.send(TEXT, b"after")
        assert await ws.recv() == b"before"
        assert (await peer.read_close())[0] == code
        await peer.close()
        with pytest.raises(websockets.ConnectionClosedError) as caught:
            await ws.recv()
        assert (caught.value.code, caught.value.sent.code) == (1006, code)


async def test_what_a_thread_decompresses_when_the_connection_fails_can_be_read():
    with busy_threads() as threads:
        async with offloading() as (ws, peer):
            send_compressed(peer, LARGE)
            peer.send(TEXT, b"after")
            await ws.send("")
            await peer.read()
            ws.fail_connection(1011)
            threads.let()
            assert (await peer.read_close())[0] == 1011
            await peer.close()
            assert [await ws.recv() for _ in range(2)] == [LARGE, "after"]
            with pytest.raises(websockets.ConnectionClosedError):
                await ws.recv()


async def test_without_threads_it_is_done_all_the_same():
    loop = asyncio.get_running_loop()
    async with offloading() as (ws, peer):
        await loop.shutdown_default_executor()
        send_compressed(peer, LARGE)
        assert await ws.recv() == LARGE
        await ws.send(LARGE)
        assert decompressed((await peer.read())[1]) == LARGE


async def test_broadcast_skips_a_connection_that_compresses(caplog):
    with busy_threads() as threads:
        async with offloading() as (ws, peer):
            sending = asyncio.ensure_future(ws.send(LARGE))
            await turns()
            websockets.broadcast([ws], "news")
            threads.let()
            await sending
            await ws.send("after")
            assert decompressed((await peer.read())[1]) == LARGE
            assert decompressed((await peer.read())[1]) == b"after"
    assert ["skipped broadcast" in record.message for record in caplog.records] == [True]


@pytest.mark.parametrize("payload", [compressed(LARGE), b"\xff" * THREAD_SIZE], ids=["good", "bad"])
async def test_the_connection_is_freed_without_the_garbage_collector(payload):
    gone = None

    async def handler(ws):
        nonlocal gone
        gone = weakref.ref(ws)
        async for message in ws:
            await ws.send(message)

    gc.disable()
    try:
        async with offloading(handler) as (ws, peer):
            del ws
            peer.send(BINARY, payload, rsv=RSV1)
            peer.send(CLOSE, close_payload(1000))
            await peer.read_close()
            await peer.close()
            await until(lambda: gone() is None)
    finally:
        gc.enable()


async def test_what_answers_a_message_in_work_leaves_though_the_peer_has_ended_tcp():
    with busy_threads() as threads:
        async with offloading() as (ws, peer):
            send_compressed(peer, LARGE)
            peer.send(CLOSE, close_payload(1000))
            peer.writer.write_eof()
            await turns(50)
            receiving = asyncio.ensure_future(ws.recv())
            await turns()
            threads.let()
            assert await receiving == LARGE
            await ws.send("answer")
            assert decompressed((await peer.read())[1]) == b"answer"
            assert await peer.read_close() == (1000, "")
