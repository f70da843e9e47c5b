"""
Cancellation on trio, at every checkpoint: nothing is lost, no frame is torn, nothing is left.
"""

import contextlib
import functools
import math

import pytest
from on_trio import (
    REQUEST,
    BaseExceptionGroup,
    Handing,
    TrioPeer,
    both_sides,
    client_and_peer,
    connect,
    hold,
    on_trio,
    serve,
    trio,
    turns,
)
from peer import CLOSE, PING, PONG, TEXT, close_payload
from todays import accepting
from trio.testing import lockstep_stream_pair, memory_stream_pair

from websockets.exceptions import ConnectionClosed, ProtocolError
from websockets.trio.server import broadcast

CHECKPOINTS = 12
FIN = 0x80

streams = pytest.mark.parametrize(
    "pair", [memory_stream_pair, lockstep_stream_pair], ids=["roomy", "lockstep"]
)


async def cancelled_after(checkpoints, function, *args):
    """Call a function, and cancel it after so many checkpoints; return whether it was."""
    scope = trio.CancelScope()
    over = trio.Event()

    async def call():
        with scope:
            await function(*args)
        over.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        for _ in range(checkpoints):
            await trio.lowlevel.checkpoint()
        scope.cancel()
        await over.wait()
    return scope.cancelled_caught


async def frames_until(peer, last):
    """Return the frames that come up to a message."""
    frames = []
    while True:
        frames.append(await peer.read())
        if frames[-1][1] == last:
            return frames


@both_sides
@streams
@on_trio
async def test_receiving_loses_nothing(connection, pair):
    async with connection(pair=pair, max_queue=2) as (ws, peer):
        received = []

        async def receive():
            received.append(await ws.recv())

        async def feed():
            for number in range(3 * CHECKPOINTS):
                if number % 3:
                    await peer.send(TEXT, b"%d" % number)
                else:
                    await peer.send(TEXT, b"", fin=False)
                    await peer.send(0, b"%d" % number)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed)
            for checkpoints in range(CHECKPOINTS):
                await cancelled_after(checkpoints, receive)
                await cancelled_after(0, receive)
            while len(received) < 3 * CHECKPOINTS:
                await receive()
        assert received == [str(number) for number in range(3 * CHECKPOINTS)]


@both_sides
@streams
@on_trio
async def test_iterating_over_fragments_loses_nothing_before_the_first(connection, pair):
    async with connection(pair=pair) as (ws, peer):
        taken = []

        async def take():
            async for fragment in ws.recv_streaming():
                taken.append(fragment)

        for checkpoints in range(CHECKPOINTS):
            if not await cancelled_after(checkpoints, take):
                break
        assert not taken
        await peer.send(TEXT, b"a")
        await take()
        assert taken == ["a"]


@both_sides
@streams
@on_trio
async def test_sending_tears_no_frame(connection, pair):
    async with connection(pair=pair) as (ws, peer):
        sent, given_up = [], []

        async def send_some():
            for checkpoints in range(CHECKPOINTS):
                message = f"{checkpoints}" * 1000
                cancelled = await cancelled_after(checkpoints, ws.send, message)
                (given_up if cancelled else sent).append(message)
            await ws.send("last")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_some)
            frames = await frames_until(peer, b"last")
        arrived = [payload.decode() for _, payload in frames]
        assert {byte0 for byte0, _ in frames} == {FIN | TEXT}
        # What wasn't cancelled has arrived, in its order; what was may have.
        assert [message for message in arrived if message not in given_up] == [*sent, "last"]
        assert len(set(arrived)) == len(arrived)
        assert ws.state.name == "OPEN"


@both_sides
@streams
@on_trio
async def test_senders_that_wait_are_cancelled_one_by_one(connection, pair):
    async with connection(pair=pair) as (ws, peer):
        for checkpoints in range(CHECKPOINTS):
            some = trio.CancelScope()

            async def send_several():
                with some:  # noqa: B023
                    async with trio.open_nursery() as senders:
                        for number in range(3):
                            senders.start_soon(ws.send, f"{number}")

            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_several)
                nursery.start_soon(ws.send, "stays")
                for _ in range(checkpoints):
                    await trio.lowlevel.checkpoint()
                some.cancel()
                nursery.start_soon(frames_until, peer, b"last")
                await turns()
                await ws.send("last")
        assert ws.state.name == "OPEN"


@both_sides
@streams
@on_trio
async def test_a_fragmented_message_is_whole_or_unfinished(connection, pair):
    for checkpoints in range(CHECKPOINTS):
        async with connection(pair=pair, close_timeout=1) as (ws, peer):
            outcome = []

            async def send():
                outcome.append(await cancelled_after(checkpoints, ws.send, ["a", "b"]))  # noqa: B023
                try:
                    await ws.send("last")  # noqa: B023
                except ProtocolError as exc:
                    outcome.append(str(exc))  # noqa: B023
                    await ws.ping(b"last")  # noqa: B023

            async with trio.open_nursery() as nursery:
                nursery.start_soon(send)
                frames = await frames_until(peer, b"last")
            whole = [(TEXT, b"a"), (0, b"b"), (FIN, b"")]
            if outcome[1:]:
                assert outcome == [True, "expected a continuation frame"]
                assert frames[:-1] == whole[: len(frames) - 1] and len(frames) > 1
            else:
                assert frames[:-1] == whole or (outcome == [True] and not frames[:-1])


@both_sides
@streams
@on_trio
async def test_pings(connection, pair):
    async with connection(pair=pair) as (ws, peer):
        payloads = []

        async def answer():
            while payloads[-1:] != [b"last"]:
                byte0, payload = await peer.read()
                assert byte0 == FIN | PING
                payloads.append(payload)
                await peer.send(PONG, payload)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer)
            for checkpoints in range(CHECKPOINTS):
                await cancelled_after(checkpoints, ws.ping, b"%d" % checkpoints)
            await (await ws.ping(b"last")).wait()
        assert not ws.pending_pings and ws.state.name == "OPEN"


@both_sides
@streams
@pytest.mark.parametrize("answers", [False, True])
@on_trio
async def test_closing_is_closed_afterwards(connection, pair, answers):
    for checkpoints in range(CHECKPOINTS):
        async with connection(pair=pair) as (ws, peer):
            if answers:
                async with trio.open_nursery() as nursery:

                    async def answer():
                        with contextlib.suppress(trio.BrokenResourceError):
                            await peer.send(CLOSE, close_payload(1000))  # noqa: B023
                        await peer.read_eof()  # noqa: B023
                        await peer.close()  # noqa: B023

                    nursery.start_soon(answer)
                    await cancelled_after(checkpoints, ws.aclose)
                    assert ws.state.name == "CLOSED"
            else:
                assert await cancelled_after(checkpoints, ws.aclose)
                assert ws.state.name == "CLOSED"
            with pytest.raises(ConnectionClosed):
                await ws.recv()


@both_sides
@streams
@on_trio
async def test_broadcasts_tear_no_frame(connection, pair):
    async with connection(pair=pair) as (ws, peer):

        async def send_some():
            for checkpoints in range(CHECKPOINTS):
                await cancelled_after(checkpoints, broadcast, [ws], f"{checkpoints}" * 1000)
            await ws.send("last")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_some)
            frames = await frames_until(peer, b"last")
        numbers = [payload[: len(payload) // 1000] for _, payload in frames[:-1]]
        assert numbers == sorted(numbers, key=int) and {byte0 for byte0, _ in frames} == {
            FIN | TEXT
        }


# Connecting and serving


async def exchange(stream, **options):
    async with connect("ws://localhost/", stream=stream, **options) as ws:
        await ws.send("x")
        assert await ws.recv() == "y"


async def talk(peer):
    try:
        await peer.write(accepting(await peer.read_head()))
        await peer.read()
        await peer.send(TEXT, b"y")
        await peer.end()
    except (EOFError, trio.BrokenResourceError):
        await peer.close()


@streams
@on_trio
async def test_a_client_leaves_nothing(pair):
    await turns()
    before = trio.lowlevel.current_statistics().tasks_living
    cancelled = True
    checkpoints = 0
    while cancelled:
        ours, theirs = pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(talk, TrioPeer(theirs, masked=False))
            cancelled = await cancelled_after(checkpoints, exchange, ours)
            # Its peer learns of the end, and there is nobody who could send or receive.
            with pytest.raises(trio.ClosedResourceError):
                await ours.send_all(b"x")
        await turns()
        assert trio.lowlevel.current_statistics().tasks_living == before
        checkpoints += 1
    assert checkpoints > 5


@streams
@on_trio
async def test_a_server_leaves_nothing(pair):
    await turns()
    before = trio.lowlevel.current_statistics().tasks_living
    cancelled, ended = 0, 0

    async def handler(connection):
        nonlocal cancelled
        try:
            async for message in connection:
                await connection.send(message)
        except trio.Cancelled:
            cancelled += 1
            raise

    async def exchange_by_hand(peer):
        nonlocal ended
        try:
            await peer.write(REQUEST + b"\r\n")
            await peer.read_head()
            for _ in range(3):
                await peer.send(TEXT, b"x")
                await peer.read()
            await peer.send(CLOSE, close_payload(1000))
            await peer.read_close()
            await peer.read_eof()
        except (EOFError, trio.BrokenResourceError):
            ended += 1
        await peer.close()

    for checkpoints in range(40):
        ours, theirs = pair()
        listener = Handing()
        await listener.hand.send(ours)
        serving = functools.partial(serve, handler, listeners=[listener], compression=None)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(exchange_by_hand, TrioPeer(theirs, masked=True))
            assert await cancelled_after(checkpoints, serving)
            if await listener.leave():
                with pytest.raises(trio.ClosedResourceError):
                    await ours.send_all(b"x")
        await turns()
        assert trio.lowlevel.current_statistics().tasks_living == before
    assert cancelled and ended


@on_trio
async def test_closing_a_server_in_a_hurry():
    for checkpoints in range(CHECKPOINTS):
        ours, theirs = memory_stream_pair()
        peer = TrioPeer(theirs, masked=True)
        listener = Handing()
        async with trio.open_nursery() as nursery:
            server = await nursery.start(
                functools.partial(serve, hold, listeners=[listener], close_timeout=math.inf)
            )
            await listener.hand.send(ours)
            await peer.write(REQUEST + b"\r\n")
            await peer.read_head()
            # The peer doesn't answer, and there is no time-out.
            assert await cancelled_after(checkpoints, server.aclose)
        assert not server.all_connections


@on_trio
async def test_whoever_is_cancelled_says_goodbye():
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        with trio.CancelScope() as scope:
            peer = TrioPeer(await trio.open_tcp_stream("127.0.0.1", port), masked=True)
            await peer.write(REQUEST + b"\r\n")

            async def cancel():
                await peer.read_head()
                scope.cancel()

            nursery.start_soon(cancel)
            await serve(hold, listeners=listeners)
        assert await peer.read_close() == (1001, "")
        assert await peer.read_eof() == b""
        await peer.close()


@on_trio
async def test_a_client_that_is_cancelled_says_goodbye():
    listener, *_ = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:

            async def accept():
                peer = TrioPeer(await listener.accept(), masked=False)
                await peer.write(accepting(await peer.read_head()))
                with trio.CancelScope(shield=True):
                    closes.append(await peer.read_close())
                    assert await peer.read_eof() == b""
                    await peer.close()

            closes = []
            nursery.start_soon(accept)
            async with connect(f"ws://127.0.0.1:{port}") as ws:
                scope.cancel()
                await ws.recv()
    assert closes == [(1011, "")]
    await listener.aclose()


@on_trio
async def test_an_exception_and_a_cancellation_both_come_out():
    with pytest.raises(BaseExceptionGroup) as raised:
        with trio.CancelScope() as scope:
            async with client_and_peer(close_timeout=math.inf):
                scope.cancel()
                raise KeyError("of the body")
    kinds = []

    def look(exc):
        for inner in getattr(exc, "exceptions", ()):
            look(inner)
        kinds.append(type(exc))

    look(raised.value)
    assert KeyError in kinds and trio.Cancelled not in kinds


@both_sides
@on_trio
async def test_the_nursery_of_a_connection_is_cancelled(connection):
    with trio.CancelScope() as scope:
        async with connection() as (ws, peer):
            scope.cancel()
    assert ws.state.name == "CLOSED" and ws.close_code == 1006
    with pytest.raises(ConnectionClosed):
        await ws.send("x")
