"""
Schedules: what many tasks do at both ends of a connection, and what must come of it.

A schedule is a list of steps, each of which happens at once: a task begins, or is cancelled; the
network carries some bytes; the event loop turns a few times; time passes. A :class:`Play` does the
steps with the library, notes what everybody saw, ends the connection, and compares that with a
model:

- messages arrive as they were sent, once, and in an order that agrees with the order of the calls;
  those that are missing are the last ones, and only of a connection that ended in between;
- what had arrived when this side closed or failed can be read, and what it had sent has left;
- everybody who waits gets an end, by a result or by an exception that the documentation names;
- states only move forward, and the close code follows from the order of events: it is the code
  that was received, unless this side had failed the connection before;
- nothing is left: no task, no object, no word in the logs.

On a :class:`~virtual.VirtualLoop` all that is written and carried is read by a :class:`Witness` as
well, and the same steps always come to the same. On other loops, over sockets, the network does as
it likes.
"""

import asyncio
import gc
import itertools
import logging
import math
import random
import types
import weakref
import zlib
from functools import partial
from typing import NamedTuple

from hypothesis import strategies as st
from peer import BINARY, CLOSE, PING, TEXT, port_of, turns, xor
from virtual import Stuck, VirtualLoop

import websockets

SERVER, CLIENT = "server", "client"
OTHER = {SERVER: CLIENT, CLIENT: SERVER}
CLOSE_TIMEOUT = 10  # seconds of the loop's time
REAL_LIMIT = 15  # seconds, for the end of a connection over sockets
CODES = [1000, 1001, 1003, 3000, 4999]
EXPIRED = (1011, "keepalive ping timeout")
OPEN, CLOSING = websockets.State.OPEN, websockets.State.CLOSING


class Settings(NamedTuple):
    """What is the same for a whole schedule."""

    compression: object = None
    max_queue: object = 32
    read_limit: int = 65536
    write_limit: int = 65536
    gather_writes: bool = True
    ping_interval: object = None
    debug: bool = False  # of the event loop
    opened: bool = True  # whether the steps wait for the opening handshake
    capacity: int = 65536  # bytes on their way, that the transport has got rid of
    buffered: bool = False  # how the transport hands bytes to the protocol
    fragile: bool = False  # whether a reset destroys what is on its way


# Steps


class Turn(NamedTuple):
    """Let the event loop turn."""

    count: int

    async def take(self, play):
        await turns(self.count)


class Settle(NamedTuple):
    """Let everything happen that needs neither time nor a new step."""

    async def take(self, play):
        await play.settle()


class Pass(NamedTuple):
    """Let time pass."""

    seconds: float

    async def take(self, play):
        await play.pass_time(self.seconds)


class Carry(NamedTuple):
    """Let bytes arrive that a side has sent."""

    side: str
    count: int

    async def take(self, play):
        await play.carry(self.side, self.count)


class Send(NamedTuple):
    """
    Send messages, one after the other, each with a fragment of each of these sizes.

    The iterator of a "stuck" one doesn't go on before the connection has ended.
    """

    side: str
    kind: str
    sizes: tuple
    count: int = 1
    compress: object = None
    turns: int = 0  # between two fragments of an asynchronous iterable
    seconds: float = 0

    async def take(self, play):
        job = play.begin(self.side, play.send, self)
        if job is not None:
            job.stuck = self.kind == "stuck"


class Broadcast(NamedTuple):
    """Send a message without waiting."""

    side: str
    size: int

    async def take(self, play):
        side = play.sides[self.side]
        if side.ws is not None:
            sent = side.note(play, "text", (self.size,))
            sent.waits = False
            websockets.broadcast([side.ws], sent.whole)


class Receive(NamedTuple):
    """Receive some messages, by recv()."""

    side: str
    count: int

    async def take(self, play):
        play.begin(self.side, play.receive, self.count)


class Iterate(NamedTuple):
    """Receive some messages, by ``async for``; None for all."""

    side: str
    count: object

    async def take(self, play):
        play.begin(self.side, play.iterate, self.count)


class Ping(NamedTuple):
    """Send a ping; wait for the pong, leave it alone, or cancel its future."""

    side: str
    data: object
    then: str

    async def take(self, play):
        play.begin(self.side, play.ping, self)


class Pong(NamedTuple):
    side: str

    async def take(self, play):
        play.begin(self.side, play.pong)


class Close(NamedTuple):
    side: str
    code: int

    async def take(self, play):
        play.begin(self.side, play.close, self.code)


class WaitClosed(NamedTuple):
    side: str

    async def take(self, play):
        play.begin(self.side, play.wait_closed)


class Cancel(NamedTuple):
    """Cancel one of the tasks that aren't done, ``which`` modulo their number."""

    which: int

    async def take(self, play):
        play.cancel(self.which)


class Fail(NamedTuple):
    side: str
    code: int

    async def take(self, play):
        side = play.sides[self.side]
        if side.ws is not None:
            side.note_failure(play)
            side.ws.fail_connection(self.code)


class Abort(NamedTuple):
    """Abort the transport of a side."""

    side: str

    async def take(self, play):
        protocol = play.sides[self.side].protocol
        if protocol is not None and protocol.transport is not None:
            protocol.transport.abort()


class Vanish(NamedTuple):
    """From now on the network carries nothing, and tells nobody."""

    async def take(self, play):
        play.vanish()


class EndHandler(NamedTuple):
    """Let the handler of the server return, raise an exception, or be cancelled."""

    how: str

    async def take(self, play):
        play.end_handler(self.how)


class CloseServer(NamedTuple):
    async def take(self, play):
        play.close_server()


# How schedules are drawn

sides = st.sampled_from([SERVER, CLIENT])
sizes = st.sampled_from([0, 1, 2, 10, 100, 125, 126, 300, 2000, 70_000])
small = st.sampled_from([0, 1, 10, 100, 300])
settings_drawn = st.builds(
    Settings,
    compression=st.sampled_from([None, "deflate"]),
    max_queue=st.sampled_from([1, 2, 3, 32, None]),
    read_limit=st.sampled_from([1, 100, 65536]),
    write_limit=st.sampled_from([1, 100, 1000, 65536]),
    gather_writes=st.booleans(),
    ping_interval=st.sampled_from([None, 20]),
    debug=st.sampled_from([False, False, False, True]),
    opened=st.sampled_from([True, True, True, False]),
    capacity=st.sampled_from([100, 10_000, 1_000_000]),
    buffered=st.booleans(),
    fragile=st.booleans(),
)
sends = st.one_of(
    st.builds(
        Send,
        sides,
        st.sampled_from(["text", "binary"]),
        st.tuples(sizes),
        st.integers(1, 6),
        st.sampled_from([None, None, True, False]),
        st.just(0),
        st.just(0),
    ),
    st.builds(
        Send,
        sides,
        st.sampled_from(["iterable", "async iterable", "broken", "mixed", "stuck"]),
        st.lists(small, min_size=0, max_size=4).map(tuple),
        st.integers(1, 3),
        st.sampled_from([None, None, True, False]),
        st.integers(0, 3),
        st.sampled_from([0, 0, 0.1]),
    ),
    st.builds(Broadcast, sides, small),
)
receives = st.one_of(
    st.builds(Receive, sides, st.integers(1, 5)),
    st.builds(Iterate, sides, st.sampled_from([1, 2, 5, None])),
)
controls = st.one_of(
    st.builds(
        Ping,
        sides,
        st.sampled_from([None, None, b"", b"one", "two"]),
        st.sampled_from(["wait", "leave", "cancel"]),
    ),
    st.builds(Pong, sides),
    st.builds(WaitClosed, sides),
)
moves = st.one_of(
    st.builds(Turn, st.integers(1, 4)),
    st.builds(Carry, sides, st.sampled_from([1, 2, 3, 7, 50, 200, 5000, 1_000_000])),
)
cancels = st.builds(Cancel, st.integers(0, 9))
ends = st.one_of(
    st.builds(Close, sides, st.sampled_from(CODES)),
    st.builds(Close, sides, st.sampled_from(CODES)),
    st.builds(Fail, sides, st.sampled_from([1006, 1000, 1002, 1008, 4000])),
    st.builds(Abort, sides),
    st.builds(Vanish),
    st.builds(EndHandler, st.sampled_from(["return", "raise", "cancel"])),
    st.builds(CloseServer),
)
settles = st.builds(Settle)
passes = st.builds(Pass, st.sampled_from([0.0001, 0.05, 1, 15, 30, 100]))
# How often there is which.
MIX = [sends] * 8 + [receives] * 5 + [controls] * 3 + [moves] * 8 + [cancels] * 4
MIX += [settles] * 2 + [passes, ends]
# Few steps show what goes wrong by itself, many what needs company.
step_lists = st.sampled_from([0, 10, 30]).flatmap(
    lambda size: st.lists(st.sampled_from(MIX).flatmap(lambda steps: steps), min_size=size)
)
schedules_drawn = st.builds(
    lambda settings, *steps: (settings, sum(steps, [])),
    settings_drawn,
    step_lists,
    st.lists(ends, max_size=2),
    st.lists(st.one_of(moves, cancels), max_size=8),
)


# What is seen


class Sent:
    """A message that a task was to send, and when its call began and returned."""

    def __init__(self, whole, fragments, begun):
        self.whole = whole
        self.fragments = fragments
        self.begun = begun
        self.returned = math.inf
        self.waits = True  # for its turn
        self.under_way = False  # a fragment has been sent, and there are others


class Failure(NamedTuple):
    """This side has failed the connection, or its program has asked for that."""

    when: int
    state: int  # before
    unread: int  # messages that had arrived


class Job:
    """A task that a step began."""

    def __init__(self, name, task):
        self.name = name
        self.task = task
        self.cancelled_when_open = None
        self.stuck = False  # doesn't go on before the connection has ended


class Side:
    """One side of the connection, and what its program saw and did."""

    def __init__(self):
        self.protocol = None  # from its creation on
        self.ws = None  # once the program has it
        self.states = [0]
        self.jobs = []
        self.sent = []
        self.received = []
        self.receivers = 0  # tasks that are in recv()
        self.crowded = False  # more than one was, at some time
        self.pongs = []
        self.failures = []
        self.told = None  # what an exception has told of the end in the end
        self.wire = None  # a Witness of what it wrote
        self.ear = None  # a Witness of what reached it

    def is_well(self):
        """Tell whether this side is open and the other may be."""
        return self.ws.open and (self.ear is None or self.ear.close is None)

    def is_gone(self):
        """Tell whether the connection has ended here, or never began."""
        protocol = self.protocol
        return protocol is None or protocol.transport is None or protocol.closed

    @property
    def unread(self):
        """How many messages have arrived that the program hasn't got."""
        return len(self.ear.messages) - len(self.received) if self.ear else 0

    def note_failure(self, play):
        failure = Failure(next(play.clock), self.ws.state, self.unread)
        self.failures.append(failure)
        return failure

    def note(self, play, kind, sizes):
        """Make a message that is unlike all others."""
        number = next(play.clock)
        text = kind in ("text", "iterable", "mixed", "stuck")
        filler = random.Random(number).choices("aäbc", k=max(sizes, default=0))
        fragments = []
        for place, size in enumerate(sizes):
            label = f"{number}:" if not place else ""
            fragment = label + "".join(filler[: max(0, size - len(label))])
            fragments.append(fragment if text else fragment.encode())
        sent = Sent(("" if text else b"").join(fragments), fragments, number)
        if fragments:
            self.sent.append(sent)
        return sent


class Witness:
    """
    Read what goes over the wire, without the library.

    Arguments:
        clock: an iterator of moments.
        unread: a function that tells how much the one who closes has left unread.
    """

    def __init__(self, clock, unread):
        self.clock = clock
        self.unread = unread
        self.data = bytearray()
        self.open = None  # whether the opening handshake is through; False if it was refused
        self.messages = []
        self.moments = []  # when each of them was complete
        self.parts = None  # of a message that isn't complete
        self.close = None  # the payload of the close frame
        self.closed = math.inf  # when it came
        self.unread_then = 0
        self.ended = math.inf  # when TCP was ended in an orderly way
        self.pings = 0
        self.inflater = zlib.decompressobj(wbits=-15)

    def read(self, data):
        self.data += data
        if self.open is None and b"\r\n\r\n" in self.data:
            head, _, rest = bytes(self.data).partition(b"\r\n\r\n")
            self.open = head.startswith((b"GET ", b"HTTP/1.1 101 "))
            self.data = bytearray(rest)
        while self.open and self._read_frame():
            pass

    def _read_frame(self):
        data = self.data
        if len(data) < 2:
            return False
        length, start = data[1] & 127, 2
        if length > 125:
            start = {126: 4, 127: 10}[length]
            length = int.from_bytes(data[2:start], "big")
        key = bytes(data[start : start + 4]) if data[1] & 128 else b""
        start += len(key)
        if len(data) < start + length or (data[1] & 128 and len(key) < 4):
            return False
        payload = bytes(data[start : start + length])
        self._frame(data[0], xor(payload, key) if key else payload)
        del data[: start + length]
        return True

    def _frame(self, byte0, payload):
        assert self.close is None, "a frame after the close frame"
        opcode = byte0 & 15
        if opcode == CLOSE:
            self.close = payload
            self.closed = next(self.clock)
            self.unread_then = self.unread()
        elif opcode == PING:
            self.pings += 1
        elif opcode in (0, TEXT, BINARY):
            assert (opcode == 0) is (self.parts is not None), "messages are mixed up"
            if opcode:
                self.parts, self.kind, self.packed = [], opcode, byte0 & 0x40
            self.parts.append(payload)
            if byte0 & 0x80:
                whole, self.parts = b"".join(self.parts), None
                if self.packed:
                    whole = self.inflater.decompress(whole + b"\x00\x00\xff\xff")
                self.messages.append(whole.decode() if self.kind == TEXT else whole)
                self.moments.append(next(self.clock))

    def end(self):
        """Note that no more will be said."""
        if self.ended == math.inf:
            self.ended = next(self.clock)

    @property
    def said(self):
        """The code and the reason of the close frame, or None."""
        if self.close is None:
            return None
        code = int.from_bytes(self.close[:2], "big") if self.close else 1005
        return code, self.close[2:].decode()


def check_order(received, sent):
    """Compare what a program received with what the other sent, and when."""
    known = {message.whole: message for message in sent}
    assert len(known) == len(sent)
    newest = 0
    seen = set()
    for whole in received:
        assert whole in known, f"this was never sent: {whole[:50]!r}"
        assert whole not in seen, f"this came twice: {whole[:50]!r}"
        seen.add(whole)
        assert known[whole].returned > newest, f"this came late: {whole[:50]!r}"
        newest = max(newest, known[whole].begun)
    for message in sent:
        lost = message.whole not in seen and message.returned < newest
        assert not lost, f"this was lost: {message.whole[:50]!r}"


class Log(logging.Handler):
    """Keep what is logged."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(f"{record.name}: {record.getMessage()}")


# How a schedule is played


class Play:
    """A schedule at work."""

    def __init__(self, loop, settings, steps):
        self.loop = loop
        self.virtual = isinstance(loop, VirtualLoop)
        self.settings = settings
        self.steps = steps
        self.sides = {SERVER: Side(), CLIENT: Side()}
        self.clock = itertools.count(1)
        self.vanished = False
        self.finished = None  # how the handler ends
        self.over = None  # what stuck iterators wait for
        self.server = None
        self.refs = {}  # to the protocols

    async def run(self):
        self.finished = self.loop.create_future()
        self.over = self.loop.create_future()
        options = {
            name: getattr(self.settings, name)
            for name in (
                "compression",
                "max_queue",
                "read_limit",
                "write_limit",
                "gather_writes",
                "ping_interval",
            )
        }
        if not self.virtual:
            # Over sockets, time is not for tests to wait for.
            options.update(close_timeout=0.05)
        else:
            options.update(close_timeout=CLOSE_TIMEOUT)
            self.loop.laid = self.witness
        self.server = await websockets.serve(
            self.handle, "127.0.0.1", 0, create_protocol=self.make(SERVER), **options
        )
        port = 1 if self.virtual else port_of(self.server)
        uri = f"ws://127.0.0.1:{port}"
        connecting = websockets.connect(uri, create_protocol=self.make(CLIENT), **options)
        self.start(CLIENT, "connect", self.connect(connecting))
        if self.settings.opened:
            while any(side.ws is None for side in self.sides.values()):
                await self.settle()
        for step in self.steps:
            await step.take(self)
            self.look()
        await self.finish()

    # What there is

    def make(self, name):
        """Return a function that makes the protocol of a side."""
        base = {
            SERVER: websockets.WebSocketServerProtocol,
            CLIENT: websockets.WebSocketClientProtocol,
        }[name]

        def create(*args, **kwargs):
            protocol = base(*args, **kwargs)
            side = self.sides[name]
            side.protocol = protocol
            self.refs[name] = weakref.ref(protocol)
            return protocol

        return create

    def witness(self, accepted, connected):
        """Have what goes over a connection in memory read by witnesses."""
        for name, end in ((SERVER, accepted), (CLIENT, connected)):
            side = self.sides[name]
            unread = partial(getattr, side, "unread")
            side.wire = end.said = Witness(self.clock, unread)
            side.ear = end.heard = Witness(self.clock, unread)

    async def connect(self, connecting):
        try:
            ws = await connecting
        except (websockets.InvalidHandshake, OSError, asyncio.TimeoutError):
            return
        except asyncio.CancelledError:
            if not self.virtual:
                # uvloop closes the transport of who is cancelled while it connects, and tells
                # nobody.
                self.sides[CLIENT].protocol = self.refs[CLIENT] = None
            raise
        self.sides[CLIENT].ws = ws

    async def handle(self, ws, path):
        side = self.sides[SERVER]
        side.ws = ws
        del ws
        try:
            if await self.finished == "raise":
                raise ZeroDivisionError("a handler of a test")
        except BaseException:
            # It fails the connection at once.
            side.note_failure(self)
            raise

    def look(self):
        """See how far the connection is."""
        for side in self.sides.values():
            if side.protocol is not None:
                state = side.protocol.state
                assert state >= side.states[-1], "a state went back"
                if state != side.states[-1]:
                    side.states.append(state)

    # What steps do

    def begin(self, name, function, *args):
        side = self.sides[name]
        if side.ws is not None:
            return self.start(name, function.__name__, function(side, *args))
        return None

    def start(self, name, what, coroutine):
        job = Job(what, self.loop.create_task(coroutine))
        self.sides[name].jobs.append(job)
        return job

    def unfinished(self):
        jobs = [job for side in self.sides.values() for job in side.jobs]
        return [job for job in jobs if not job.task.done()]

    def cancel(self, which):
        jobs = self.unfinished()
        if jobs:
            job = jobs[which % len(jobs)]
            job.task.cancel()
            if job.cancelled_when_open is None:
                side = next(side for side in self.sides.values() if job in side.jobs)
                job.cancelled_when_open = side.ws is not None and side.ws.open

    async def send(self, side, step):
        ws = side.ws
        for _ in range(step.count):
            sent = side.note(self, step.kind, step.sizes)
            try:
                sending = ws.send(self.material(step, sent), compress=step.compress)
                await self.watched(side, sent, sending)
            except websockets.ConnectionClosed as exc:
                self.check_closed(ws, exc)
                return
            except ZeroDivisionError:
                assert step.kind == "broken"
            except TypeError:
                assert step.kind == "mixed" and len(step.sizes) > 1
            else:
                assert step.kind != "broken"
                sent.returned = next(self.clock)

    @types.coroutine
    def watched(self, side, sent, sending):
        """Send, and note whether a step of that fails the connection."""
        function, value = sending.send, None
        while True:
            must_fail = function == sending.throw and sent.under_way and side.is_well()
            failure = side.note_failure(self)
            try:
                waits_for = function(value)
            except StopIteration:
                return
            except BaseException:
                assert not must_fail or not side.ws.open, "a part of a message is left"
                raise
            finally:
                if side.ws.state is failure.state:
                    side.failures.remove(failure)
                function = value = None  # An exception would keep itself, by its frames.
            try:
                function, value = sending.send, (yield waits_for)
            except BaseException as exc:
                function, value = sending.throw, exc

    def material(self, step, sent):
        if step.kind in ("text", "binary"):
            return sent.whole
        if step.kind == "iterable":
            return iter(sent.fragments)
        if step.kind == "mixed":
            if len(sent.fragments) > 1:
                return [*sent.fragments[:-1], b"mixed"]
            return sent.fragments

        async def fragments():
            for fragment in sent.fragments:
                yield fragment
                sent.under_way = True
                if step.kind == "stuck":
                    await asyncio.shield(self.over)
                    continue
                await turns(step.turns)
                if step.seconds:
                    await asyncio.sleep(step.seconds)
            if step.kind == "broken":
                raise ZeroDivisionError

        return fragments()

    async def receive(self, side, count):
        ws = side.ws
        side.crowded |= side.receivers > 0
        side.receivers += 1
        try:
            for _ in range(count):
                side.received.append(await ws.recv())
        except websockets.ConnectionClosed as exc:
            self.check_closed(ws, exc)
        except RuntimeError:
            assert side.crowded
        finally:
            side.receivers -= 1

    async def iterate(self, side, count):
        ws = side.ws
        side.crowded |= side.receivers > 0
        side.receivers += 1
        try:
            left = count
            async for message in ws:
                side.received.append(message)
                if left is not None:
                    left -= 1
                    if not left:
                        break
            else:
                assert ws.closed and ws.close_code in (1000, 1001)
        except websockets.ConnectionClosedError as exc:
            self.check_closed(ws, exc)
        except RuntimeError:
            assert side.crowded
        finally:
            side.receivers -= 1

    async def ping(self, side, step):
        ws = side.ws
        try:
            # A name for it here would keep this frame, by the exception of a future that is
            # cancelled.
            side.pongs.append(await ws.ping(step.data))
            if step.then == "cancel":
                side.pongs[-1].cancel()
            elif step.then == "wait":
                await side.pongs[-1]
        except websockets.ConnectionClosed as exc:
            self.check_closed(ws, exc)
        except ValueError:
            assert step.data is not None

    async def pong(self, side):
        ws = side.ws
        try:
            await ws.pong(b"unasked")
        except websockets.ConnectionClosed as exc:
            self.check_closed(ws, exc)

    async def close(self, side, code):
        ws = side.ws
        begun = self.loop.time()
        await ws.close(code)
        assert ws.closed
        if self.virtual:
            steps = 5 if ws.is_client else 4
            assert self.loop.time() - begun <= steps * CLOSE_TIMEOUT

    async def wait_closed(self, side):
        ws = side.ws
        await ws.wait_closed()
        assert ws.closed

    def check_closed(self, ws, exc):
        assert ws.closed, "ConnectionClosed before the end"
        assert exc.code == ws.close_code and exc.reason == ws.close_reason
        assert isinstance(exc, websockets.ConnectionClosedOK) == (exc.code in (1000, 1001))

    def vanish(self):
        if self.virtual:
            self.vanished = True
            for end in self.loop.ends:
                end.dead = True

    def end_handler(self, how):
        side = self.sides[SERVER]
        if side.ws is None or self.finished.done():
            return
        if how == "cancel":
            # As asyncio.run() does in the end.
            handler = side.ws.handler_task
            handler.cancel()
        else:
            self.finished.set_result(how)

    def close_server(self):
        self.server.close()

    # What the world does

    async def carry(self, name, count):
        if not self.virtual:
            await turns(2)
        elif self.loop.ends:
            self.loop.ends[name == CLIENT].carry(count)

    async def settle(self):
        if not self.virtual:
            await turns(20)
            return
        while True:
            await self.loop.rest()
            self.look()
            carried = False
            for end in self.loop.ends:
                while end.carry():
                    carried = True
            if not carried:
                break
        self.check_rest()

    async def pass_time(self, seconds):
        await asyncio.sleep(seconds if self.virtual else min(seconds, 0.001))

    # The end

    async def finish(self):
        """End the connection, and receive all that is there."""
        await self.settle()
        deadline = self.loop.time() + (1000 if self.virtual else REAL_LIMIT)
        while not all(side.ws or side.is_gone() for side in self.sides.values()):
            await self.wait(deadline)
        for name in (CLIENT, SERVER):
            if self.sides[name].ws is not None:
                self.begin(name, self.close, 1000)
        self.server.close()
        if not self.finished.done():
            self.finished.set_result("return")
        for side in self.sides.values():
            while not side.is_gone():
                await self.wait(deadline)
        await self.server.wait_closed()
        while left := [job.name for job in self.unfinished() if not job.stuck]:
            await self.wait(deadline, f"these never end: {left}")
        self.over.set_result(None)
        await turns(20)
        assert not self.unfinished(), "an iterator goes on, and its message doesn't end"
        for name, side in self.sides.items():
            if side.ws is not None:
                await self.receive(side, 1 << 30)
                self.start(name, "iterate", self.iterate(side, None))
                self.start(name, "ensure_open", self.ensure_closed(side))
        await turns()
        self.look()
        assert not self.unfinished()
        self.check()
        for side in self.sides.values():
            side.__dict__.clear()
        self.server = None

    async def ensure_closed(self, side):
        ws = side.ws
        try:
            await ws.ensure_open()
        except websockets.ConnectionClosed as exc:
            self.check_closed(ws, exc)
            side.told = [close and (close.code, close.reason) for close in (exc.rcvd, exc.sent)] + [
                exc.rcvd_then_sent
            ]
        else:
            raise AssertionError("open after its end")

    async def wait(self, deadline, trouble="the connection doesn't end"):
        """Let a second pass, in which bytes arrive."""
        if self.virtual:
            await self.settle()
            await asyncio.sleep(1)
        else:
            await asyncio.sleep(0.001)
        self.look()
        assert self.loop.time() < deadline, trouble

    # The model

    def check_rest(self):
        """Check what must be true when nothing more will happen by itself."""
        if self.vanished or not all(side.ws and side.ws.open for side in self.sides.values()):
            return
        if any(end.closing for end in self.loop.ends):
            return
        read_up = all(
            len(self.sides[OTHER[name]].received) == len(side.wire.messages)
            for name, side in self.sides.items()
        )
        for name, side in self.sides.items():
            other = self.sides[OTHER[name]]
            written = set(side.wire.messages)
            for message in side.sent:
                if message.returned < math.inf:
                    assert message.whole in written, "send() returned, and nothing was sent"
            unread = len(side.wire.messages) - len(other.received)
            assert not (unread and other.receivers), "recv() waits, and so does a message"
            if read_up:
                waiting = [job.name for job in side.jobs if not job.task.done()]
                if side.wire.parts is None:
                    assert not set(waiting) & {"send", "pong"}, "who sends waits for nothing"
                assert all(pong.done() for pong in side.pongs), "a ping wasn't answered"

    def check(self):
        """Check what must be true in the end."""
        for name, side in self.sides.items():
            for job in side.jobs:
                if job.cancelled_when_open is not None:
                    assert job.task.cancelled(), f"{job.name} swallowed its cancellation"
                else:
                    job.task.result()
            if side.ws is not None:
                assert side.ws.state is websockets.State.CLOSED
                assert all(pong.done() for pong in side.pongs)
                check_order(side.received, self.sides[OTHER[name]].sent)
            if self.virtual and side.ws is not None:
                self.check_witnessed(side, self.sides[OTHER[name]])
        assert not self.virtual or not self.loop.timers(), "a timer is left"
        for end in self.loop.ends if self.virtual else ():
            assert end.lost and not end.faults, end.faults

    def check_witnessed(self, side, other):
        ws, ear, wire = side.ws, side.ear, side.wire
        # What reached this side, and what its program made of it.
        assert side.received == ear.messages[: len(side.received)]
        failed = self.failed(side)
        before = min(failed, wire.closed)
        had = sum(moment < before for moment in ear.moments)
        assert len(side.received) >= had, "messages were lost"
        # What it was told of the end.
        ends = self.ends(side, failed)
        end = (ws.close_code, ws.close_reason)
        assert end in ends, f"{end} isn't among {ends}"
        received = end if end == ear.said else None
        rcvd, sent, rcvd_then_sent = side.told
        assert rcvd == received
        if wire.close is not None:
            assert sent == wire.said  # Else there may have been nobody left to say it to.
        if rcvd is None or sent is None:
            assert rcvd_then_sent is None
        elif wire.close is not None and self.has_parsed_all(ear, wire.unread_then):
            assert rcvd_then_sent is (ear.closed < wire.closed)
        # What this side wrote.
        whole = {message.whole: message for message in side.sent}
        assert set(wire.messages) <= set(whole)
        assert len(set(wire.messages)) == len(wire.messages)
        check_order(wire.messages, side.sent)
        in_turn = [whole[message].begun for message in wire.messages if whole[message].waits]
        assert in_turn == sorted(in_turn), "not first in, first out"
        last = min(wire.closed, wire.ended)
        for message in side.sent if last < math.inf else ():
            if message.returned < last:
                assert message.whole in wire.messages, "what was sent hasn't left"
        if ear.closed < wire.closed < failed and self.has_parsed_all(ear, wire.unread_then):
            assert wire.said == ear.said, "a close frame got another one for an answer"

    @property
    def max_queue(self):
        return math.inf if self.settings.max_queue is None else self.settings.max_queue

    def has_parsed_all(self, ear, unread):
        """Tell whether a side must know what is behind the messages that have reached it."""
        return not unread or len(ear.messages) < self.max_queue

    def failed(self, side):
        """Return when a side, while it was open, failed the connection."""
        failed = [failure.when for failure in side.failures if failure.state == OPEN]
        ear, wire = side.ear, side.wire
        if wire.said == EXPIRED:
            # What waits to be parsed is a sign of life.
            assert wire.unread_then <= self.max_queue and wire.closed < ear.closed
            failed.append(wire.closed)
        return min(failed, default=math.inf)

    def ends(self, side, failed):
        """Return the codes and reasons that may be told; it's one unless one can't see enough."""
        ear, abnormal = side.ear, (1006, "")
        if ear.close is None or failed < ear.closed:
            return {abnormal}
        ends = {ear.said}
        for failure in side.failures:
            if failure.state == OPEN and not self.has_parsed_all(ear, failure.unread):
                ends.add(abnormal)  # The close frame may not have been parsed by then.
            elif failure.state == CLOSING and failure.when < ear.closed:
                ends.add(abnormal)  # Nothing says what it is to fail what is closing.
        return ends


# What is left


def play(new_loop, settings, steps):
    """Play a schedule on a new loop, and check what is left of it."""
    log = Log()
    loggers = [logging.getLogger(name) for name in ("websockets", "asyncio")]
    for logger in loggers:
        logger.addHandler(log)
        # Other handlers would keep what is logged, and with its traceback the connection.
        logger.propagate = False
    loop = new_loop()
    loop.set_debug(settings.debug)
    loop.slow_callback_duration = math.inf  # A machine that is busy is nobody's fault.
    if isinstance(loop, VirtualLoop):
        loop.capacity = settings.capacity
        loop.buffered = settings.buffered
        loop.fragile = settings.fragile
    unexpected = []
    loop.set_exception_handler(lambda loop, context: unexpected.append(context))
    collecting = gc.isenabled()
    gc.disable()
    playing = Play(loop, settings, steps)
    try:
        try:
            limit = None if playing.virtual else 2 * REAL_LIMIT
            loop.run_until_complete(asyncio.wait_for(playing.run(), limit))
            loop.run_until_complete(turns(5))
        except (Stuck, asyncio.TimeoutError) as exc:
            waiting = [job.name for job in playing.unfinished()]
            raise AssertionError(f"{exc!r}: {waiting} wait") from None
        left = [repr(task) for task in asyncio.all_tasks(loop)]
        assert not left, left
        expected = ["skipped broadcast"]
        if any(getattr(step, "how", None) == "raise" for step in steps):
            expected.append("error in a connection handler")
        lines = [line for line in log.lines if not any(text in line for text in expected)]
        assert not lines, lines
        alive = [
            name for name, ref in playing.refs.items() if ref is not None and ref() is not None
        ]
        assert not alive, f"{alive} are never freed"
    finally:
        for logger in loggers:
            logger.removeHandler(log)
            logger.propagate = True
        sweep(loop)
        if collecting:
            gc.enable()
    assert not unexpected, unexpected


def sweep(loop):
    """Close a loop, whatever is still at work there."""
    if isinstance(loop, VirtualLoop):
        loop.turns = 0
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    try:
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks, timeout=1))
        loop.run_until_complete(loop.shutdown_asyncgens())
    except Stuck:
        pass
    loop.close()
