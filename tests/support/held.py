"""
A connection whose transport a test holds in its hands.

Owns a transport that does what a real one does, in memory: it keeps what is written until it is let
go, asks its protocol to pause, refuses what comes too late, and dies when the event loop turns.
With it comes an open connection of either side, and an extension that can be watched. Must never
know how a connection works: it is driven by what transports call.
"""

import asyncio
import contextlib
import functools
import types

import pytest
from drawing import CLOSE, KEY, frame, frames
from peer import REQUEST, Registry, turns, until
from schedules import sweep
from virtual import VirtualLoop

import websockets
import websockets.protocol
from websockets.extensions.base import ClientExtensionFactory, Extension, ServerExtensionFactory
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)


class HeldTransport(asyncio.Transport):
    """
    A transport of a test.

    Attributes:
        done: what was done to it, in order: bytes that were written, "eof", "close" and "abort".
        stuck: whether what is written stays in its buffer.
        faults: what no real transport would have taken silently.
        failing: a function that is called instead of writing, or None.
    """

    def __init__(self):
        super().__init__()
        self.protocol = None
        self.done = []
        self.stuck = False
        self.faults = []
        self.failing = None
        self.reading = True
        self.lost = False
        self._loop = asyncio.get_running_loop()
        self._size = 0
        self._high, self._low = 65536, 16384
        self._full = False
        self._closing = False
        self._ended = False
        self._unread = []  # writes that haven't been taken apart
        self._frames = []

    # What the library calls

    def get_extra_info(self, name, default=None):
        return default

    def get_protocol(self):
        return self.protocol

    def set_protocol(self, protocol):
        self.protocol = protocol

    def is_closing(self):
        return self._closing

    def is_reading(self):
        return self.reading and not self._closing

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True

    def set_write_buffer_limits(self, high=None, low=None):
        self._high = 65536 if high is None else high
        self._low = self._high // 4 if low is None else low

    def get_write_buffer_size(self):
        return self._size

    def write(self, data):
        if self.failing is not None:
            self.failing()
        if self._ended:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._closing:
            self.faults.append("write")
            return
        self.done.append(bytes(data))
        self._unread.append(bytes(data))
        if self.stuck:
            self._size += len(data)
            if self._size > self._high and not self._full:
                self._full = True
                self.protocol.pause_writing()

    def can_write_eof(self):
        return True

    def write_eof(self):
        if not self._ended:
            self.done.append("eof")
            self._ended = True

    def close(self):
        if not self._closing:
            self.done.append("close")
            self._closing = True
            if not self._size:
                self._loop.call_soon(self._die, None)

    def abort(self):
        if not self.lost:
            self.done.append("abort")
            self._closing = True
            self._size = 0
            self._full = False
            self._loop.call_soon(self._die, None)

    def _die(self, exc):
        if not self.lost:
            self.lost = self._closing = True
            self.protocol.connection_lost(exc)

    # What a test calls

    def release(self, left=0):
        """Get rid of what is in the buffer, but so many bytes."""
        self._size = left
        if self._full and left <= self._low:
            self._full = False
            self.protocol.resume_writing()
        if self._closing:
            self._loop.call_soon(self._die, None)

    def hear(self, data):
        """Let bytes arrive, in one read."""
        if not self._closing:
            self.protocol.data_received(data)

    def hear_eof(self):
        """Let the peer end its side of TCP."""
        if not self._closing and not self.protocol.eof_received():
            self.close()

    def lose(self, exc=None):
        """Lose the connection, at once."""
        self._die(exc)

    def forget(self):
        """Forget what was done."""
        self.done.clear()
        self._unread.clear()
        self._frames.clear()

    @property
    def writes(self):
        return [data for data in self.done if isinstance(data, bytes)]

    @property
    def frames(self):
        """All that was written, taken apart."""
        self._frames += frames(b"".join(self._unread))
        self._unread.clear()
        return self._frames.copy()

    @property
    def messages(self):
        """The payloads of data frames that were written."""
        return [drawn.payload for drawn in self.frames if drawn.opcode < CLOSE]

    def has_closed(self):
        """Tell whether a close frame was written, or TCP is at its end."""
        return (
            "eof" in self.done
            or self._closing
            or any(drawn.opcode == CLOSE for drawn in self.frames)
        )


class Clock:
    """A clock that stands still until a test sets it; it tells a connection who is quick."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def compute(self, seconds=1.0):
        """Let a program take its time."""
        self.now += seconds


@contextlib.contextmanager
def given(clock):
    """Give connections that are opened a clock."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(websockets.asyncio.callbacks, "monotonic", clock)
        yield


class Held:
    """
    An open connection of one side.

    Attributes:
        ws: the connection.
        transport: its transport.
        key: what its peer masks with.
        clock: its clock.
        handled: the task of a handler that was given, else None.
    """

    def __init__(self, ws, transport, key, clock, handled):
        self.ws = ws
        self.transport = transport
        self.key = key
        self.clock = clock
        self.handled = handled

    def frame(self, opcode, payload=b"", **kwargs):
        """Build a frame of the peer."""
        return frame(opcode, payload, key=self.key, **kwargs)

    def close_frame(self, code=None, reason=""):
        body = b"" if code is None else code.to_bytes(2, "big") + reason.encode()
        return self.frame(CLOSE, body)

    def hear(self, *wires):
        """Let bytes arrive, in one read."""
        self.transport.hear(b"".join(wires))


SIDES = ("server", "client")

EXTENSIONS = b"Sec-WebSocket-Extensions: "


@contextlib.asynccontextmanager
async def held(side="server", handler=None, extensions="", **options):
    """
    Open a connection and hold its transport.

    Arguments:
        side: "server" or "client".
        handler: coroutine function that gets the connection.
        extensions: value of the header by which the peer offers or accepts extensions.
        options: arguments of the protocol; ``extensions`` of these is called ``factories``.
    """
    clock = Clock()
    with given(clock):
        async with opened_by_hand(side, handler, clock, extensions, options) as one:
            yield one


@contextlib.asynccontextmanager
async def opened_by_hand(side, handler, clock, extensions, options):
    options["extensions"] = options.pop("factories", None)
    options.setdefault("ping_interval", None)
    extension_line = EXTENSIONS + extensions.encode() + b"\r\n" if extensions else b""
    transport = HeldTransport()
    opened, begun, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handle(ws, path=None):
        opened.set()
        await begun.wait()
        if handler is not None:
            await handler(ws)
        else:
            await finished.wait()

    create = options.pop("create_protocol", None)
    if side == "server":
        create = create or websockets.WebSocketServerProtocol
        ws = create(handle, Registry(), **options)
        transport.protocol = ws
        ws.connection_made(transport)
        transport.hear(REQUEST + extension_line + b"\r\n")
        await opened.wait()
        handled = None
    else:
        create = create or websockets.WebSocketClientProtocol
        ws = create(**options)
        transport.protocol = ws
        ws.connection_made(transport)
        uri = websockets.parse_uri("ws://localhost/")
        shaking = asyncio.ensure_future(
            ws.handshake(uri, available_extensions=ws.available_extensions)
        )
        await until(lambda: transport.done)
        [request] = transport.done
        key = next(
            line.split(b": ")[1]
            for line in request.split(b"\r\n")
            if line.lower().startswith(b"sec-websocket-key")
        )
        transport.hear(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: "
            + websockets.handshake.accept_key(key.decode()).encode()
            + b"\r\n"
            + extension_line
            + b"\r\n"
        )
        await shaking
        handled = asyncio.ensure_future(handle(ws)) if handler is not None else None
    transport.forget()
    begun.set()
    one = Held(ws, transport, KEY if side == "server" else b"", clock, handled)
    try:
        yield one
    finally:
        finished.set()
        transport.stuck = False
        transport.lose()
        await turns()
        if handled is None and side == "server":
            handled = ws.handler_task
        if handled is not None:
            await asyncio.wait([handled])
            if not handled.cancelled():
                handled.exception()  # The handler's end is the test's to look at.


class Watched(Extension):
    """
    An extension that can be watched: it makes payloads larger, and counts.

    Attributes:
        decoded, encoded: how many data frames it has decoded and encoded.
        failing: the exception to raise when a data frame is encoded, or None.
    """

    name = "x-watched"

    def __init__(self, factor=1):
        self.factor = factor
        self.decoded = self.encoded = 0
        self.failing = None

    def decode(self, frame, *, max_size=None):
        if frame.opcode >= CLOSE:
            return frame
        self.decoded += 1
        if frame.data == b"broken":
            raise ZeroDivisionError("an extension of a test")
        return frame._replace(data=frame.data * self.factor)

    def encode(self, frame):
        if frame.opcode < CLOSE:
            self.encoded += 1
            if self.failing is not None:
                raise self.failing
        return frame


class WatchedServerFactory(ServerExtensionFactory):
    name = Watched.name

    def __init__(self, factor=1):
        self.factor = factor

    def process_request_params(self, params, accepted_extensions):
        return [], Watched(self.factor)


class WatchedClientFactory(ClientExtensionFactory):
    name = Watched.name

    def __init__(self, factor=1):
        self.factor = factor

    def get_request_params(self):
        return []

    def process_response_params(self, params, accepted_extensions):
        return Watched(self.factor)


def watched(side, factor=1):
    """Return the arguments of ``held`` that make a connection whose extension is watched."""
    factory = WatchedServerFactory if side == "server" else WatchedClientFactory
    return {"extensions": Watched.name, "factories": [factory(factor)]}


class Steps:
    """Count the steps of tasks: how often they go on."""

    def __init__(self):
        self.count = 0

    @types.coroutine
    def counted(self, coroutine):
        """Await a coroutine and count its steps."""
        go_on, value = coroutine.send, None
        while True:
            self.count += 1
            try:
                waits_for = go_on(value)
            except StopIteration as exc:
                return exc.value
            try:
                go_on, value = coroutine.send, (yield waits_for)
            except BaseException as exc:
                go_on, value = coroutine.throw, exc


def in_virtual_time(test):
    """Run a coroutine on a loop whose time is virtual."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        loop = VirtualLoop()
        unexpected = []
        loop.set_exception_handler(lambda loop, context: unexpected.append(context))
        try:
            loop.run_until_complete(test(*args, **kwargs))
            loop.run_until_complete(asyncio.sleep(0))
            assert not asyncio.all_tasks(loop)
        finally:
            sweep(loop)
        assert not unexpected, unexpected

    return run


async def rest_of(ws):
    """Receive what is left; return it, and the exception that ends it."""
    received = []
    try:
        while True:
            received.append(await ws.recv())
    except websockets.ConnectionClosed as exc:
        # pytest.raises() would keep the frames, and so the connection.
        return received, exc.with_traceback(None)


DEFLATE = {"server": ServerPerMessageDeflateFactory, "client": ClientPerMessageDeflateFactory}


def in_threads(side):
    """Return the arguments of ``held`` for messages that are compressed in threads."""
    return {"extensions": "permessage-deflate", "factories": [DEFLATE[side](thread_size=100)]}
