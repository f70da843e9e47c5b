"""
A fragmented message whose iterator is stuck holds up nobody for longer than its connection.

Who waits behind it gets ConnectionClosed once the connection is closed, by whomever. Cancelling it
fails the connection only while that is open: a closing handshake under way stays clean.
"""

import asyncio
import contextlib

import pytest
from drawing import CLOSE, CONT, PING, PONG, TEXT
from held import SIDES, held, in_threads
from peer import turns, until

import websockets

both_sides = pytest.mark.parametrize("side", SIDES)


class Stuck:
    """A message whose first fragment is sent, and the next one never comes by itself."""

    def __init__(self, one, first="a"):
        self.go_on = asyncio.get_running_loop().create_future()
        self.sending = asyncio.ensure_future(one.ws.send(self._fragments(first)))

    async def _fragments(self, first):
        yield first
        await self.go_on
        yield first

    async def end(self):
        """Let the program's iterator go on; return what came of the call."""
        if not self.go_on.done():
            self.go_on.set_result(None)
        [outcome] = await asyncio.gather(self.sending, return_exceptions=True)
        return outcome


@contextlib.asynccontextmanager
async def stuck(one):
    """Have a message stuck in the middle."""
    message = Stuck(one)
    try:
        await turns()
        assert [(drawn.opcode, drawn.fin) for drawn in one.transport.frames] == [(TEXT, False)]
        yield message
    finally:
        await message.end()


async def their_close(one):
    one.hear(one.close_frame(1000))
    await turns()
    one.transport.hear_eof()


async def our_close(one):
    closing = asyncio.ensure_future(one.ws.close(1000))
    await turns()
    await their_close(one)
    await closing


async def loss(one):
    one.transport.lose(ConnectionResetError("reset by a test"))


async def end_of_tcp(one):
    one.transport.hear_eof()


async def failure(one):
    one.ws.fail_connection(1011)
    await turns()
    one.transport.lose()


async def violation(one):
    one.hear(one.frame(3))
    await turns()
    one.transport.lose()


ENDS = {
    "their close": their_close,
    "our close": our_close,
    "loss": loss,
    "end of TCP": end_of_tcp,
    "failure": failure,
    "violation": violation,
}
every_end = pytest.mark.parametrize("end", ENDS.values(), ids=list(ENDS))


async def outcomes_of(tasks):
    """Return what becomes of tasks soon, None for those that never end."""
    await turns(20)
    late = [task for task in tasks if not task.done()]
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    return [None if task in late else task.exception() for task in tasks]


def all_closed(outcomes):
    return all(isinstance(outcome, websockets.ConnectionClosed) for outcome in outcomes)


CALLS = {
    "text": lambda ws: ws.send("x"),
    "binary": lambda ws: ws.send(b"x" * 100_000),
    "fragments": lambda ws: ws.send(["x", "y"]),
}


@both_sides
@every_end
async def test_who_waits_behind_it_is_told_of_the_end(side, end):
    async with held(side) as one:
        async with stuck(one):
            waiting = [asyncio.ensure_future(call(one.ws)) for call in [*CALLS.values()] * 2]
            await turns()
            assert not any(task.done() for task in waiting)
            await end(one)
            one.transport.lose()
            assert all_closed(await outcomes_of(waiting))


@both_sides
@every_end
async def test_who_comes_after_the_end_is_told_at_once(side, end):
    async with held(side) as one:
        async with stuck(one):
            await end(one)
            one.transport.lose()
            for call in [*CALLS.values(), lambda ws: ws.ping(), lambda ws: ws.pong()]:
                assert all_closed(await outcomes_of([asyncio.ensure_future(call(one.ws))]))
            await asyncio.wait_for(one.ws.close(), 1)
            await asyncio.wait_for(one.ws.wait_closed(), 1)


@both_sides
@every_end
async def test_nobody_else_is_held_up_by_it(side, end):
    async with held(side) as one:
        async with stuck(one):
            # RFC 6455 5.4: control frames may stand in the middle of a fragmented message.
            pong = await asyncio.wait_for(one.ws.ping(b"?"), 1)
            await asyncio.wait_for(one.ws.pong(b"!"), 1)
            one.hear(one.frame(PING, b"their"), one.frame(TEXT, b"message"))
            assert await one.ws.recv() == "message"
            receiving = asyncio.ensure_future(one.ws.recv())
            await turns()
            sent = [(drawn.opcode, drawn.payload) for drawn in one.transport.frames[1:]]
            assert sent == [(PING, b"?"), (PONG, b"!"), (PONG, b"their")]
            await end(one)
            one.transport.lose()
            assert all_closed(await outcomes_of([receiving, pong]))


@both_sides
@every_end
async def test_it_is_told_itself_when_its_iterator_goes_on(side, end):
    async with held(side) as one:
        async with stuck(one) as message:
            await end(one)
            one.transport.lose()
            written = len(one.transport.done)
            assert isinstance(await message.end(), websockets.ConnectionClosed)
            assert len(one.transport.done) == written and not one.transport.faults


@both_sides
@every_end
async def test_several_of_them(side, end):
    async with held(side) as one:
        async with stuck(one):
            others = [Stuck(one, "b"), Stuck(one, "c")]
            await turns()
            waiting = [other.sending for other in others]
            waiting.append(asyncio.ensure_future(one.ws.send("x")))
            await turns()
            await end(one)
            one.transport.lose()
            assert all_closed(await outcomes_of(waiting))


@both_sides
async def test_an_iterator_that_is_stuck_before_its_first_fragment_holds_up_nobody(side):
    async def fragments():
        await go_on
        yield "a"

    async with held(side) as one:
        go_on = asyncio.get_running_loop().create_future()
        sending = asyncio.ensure_future(one.ws.send(fragments()))
        await turns()
        await asyncio.wait_for(one.ws.send("x"), 1)
        one.transport.lose()
        go_on.set_result(None)
        assert all_closed(await outcomes_of([sending]))


@both_sides
@every_end
async def test_who_waits_behind_it_for_a_thread_is_told_of_the_end(side, end):
    async with held(side, **in_threads(side)) as one:
        message = Stuck(one, "a" * 1000)
        try:
            await turns()
            waiting = [asyncio.ensure_future(one.ws.send("x" * 1000)) for _ in range(3)]
            await turns()
            await end(one)
            one.transport.lose()
            assert all_closed(await outcomes_of(waiting))
        finally:
            await message.end()


@both_sides
async def test_who_waits_behind_it_may_still_give_up(side):
    async with held(side) as one:
        async with stuck(one) as message:
            waiting = [asyncio.ensure_future(one.ws.send(str(number))) for number in range(3)]
            await turns()
            waiting[1].cancel()
            await turns()
            assert waiting[1].cancelled()
            assert await message.end() is None
            await asyncio.gather(waiting[0], waiting[2])
            assert one.transport.messages == [b"a", b"a", b"", b"0", b"2"]


# Cancelling it


@both_sides
async def test_cancelling_it_fails_a_connection_that_is_open(side):
    """The documented way: RFC 6455 5.4 leaves nothing else to say after half a message."""
    async with held(side) as one:
        async with stuck(one) as message:
            message.sending.cancel()
            await turns()
            assert message.sending.cancelled() and not one.ws.open
            closing = [drawn for drawn in one.transport.frames if drawn.opcode == CLOSE]
            assert [drawn.payload[:2] for drawn in closing] == [b"\x03\xf3"]


INTERRUPTIONS = {}


@both_sides
@pytest.mark.parametrize("threads", [False, True])
async def test_cancelling_it_behind_its_last_frame_changes_nothing(side, threads):
    options = in_threads(side) if threads else {}
    async with held(side, write_limit=0, **options) as one:

        def fragments():
            yield "a" * 200
            one.transport.stuck = True

        sending = asyncio.ensure_future(one.ws.send(fragments()))
        # It is whole, and only waits until the transport has got rid of it.
        await until(lambda: [drawn.fin for drawn in one.transport.frames] == [False, True])
        await turns()
        sending.cancel()
        await asyncio.wait([sending])
        assert sending.cancelled()
        one.transport.release()
        one.transport.stuck = False
        await one.ws.send("next")
        assert [drawn.fin for drawn in one.transport.frames] == [False, True, True]
        assert one.ws.open


def interruption(function):
    INTERRUPTIONS[function.__name__.replace("_", " ")] = function
    return function


@interruption
async def it_is_cancelled(message):
    message.sending.cancel()
    await turns()
    assert message.sending.cancelled()


@interruption
async def its_iterator_raises(message):
    message.go_on.set_exception(ZeroDivisionError())
    await turns()


@interruption
async def its_iterator_goes_on(message):
    message.go_on.set_result(None)
    await turns()


every_interruption = pytest.mark.parametrize(
    "interrupt", INTERRUPTIONS.values(), ids=list(INTERRUPTIONS)
)


@both_sides
@every_interruption
@pytest.mark.parametrize("code", [1000, 4000])
async def test_our_closing_handshake_stays_clean(side, interrupt, code):
    async with held(side) as one:
        async with stuck(one) as message:
            closing = asyncio.ensure_future(one.ws.close(code, "bye"))
            await turns()
            assert one.transport.frames[-1].opcode == CLOSE
            await interrupt(message)
            one.hear(one.close_frame(code, "bye"))
            await turns()
            one.transport.hear_eof()
            await closing
            assert (one.ws.close_code, one.ws.close_reason) == (code, "bye")
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await one.ws.send("x")
            assert closed.value.code == code
            assert isinstance(closed.value, websockets.ConnectionClosedOK) is (code == 1000)
            assert [d.opcode for d in one.transport.frames].count(CLOSE) == 1
            assert [d for d in one.transport.frames if d.opcode == CONT] == []


@both_sides
@every_interruption
async def test_what_comes_before_their_close_frame_is_still_read(side, interrupt):
    async with held(side, max_queue=2) as one:
        async with stuck(one) as message:
            closing = asyncio.ensure_future(one.ws.close(1000))
            await turns()
            await interrupt(message)
            one.hear(one.frame(TEXT, b"x"), one.close_frame(1000))
            await turns()
            one.transport.hear_eof()
            await closing
            assert [received async for received in one.ws] == ["x"]


@both_sides
@every_interruption
@pytest.mark.parametrize("unread", [0, 3])
async def test_their_closing_handshake_stays_clean(side, interrupt, unread):
    async with held(side) as one:
        async with stuck(one) as message:
            one.hear(*[one.frame(TEXT, b"x")] * unread, one.close_frame(4001, "bye"))
            await interrupt(message)
            for _ in range(unread):
                assert await one.ws.recv() == "x"
            asyncio.get_running_loop().call_soon(one.transport.hear_eof)
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await one.ws.recv()
            assert (closed.value.code, closed.value.reason) == (4001, "bye")
            assert (one.ws.close_code, one.ws.close_reason) == (4001, "bye")


@both_sides
@every_interruption
async def test_after_the_end_nothing_changes(side, interrupt):
    async with held(side) as one:
        async with stuck(one) as message:
            await our_close(one)
            one.transport.lose()
            await interrupt(message)
            assert (one.ws.close_code, one.ws.close_reason) == (1000, "")


@both_sides
async def test_cancelling_a_message_that_waits_for_its_turn_fails_nothing(side):
    async with held(side, write_limit=10) as one:
        one.transport.stuck = True
        first = asyncio.ensure_future(one.ws.send("-" * 100))
        await turns()
        waiting = asyncio.ensure_future(one.ws.send(["a", "b"]))
        await turns()
        waiting.cancel()
        one.transport.release()
        await first
        await turns()
        assert one.ws.open and waiting.cancelled()
        assert one.transport.messages == [b"-" * 100]


# broadcast() doesn't wait


@both_sides
async def test_a_broadcast_in_the_middle_of_it_is_skipped(side, caplog):
    async with held(side) as one:
        async with stuck(one):
            websockets.broadcast([one.ws], "x")
            assert one.transport.messages == [b"a"]
            assert "broadcast" in caplog.text
            caplog.clear()
