"""
A server of today's API as an object: what it tells, how it closes, and what it leaves.
"""

import asyncio
import socket
import subprocess
import sys

import pytest
from peer import BINARY, CLOSE, PING, REQUEST, close_payload, frame, port_of, tcp_to, turns, until
from todays import Records, echo, hold, server_and_peer, uri_of

from websockets.asyncio.client import connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosedOK
from websockets.frames import Frame

BODY = b"Server is shutting down.\n"


async def be_eager():
    """Have tasks begin at once, where they can."""
    if not hasattr(asyncio, "eager_task_factory"):
        pytest.skip("tasks are eager from Python 3.12 on")
    loop = asyncio.get_running_loop()
    loop.set_task_factory(asyncio.eager_task_factory)
    coroutine = asyncio.sleep(0)
    try:
        await loop.create_task(coroutine)
    except TypeError:
        coroutine.close()
        loop.set_task_factory(None)
        pytest.skip("uvloop gives the factory an argument that this Python doesn't have")


async def test_what_a_server_tells():
    serving = serve(echo, "127.0.0.1", 0, start_serving=False)
    assert isinstance(serving, Server)
    server = await serving
    assert server is serving and server.handler is echo
    assert not server.is_serving() and server.get_loop() is asyncio.get_running_loop()
    await server.start_serving()
    assert server.is_serving() and isinstance(server.sockets, tuple) and len(server.sockets) == 1
    assert server.server.is_serving()
    async with connect(uri_of(server)) as ws:
        await ws.send("x")
        await ws.recv()
        [connection] = server.connections
        assert isinstance(connection, ServerConnection) and connection.server is server
        assert server.connections is not server.connections
        assert server.all_connections == {connection}
        [task] = server.handler_tasks
        assert not task.done()
    server.close()
    await server.wait_closed()
    assert task.done()
    assert (server.sockets, server.connections, server.is_serving()) == ((), set(), False)
    assert not server.all_connections and not server.handler_tasks


async def test_a_handshake_that_waits_for_the_program_is_refused():
    started = asyncio.Event()

    async def process_request(connection, request):
        started.set()
        await turns()

    async with serve(hold, "127.0.0.1", 0, process_request=process_request) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + b"\r\n")
            await started.wait()
            server.close()
            assert (await peer.read_head()).startswith(b"HTTP/1.1 503")
            assert await peer.read_eof() == BODY


async def test_who_waits_for_a_server_may_be_cancelled():
    done = []

    async def handler(connection):
        await connection.wait_closed()
        await turns()
        done.append(connection)

    async with serve(handler, "127.0.0.1", 0) as server:
        async with connect(uri_of(server)):
            await until(lambda: server.connections)
            assert server.close() is None and server.close(code=4000) is None
            waiting = asyncio.ensure_future(server.wait_closed())
            await turns(2)
            waiting.cancel()
            await server.wait_closed()
            assert len(done) == 1


async def test_serve_forever():
    server = await serve(hold, "127.0.0.1", 0, start_serving=False)
    forever = asyncio.ensure_future(server.serve_forever())
    await until(server.is_serving)
    server.close()
    await forever

    server = await serve(hold, "127.0.0.1", 0)
    async with connect(uri_of(server)) as ws:
        forever = asyncio.ensure_future(server.serve_forever())
        await turns()
        forever.cancel()
        with pytest.raises(asyncio.CancelledError):
            await forever
        assert not server.is_serving()
        with pytest.raises(ConnectionClosedOK, match=r"^received 1001 \(going away\)"):
            await ws.recv()


STOPPED = """
import asyncio
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

async def begin():
    server = await serve(lambda ws: ws.wait_closed(), "127.0.0.1", 0)
    await connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")

loop = asyncio.new_event_loop()
loop.run_until_complete(begin())
loop.close()
"""


@pytest.mark.one_backend
def test_a_loop_that_is_stopped_with_connections_open():
    run = subprocess.run(
        [sys.executable, "-c", STOPPED], capture_output=True, text=True, timeout=60, check=True
    )
    assert "Traceback" not in run.stderr and "Exception" not in run.stderr


def test_serve_needs_a_loop():
    with pytest.raises(RuntimeError):
        serve(hold, "127.0.0.1", 0)


def test_asyncio_run_ends_connections_with_1001():
    ended = []

    async def handler(connection):
        try:
            await connection.wait_closed()
        except asyncio.CancelledError:
            ended.append(connection.state.name)
            raise

    async def main():
        server = await serve(handler, "127.0.0.1", 0)
        sock = socket.create_connection(("127.0.0.1", port_of(server)))
        sock.sendall(REQUEST + b"\r\n")
        await until(lambda: server.connections)
        server.server.close()
        return sock

    with asyncio.run(main()) as sock:
        received = b""
        while data := sock.recv(65536):
            received += data
    assert ended == ["OPEN"]
    assert received.endswith(b"\x88\x02" + (1001).to_bytes(2, "big"))


@pytest.mark.parametrize("exc", [SystemExit(3), KeyboardInterrupt("on purpose")], ids=repr)
@pytest.mark.parametrize("place", ["handler", "process_request", "create_connection"])
def test_what_ends_a_program_comes_out_and_leaves_no_connection(place, exc):
    def fail(*args, **kwargs):
        raise exc

    async def fail_later(*args, **kwargs):
        await asyncio.sleep(0)
        raise exc

    records, ended = Records(), []
    options = {"handler": hold, "logger": records.logger, place: fail_later}
    if place == "create_connection":
        options[place] = fail

    async def talk():
        server = await serve(host="127.0.0.1", port=0, **options)
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + b"\r\n")
            await peer.read_eof()
        await until(lambda: not server.all_connections)
        server.close()
        await server.wait_closed()

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)
    try:
        task = loop.create_task(talk())
        while not task.done():
            try:
                loop.run_until_complete(task)
            except (SystemExit, KeyboardInterrupt) as raised:
                ended.append(raised)
    finally:
        loop.close()
    assert ended == [exc]
    assert any(line.startswith("ERROR") for line in records.lines)


async def test_a_connection_has_a_task_once_there_is_a_request():
    async with serve(hold, "127.0.0.1", 0) as server, tcp_to(port_of(server)) as peer:
        before = asyncio.all_tasks()
        await until(lambda: server.all_connections)
        await turns()
        assert asyncio.all_tasks() == before
        peer.write(REQUEST + b"\r\n")
        await peer.read_head()
        [connection] = server.connections
        assert asyncio.all_tasks() - before == {connection.handler_task}


async def test_who_asks_for_the_task_before_has_it_made():
    async with serve(hold, "127.0.0.1", 0) as server, tcp_to(port_of(server)) as peer:
        await until(lambda: server.all_connections)
        [task] = server.handler_tasks
        await turns()
        peer.write(REQUEST + b"\r\n")
        assert (await peer.read_head()).startswith(b"HTTP/1.1 101")
        [connection] = server.connections
        assert connection.handler_task is task and server.handler_tasks == {task}


async def test_a_handshake_of_a_subclass_begins_before_there_is_a_request():
    class Greeting(ServerConnection):
        async def handshake(self, *args):
            self.transport.write(b"welcome")
            await super().handshake(*args)

    options = {"create_connection": Greeting}
    async with serve(hold, "127.0.0.1", 0, **options) as server, tcp_to(port_of(server)) as peer:
        assert await peer.reader.readexactly(7) == b"welcome"
        peer.write(REQUEST + b"\r\n")
        assert (await peer.read_head()).startswith(b"HTTP/1.1 101")


@pytest.mark.parametrize("began", [False, True])
async def test_tasks_that_are_cancelled_before_there_is_a_request_end_their_connections(began):
    async with serve(hold, "127.0.0.1", 0) as server, tcp_to(port_of(server)) as peer:
        await until(lambda: server.all_connections)
        if began:
            assert len(server.handler_tasks) == 1
            await turns()
        for task in server.handler_tasks:
            assert task.cancel()
        assert await peer.read_eof() == b""
        await until(lambda: not server.all_connections)


async def test_a_task_that_is_cancelled_before_it_begins_ends_its_connection_in_time():
    class Hasty(ServerConnection):
        def data_received(self, data):
            super().data_received(data)
            self.handler_task.cancel()

    options = {"create_connection": Hasty, "open_timeout": 0.01}
    async with serve(hold, "127.0.0.1", 0, **options) as server, tcp_to(port_of(server)) as peer:
        peer.write(REQUEST + b"\r\n")
        assert await peer.read_eof() == b""
        await until(lambda: not server.all_connections)


async def test_what_comes_with_the_request_is_all_read_where_tasks_are_eager():
    await be_eager()
    early = bytes(50_000)
    async with serve(echo, "127.0.0.1", 0, compression=None) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + b"\r\n" + 3 * frame(BINARY, early, masked=True))
            await peer.read_head()
            for _ in range(3):
                assert await peer.read() == (0x80 | BINARY, early)
            peer.send(BINARY, b"late")
            assert await peer.read() == (0x80 | BINARY, b"late")
            peer.send(CLOSE)
            await peer.read_close()


async def test_a_request_that_takes_too_long_where_tasks_are_eager(caplog):
    await be_eager()
    async with serve(hold, "127.0.0.1", 0, open_timeout=0.01) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST)
            assert await peer.read_eof() == b""
    assert not caplog.records


async def test_a_handler_knows_its_task_where_tasks_are_eager():
    await be_eager()
    tasks = []

    async def handler(connection):
        tasks.append((connection.handler_task, asyncio.current_task()))

    async with serve(handler, "127.0.0.1", 0) as server:
        async with connect(uri_of(server)) as ws:
            await ws.wait_closed()
    [(task, current)] = tasks
    assert task is current


async def test_an_eager_task_ends_a_connection_in_the_middle_of_what_comes():
    await be_eager()
    received, tasks = [], []

    class Closing(ServerConnection):
        def process_event(self, event):
            super().process_event(event)
            if isinstance(event, Frame) and event.opcode == PING:
                tasks.append(self.loop.create_task(self.close()))

    async def handler(connection):
        received.extend([message async for message in connection])

    async with serve(handler, "127.0.0.1", 0, create_connection=Closing) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + b"\r\n")
            await peer.read_head()
            await turns()
            peer.write(frame(BINARY, b"x", masked=True) + frame(PING, masked=True))
            peer.send(CLOSE, close_payload(1000))
            assert await peer.read_close() == (1000, "")
        await asyncio.gather(*tasks)
    assert received == [b"x"]


async def test_a_program_that_takes_too_long_for_a_client_that_has_gone():
    started, left, cancelled = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def process_request(connection, request):
        started.set()
        try:
            await left.wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    options = {"process_request": process_request, "open_timeout": 0.05}
    async with serve(hold, "127.0.0.1", 0, **options) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + b"\r\n")
            await started.wait()
        try:
            await asyncio.wait_for(cancelled.wait(), 10)
        finally:
            left.set()
        await until(lambda: not server.all_connections)


async def test_close_timeout_holds_behind_the_end_of_a_server():
    async with server_and_peer(close_timeout=0.05) as (connection, peer):
        peer.writer.transport.pause_reading()
        connection.transport.write(bytes(2**25))
        connection.handler_task.cancel()
        await asyncio.wait([connection.handler_task])
        connection.server.close()
        await connection.server.wait_closed()
        await asyncio.wait_for(connection.wait_closed(), 10)


async def test_each_connection_has_a_close_timeout_of_its_own():
    async with serve(hold, "127.0.0.1", 0, close_timeout=999) as server:
        async with tcp_to(port_of(server)) as slow, tcp_to(port_of(server)) as quick:
            for peer in (slow, quick):
                peer.write(REQUEST + b"\r\n")
                await peer.read_head()
            first, second = server.connections
            closing = asyncio.ensure_future(first.close())
            await turns()
            second.close_timeout = 0.05
            await asyncio.wait_for(second.close(), 10)
            assert second.close_code == 1006 and not closing.done()
            first.transport.abort()
            await closing
