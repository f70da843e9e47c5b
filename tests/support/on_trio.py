"""
Connections of today's API on trio, with a peer that speaks by hand, or with one another.

Owns how a test runs on trio, and how such connections are opened for it. Tests are coroutine
functions under ``@on_trio``; with ``@on_trio(autojump=True)`` time passes when nothing else can
happen, and takes none. The peer's framing is peer.py's.
"""

import builtins
import contextlib
import functools
import math
import struct
import sys
import types

import pytest
from peer import CLOSE, KEY, REQUEST, frame, xor
from todays import Records, accepting, lines_of, secure

trio = pytest.importorskip("trio")

from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked  # noqa: E402

from websockets.trio.client import connect  # noqa: E402
from websockets.trio.server import serve  # noqa: E402

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup, ExceptionGroup
else:
    BaseExceptionGroup = builtins.BaseExceptionGroup
    ExceptionGroup = builtins.ExceptionGroup

TIME_LIMIT = 60  # seconds, for a test

background = None  # the nursery of what a test has started


def on_trio(function=None, *, autojump=False):
    """Run a coroutine function on trio, as a test."""
    if function is None:
        return functools.partial(on_trio, autojump=autojump)

    @functools.wraps(function)
    def run(**arguments):
        async def main():
            global background
            skipped = None
            with trio.fail_after(math.inf if autojump else TIME_LIMIT):
                async with trio.open_nursery() as background:
                    try:
                        await function(**arguments)
                    except pytest.skip.Exception as exc:
                        skipped = exc  # Some versions of trio would put it into a group.
                    background.cancel_scope.cancel()
            if skipped is not None:
                raise skipped

        trio.run(main, clock=MockClock(autojump_threshold=0) if autojump else None)

    return run


class Started:
    """A coroutine that runs in the background until the test ends; it may be awaited."""

    def __init__(self, coroutine):
        self._scope = trio.CancelScope()
        self._over = trio.Event()
        self._result = self._exc = None
        background.start_soon(self._run, coroutine)

    async def _run(self, coroutine):
        try:
            with self._scope:
                self._result = await coroutine
        except Exception as exc:
            self._exc = exc
        finally:
            self._over.set()

    def done(self):
        return self._over.is_set()

    def cancel(self):
        self._scope.cancel()

    def cancelled(self):
        return self._scope.cancelled_caught

    def __await__(self):
        return self._wait().__await__()

    async def _wait(self):
        await self._over.wait()
        if self._exc is not None:
            raise self._exc
        return self._result


async def turns():
    """Let all tasks come to rest: to see that nothing happens any more."""
    await wait_all_tasks_blocked()


async def echo(connection):
    async for message in connection:
        await connection.send(message)


async def hold(connection):
    await connection.wait_closed()


def port_of(server):
    return server.listeners[0].socket.getsockname()[1]


def uri_of(server, path="/", scheme="ws", host="127.0.0.1"):
    return f"{scheme}://{host}:{port_of(server)}{path}"


class TrioPeer:
    """One end of a stream, after the opening handshake or before it."""

    def __init__(self, stream, masked):
        self.stream = stream
        self.masked = masked
        self._received = b""

    async def write(self, data):
        await self.stream.send_all(data)

    async def write_eof(self):
        """End this side of the stream."""
        await self.stream.send_eof()

    async def send(self, opcode, payload=b"", **options):
        await self.write(frame(opcode, payload, masked=self.masked, **options))

    async def _take(self, size):
        while len(self._received) < size:
            data = await self.stream.receive_some()
            if not data:
                raise EOFError(self._received)
            self._received += data
        data, self._received = self._received[:size], self._received[size:]
        return data

    async def read_head(self):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await self._take(1)
        return head

    async def read(self):
        """Read a frame, and return its first byte and its payload."""
        byte0, byte1 = await self._take(2)
        assert bool(byte1 & 0x80) is not self.masked, "exactly one side masks"
        length = byte1 & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", await self._take(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self._take(8))
        key = b"" if self.masked else await self._take(4)
        payload = await self._take(length)
        return byte0, xor(payload, key) if key else payload

    async def read_close(self):
        """Read up to a close frame, and return its code and reason."""
        while True:
            byte0, payload = await self.read()
            if byte0 == 0x80 | CLOSE:
                code = struct.unpack("!H", payload[:2])[0] if payload else None
                return code, payload[2:].decode()

    async def read_eof(self):
        """Read to the end of the stream, and return what came before."""
        rest = self._received
        with contextlib.suppress(trio.BrokenResourceError):
            async for data in self.stream:
                rest += data
        return rest

    async def end(self):
        """Answer the close frame that comes, and end the stream."""
        code, reason = await self.read_close()
        await self.send(CLOSE, b"" if code is None else struct.pack("!H", code) + reason.encode())
        await self.close()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc_info):
        await self.close()

    async def close(self):
        with trio.CancelScope(shield=True):
            await trio.aclose_forcefully(self.stream)


@contextlib.asynccontextmanager
async def client_and_peer(pair=memory_stream_pair, **options):
    """Our client's end of an open connection, and the peer that is its server."""
    ours, theirs = pair()
    peer = TrioPeer(theirs, masked=False)
    accepted = trio.Event()

    async def accept():
        await peer.write(accepting(await peer.read_head()))
        accepted.set()

    options.setdefault("compression", None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(accept)
        async with connect("ws://localhost/", stream=ours, **options) as connection:
            await accepted.wait()
            try:
                yield connection, peer
            finally:
                await peer.close()


class Handing(trio.abc.Listener):
    """A listener that is handed its streams."""

    def __init__(self):
        self.hand, self._handed = trio.open_memory_channel(math.inf)

    async def accept(self):
        return await self._handed.receive()

    async def leave(self):
        """Close the stream that nobody has accepted; return whether there was none."""
        try:
            stream = self._handed.receive_nowait()
        except (trio.WouldBlock, trio.EndOfChannel):
            return True
        await stream.aclose()
        return False

    async def aclose(self):
        await self.hand.aclose()


@contextlib.asynccontextmanager
async def server_and_peer(handler=None, headers=b"", pair=memory_stream_pair, **options):
    """Our server's end of an open connection, and the peer that is its client."""
    ours, theirs = pair()
    peer = TrioPeer(theirs, masked=True)
    listener = Handing()
    opened, connections = trio.open_memory_channel(math.inf)

    async def handle(connection):
        await opened.send(connection)
        await (handler or hold)(connection)

    options.setdefault("compression", None)
    async with trio.open_nursery() as nursery:
        await nursery.start(functools.partial(serve, handle, listeners=[listener], **options))
        await listener.hand.send(ours)
        await peer.write(REQUEST + headers + b"\r\n")
        await peer.read_head()
        connection = await connections.receive()
        try:
            yield connection, peer
        finally:
            await peer.close()
            nursery.cancel_scope.cancel()


@contextlib.asynccontextmanager
async def serving(handler, **options):
    """A server on a socket of this machine."""
    async with trio.open_nursery() as nursery:
        if "listeners" not in options:
            options.update(port=0, host="127.0.0.1")
        server = await nursery.start(functools.partial(serve, handler, **options))
        try:
            yield server
        finally:
            nursery.cancel_scope.cancel()


@contextlib.asynccontextmanager
async def both_ends(server_options=None, **client_options):
    """Our server's end and our client's end of a connection."""
    opened, connections = trio.open_memory_channel(math.inf)

    async def handler(connection):
        await opened.send(connection)
        await connection.wait_closed()

    async with serving(handler, **(server_options or {})) as server:
        uri = secure(uri_of(server)) if "ssl" in client_options else uri_of(server)
        async with connect(uri, **client_options) as client:
            yield await connections.receive(), client


@contextlib.asynccontextmanager
async def listening(accept):
    """A server on a socket of this machine that has each peer accepted by a function."""

    async def serve_stream(stream):
        peer = TrioPeer(stream, masked=False)
        with contextlib.suppress(EOFError, trio.BrokenResourceError):
            await accept(peer)
        await peer.close()

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        await nursery.start(trio.serve_listeners, serve_stream, listeners)
        try:
            yield types.SimpleNamespace(listeners=listeners)
        finally:
            nursery.cancel_scope.cancel()


@contextlib.asynccontextmanager
async def answering(*responses):
    """
    A server that answers each connection with the next of these responses, and waits for its end.

    The last one is repeated. A response is bytes, or a function of the head of the request; the
    requests are in the attribute ``requests`` of what this gives.
    """
    requests, left = [], list(responses)

    async def accept(peer):
        head = await peer.read_head()
        requests.append(head)
        response = left.pop(0) if len(left) > 1 else left[0]
        await peer.write(response(head) if callable(response) else response)
        await peer.read_eof()

    async with listening(accept) as server:
        server.requests = requests
        yield server


async def tcp_to(port):
    """A peer connected to a port of this machine."""
    return TrioPeer(await trio.open_tcp_stream("127.0.0.1", port), masked=True)


async def request_of(uri, **options):
    """Return the lines of the request, without the key."""
    async with answering(accepting) as server:
        async with connect(uri.format(port_of(server)), proxy=None, **options) as ws:
            await ws.stream.aclose()
        return lines_of(server.requests, port_of(server))


async def failing(response, **options):
    """Return what a client makes of such a response."""
    async with answering(response) as server:
        with pytest.raises(Exception) as raised:
            async with connect(uri_of(server), **options):
                pass
    return raised.value


async def responses(*requests, handler=hold, **options):
    """Return what a server answers to requests: heads and bodies; and the lines of its log."""
    records, answers = Records(), []
    async with serving(handler, logger=records.logger, **options) as server:
        for request in requests:
            async with await tcp_to(port_of(server)) as peer:
                with contextlib.suppress(trio.BrokenResourceError):
                    await peer.write(request)  # Its time may be over.
                head = b""
                if not options.get("silent"):
                    try:
                        head = await peer.read_head()
                    except EOFError as exc:
                        head = exc.args[0]
                    except trio.BrokenResourceError:
                        pass  # The server hadn't read all when it ended TCP.
                body = b"" if b" 101 " in head else await peer.read_eof()
                answers.append((head.decode("latin1"), body))
        await until(lambda: not server.connections)
    return answers, records.lines


async def until(condition):
    while not condition():
        await trio.sleep(0)


def is_client(connection):
    """Tell whether a parameter of both_sides is the client's side."""
    return connection is client_and_peer


SIDES = {"server": server_and_peer, "client": client_and_peer}
both_sides = pytest.mark.parametrize("connection", SIDES.values(), ids=SIDES)

__all__ = [
    "KEY",
    "BaseExceptionGroup",
    "ExceptionGroup",
    "TIME_LIMIT",
    "REQUEST",
    "Handing",
    "Started",
    "TrioPeer",
    "answering",
    "both_ends",
    "both_sides",
    "client_and_peer",
    "connect",
    "echo",
    "failing",
    "hold",
    "is_client",
    "listening",
    "on_trio",
    "port_of",
    "request_of",
    "responses",
    "serve",
    "server_and_peer",
    "serving",
    "tcp_to",
    "trio",
    "turns",
    "until",
    "uri_of",
]
