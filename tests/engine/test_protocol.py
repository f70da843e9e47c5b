"""An open connection, on either side: messages, control frames, flow control."""

import asyncio
import contextlib
import functools
import logging

import pytest
from peer import (
    BASES,
    BINARY,
    PING,
    PONG,
    TEXT,
    both_sides,
    close_payload,
    frame,
    hold,
    server_and_peer,
    turns,
    uri_of,
)

import websockets

# recv


@both_sides
async def test_recv_gives_str_for_text_and_bytes_for_binary(connection):
    async with connection() as (ws, peer):
        peer.send(TEXT, "caf\u00e9 \U0001f600".encode())
        peer.send(BINARY, b"\x00\xff")
        assert await ws.recv() == "caf\u00e9 \U0001f600"
        assert type(message := await ws.recv()) is bytes and message == b"\x00\xff"


@both_sides
async def test_recv_gives_fragments_as_one_message_with_a_ping_in_between(connection):
    async with connection() as (ws, peer):
        peer.send(BINARY, b"ab", fin=False)
        peer.send(PING, b"!")
        peer.send(0, b"", fin=False)
        peer.send(0, b"cd")
        assert await ws.recv() == b"abcd"
        assert await peer.read() == (0x80 | PONG, b"!")


@both_sides
async def test_cancelling_recv_in_the_turn_in_which_a_message_arrives_loses_nothing(connection):
    async with connection() as (ws, peer):
        receiving = asyncio.ensure_future(ws.recv())
        await turns()
        ws.data_received(frame(TEXT, b"kept", masked=peer.masked))
        receiving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await receiving
        assert await ws.recv() == "kept"


@both_sides
async def test_recv_with_a_timeout_can_be_called_again(connection):
    async with connection() as (ws, peer):
        for _ in range(3):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(ws.recv(), 0.001)
        peer.send(TEXT, b"late")
        assert await ws.recv() == "late"


@both_sides
async def test_recv_by_two_coroutines_is_a_runtime_error(connection):
    async with connection() as (ws, peer):
        first = asyncio.ensure_future(ws.recv())
        await turns()
        with pytest.raises(RuntimeError, match="recv"):
            await ws.recv()
        peer.send(TEXT, b"for the first")
        assert await first == "for the first"


@both_sides
async def test_iteration_ends_with_1000_and_1001(connection):
    for code in (1000, 1001):
        async with connection() as (ws, peer):
            peer.send(TEXT, b"a")
            peer.send(TEXT, b"b")
            peer.send(8, close_payload(code))
            assert [message async for message in ws] == ["a", "b"]


@both_sides
async def test_iteration_raises_for_other_codes_after_all_messages(connection):
    async with connection() as (ws, peer):
        peer.send(TEXT, b"a")
        peer.send(8, close_payload(4001, "why"))
        received = []
        with pytest.raises(websockets.ConnectionClosedError) as error:
            async for message in ws:
                received.append(message)
        assert received == ["a"]
        assert (error.value.code, error.value.reason) == (4001, "why")


async def test_iteration_uses_an_overridden_recv():
    class Shouting(websockets.WebSocketServerProtocol):
        async def recv(self):
            return (await super().recv()).upper()

    async with server_and_peer(create_protocol=Shouting) as (ws, peer):
        peer.send(TEXT, b"quiet")
        peer.send(8, close_payload(1000))
        assert [message async for message in ws] == ["QUIET"]


@both_sides
async def test_legacy_recv_returns_none_at_the_end(connection):
    async with connection(legacy_recv=True) as (ws, peer):
        peer.send(TEXT, b"a")
        peer.send(8, close_payload(1000))
        assert [await ws.recv(), await ws.recv(), await ws.recv()] == ["a", None, None]


# send


@both_sides
@pytest.mark.parametrize(
    "message, opcode, payload",
    [
        ("caf\u00e9", TEXT, b"caf\xc3\xa9"),
        ("", TEXT, b""),
        (b"\x00\x01", BINARY, b"\x00\x01"),
        (bytearray(b"ab"), BINARY, b"ab"),
        (memoryview(b"abcd"), BINARY, b"abcd"),
        (memoryview(b"abcd").cast("H"), BINARY, b"abcd"),
        (memoryview(b"abcd")[::-2], BINARY, b"db"),
        (b"x" * 65536, BINARY, b"x" * 65536),
    ],
    ids=lambda value: repr(value)[:12],
)
async def test_send_makes_one_frame(connection, message, opcode, payload):
    async with connection() as (ws, peer):
        await ws.send(message)
        assert await peer.read() == (0x80 | opcode, payload)


async def several():
    yield "a"
    await asyncio.sleep(0)
    yield "b"


@both_sides
@pytest.mark.parametrize("kind", ["list", "generator", "async generator"])
async def test_send_makes_a_frame_for_each_item_of_an_iterable(connection, kind):
    items = {"list": ["a", "b"], "generator": iter("ab"), "async generator": several()}[kind]
    async with connection() as (ws, peer):
        await ws.send(items)
        assert [await peer.read() for _ in range(3)] == [(TEXT, b"a"), (0, b"b"), (0x80, b"")]


@both_sides
async def test_send_of_nothing_sends_nothing(connection):
    async with connection() as (ws, peer):
        await ws.send([])
        await ws.send("next")
        assert await peer.read() == (0x80 | TEXT, b"next")


@both_sides
@pytest.mark.parametrize("message", [None, 42, {"a": 1}, [1], [None, "a"]], ids=repr)
async def test_send_refuses_other_types_and_the_connection_stays_open(connection, message):
    async with connection() as (ws, peer):
        with pytest.raises(TypeError):
            await ws.send(message)
        await ws.send("still open")
        assert await peer.read() == (0x80 | TEXT, b"still open")


@both_sides
async def test_send_of_mixed_fragments_is_a_type_error_and_closes_with_1011(connection):
    async with connection() as (ws, peer):
        with pytest.raises(TypeError, match="fragments"):
            await ws.send(["a", b"b"])
        assert await peer.read_close() == (1011, "")


@both_sides
async def test_cancelling_a_fragmented_send_fails_the_connection_and_frees_who_waits(connection):
    async def stuck():
        yield "a"
        await asyncio.get_running_loop().create_future()

    async with connection() as (ws, peer):
        sending = asyncio.ensure_future(ws.send(stuck()))
        assert await peer.read() == (TEXT, b"a")
        waiting = asyncio.ensure_future(ws.send("b"))
        await turns()
        assert not waiting.done()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert await peer.read_close() == (1011, "")
        await peer.close()
        with pytest.raises(websockets.ConnectionClosedError):
            await waiting


@both_sides
async def test_a_message_waits_for_the_end_of_a_fragmented_one_but_a_ping_does_not(connection):
    go_on = asyncio.Event()

    async def slow():
        yield b"a"
        await go_on.wait()
        yield b"b"

    async with connection() as (ws, peer):
        sending = asyncio.ensure_future(ws.send(slow()))
        assert await peer.read() == (BINARY, b"a")
        others = [asyncio.ensure_future(ws.send(text)) for text in ("c", "d")]
        await ws.ping(b"p")
        assert await peer.read() == (0x80 | PING, b"p")
        go_on.set()
        await asyncio.gather(sending, *others)
        frames = [await peer.read() for _ in range(4)]
        assert frames == [(0, b"b"), (0x80, b""), (0x80 | TEXT, b"c"), (0x80 | TEXT, b"d")]


# Closed connections


@both_sides
async def test_all_operations_raise_after_the_end(connection):
    async with connection() as (ws, peer):
        peer.send(8, close_payload(1001, "bye"))
        await peer.read_close()
        await peer.close()
        await ws.wait_closed()
        for operation in (ws.recv, ws.ping, ws.pong, lambda: ws.send("x"), ws.ensure_open):
            with pytest.raises(websockets.ConnectionClosedOK) as error:
                await operation()
            assert (error.value.code, error.value.reason) == (1001, "bye")
        assert ws.closed and not ws.open and ws.state is websockets.State.CLOSED


# Pings


@both_sides
async def test_a_ping_is_answered_with_its_payload(connection):
    async with connection() as (ws, peer):
        for payload in (b"", b"\x00" * 125):
            peer.send(PING, payload)
            assert await peer.read() == (0x80 | PONG, payload)


@both_sides
async def test_ping_returns_a_future_for_the_pong(connection):
    async with connection() as (ws, peer):
        future = await ws.ping()
        byte0, payload = await peer.read()
        assert (byte0, len(payload)) == (0x80 | PING, 4)
        assert not future.done()
        peer.send(PONG, payload)
        await future


@both_sides
async def test_a_pong_acknowledges_the_pings_before_it(connection):
    async with connection() as (ws, peer):
        futures = [await ws.ping(data) for data in ("a", b"b", bytearray(b"c"))]
        peer.send(PONG, b"unknown")
        peer.send(PONG, b"b")
        await asyncio.gather(*futures[:2])
        assert not futures[2].done()


@both_sides
async def test_a_ping_whose_future_was_cancelled_is_acknowledged_quietly(connection, caplog):
    async with connection() as (ws, peer):
        (await ws.ping(b"x")).cancel()
        peer.send(PONG, b"x")
        await (await round_trip(ws, peer))
    assert not caplog.records


async def round_trip(ws, peer):
    future = await ws.ping(b"round trip")
    while await peer.read() != (0x80 | PING, b"round trip"):
        pass
    peer.send(PONG, b"round trip")
    return future


@both_sides
async def test_two_pings_with_the_same_data_are_a_value_error(connection):
    async with connection() as (ws, peer):
        await ws.ping("same")
        with pytest.raises(ValueError, match="same data"):
            await ws.ping(b"same")


@both_sides
async def test_pings_of_a_connection_that_ends_raise_connection_closed(connection):
    async with connection() as (ws, peer):
        future = await ws.ping()
        ignored = await ws.ping()
        await peer.close()
        with pytest.raises(websockets.ConnectionClosedError):
            await future
        assert ignored.done()


@both_sides
async def test_a_ping_of_more_than_125_bytes_is_refused_and_the_connection_stays_open(connection):
    async with connection() as (ws, peer):
        with pytest.raises(websockets.ProtocolError, match="125"):
            await ws.ping(b"x" * 126)
        with pytest.raises(TypeError):
            await ws.ping(42)
        await ws.pong("unsolicited")
        assert await peer.read() == (0x80 | PONG, b"unsolicited")


# Keepalive


class Timer:
    def __init__(self, when, callback, args):
        self.when = when
        self.fire = functools.partial(callback, *args)

    def cancel(self):
        self.fire = lambda: None


class Clock:
    """The event loop, with timers that fire when a test lets time pass."""

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.now = 0
        self.timers = []

    def __getattr__(self, name):
        return getattr(self.loop, name)

    def call_later(self, delay, callback, *args):
        self.timers.append(Timer(self.now + delay, callback, args))
        return self.timers[-1]

    def advance(self, seconds):
        end = self.now + seconds
        while due := [timer for timer in self.timers if timer.when <= end]:
            timer = min(due, key=lambda timer: timer.when)
            self.timers.remove(timer)
            self.now = timer.when
            timer.fire()
        self.now = end


@contextlib.asynccontextmanager
async def with_clock(connection, **options):
    """An open connection, its peer, and the clock of its keepalive."""
    clock = Clock()

    class Timed(BASES[connection]):
        def connection_open(self):
            self.loop = clock
            super().connection_open()

    async with connection(create_protocol=Timed, **options) as (ws, peer):
        yield ws, peer, clock


@both_sides
async def test_keepalive_sends_pings_that_a_peer_answers(connection):
    async with connection(ping_interval=0.001, ping_timeout=5) as (ws, peer):
        payloads = set()
        for _ in range(3):
            byte0, payload = await peer.read()
            assert byte0 == 0x80 | PING
            payloads.add(payload)
            peer.send(PONG, payload)
        assert len(payloads) == 3


@both_sides
async def test_keepalive_closes_with_1011_when_nothing_is_heard(connection):
    async with connection(ping_interval=0.001, ping_timeout=0.001) as (ws, peer):
        assert await peer.read_close() == (1011, "keepalive ping timeout")
        await peer.close()
        with pytest.raises(websockets.ConnectionClosedError) as error:
            await ws.recv()
        assert error.value.code == 1011


@both_sides
async def test_keepalive_without_a_timeout_only_pings(connection):
    async with connection(ping_interval=0.001, ping_timeout=None) as (ws, peer):
        for _ in range(5):
            assert (await peer.read())[0] == 0x80 | PING
        assert ws.open


@both_sides
async def test_keepalive_takes_any_bytes_for_life(connection):
    async with with_clock(connection, ping_interval=20, ping_timeout=20) as (ws, peer, clock):
        # No pong ever comes, but messages do, for many times the timeout.
        for _ in range(30):
            peer.send(TEXT, b"alive")
            await ws.recv()
            clock.advance(15)
        assert ws.open
        clock.advance(15)
        assert await peer.read_close() == (1011, "keepalive ping timeout")


@both_sides
async def test_keepalive_spares_a_peer_that_we_do_not_read_from(connection):
    options = {"ping_interval": 20, "ping_timeout": 20, "max_queue": 1, "read_limit": 1}
    async with with_clock(connection, **options) as (ws, peer, clock):
        for _ in range(3):
            peer.send(TEXT, b"waits")
        while ws.transport.is_reading():
            await turns(1)
        clock.advance(1000)
        assert ws.open
        assert [await ws.recv() for _ in range(3)] == ["waits"] * 3


# Flow control


@both_sides
async def test_reading_pauses_while_the_queue_is_full_and_nothing_is_lost(connection):
    async with connection(max_queue=2, max_size=None) as (ws, peer):
        messages = [b"%d" % n * 50_000 for n in range(200)]
        writing = asyncio.ensure_future(write_all(peer, messages))
        await turns(100)
        # 10 to 30 MB fit in no socket buffer: the peer is held up by us.
        assert not writing.done()
        assert [await ws.recv() for _ in messages] == messages
        await writing


async def write_all(peer, messages):
    for message in messages:
        peer.write(b"".join(big_frame(peer, message)))
        await peer.writer.drain()


def big_frame(peer, payload):
    """A frame masked with a key of zeros, to be quick."""
    head = bytes([0x82, 0x7F | (0x80 if peer.masked else 0)]) + len(payload).to_bytes(8, "big")
    if len(payload) < 65536:
        head = bytes([0x82, 0x7E | (0x80 if peer.masked else 0)]) + len(payload).to_bytes(2, "big")
    return head + (bytes(4) if peer.masked else b""), payload


@both_sides
async def test_reading_pauses_at_read_limit_and_goes_on_at_half_of_it(connection):
    async with connection(max_queue=1, read_limit=1000) as (ws, peer):
        message = frame(BINARY, b"x" * 100, masked=peer.masked)
        for _ in range(10):
            ws.data_received(message)
            assert ws.transport.is_reading()
        ws.data_received(message)
        assert not ws.transport.is_reading()
        for left in range(9, 3, -1):
            await ws.recv()
            assert ws.transport.is_reading() == (left * len(message) <= 500)
        assert ws.transport.is_reading()


@both_sides
async def test_send_and_ping_wait_while_the_peer_does_not_read(connection):
    async with connection(write_limit=1000) as (ws, peer):
        sent = []

        async def sender(name):
            for n in range(20):
                await ws.send(name + b"%d" % n + b"x" * 500_000)
                sent.append(name)

        senders = [asyncio.ensure_future(sender(name)) for name in (b"a", b"b", b"c")]
        await turns(1000)
        # 30 MB fit in no socket buffer.
        assert len(sent) < 60
        pinging = asyncio.ensure_future(ws.ping(b"p"))
        received = [(await peer.read())[1][:3].rstrip(b"x") for _ in range(61)]
        await asyncio.gather(*senders, pinging)
        # Each sender's messages are in order, whatever happened between senders.
        for name in (b"a", b"b", b"c"):
            assert [r for r in received if r[:1] == name] == [name + b"%d" % n for n in range(20)]


@both_sides
async def test_who_waits_to_send_gets_connection_closed_when_the_peer_vanishes(connection):
    async with connection(write_limit=1000) as (ws, peer):
        senders = [asyncio.ensure_future(send_for_ever(ws)) for _ in range(3)]
        await turns(50)
        peer.writer.transport.abort()
        for sender in senders:
            with pytest.raises(websockets.ConnectionClosedError):
                await sender


async def send_for_ever(ws):
    while True:
        await ws.send(b"x" * 100_000)


@both_sides
async def test_sending_in_a_loop_to_a_peer_that_vanished_ends(connection):
    async with connection(write_limit=10**9) as (ws, peer):
        ws.transport.abort()
        with pytest.raises(websockets.ConnectionClosedError):
            while True:
                await ws.send("x")


@both_sides
async def test_a_subclass_may_have_private_names_and_set_max_size_early(connection):
    class Mine(BASES[connection]):
        def __init__(self, *args, **kwargs):
            self.max_size = 1
            super().__init__(*args, **kwargs)
            self._connection = self._closed = self._thread = "mine"

    async with connection(create_protocol=Mine) as (ws, peer):
        peer.send(TEXT, b"hello")
        assert await ws.recv() == "hello"
        peer.send(8, close_payload(1000))
        await ws.wait_closed()


@both_sides
async def test_pings_behind_a_stuck_writer_are_answered_once(connection):
    async with connection(write_limit=1000) as (ws, peer):
        sending = asyncio.ensure_future(ws.send(b"x" * 20_000_000))
        await turns(50)
        assert not sending.done()
        for n in range(1000):
            peer.send(PING, b"%d" % n)
        peer.send(TEXT, b"behind the pings")
        assert await ws.recv() == "behind the pings"
        frames = [await peer.read() for _ in range(2)]
        assert [payload[:10] for _, payload in frames] == [b"x" * 10, b"999"]
        await sending


# What a connection says of itself


@both_sides
async def test_addresses_and_states(connection):
    async with connection() as (ws, peer):
        ours, theirs = (
            peer.writer.get_extra_info("peername"),
            peer.writer.get_extra_info("sockname"),
        )
        assert (ws.local_address, ws.remote_address) == (ours, theirs)
        assert ws.open and not ws.closed and ws.state is websockets.State.OPEN
        assert (ws.close_code, ws.close_reason) == (None, None)


async def test_a_protocol_without_a_connection():
    ws = websockets.WebSocketCommonProtocol()
    assert ws.state is websockets.State.CONNECTING and not ws.open and not ws.closed
    assert ws.local_address is None and ws.remote_address is None
    with pytest.raises(websockets.InvalidState):
        await ws.send("too early")
    with pytest.raises(websockets.InvalidState):
        await ws.recv()
    await ws.close()


@both_sides
async def test_max_size_can_be_changed_while_the_connection_is_open(connection):
    async with connection(max_size=10) as (ws, peer):
        assert ws.max_size == 10
        ws.max_size = 100
        peer.send(BINARY, b"x" * 100)
        assert await ws.recv() == b"x" * 100
        peer.send(BINARY, b"x" * 101)
        assert (await peer.read_close())[0] == 1009


@both_sides
async def test_an_overridden_close_connection_runs_from_the_opening_on(connection):
    events = []

    class Noting(BASES[connection]):
        async def close_connection(self):
            events.append("opened")
            await super().close_connection()
            events.append("closed")

    async with connection(create_protocol=Noting) as (ws, peer):
        await turns()
        assert events == ["opened"]
        await peer.close()
        await ws.wait_closed()
        await ws.close_connection_task
    assert events == ["opened", "closed"]


@both_sides
async def test_an_extension_that_breaks_is_logged_once_and_closes_with_1011(connection, caplog):
    class Broken:
        name = "x-broken"

        def get_request_params(self):
            return []

        def process_response_params(self, params, accepted):
            return self

        def process_request_params(self, params, accepted):
            return [], self

        def encode(self, frame):
            return frame

        def decode(self, frame, *, max_size=None):
            raise ZeroDivisionError("on purpose")

    broken = Broken()
    with contextlib.ExitStack() as stack:
        stack.enter_context(caplog.at_level(logging.ERROR, "websockets.protocol"))
        async with websockets.serve(hold, "127.0.0.1", 0, extensions=[broken]) as server:
            async with websockets.connect(uri_of(server), extensions=[broken]) as ws:
                assert ws.extensions[0] is broken
                await ws.send("x")
                with pytest.raises(websockets.ConnectionClosedError):
                    await ws.recv()
    errors = [r for r in caplog.records if r.exc_info and r.exc_info[0] is ZeroDivisionError]
    # Each end decodes one frame: the server the message, the client the close frame.
    assert len(errors) == 2
