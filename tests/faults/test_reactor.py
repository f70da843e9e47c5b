"""
Many sockets that are watched as one: batches that are disturbed, forks, loops that end first,
descriptors that are another file by now.

What holds for the library's own transports holds for event loops', unless a mark says otherwise.
"""

import array
import asyncio
import contextlib
import contextvars
import functools
import gc
import os
import selectors
import socket
import subprocess
import sys
import threading
import time
import warnings

import pytest
from links import (
    address_of,
    both_transports,
    called,
    driven,
    links_only,
    open_by,
    read,
    read_all,
    reset,
    server_end,
    told,
    unlike_uvloop,
)
from peer import CLOSE, TEXT, client_and_peer, close_payload, frame, needs_unix, turns, until
from test_lost_descriptors import Bystander, is_free, send_and_look
from variants import LOOPS

import websockets

pytestmark = needs_unix
each_loop = pytest.mark.parametrize("new_loop", LOOPS.values(), ids=LOOPS)

OPTIONS = {"ping_interval": None, "compression": None, "close_timeout": 0.2}


def said(message):
    """Return the frame of a client's message."""
    return frame(TEXT, message.encode(), masked=True)


def answer(message):
    """Return the frame of a server's message."""
    return frame(TEXT, message.encode())


def open_files():
    return set(os.listdir("/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"))


class Crowd:
    """
    A server and peers of it, in the order in which they came.

    Arguments:
        reactor: as for ``serve()``.
        count: of peers.
        act: a function that gets a connection and each of its messages.
    """

    def __init__(self, reactor, count, act=None, **options):
        self.reactor = reactor
        self.count = count
        self.act = act or (lambda ws, message: None)
        self.options = {**OPTIONS, **options}
        self.connections = []
        self.got = {}  # messages of each connection
        self.ended = 0

    async def handler(self, ws):
        self.connections.append(ws)
        got = self.got[ws] = []
        try:
            async for message in ws:
                got.append(message)
                self.act(ws, message)
                await ws.send(message)
        except websockets.ConnectionClosedError:
            pass
        finally:
            self.ended += 1

    def messages(self):
        return [self.got[ws] for ws in self.connections]

    async def open(self):
        self.server = await websockets.serve(
            self.handler, "127.0.0.1", 0, reactor=self.reactor, **self.options
        )
        self.socks = []
        for _ in range(self.count):
            await self.add()
        return self

    async def add(self):
        sock = called(address_of(self.server))
        self.socks.append(sock)
        await open_by(sock)
        await until(lambda: len(self.connections) == len(self.socks))
        return sock

    async def __aenter__(self):
        return await self.open()

    async def __aexit__(self, *_):
        for ws in self.connections:
            if not ws.transport.is_closing():
                ws.transport.abort()
        await until(lambda: self.ended == len(self.connections))
        self.server.close()
        await self.server.wait_closed()
        for sock in self.socks:
            sock.close()

    def say(self, message):
        for sock in self.socks:
            sock.send(said(message))


# In the middle of a batch


@both_transports
@pytest.mark.parametrize("end", ["abort", "close"])
@pytest.mark.parametrize("count", [3, 31, 70])
async def test_one_ends_others_that_are_ready_as_well(reactor, end, count):
    def act(ws, message):
        if message == "end":
            for other in crowd.connections[1::2]:
                getattr(other.transport, end)()

    async with Crowd(reactor, count, act) as crowd:
        crowd.socks[0].send(said("end"))
        for sock in crowd.socks[1:]:
            sock.send(said("x"))
        for sock in crowd.socks[2::2]:
            assert await read(sock, 3) == answer("x")
        for sock in crowd.socks[1::2]:
            with contextlib.suppress(ConnectionResetError):
                assert await read_all(sock) in (b"", answer("x"))
        assert crowd.messages()[2::2] == [["x"]] * len(crowd.socks[2::2])
        assert not any(ws.transport.is_closing() for ws in crowd.connections[::2])


@both_transports
async def test_one_ends_all_and_itself(reactor):
    def act(ws, message):
        for other in crowd.connections:
            other.transport.abort()

    async with Crowd(reactor, 40, act) as crowd:
        crowd.say("x")
        for sock in crowd.socks:
            with contextlib.suppress(ConnectionResetError):
                await read_all(sock)
        assert sum(map(len, crowd.messages())) == 1


@both_transports
async def test_one_closes_the_server(reactor):
    def act(ws, message):
        crowd.server.close()

    async with Crowd(reactor, 40, act) as crowd:
        late = [called(address_of(crowd.server)) for _ in range(3)]
        crowd.say("x")
        going_away = frame(CLOSE, close_payload(1001))
        for sock in crowd.socks:
            assert await read(sock, 4) in (going_away, answer("x") + going_away[:1])
            sock.send(frame(CLOSE, close_payload(1001), masked=True))
            await read_all(sock)
        await crowd.server.wait_closed()
        for sock in late:
            with sock, contextlib.suppress(ConnectionResetError):
                await read_all(sock)


@both_transports
async def test_one_pauses_others(reactor):
    def act(ws, message):
        if message == "pause":
            for other in crowd.connections[1:]:
                other.transport.pause_reading()

    async with Crowd(reactor, 20, act) as crowd:
        crowd.socks[0].send(said("pause"))
        assert await read(crowd.socks[0], 7) == answer("pause")
        for sock in crowd.socks[1:]:
            sock.send(said("x"))
        await turns()
        assert crowd.messages()[1:] == [[]] * 19
        for ws in crowd.connections[1:]:
            ws.transport.resume_reading()
        for sock in crowd.socks[1:]:
            assert await read(sock, 3) == answer("x")


@both_transports
@each_loop
@pytest.mark.one_backend
def test_one_stops_the_loop(reactor, new_loop):
    loop = new_loop()

    def act(ws, message):
        if message == "stop":
            loop.stop()

    async def check():
        for sock in crowd.socks:
            assert await read(sock, 3) in (answer("x"), answer("stop")[:3])
        await crowd.__aexit__()

    try:
        crowd = Crowd(reactor, 40, act)
        loop.run_until_complete(crowd.open())
        crowd.socks[0].send(said("stop"))
        for sock in crowd.socks[1:]:
            sock.send(said("x"))
        loop.run_forever()
        assert crowd.messages()[0] == ["stop"]
        loop.run_until_complete(check())
    finally:
        loop.close()


@both_transports
async def test_numbers_that_are_used_again_at_once(reactor):
    """Those that come get the numbers of those that went, while events of these are about."""

    def act(ws, message):
        if message == "end":
            for other in crowd.connections[1:40]:
                other.transport.abort()

    async with Crowd(reactor, 80, act) as crowd:
        fresh = [called(address_of(crowd.server)) for _ in range(39)]
        crowd.socks[0].send(said("end"))
        for sock in crowd.socks[1:]:
            sock.send(said("x"))
        for sock in fresh:
            await open_by(sock)
        await until(lambda: len(crowd.connections) == 119)
        await turns()
        assert crowd.messages()[80:] == [[]] * 39
        assert not any(ws.transport.is_closing() for ws in crowd.connections[80:])
        for sock in fresh:
            sock.send(said("y"))
            assert await read(sock, 3) == answer("y")
        assert crowd.messages()[80:] == [["y"]] * 39
        assert crowd.messages()[40:80] == [["x"]] * 40
        crowd.socks += fresh


class RaisesAtEnd(websockets.WebSocketServerProtocol):
    """A subclass that is interrupted while it gets bytes."""

    def data_received(self, data):
        if data == said("end"):
            raise self.error
        super().data_received(data)


@both_transports
@each_loop
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("protocol", [None, RaisesAtEnd], ids=["handler", "protocol"])
@pytest.mark.one_backend
def test_one_interrupts_the_program(reactor, new_loop, error, protocol):
    loop = new_loop()

    def act(ws, message):
        if message == "end":
            raise error

    async def check():
        for sock in crowd.socks[:5] + crowd.socks[6:]:
            assert await read(sock, 3) == answer("x")
        assert crowd.messages()[5] == ([] if protocol else ["end"])
        await crowd.__aexit__()

    try:
        if protocol:
            unlike_uvloop(reactor, loop)
        loop.set_exception_handler(lambda loop, context: None)  # of the task that has the error
        crowd = Crowd(reactor, 40, act, create_protocol=protocol)
        loop.run_until_complete(crowd.open())
        for ws in crowd.connections:
            ws.error = error
        for index, sock in enumerate(crowd.socks):
            sock.send(said("end" if index == 5 else "x"))
        with pytest.raises(error):
            loop.run_until_complete(asyncio.sleep(10))
        loop.run_until_complete(check())
    finally:
        # What the interrupt has left of the handler's task.
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        gc.collect()


PROGRAM = """
import asyncio, socket, sys
sys.path[:0] = {path!r}
from links import address_of, called, open_by
import websockets
from peer import TEXT, frame

async def handler(ws):
    await ws.recv()
    raise {error}

async def main():
    async with websockets.serve(handler, "127.0.0.1", 0, reactor={reactor}) as server:
        socks = [called(address_of(server)) for _ in range(5)]
        for sock in socks:
            await open_by(sock)
        for sock in socks:
            sock.send(frame(TEXT, b"x", masked=True))
        await asyncio.sleep(10)

asyncio.run(main())
"""


@both_transports
@pytest.mark.parametrize(
    "error, status", [("SystemExit(7)", {7}), ("KeyboardInterrupt", {-2, 130})], ids=["exit", "int"]
)
@pytest.mark.one_backend
def test_an_interrupt_ends_a_program(reactor, error, status):
    program = PROGRAM.format(path=sys.path, error=error, reactor=reactor)
    done = subprocess.run(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, timeout=30, check=False
    )
    assert done.returncode in status, done.stderr


# Fairness


@both_transports
async def test_a_flood_leaves_others_their_turns(reactor):
    unlike_uvloop(reactor)  # which reads all that there is
    async with driven(reactor) as (_, flooded, flooding), driven(reactor) as (_, other, sock):
        total, block = 0, bytes(1 << 16)
        with contextlib.suppress(BlockingIOError):
            while True:
                total += flooding.send(block)
        seen = []
        other.data_received = lambda data: seen.append(len(flooded.data))
        sock.send(b"x")
        await until(lambda: seen)
        assert seen[0] < total / 2
        await until(lambda: len(flooded.data) == total)


@contextlib.contextmanager
def ticking():
    """Give a function that counts the turns of the event loop."""
    loop = asyncio.get_running_loop()
    turn = 0

    def tick():
        nonlocal turn, handle
        turn += 1
        handle = loop.call_soon(tick)

    handle = loop.call_soon(tick)
    yield lambda: turn
    handle.cancel()


@links_only
async def test_the_loop_has_its_turn_after_each_batch():
    turns_of = []
    with ticking() as turn:
        async with Crowd(True, 300, lambda ws, message: turns_of.append(turn())) as crowd:
            crowd.say("x")
            await until(lambda: len(turns_of) == 300)
            assert max(map(turns_of.count, turns_of)) <= 128


@links_only
@pytest.mark.parametrize("count", [2, 10])
async def test_who_is_ready_again_goes_on_at_once_and_the_loop_has_its_turn(count):
    turns_of = []

    def act(ws, message):
        turns_of.append(turn())
        crowd.socks[crowd.connections.index(ws)].send(said("x"))

    with ticking() as turn:
        async with Crowd(True, count, act) as crowd:
            crowd.say("x")
            await until(lambda: len(turns_of) >= 1000)
            assert count < max(map(turns_of.count, turns_of)) <= 128


@links_only
async def test_who_is_ready_again_waits_while_others_take_long():
    turns_of = []

    def act(ws, message):
        turns_of.append(turn())
        crowd.socks[crowd.connections.index(ws)].send(said("x"))
        time.sleep(0.002)

    with ticking() as turn:
        async with Crowd(True, 3, act) as crowd:
            crowd.say("x")
            await until(lambda: len(turns_of) >= 30)
            assert max(map(turns_of.count, turns_of)) == 3


# What is told once

# What is read at once, at most.
READ = 1 << 18


@both_transports
@pytest.mark.parametrize("count", [1, 3])
async def test_bytes_and_the_end_come_together(reactor, count):
    async with Crowd(reactor, count) as crowd:
        for sock in crowd.socks:
            sock.send(said("x"))
            sock.shutdown(socket.SHUT_WR)
        await until(lambda: crowd.ended == count)
        assert crowd.messages() == [["x"]] * count
        assert not any(ws.transport.is_reading() for ws in crowd.connections)


@both_transports
async def test_bytes_and_the_end_come_together_to_a_lone_client(reactor):
    async with client_and_peer(reactor=reactor) as (ws, peer):
        peer.send(TEXT, b"x")
        peer.writer.write_eof()
        assert await ws.recv() == "x"
        with pytest.raises(websockets.ConnectionClosedError):
            await ws.recv()


@both_transports
@pytest.mark.parametrize("size", [READ - 1, READ, READ + 1, 2 * READ, 3 * READ])
@pytest.mark.parametrize("pauses", [False, True], ids=["", "pauses"])
async def test_as_much_comes_as_is_read_at_once(reactor, size, pauses):
    async with driven(reactor) as (transport, recorder, sock):

        def data_received(data):
            recorder.data += data
            if pauses:
                transport.pause_reading()
                asyncio.get_running_loop().call_soon(transport.resume_reading)

        recorder.data_received = data_received
        data = os.urandom(size)
        for _ in range(2):
            await asyncio.get_running_loop().sock_sendall(sock, data)
            await until(lambda: len(recorder.data) == size)
            assert recorder.data == data
            recorder.data.clear()


@both_transports
@pytest.mark.parametrize("size", [70_000, 1_000_000])
async def test_a_message_is_behind_a_large_one(reactor, size):
    async with server_end(reactor, max_size=None) as (ws, sock):
        large = "x" * size
        for _ in range(3):
            await asyncio.get_running_loop().sock_sendall(
                sock, said(large) + said(large) + said("y")
            )
            assert [await ws.recv() for _ in range(3)] == [large, large, "y"]


@contextlib.asynccontextmanager
async def come_at_once(ws, sock, messages):
    """Have messages come while nothing is read, as many as there is room for, and the others then."""
    ws.transport.pause_reading()
    data = b"".join(map(said, messages))
    sending = asyncio.ensure_future(asyncio.get_running_loop().sock_sendall(sock, data))
    await turns(50)
    ws.transport.resume_reading()
    yield
    sending.cancel()
    with contextlib.suppress(asyncio.CancelledError, ConnectionError):
        await sending


@both_transports
@pytest.mark.parametrize(
    "sizes",
    [
        [1_000_000, 1_000_000],
        [10, 1_000_000, 10, 1_000_000, 4086],
        [3000, 600_000],
        [2000] * 500 + [600_000, 10],
        [100] * 8000,
    ],
    ids=["large", "small and large", "head and large", "many and a large one", "many"],
)
async def test_much_comes_at_once(reactor, sizes):
    messages = [str(index).ljust(size, "x") for index, size in enumerate(sizes)]
    async with server_end(reactor, max_size=None) as (ws, sock):
        for _ in range(4):  # The system's buffers grow meanwhile.
            async with come_at_once(ws, sock, messages):
                assert [await ws.recv() for _ in messages] == messages


@both_transports
@pytest.mark.parametrize("sizes", [[10, 1_000_000], [10] * 100_000, [1_000_000, 1_000_000]])
async def test_a_connection_ends_though_much_has_come(reactor, sizes):
    messages = ["x" * size for size in sizes]
    async with server_end(reactor, max_size=None) as (ws, sock):
        for _ in range(2):
            async with come_at_once(ws, sock, messages[:2]):
                for message in messages[:2]:
                    assert await ws.recv() == message
        async with come_at_once(ws, sock, messages):
            assert await ws.recv() == messages[0]
            ws.transport.abort()
            await ws.wait_closed()


def unread(ws):
    """Return how many bytes the system has for a connection."""
    import fcntl
    import termios

    count = array.array("i", [0])
    fcntl.ioctl(ws.transport.get_extra_info("socket").fileno(), termios.FIONREAD, count)
    return count[0]


@both_transports
async def test_reading_pauses_though_much_has_come(reactor):
    messages = ["first", "x" * 1_000_000]

    async def take():
        assert await ws.recv() == messages[0]
        ws.transport.pause_reading()
        return unread(ws)

    async with server_end(reactor, max_size=None) as (ws, sock):
        for _ in range(4):
            async with come_at_once(ws, sock, messages):
                assert [await ws.recv() for _ in messages] == messages
        taking = asyncio.ensure_future(take())
        async with come_at_once(ws, sock, messages):
            left = await taking
            await turns(50)
            assert unread(ws) >= left > 0
            ws.transport.resume_reading()
            assert await ws.recv() == messages[1]


@both_transports
async def test_bytes_come_while_there_is_no_room_to_write(reactor):
    async with driven(reactor) as (transport, recorder, sock):
        much = bytes(8_000_000)
        transport.write(much)
        for _ in range(3):
            sock.send(b"x")
            await until(lambda: recorder.data == b"x")
            recorder.data.clear()
        assert await read(sock, len(much)) == much
        sock.send(b"y")
        await until(lambda: recorder.data == b"y")


@both_transports
@pytest.mark.parametrize("inline", [False, True], ids=["", "inline"])
async def test_urgent_bytes_are_among_others(reactor, inline):
    """A read ends before them, though more is there."""
    expected = b"before!after" if inline else b"beforeafter"
    async with driven(reactor) as (transport, recorder, sock):
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, inline)
        sock.send(b"before")
        sock.send(b"!", socket.MSG_OOB)
        sock.send(b"after")
        await until(lambda: len(recorder.data) == len(expected))
        assert recorder.data == expected


@both_transports
async def test_bytes_are_behind_a_descriptor_that_is_passed(reactor, tmp_path):
    """A read from a Unix socket ends there, though more is there."""
    where = {"family": socket.AF_UNIX, "path": str(tmp_path / "socket")}
    async with driven(reactor, **where) as (transport, recorder, sock):
        descriptors = array.array("i", [sock.fileno()])
        sock.sendmsg([b"before"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
        sock.send(b"after")
        await asyncio.wait_for(until(lambda: recorder.data == b"beforeafter"), 2)


# Forks


@contextlib.contextmanager
def fork():
    """Give True in a child, which ends with the block, and False in its parent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other tests' threads
        child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        yield False
        assert status == 0
        return
    status = 1
    try:
        yield True
        status = 0
    finally:
        os._exit(status)


def abort(crowd):
    for ws in crowd.connections:
        ws.transport.abort()


def close_transports(crowd):
    for ws in crowd.connections:
        ws.transport.close()
    crowd.server.close()


def close_descriptors(crowd):
    for ws in crowd.connections:
        os.close(ws.transport.get_extra_info("socket").fileno())


def pause(crowd):
    for ws in crowd.connections:
        ws.transport.pause_reading()


def forget(crowd):
    del crowd.connections[:], crowd.socks[:], crowd.server
    crowd.got.clear()
    gc.unfreeze()
    gc.collect()


@links_only
@pytest.mark.parametrize("act", [abort, close_transports, close_descriptors, pause, forget])
async def test_a_child_leaves_its_parent_alone(act):
    async with Crowd(True, 10) as crowd:
        with fork() as is_child:
            if is_child:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    act(crowd)
                    # What was asked for when the loop turns, which it won't in the child.
                    gc.collect()
        if is_child:
            return
        crowd.say("x")
        for sock in crowd.socks:
            assert await read(sock, 3) == answer("x")
        sock = await crowd.add()
        sock.send(said("y"))
        assert await read(sock, 3) == answer("y")


@links_only
@each_loop
@pytest.mark.one_backend
def test_a_child_of_a_batch_leaves_its_parent_alone(new_loop):
    """A handler forks: the child goes on with the batch, and returns to the program."""
    loop = new_loop()
    statuses = []
    parent = os.getpid()

    def act(ws, message):
        if message == "fork":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                child = os.fork()
            if child == 0:
                try:
                    abort(crowd)
                    crowd.server.close()
                finally:
                    os._exit(0)
            statuses.append(os.waitpid(child, 0)[1])

    async def main():
        crowd.socks[0].send(said("fork"))
        for sock in crowd.socks[1:]:
            sock.send(said("x"))
        for sock in crowd.socks[1:]:
            assert await read(sock, 3) == answer("x")
        await crowd.add()
        await crowd.__aexit__()

    try:
        crowd = Crowd(True, 20, act)
        loop.run_until_complete(crowd.open())
        loop.run_until_complete(main())
        assert statuses == [0]
        assert os.getpid() == parent
    finally:
        loop.close()


# Loops that end first


@contextlib.contextmanager
def nothing_unraisable():
    raised = []
    hook, sys.unraisablehook = sys.unraisablehook, raised.append
    try:
        yield
    finally:
        sys.unraisablehook = hook
    assert [str(one.exc_value) for one in raised if one.exc_type is not ResourceWarning] == []


async def warm_up(reactor):
    async with Crowd(reactor, 1):
        pass


@both_transports
@each_loop
@pytest.mark.parametrize("ask", [False, True], ids=["", "asked"])
@pytest.mark.one_backend
def test_a_loop_that_is_closed_first_leaves_nothing(reactor, new_loop, ask):
    if not reactor and new_loop is not asyncio.SelectorEventLoop:
        pytest.skip("uvloop's own transports are closed with it")
    # Some event loops open files once and for all.
    loop = new_loop()
    loop.run_until_complete(warm_up(reactor))
    loop.close()
    gc.collect()
    before = open_files()
    loop = new_loop()
    with nothing_unraisable(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        crowd = Crowd(reactor, 5)
        loop.run_until_complete(crowd.open())
        ws = None
        if ask:
            for ws in crowd.connections:
                ws.transport.get_extra_info("socket")
        for sock in crowd.socks:
            sock.close()
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False
        loop.close()
        del crowd, ws, sock, task, loop
        gc.collect()
        assert open_files() - before == set()


@links_only
@each_loop
@pytest.mark.one_backend
def test_links_of_a_closed_loop_warn(new_loop):
    loop = new_loop()
    crowd = Crowd(True, 1)
    loop.run_until_complete(crowd.open())
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False
    for sock in crowd.socks:
        sock.close()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loop.close()
        del crowd, loop, task, sock
        gc.collect()
    assert any("unclosed transport" in str(one.message) for one in caught)


def scene(new_loop, count=1):
    """Return links whose loop is closed."""
    loop = new_loop()
    crowd = Crowd(True, count)
    loop.run_until_complete(crowd.open())
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False
    for sock in crowd.socks:
        sock.close()
    loop.close()
    return [ws.transport for ws in crowd.connections]


@links_only
@each_loop
@pytest.mark.one_backend
def test_links_of_a_closed_loop_can_be_used(new_loop):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        [transport] = scene(new_loop)
        for call in (
            functools.partial(transport.write, b"x" * 10_000_000),
            transport.pause_reading,
            transport.resume_reading,
            transport.write_eof,
            transport.close,
            transport.abort,
        ):
            with contextlib.suppress(RuntimeError, OSError):
                call()
        del call
        gc.collect()


@links_only
@each_loop
@pytest.mark.one_backend
def test_a_socket_that_outlives_its_link_is_not_another_file(new_loop):
    """A program keeps what get_extra_info("socket") gave, and the link is collected."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        [transport] = scene(new_loop)
        sock = transport.get_extra_info("socket")
        number = sock.fileno()
        del transport
        gc.collect()
        if sock.fileno() == -1:
            return
        if not is_free(number):
            assert sock.getsockname()  # it still is what it was
            sock._sock.close()
            return
        with Bystander(number):
            del sock
            gc.collect()
            assert not is_free(number), "another's descriptor was closed"


class Opening:
    """Whoever is collected with a link, and opens files at the end."""

    def __init__(self, opened, count):
        self.opened = opened
        self.count = count

    def __del__(self):
        self.opened += [os.open(os.devnull, os.O_RDONLY) for _ in range(self.count)]


@links_only
@each_loop
@pytest.mark.parametrize("ask", [False, True], ids=["", "asked"])
@pytest.mark.one_backend
def test_files_that_are_opened_while_links_are_collected_stay_open(new_loop, ask):
    opened = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transports = scene(new_loop, 6)
        if ask:
            for transport in transports:
                transport.get_extra_info("socket")
        for transport in transports:
            transport.note = Opening(opened, 3)
        del transport
        gc.collect()
        del transports
        gc.collect()
    try:
        assert len(opened) == 18
        assert [number for number in opened if is_free(number)] == []
    finally:
        for number in opened:
            with contextlib.suppress(OSError):
                os.close(number)


@links_only
@each_loop
@pytest.mark.one_backend
def test_a_number_that_was_given_away_is_not_closed(new_loop):
    """A program has closed the socket behind a link, which is collected then."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        [transport] = scene(new_loop)
        sock = transport.get_extra_info("socket")
        number = sock.fileno()
        sock._sock.close()
        with Bystander(number) as bystander:
            del transport, sock
            gc.collect()
            assert not is_free(number), "another's descriptor was closed"
            bystander.ours.send(b"x")
            assert bystander.got() == b"x"


# Descriptors that are another file


def real(transport):
    """Return the socket behind a transport, which a program gets hold of somehow."""
    sock = transport.get_extra_info("socket")
    return getattr(sock, "_sock", sock)


@both_transports
async def test_a_socket_that_was_closed_behind_its_transport(reactor):
    unlike_uvloop(reactor)
    async with server_end(reactor, close_timeout=0.2) as (ws, sock):
        ours = real(ws.transport)
        number = ours.fileno()
        ours.close()
        with Bystander(number) as bystander:
            await send_and_look(ws, bystander)
            await asyncio.wait_for(ws.wait_closed(), 5)
            assert bystander.got() == b""
            bystander.ours.setblocking(False)
            bystander.other.send(b"theirs")
            await turns()
            assert bystander.ours.recv(10) == b"theirs"
            assert ws.close_code == 1006


@links_only
async def test_a_socket_that_a_program_gets_is_a_duplicate():
    """It may close it, and another file get the number, while the connection goes on."""
    async with driven(True) as (transport, recorder, sock):
        ours = real(transport)
        number = ours.fileno()
        with ours.dup():
            ours.close()
            with Bystander(number) as bystander:
                bystander.ours.setblocking(False)
                sock.send(b"for the link")
                bystander.other.send(b"theirs")
                transport.write(b"from the link")
                await turns()
                assert bystander.ours.recv(10) == b"theirs"
                assert bystander.got() == b""
                assert recorder.data == b"for the link"
                assert sock.recv(100) == b"from the link"
                transport.abort()
                await recorder.lost
                await turns()
                assert not is_free(number)


@links_only
async def test_another_connection_gets_the_number_of_a_socket_that_was_closed():
    async with Crowd(True, 2) as crowd:
        first, second = crowd.connections
        real(first.transport).close()
        sock = await crowd.add()
        third = crowd.connections[2]
        sock.send(said("x"))
        assert await read(sock, 3) == answer("x")
        first.transport.abort()
        await first.wait_closed()
        await turns()
        sock.send(said("y"))
        assert await read(sock, 3) == answer("y")
        assert not third.transport.is_closing()
        assert crowd.got[third] == ["x", "y"]


# What subclasses raise


@both_transports
async def test_a_protocol_that_raises_when_bytes_come(reactor):
    unlike_uvloop(reactor)
    async with driven(reactor) as (transport, recorder, sock), server_end(reactor) as (ws, other):

        def data_received(data):
            raise ValueError("the protocol's")

        recorder.data_received = data_received
        with told() as contexts:
            sock.send(b"x")
            other.send(said("still here"))
            assert isinstance(await recorder.lost, ValueError)
            assert await ws.recv() == "still here"
            assert [str(context["exception"]) for context in contexts] == ["the protocol's"]


@both_transports
@pytest.mark.parametrize("method", ["pause_writing", "resume_writing", "eof_received"])
async def test_a_protocol_that_raises_elsewhere(reactor, method):
    unlike_uvloop(reactor)
    async with driven(reactor) as (transport, recorder, sock):

        def fail():
            raise ValueError("the protocol's")

        setattr(recorder, method, fail)
        with told() as contexts:
            transport.write(bytes(8_000_000))
            assert len(await read(sock, 8_000_000)) == 8_000_000
            sock.shutdown(socket.SHUT_WR)
            await recorder.lost
            assert [str(context["exception"]) for context in contexts] == ["the protocol's"]


@both_transports
async def test_a_protocol_that_raises_at_the_end(reactor):
    unlike_uvloop(reactor)
    async with driven(reactor) as (transport, recorder, sock):
        lost = recorder.connection_lost

        def connection_lost(exc):
            lost(exc)
            raise ValueError("the protocol's")

        recorder.connection_lost = connection_lost
        with told() as contexts:
            transport.close()
            await recorder.lost
            assert await read_all(sock) == b""
            assert [str(context["exception"]) for context in contexts] == ["the protocol's"]


class RaisesAtBytes(websockets.WebSocketServerProtocol):
    def data_received(self, data):
        super().data_received(data)
        if b"GET" not in data:
            raise ValueError("the subclass's")


@both_transports
async def test_a_subclass_that_raises_when_bytes_come(reactor):
    ended = asyncio.Queue()

    async def handler(ws):
        try:
            async for message in ws:
                assert message == "x"
        finally:
            ended.put_nowait(ws)

    async with websockets.serve(
        handler, "127.0.0.1", 0, reactor=reactor, create_protocol=RaisesAtBytes, **OPTIONS
    ) as server:
        with called(address_of(server)) as sock, told() as contexts:
            await open_by(sock)
            sock.send(said("x"))
            with contextlib.suppress(ConnectionError):
                await read_all(sock)
            ws = await ended.get()
            await ws.wait_closed()
            assert [str(context["exception"]) for context in contexts] == ["the subclass's"]


# Nothing spins


class Counting(selectors.DefaultSelector):
    """A selector that counts how often it is asked."""

    count = 0

    def select(self, timeout=None):
        self.count += 1
        return super().select(timeout)


def run_counted(main):
    selector = Counting()
    loop = asyncio.SelectorEventLoop(selector)
    try:
        loop.run_until_complete(main(selector))
    finally:
        loop.close()


async def quiet(selector):
    """Check that the loop has nothing to do."""
    await turns(20)
    before = selector.count
    done = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.05, done.set_result, None)
    await done
    assert selector.count - before < 8


@both_transports
@pytest.mark.parametrize("much", [False, True], ids=["", "much"])
def test_a_reset_while_reading_is_paused(reactor, much):
    async def main(selector):
        async with driven(reactor) as (transport, recorder, sock):
            transport.pause_reading()
            sock.send(b"x")
            if much:
                transport.write(bytes(8_000_000))
            reset(sock)
            await quiet(selector)
            if not recorder.lost.done():
                transport.resume_reading()
            assert isinstance(await recorder.lost, ConnectionError)

    run_counted(main)


@both_transports
def test_an_end_while_reading_is_paused(reactor):
    async def main(selector):
        async with driven(reactor) as (transport, recorder, sock):
            transport.pause_reading()
            sock.send(b"x")
            sock.shutdown(socket.SHUT_WR)
            await quiet(selector)
            assert not recorder.data
            transport.resume_reading()
            assert await recorder.lost is None
            assert recorder.data == b"x"

    run_counted(main)


@both_transports
def test_both_ends_of_writing(reactor):
    async def main(selector):
        async with driven(reactor) as (transport, recorder, sock):
            recorder.keeps_open = True
            transport.write_eof()
            sock.shutdown(socket.SHUT_WR)
            await until(lambda: recorder.calls)
            await quiet(selector)
            transport.close()
            assert await recorder.lost is None

    run_counted(main)


@both_transports
def test_a_peer_that_does_not_read(reactor):
    async def main(selector):
        async with driven(reactor) as (transport, recorder, sock):
            transport.write(bytes(8_000_000))
            await quiet(selector)
            transport.close()
            await quiet(selector)

    run_counted(main)


# Contexts


@both_transports
@pytest.mark.parametrize("kind", ["server", "client"])
async def test_bytes_come_in_the_context_of_their_connection(reactor, kind):
    """As event loops do it: that of where a server was started, or of who connects."""
    name = contextvars.ContextVar("name", default="nobody")
    seen = []

    def seeing(base):
        class Seeing(base):
            def data_received(self, data):
                seen.append(name.get())
                super().data_received(data)

        return Seeing

    async def handler(ws):
        await ws.send(await ws.recv())

    async def echo_in(which):
        name.set(which)
        at_server = {"create_protocol": seeing(websockets.WebSocketServerProtocol)}
        at_client = {"create_protocol": seeing(websockets.WebSocketClientProtocol)}
        async with websockets.serve(
            handler, "127.0.0.1", 0, reactor=reactor, **(at_server if kind == "server" else {})
        ) as server:
            async with websockets.connect(
                "ws://%s:%d" % address_of(server),
                reactor=reactor,
                **(at_client if kind == "client" else {}),
            ) as ws:
                await ws.send("x")
                await ws.recv()

    for which in ("first", "second"):
        await asyncio.ensure_future(echo_in(which))
        assert set(seen) == {which}
        seen.clear()


# Threads


@both_transports
@pytest.mark.one_backend
def test_many_threads_with_a_loop_each(reactor):
    failures = []

    async def main():
        async with Crowd(reactor, 10) as crowd:
            for i in range(20):
                for index, sock in enumerate(crowd.socks):
                    sock.send(said(f"{index:03}{i:03}" * 100))
                for index, sock in enumerate(crowd.socks):
                    expected = answer(f"{index:03}{i:03}" * 100)
                    assert await read(sock, len(expected)) == expected

    def run():
        try:
            asyncio.run(main())
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
