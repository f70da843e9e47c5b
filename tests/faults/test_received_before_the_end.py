"""
What was received before the end can be read after it, whoever ends the connection and how.

That goes for the messages in the inbox and for those that are not parsed yet. What comes after the
end is neither given nor kept. Time is the virtual loop's: it passes when nothing else is left to do.
"""

import asyncio
import contextlib

import pytest
from drawing import CLOSE, TEXT
from endpoints import measured
from held import SIDES, held, in_virtual_time, rest_of, watched
from peer import turns

import websockets

both_sides = pytest.mark.parametrize("side", SIDES)

QUEUE = 4  # messages


def texts(count):
    return [str(number) for number in range(count)]


def hear(one, count):
    one.hear(*[one.frame(TEXT, text.encode()) for text in texts(count)])


# A failure


async def fail(one):
    one.ws.fail_connection(1011, "on purpose")


async def fail_without_a_close_frame(one):
    one.ws.fail_connection()


async def break_a_message(one):
    def fragments():
        yield "a"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await one.ws.send(fragments())


async def mix_a_message(one):
    with pytest.raises(TypeError):
        await one.ws.send(["a", b"b"])


async def cancel_a_message(one):
    async def fragments():
        yield "a"
        await asyncio.get_running_loop().create_future()

    sending = asyncio.ensure_future(one.ws.send(fragments()))
    await turns()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending


FAILURES = {
    "fail_connection": fail,
    "fail_connection without a close frame": fail_without_a_close_frame,
    "an iterable that raises": break_a_message,
    "fragments of two types": mix_a_message,
    "a fragmented message that is cancelled": cancel_a_message,
}
every_failure = pytest.mark.parametrize("failure", FAILURES.values(), ids=list(FAILURES))


@both_sides
@every_failure
@pytest.mark.parametrize("count", [1, QUEUE, QUEUE + 1, 5 * QUEUE])
@pytest.mark.parametrize("when", ["before the end", "after the end"])
@in_virtual_time
async def test_what_was_received_before_a_failure_stays_readable(side, failure, count, when):
    async with held(side, max_queue=QUEUE) as one:
        hear(one, count)
        await failure(one)
        assert not one.ws.open
        if when == "after the end":
            one.transport.lose()
            received, exc = await rest_of(one.ws)
        else:
            received = [await one.ws.recv() for _ in range(count)]
            one.transport.lose()
            _, exc = await rest_of(one.ws)
        assert received == texts(count)
        assert isinstance(exc, websockets.ConnectionClosedError)


@both_sides
@every_failure
@in_virtual_time
async def test_a_task_that_iterates_gets_what_was_received_before_a_failure(side, failure):
    async with held(side, max_queue=QUEUE) as one:
        received = []

        async def iterate():
            async for message in one.ws:
                received.append(message)
                await asyncio.sleep(0.001)

        hear(one, 5 * QUEUE)
        iterating = asyncio.ensure_future(iterate())
        await turns(2)
        await failure(one)
        one.transport.lose()
        with pytest.raises(websockets.ConnectionClosedError):
            await iterating
        assert received == texts(5 * QUEUE)


@both_sides
@every_failure
@in_virtual_time
async def test_what_comes_after_a_failure_is_neither_given_nor_kept(side, failure):
    async with held(side, max_queue=QUEUE, **watched(side)) as one:
        hear(one, 3 * QUEUE)
        await failure(one)
        wire = one.frame(TEXT, bytes(10_000))
        with measured() as memory:
            for _ in range(100):
                one.hear(wire)
        assert memory.kept < 50_000
        one.transport.lose()
        received, _ = await rest_of(one.ws)
        assert received == texts(3 * QUEUE)


@both_sides
@every_failure
@in_virtual_time
async def test_no_more_is_decoded_by_a_failure_than_fits_the_inbox(side, failure):
    async with held(side, max_queue=QUEUE, **watched(side)) as one:
        [extension] = one.ws.extensions
        hear(one, 100)
        await failure(one)
        await turns()
        assert extension.decoded <= QUEUE + 1
        one.transport.lose()
        await turns()
        assert extension.decoded <= QUEUE + 1
        received, _ = await rest_of(one.ws)
        assert received == texts(100)


@both_sides
@every_failure
@in_virtual_time
async def test_an_error_behind_what_was_received_changes_nothing_after_a_failure(side, failure):
    async with held(side, max_queue=QUEUE) as one:
        hear(one, 3 * QUEUE)
        one.hear(one.frame(3), one.frame(TEXT, b"never"))
        await failure(one)
        written = len(one.transport.done)
        received = [await one.ws.recv() for _ in range(3 * QUEUE)]
        # There is nothing more to say to the peer.
        assert [d for d in one.transport.done[written:] if isinstance(d, bytes)] == []
        one.transport.lose()
        _, exc = await rest_of(one.ws)
        assert received == texts(3 * QUEUE)
        assert exc.code == 1006


@both_sides
@in_virtual_time
async def test_what_was_received_before_keepalive_gave_up_stays_readable(side):
    async with held(side, max_queue=QUEUE, ping_interval=20, ping_timeout=20) as one:
        hear(one, QUEUE - 1)
        await asyncio.sleep(61)
        assert not one.ws.open
        one.transport.lose()
        received, exc = await rest_of(one.ws)
        assert received == texts(QUEUE - 1)
        assert isinstance(exc, websockets.ConnectionClosedError)


@both_sides
@pytest.mark.parametrize("count", [1, QUEUE, 5 * QUEUE])
@in_virtual_time
async def test_what_was_received_before_an_extension_could_not_send_stays_readable(side, count):
    async with held(side, max_queue=QUEUE, **watched(side)) as one:
        [extension] = one.ws.extensions
        hear(one, count)
        extension.failing = ZeroDivisionError("an extension of a test")
        with contextlib.suppress(ZeroDivisionError, websockets.ConnectionClosed):
            await one.ws.send(["a", "b"])
        one.transport.lose()
        received, _ = await rest_of(one.ws)
        assert received == texts(count)


# close()


@both_sides
@pytest.mark.parametrize("count", [1, QUEUE, QUEUE + 1, 5 * QUEUE])
@pytest.mark.parametrize("answer", ["close frame", "loss"])
@in_virtual_time
async def test_what_was_received_before_our_close_frame_stays_readable(side, count, answer):
    async with held(side, max_queue=QUEUE) as one:
        hear(one, count)
        closing = asyncio.ensure_future(one.ws.close(1000))
        await turns()
        if answer == "close frame":
            one.hear(one.close_frame(1000))
            one.transport.hear_eof()
        else:
            one.transport.lose()
        await closing
        received, exc = await rest_of(one.ws)
        assert received == texts(count)
        assert exc.code == (1000 if answer == "close frame" else 1006)


@both_sides
@pytest.mark.parametrize("max_queue", [1, QUEUE])
@in_virtual_time
async def test_their_close_frame_is_found_behind_unread_messages(side, max_queue):
    async with held(side, max_queue=max_queue) as one:
        hear(one, 5 * QUEUE)
        begun = asyncio.get_running_loop().time()
        closing = asyncio.ensure_future(one.ws.close(1000))
        await turns()
        one.hear(one.frame(TEXT, b"too late"), one.close_frame(1000))
        one.transport.hear_eof()
        await closing
        assert asyncio.get_running_loop().time() - begun < 1
        received, exc = await rest_of(one.ws)
        assert received[: 5 * QUEUE] == texts(5 * QUEUE)
        assert exc.code == 1000


@both_sides
@in_virtual_time
async def test_close_in_a_flood_keeps_within_the_inbox(side):
    async with held(side, max_queue=QUEUE, **watched(side, 1000)) as one:
        hear(one, 5 * QUEUE)
        closing = asyncio.ensure_future(one.ws.close(1000))
        await turns()
        wire = b"".join(one.frame(TEXT, b"x" * 20) for _ in range(50))
        with measured() as memory:
            for _ in range(50):
                one.hear(wire)
        # Decoded, they would be 50 MB.
        assert memory.kept < 1_000_000
        one.hear(one.close_frame(1000))
        one.transport.hear_eof()
        await closing
        assert one.ws.close_code == 1000


@both_sides
@pytest.mark.parametrize("max_queue", [1, QUEUE])
@in_virtual_time
async def test_a_close_frame_of_the_peer_behind_unread_messages_is_answered_in_time(
    side, max_queue
):
    async with held(side, max_queue=max_queue) as one:
        hear(one, max_queue)
        one.hear(one.close_frame(1000))
        received, exc = [], None
        for _ in range(max_queue):
            received.append(await one.ws.recv())
        reading = asyncio.ensure_future(rest_of(one.ws))
        await asyncio.sleep(1)
        assert one.transport.frames[-1].opcode == CLOSE
        one.transport.lose()
        more, exc = await reading
        assert (received, more, exc.code) == (texts(max_queue), [], 1000)
