"""
Answers of several connections that leave together, on uvloop: in which order, how late, and what
becomes of them if their connection, the program or the process does something else meanwhile.

On asyncio's loop, and where nobody else is ready, each leaves at once.
"""

import asyncio
import contextlib
import os
import socket
import sys
import warnings

import pytest
from links import links_only, read, read_all, reset
from peer import close_payload, frame, needs_unix, turns, until
from test_reactor import Crowd, answer, said
from variants import LOOPS

import websockets
from websockets._core import Reactor

pytestmark = [needs_unix, links_only]


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Time passes where a test says so; a busy machine's would be over too soon."""
    clock = Clock()
    monkeypatch.setattr(sys.modules[Reactor.__module__], "monotonic", clock.read, raising=False)
    return clock


class Clock:
    """A clock that a test sets, in seconds."""

    def __init__(self):
        self.now = 1.0

    def read(self):
        return self.now

    def pass_a_millisecond(self):
        self.now += 0.001


def is_held():
    """Tell whether this event loop is one on which answers are held back."""
    return not isinstance(asyncio.get_running_loop(), asyncio.SelectorEventLoop)


def has_come(sock):
    """Tell whether something can be read."""
    try:
        return len(sock.recv(1, socket.MSG_PEEK)) == 1
    except BlockingIOError:
        return False


class Watching(Crowd):
    """A crowd that notes, for each message, how many peers had something to read by then."""

    def __init__(self, count, take_time=lambda: None, **options):
        self.seen = []
        self.take_time = take_time
        super().__init__(True, count, self.look, **options)

    def look(self, ws, message):
        self.take_time()
        self.seen.append(sum(map(has_come, self.socks)))


async def test_answers_leave_when_everybody_had_a_turn():
    async with Watching(4) as crowd:
        crowd.say("x")
        for sock in crowd.socks:
            assert await read(sock, 3) == answer("x")
        assert crowd.seen == ([0] * 4 if is_held() else [0, 1, 2, 3])


async def test_answers_leave_at_once_if_that_is_asked_for():
    async with Watching(5, gather_writes=False) as crowd:
        crowd.say("x")
        for sock in crowd.socks:
            assert await read(sock, 3) == answer("x")
        assert crowd.seen == [0, 1, 2, 3, 4]


async def test_no_answer_waits_for_many_who_take_long(clock):
    async with Watching(30, clock.pass_a_millisecond) as crowd:
        crowd.say("x")
        for sock in crowd.socks:
            assert await read(sock, 3) == answer("x")
        assert all(index - seen <= 4 for index, seen in enumerate(crowd.seen))


class Saying(Crowd):
    """A crowd whose connections answer each message as a function does."""

    def __init__(self, count, respond, **options):
        super().__init__(True, count, **options)
        self.respond = respond

    async def handler(self, ws):
        self.connections.append(ws)
        self.got[ws] = []
        try:
            async for message in ws:
                self.got[ws].append(message)
                await self.respond(ws, message)
        except websockets.ConnectionClosed:
            pass
        finally:
            self.ended += 1


async def test_an_answer_leaves_inside_send_where_nobody_else_is_ready():
    seen = []

    async def act(ws, message):
        await ws.send("x")
        seen.append(has_come(crowd.socks[0]))

    async with Saying(2, act) as crowd:
        crowd.socks[0].send(said("x"))
        assert await read(crowd.socks[0], 3) == answer("x")
        assert seen == [True]


async def send_several(ws):
    await ws.send("1")
    await ws.send("2")
    await ws.ping(b"3")
    await ws.send("4")


async def send_and_write(ws):
    await ws.send("1")
    ws.transport.write(answer("2") + frame(9, b"3") + answer("4"))


async def send_large_ones(ws):
    await ws.send("1")
    await ws.send("2" * 20_000)
    await ws.send("3")


async def send_and_abort(ws):
    await ws.send("1")
    ws.transport.abort()


async def send_and_close_tcp(ws):
    await ws.send("1")
    ws.transport.close()


async def send_and_end_tcp(ws):
    await ws.send("1")
    ws.transport.write_eof()


async def send_and_close(ws):
    await ws.send("1")
    await ws.close()


async def send_and_fail(ws):
    await ws.send("1")
    raise ValueError("the handler's")


SEVERAL = answer("1") + answer("2") + frame(9, b"3") + answer("4")
CLOSING = {send_and_close: 1000, send_and_fail: 1011}


@pytest.mark.parametrize(
    "respond, expected",
    [
        (send_several, SEVERAL),
        (send_and_write, SEVERAL),
        (send_large_ones, answer("1") + answer("2" * 20_000) + answer("3")),
        (send_and_abort, answer("1")),
        (send_and_close_tcp, answer("1")),
        (send_and_end_tcp, answer("1")),
        (send_and_close, answer("1") + frame(8, close_payload(1000))),
        (send_and_fail, answer("1") + frame(8, close_payload(1011))),
    ],
    ids=lambda case: getattr(case, "__name__", ""),
)
async def test_nothing_of_what_is_said_is_lost_or_overtaken(respond, expected):
    async def act(ws, message):
        await respond(ws)

    async with Saying(6, act) as crowd:
        crowd.say("x")
        for sock in crowd.socks:
            assert await read(sock, len(expected)) == expected


async def test_what_is_held_back_counts_as_waiting_to_be_written():
    sizes = []

    async def act(ws, message):
        await ws.send("x")
        sizes.append(ws.transport.get_write_buffer_size())

    async with Saying(3, act) as crowd:
        crowd.say("x")
        for sock in crowd.socks:
            assert await read(sock, 3) == answer("x")
        assert sizes == [3 if is_held() else 0] * 3
        assert all(ws.transport.get_write_buffer_size() == 0 for ws in crowd.connections)


@pytest.mark.parametrize("method", ["abort", "close"])
async def test_another_ends_a_connection_that_holds_something_back(method):
    async def act(ws, message):
        await ws.send("x")
        for other in crowd.connections:
            if not other.transport.is_closing():
                getattr(other.transport, method)()

    async with Saying(4, act) as crowd:
        crowd.say("x")
        got = [await collected(sock) for sock in crowd.socks]
        # Who was ended before its turn had nothing to say.
        assert sorted(got) == [b""] * 3 + [answer("x")]


async def collected(sock):
    with contextlib.suppress(ConnectionResetError):
        return await read_all(sock)
    return b""


async def test_a_peer_that_is_gone_takes_nobody_along():
    async with Crowd(True, 5) as crowd:
        for sock in crowd.socks:
            sock.send(said("x"))
        crowd.socks[2].close()
        for sock in crowd.socks[:2] + crowd.socks[3:]:
            assert await read(sock, 3) == answer("x")
        await until(lambda: crowd.ended == 1)


def status_of_a_child_that_aborts(crowd):
    """Fork, and have the child abort all connections; return its exit status."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        for each in crowd.connections:
            each.transport.abort()
        os._exit(0)
    return os.waitpid(child, 0)[1]


async def test_what_is_held_back_at_a_fork_is_sent_once():
    parent = os.getpid()
    statuses = []

    async def act(ws, message):
        await ws.send("x")
        if len(crowd.got) == 4 and sum(map(len, crowd.got.values())) == 4:
            statuses.append(status_of_a_child_that_aborts(crowd))

    async with Saying(4, act) as crowd:
        crowd.say("x")
        for sock in crowd.socks:
            assert await read(sock, 3) == answer("x")
        await turns()
        assert not any(map(has_come, crowd.socks))
        assert os.getpid() == parent
        assert statuses == [0]


# Broadcasts, whose deliveries follow each other closely on every event loop, and wait for those of
# the next where there is one


@pytest.mark.parametrize("count", [1, 2, 70])
async def test_a_broadcast_has_left_when_it_returns(count):
    async with Crowd(True, count) as crowd:
        for message in ("1", "2"):
            websockets.broadcast(crowd.connections, message)
            assert all(map(has_come, crowd.socks))
            for sock in crowd.socks:
                assert await read(sock, 3) == answer(message)


async def test_a_broadcast_keeps_its_place_among_other_messages():
    async def act(ws, message):
        await ws.send("1")
        websockets.broadcast([ws], "2")
        await ws.send("3")
        await ws.send("4")
        websockets.broadcast([ws], "5")
        ws.transport.write(answer("6"))

    expected = b"".join(map(answer, "123456"))
    async with Saying(5, act) as crowd:
        crowd.say("x")
        for sock in crowd.socks:
            assert await read(sock, len(expected)) == expected


def size_of_what_came(sock):
    """Return how many bytes can be read."""
    try:
        return len(sock.recv(1 << 20, socket.MSG_PEEK))
    except BlockingIOError:
        return 0


class Telling(Saying):
    """A crowd who is told all that the first one says, and what the second has got by then."""

    def __init__(self, count, take_time=lambda: None, repeat=1, **options):
        self.seen = []
        self.waiting = []  # how much of what the second will get hasn't left
        self.take_time = take_time
        self.repeat = repeat
        super().__init__(count, self.tell, **options)

    async def tell(self, ws, message):
        for _ in range(self.repeat):
            websockets.broadcast(self.connections, message)
            self.seen.append(size_of_what_came(self.socks[1]))
            self.waiting.append(self.connections[1].transport.get_write_buffer_size())
            self.take_time()


async def test_broadcasts_that_follow_each_other_leave_together():
    async with Telling(3) as crowd:
        crowd.socks[0].send(b"".join(map(said, "123")))
        for sock in crowd.socks:
            assert await read(sock, 9) == b"".join(map(answer, "123"))
        assert list(map(sum, zip(crowd.seen, crowd.waiting))) == [3, 6, 9]
        assert crowd.seen == [0, 0, 0 if is_held() else 9]


async def test_broadcasts_leave_at_once_if_that_is_asked_for():
    async with Telling(3, gather_writes=False) as crowd:
        crowd.socks[0].send(b"".join(map(said, "123")))
        for sock in crowd.socks:
            assert await read(sock, 9) == b"".join(map(answer, "123"))
        assert crowd.seen == [3, 6, 9]


async def test_no_broadcast_waits_for_long_for_the_next(clock):
    async with Telling(2, clock.pass_a_millisecond, repeat=4) as crowd:
        crowd.socks[0].send(said("x"))
        for sock in crowd.socks:
            assert await read(sock, 12) == answer("x") * 4
        assert crowd.seen == ([0, 6, 6, 12] if is_held() else [3, 6, 9, 12])


async def test_many_broadcasts_in_one_step():
    count = 5000
    async with Telling(3, repeat=count) as crowd:
        crowd.socks[0].send(said("x" * 100))
        for sock in crowd.socks:
            assert await read(sock, 102 * count) == answer("x" * 100) * count


@pytest.mark.parametrize("method", ["abort", "close", "write_eof"])
async def test_broadcasts_have_left_before_a_connection_ends(method):
    async def act(ws, message):
        for each in "12":
            websockets.broadcast(crowd.connections, each)
        for each in crowd.connections:
            getattr(each.transport, method)()

    async with Saying(3, act) as crowd:
        crowd.socks[0].send(said("x"))
        for sock in crowd.socks:
            assert await read(sock, 6) == answer("1") + answer("2")


async def test_broadcasts_that_are_held_back_at_a_fork_are_sent_once():
    statuses = []

    async def act(ws, message):
        for each in "12":
            websockets.broadcast(crowd.connections, each)
        statuses.append(status_of_a_child_that_aborts(crowd))

    async with Saying(3, act) as crowd:
        crowd.socks[0].send(said("x"))
        for sock in crowd.socks:
            assert await read(sock, 6) == answer("1") + answer("2")
        await turns()
        assert not any(map(has_come, crowd.socks))
        assert statuses == [0]


async def test_a_broadcast_reaches_those_that_can_be_reached():
    async with Crowd(True, 6) as crowd:
        crowd.connections[1].transport.abort()
        crowd.connections[2].transport.close()
        reset(crowd.socks[3])
        await turns()
        websockets.broadcast(crowd.connections, "x")
        for sock in crowd.socks[:1] + crowd.socks[4:]:
            assert await read(sock, 3) == answer("x")
        # What is written afterwards isn't held back any more.
        await crowd.connections[0].send("y")
        assert has_come(crowd.socks[0])
        await until(lambda: crowd.ended == 3)


async def test_a_broadcast_to_connections_of_several_kinds():
    async with Crowd(True, 3) as links, Crowd(False, 3) as others:
        async with Crowd(True, 3, gather_writes=False) as hasty:
            crowds = [links, others, hasty]
            together = [ws for each in zip(*(crowd.connections for crowd in crowds)) for ws in each]
            websockets.broadcast(together, "x")
            for crowd in crowds:
                for sock in crowd.socks:
                    assert await read(sock, 3) == answer("x")


# Broadcasts that a program makes of its own accord

SEVERAL = 8  # of them leave at once
MANY = [str(digit) for digit in range(1, 10)] + ["a", "b", "c"]


def broadcast_many(crowd):
    """Make broadcasts, and return how many bytes have come after each of them."""
    seen = []
    for each in MANY:
        websockets.broadcast(crowd.connections, each)
        seen.append(size_of_what_came(crowd.socks[1]))
    return seen


async def test_the_first_of_many_broadcasts_leave_at_once_and_the_others_together(clock):
    at_once = [3 * count for count in range(1, 1 + SEVERAL + 1)]  # The first one wasn't quick.
    async with Crowd(True, 3) as crowd:
        for _ in range(2):
            assert broadcast_many(crowd) == at_once + [at_once[-1]] * 3
            assert crowd.connections[1].transport.get_write_buffer_size() == 9
            await turns()
            assert crowd.connections[1].transport.get_write_buffer_size() == 0
            for sock in crowd.socks:
                assert await read(sock, 36) == b"".join(map(answer, MANY))
            clock.pass_a_millisecond()


async def test_many_broadcasts_leave_at_once_if_that_is_asked_for():
    async with Crowd(True, 3, gather_writes=False) as crowd:
        assert broadcast_many(crowd) == [3 * count for count in range(1, 13)]


async def test_many_broadcasts_leave_at_once_if_a_program_takes_its_time(clock):
    async with Crowd(True, 3) as crowd:
        for count in range(1, 20):
            websockets.broadcast(crowd.connections, "x")
            assert size_of_what_came(crowd.socks[1]) == 3 * count
            clock.pass_a_millisecond()


async def test_broadcasts_are_quick_however_long_it_takes_to_write_them(clock):
    async with Crowd(True, 3) as crowd:
        crowd.connections[0].transport.write = lambda data: clock.pass_a_millisecond()
        # The second that is held back finds that the first has waited for long enough.
        assert broadcast_many(crowd)[SEVERAL:] == [27, 27, 33, 33]


@pytest.mark.parametrize("act", ["broadcast", "send"])
@pytest.mark.one_loop
async def test_what_leaves_with_others_leaves_though_the_loop_takes_no_more(act, monkeypatch):
    monkeypatch.setattr(websockets.asyncio.callbacks, "monotonic", lambda: 1.0, raising=False)
    async with Crowd(True, 3) as crowd:
        connections = crowd.connections

        async def say(message):
            if act == "send":
                await connections[1].send(message)
            else:
                websockets.broadcast(connections, message)

        await say("1")
        with monkeypatch.context() as patched:
            loop = asyncio.get_running_loop()
            patched.setattr(loop, "call_soon", None)
            with pytest.raises(TypeError):
                await say("2")
        for message in MANY:
            await say(message)
        expected = b"".join(map(answer, ["1", "2", *MANY]))
        assert await read(crowd.socks[1], len(expected)) == expected


async def test_many_broadcasts_keep_their_place_among_other_messages():
    async with Crowd(True, 3) as crowd:
        broadcast_many(crowd)
        await crowd.connections[0].send("x")
        crowd.connections[1].transport.write(answer("y"))
        websockets.broadcast(crowd.connections, "z")
        told = b"".join(map(answer, MANY))
        for sock, between in zip(crowd.socks, [answer("x"), answer("y"), b""]):
            assert await read(sock, len(told + between) + 3) == told + between + answer("z")


@pytest.mark.parametrize("method", ["abort", "close", "write_eof"])
async def test_many_broadcasts_have_left_before_a_connection_ends(method):
    async with Crowd(True, 3) as crowd:
        broadcast_many(crowd)
        for each in crowd.connections:
            getattr(each.transport, method)()
        for sock in crowd.socks:
            assert await read(sock, 36) == b"".join(map(answer, MANY))


@pytest.mark.parametrize("new_loop", LOOPS.values(), ids=LOOPS)
@pytest.mark.one_backend
def test_many_broadcasts_have_left_when_the_event_loop_stops(new_loop):
    async def tell():
        broadcast_many(crowd)

    loop = new_loop()
    crowd = Crowd(True, 3)
    try:
        loop.run_until_complete(crowd.open())
        loop.run_until_complete(tell())
        assert list(map(size_of_what_came, crowd.socks)) == [36] * 3
    finally:
        loop.run_until_complete(crowd.__aexit__())
        loop.close()


class Interrupted(websockets.WebSocketServerProtocol):
    """A subclass that is interrupted, once, when it is told that there is no room to write."""

    armed = False

    def pause_writing(self):
        super().pause_writing()
        if self.armed:
            self.armed = False
            raise KeyboardInterrupt


async def fill(ws):
    """Have the socket of a connection take nothing any more, and the connection tell that."""
    ws.transport.set_write_buffer_limits(0)
    descriptor = ws.transport.get_extra_info("socket").fileno()
    for _ in range(30):
        for size in (100_000, 1):
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(descriptor, bytes(size))
        await asyncio.sleep(0.01)  # The system may pass some of it on.


@pytest.mark.parametrize("new_loop", LOOPS.values(), ids=LOOPS)
@pytest.mark.one_backend
def test_an_interrupt_while_answers_leave_holds_up_no_other(new_loop):
    loop = new_loop()

    async def check():
        for sock in crowd.socks[1:]:
            assert await asyncio.wait_for(read(sock, 3), 5) == answer("x")

    crowd = Crowd(True, 5, create_protocol=Interrupted)
    try:
        loop.run_until_complete(crowd.open())
        loop.run_until_complete(fill(crowd.connections[0]))
        crowd.connections[0].armed = True
        crowd.say("x")
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(asyncio.sleep(5))
        loop.run_until_complete(check())
    finally:
        loop.run_until_complete(crowd.__aexit__())
        loop.close()
