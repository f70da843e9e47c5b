"""
What goes wrong in earnest on trio: cuts, resets, peers that don't read or that flood, on streams in
memory and on sockets.
"""

import contextlib
import math
import socket
import struct

import pytest
from on_trio import (
    ExceptionGroup,
    Started,
    both_ends,
    both_sides,
    client_and_peer,
    connect,
    hold,
    is_client,
    listening,
    on_trio,
    port_of,
    serving,
    tcp_to,
    trio,
    turns,
    until,
    uri_of,
)
from peer import BINARY, CLOSE, PING, PONG, TEXT, close_payload, frame
from todays import Records, accepting
from trio.testing import lockstep_stream_pair

from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.trio.server import broadcast

CONVERSATION = [
    ((TEXT, b"one"), {}),
    ((PING, b"x"), {}),
    ((BINARY, b"tw"), {"fin": False}),
    ((0, b"o"), {}),
    ((TEXT, b"three" * 100), {}),
    ((CLOSE, close_payload(1000, "bye")), {}),
]
MESSAGES = ["one", b"two", "three" * 100]


def conversation(masked):
    return b"".join(frame(*args, masked=masked, **options) for args, options in CONVERSATION)


@both_sides
@on_trio
async def test_cut_anywhere(connection):
    data = conversation(not is_client(connection))
    for cut in [*range(0, 60), *range(60, len(data), 25), *range(len(data) - 12, len(data) + 1)]:
        async with connection() as (ws, peer):
            await peer.write(data[:cut])
            await peer.close()
            received = []
            with contextlib.suppress(ConnectionClosedError):
                async for message in ws:
                    received.append(message)
            assert received == MESSAGES[: len(received)]
            await ws.wait_closed()
            if cut == len(data):
                assert received == MESSAGES and ws.close_code == 1000
            else:
                assert ws.close_code == 1006
                assert isinstance(ws.close_exc.__cause__, (EOFError, trio.BrokenResourceError))


@both_sides
@on_trio
async def test_byte_by_byte(connection):
    async with connection(pair=lockstep_stream_pair) as (ws, peer):

        async def speak():
            data = conversation(not is_client(connection))
            for byte in range(len(data)):
                await peer.write(data[byte : byte + 1])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(speak)
            nursery.start_soon(peer.end)
            assert [message async for message in ws] == MESSAGES


# Flow control


@both_sides
@on_trio
async def test_reading_stops_while_the_inbox_is_full(connection):
    async with connection(pair=lockstep_stream_pair, max_queue=2) as (ws, peer):
        sent = 0

        async def flood():
            nonlocal sent
            while True:
                await peer.send(BINARY, bytes(30_000))
                sent += 1

        flooding = Started(flood())
        await turns()
        before = sent
        assert before < 10
        for _ in range(before):
            await ws.recv()
        await turns()
        assert before < sent < 2 * before + 10
        flooding.cancel()


@both_sides
@on_trio
async def test_the_end_is_seen_behind_a_full_inbox(connection):
    async with connection(max_queue=1) as (ws, peer):
        for number in range(10):
            await peer.send(TEXT, b"%d" % number)
        await peer.close()
        await ws.wait_closed()
        received = []
        with pytest.raises(ConnectionClosedError):
            async for message in ws:
                received.append(message)
        assert received == [str(number) for number in range(10)]


@pytest.mark.parametrize("who", ["server", "client"])
@on_trio
async def test_senders_wait_for_a_peer_that_does_not_read_and_are_served_in_turn(who):
    options = {"compression": None, "max_queue": 1, "max_size": None}
    async with both_ends(options, **options) as ends:
        ours, theirs = ends if who == "server" else ends[::-1]
        sent = 0
        while True:
            with trio.move_on_after(0.2) as waited:
                await ours.send(bytes(1_000_000))
                sent += 1
            if waited.cancelled_caught:
                break
        assert sent < 50
        waiting = []
        for number in range(5):
            waiting.append(Started(ours.send(f"{number}")))
            await turns()
        assert not any(task.done() for task in waiting)
        for _ in range(sent + 1):
            assert len(await theirs.recv()) == 1_000_000
        assert [await theirs.recv() for _ in range(5)] == ["0", "1", "2", "3", "4"]
        for task in waiting:
            await task
        assert ours.state.name == "OPEN"


@on_trio
async def test_a_broadcast_waits_for_nobody_but_who_is_behind():
    options = {"compression": None, "max_queue": 1, "max_size": None}
    async with both_ends(options, **options) as (slow, reads_nothing):
        async with both_ends(options, **options) as (quick, reads):
            message = bytes(1_000_000)
            received = 0

            async def read():
                nonlocal received
                async for each in reads:
                    assert each == message
                    received += 1

            reading = Started(read())
            for number in range(1, 10):
                with trio.move_on_after(0.1) as scope:
                    await broadcast([slow, quick], message)
                await until(lambda: received == number)  # noqa: B023
            assert scope.cancelled_caught
            assert slow.state.name == quick.state.name == "OPEN"
            reading.cancel()
            reads_nothing.stream.socket.close()


@on_trio
async def test_a_broadcast_to_a_connection_that_ends_meanwhile():
    options = {"compression": None, "max_queue": 1, "max_size": None}
    async with both_ends(options, **options) as (slow, reads_nothing):
        sending = None
        while sending is None or sending.done():
            sending = Started(broadcast([slow], bytes(10_000_000), raise_exceptions=True))
            await turns()
        reset(reads_nothing.stream)
        await sending


# TCP that breaks


def reset(stream):
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


@pytest.mark.parametrize("who", ["server", "client"])
@on_trio
async def test_a_reset_behind_a_close_frame(who):
    async with both_ends() as ends:
        ours, theirs = ends if who == "server" else ends[::-1]
        wires = frame(TEXT, b"unread", masked=who == "server")
        wires += frame(CLOSE, close_payload(1000), masked=who == "server")
        await theirs.stream.send_all(wires)
        await turns()
        reset(theirs.stream)
        await ours.wait_closed()
        assert ours.close_exc.rcvd.code == 1000 and ours.close_exc.sent is None
        assert await ours.recv() == "unread"


@pytest.mark.parametrize("who", ["server", "client"])
@on_trio
async def test_a_reset(who):
    async with both_ends() as ends:
        ours, theirs = ends if who == "server" else ends[::-1]
        receiving = Started(ours.recv())
        pong = await ours.ping()
        over = await ours.ping(ack_on_close=True)
        await turns()
        reset(theirs.stream)
        with pytest.raises(ConnectionClosedError) as raised:
            await receiving
        cause = raised.value.__cause__
        if cause is not None and not isinstance(cause, EOFError):
            assert isinstance(cause, trio.BrokenResourceError)
            assert isinstance(cause.__cause__, OSError)
            assert ours.connection_exc is cause and cause.__traceback__ is None
        assert over.is_set() and pong is not None
        for function in (ours.ping, ours.pong, ours.recv):
            with pytest.raises(ConnectionClosedError):
                await function()
        with pytest.raises(ConnectionClosedError):
            await ours.send("x")


@pytest.mark.parametrize("who", ["server", "client"])
@on_trio
async def test_a_reset_while_senders_wait(who):
    options = {"compression": None, "max_queue": 1, "max_size": None, "close_timeout": 1}
    async with both_ends(options, **options) as ends:
        ours, theirs = ends if who == "server" else ends[::-1]

        async def flood():
            while True:
                await ours.send(bytes(1_000_000))

        flooding = [Started(flood()) for _ in range(3)]
        await turns()
        reset(theirs.stream)
        for task in flooding:
            with pytest.raises(ConnectionClosedError):
                await task
        assert ours.state.name == "CLOSED"


@pytest.mark.parametrize("who", ["server", "client"])
@on_trio
async def test_a_reset_in_the_middle_of_a_large_message(who):
    options = {"compression": None, "max_size": None}
    async with both_ends(options, **options) as ends:
        ours, theirs = ends if who == "server" else ends[::-1]
        masked = who == "server"
        await theirs.stream.send_all(frame(BINARY, bytes(1_000_000), masked=masked)[:500_000])
        await turns()
        reset(theirs.stream)
        with pytest.raises(ConnectionClosedError):
            await ours.recv()


@on_trio
async def test_a_reset_before_the_request():
    records = Records("DEBUG")
    async with serving(hold, logger=records.logger) as server:
        for begun in (b"", b"GET / HTTP/1.1\r\n"):
            async with await tcp_to(port_of(server)) as peer:
                await peer.write(begun)
                await until(lambda: server.all_connections)
                reset(peer.stream)
            await until(lambda: not server.all_connections)
    assert not [line for line in records.lines if line.startswith("ERROR")]


@on_trio
async def test_what_has_arrived_can_be_read_though_writing_fails():
    async def accept(peer):
        await peer.write(accepting(await peer.read_head()))
        for number in range(5):
            await peer.send(TEXT, b"%d" % number)
        await peer.read()

    async with listening(accept) as server:
        async with connect(uri_of(server), compression=None, close_timeout=1) as ws:
            await ws.send("x")
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await ws.send("x" * 1000)
            received = []
            with contextlib.suppress(ConnectionClosed):
                async for message in ws:
                    received.append(message)
            assert received == ["0", "1", "2", "3", "4"]


@both_sides
@on_trio(autojump=True)
async def test_a_peer_that_is_gone_is_noticed_by_keepalive(connection):
    async with connection(pair=lockstep_stream_pair, close_timeout=10) as (ws, peer):
        # It neither reads nor writes any more.
        sending = Started(ws.send("x" * 1000))
        receiving = Started(ws.recv())
        began = trio.current_time()
        await ws.wait_closed()
        assert trio.current_time() - began == pytest.approx(20 + 20 + 10, abs=0.1)
        for task in (sending, receiving):
            with pytest.raises(ConnectionClosedError) as raised:
                await task
            assert raised.value.sent.reason == "keepalive ping timeout"


@both_sides
@on_trio
async def test_the_stream_is_closed_by_the_program(connection):
    async with connection() as (ws, peer):
        receiving = Started(ws.recv())
        await turns()
        await trio.aclose_forcefully(ws.stream)
        with pytest.raises(ConnectionClosedError):
            await receiving
        await ws.wait_closed()


@on_trio
async def test_a_flood_of_pings():
    async with client_and_peer() as (ws, peer):
        data = b"".join(frame(PING, b"%d" % number) for number in range(1000))
        await peer.write(data)
        last = b""
        while last != b"999":
            byte0, last = await peer.read()
            assert byte0 == 0x80 | PONG


@on_trio
async def test_an_extension_that_fails():
    from websockets.extensions import ClientExtensionFactory, Extension

    class Broken(Extension):
        name = "broken"

        def decode(self, frame, *, max_size=None):
            raise KeyError("of the extension")

        def encode(self, frame):
            return frame

    class Factory(ClientExtensionFactory):
        name = "broken"

        def get_request_params(self):
            return []

        def process_response_params(self, params, accepted_extensions):
            return Broken()

    async def accept(peer):
        await peer.write(accepting(await peer.read_head(), "Sec-WebSocket-Extensions: broken"))
        await peer.send(TEXT, b"x")
        codes.append(await peer.read_close())

    codes, records = [], Records()
    options = {"extensions": [Factory()], "compression": None, "logger": records.logger}
    async with listening(accept) as server:
        async with connect(uri_of(server), **options) as ws:
            with pytest.raises(ConnectionClosedError) as raised:
                await ws.recv()
            assert isinstance(raised.value.__cause__, KeyError)
    assert codes == [(1011, "")] and records.lines == ["ERROR parser failed"]


@both_sides
@on_trio
async def test_a_stream_that_does_what_no_stream_may(connection):
    async def fail(max_bytes=None):
        raise KeyError("of the stream")

    records = Records()
    async with connection(logger=records.logger) as (ws, peer):
        ws.stream.receive_stream.receive_some = fail
        await peer.send(TEXT, b"wakes the reader")
        await ws.wait_closed()
        with pytest.raises(ConnectionClosedError) as raised:
            for _ in range(2):
                await ws.recv()
        assert isinstance(raised.value.__cause__, ExceptionGroup)
    assert "ERROR unexpected internal error" in records.lines


@on_trio
async def test_many_connections_at_once():
    async def handler(connection):
        async for message in connection:
            await connection.send(message)

    async with serving(handler) as server:
        limit = trio.CapacityLimiter(20)

        async def talk(number):
            async with limit, connect(uri_of(server)) as ws:
                for _ in range(3):
                    await ws.send(f"{number}")
                    assert await ws.recv() == f"{number}"
                if number % 3 == 0:
                    reset(ws.stream)

        async with trio.open_nursery() as nursery:
            for number in range(100):
                nursery.start_soon(talk, number)
        await until(lambda: not server.all_connections)


def test_connections_are_gone_when_trio_is():
    async def main():
        async with trio.open_nursery() as nursery:
            async with serving(lambda ws: ws.wait_closed()) as server:
                async with connect(uri_of(server)) as ws:
                    connections.append(ws)
                    nursery.cancel_scope.cancel()
                    await trio.sleep(math.inf)

    connections = []
    trio.run(main)
    assert connections[0].state.name == "CLOSED"
