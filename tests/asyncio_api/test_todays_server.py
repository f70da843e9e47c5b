"""
A server of today's API as an object: what it tells, how it closes, and what it leaves.
"""

import asyncio
import socket
import subprocess
import sys

import pytest
from peer import REQUEST, needs_unix, port_of, tcp_to, turns, until
from todays import Records, echo, hold, uri_of

from websockets.asyncio.client import connect
from websockets.asyncio.server import Server, ServerConnection, serve, unix_serve
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK

BODY = b"Server is shutting down.\n"


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


async def test_connections_that_are_not_open_are_not_among_them():
    async with serve(hold, "127.0.0.1", 0) as server:
        async with tcp_to(port_of(server)) as peer:
            await until(lambda: server.all_connections)
            assert server.connections == set()
            peer.write(REQUEST + b"\r\n")
            await peer.read_head()
            assert server.connections == server.all_connections


@pytest.mark.parametrize(
    "options, code, reason",
    [({}, 1001, ""), ({"code": 1012, "reason": "restart"}, 1012, "restart")],
)
async def test_closing_closes_connections(options, code, reason):
    async with serve(hold, "127.0.0.1", 0) as server:
        async with connect(uri_of(server)) as ws:
            assert server.close(**options) is None
            assert server.close(code=4000) is None
            await server.wait_closed()
            with pytest.raises((ConnectionClosedOK, ConnectionClosedError)) as raised:
                await ws.recv()
            assert (raised.value.rcvd.code, raised.value.rcvd.reason) == (code, reason)


async def test_closing_may_leave_connections_open():
    async with serve(echo, "127.0.0.1", 0) as server:
        async with connect(uri_of(server)) as ws:
            server.close(close_connections=False)
            waiting = asyncio.ensure_future(server.wait_closed())
            await turns()
            await ws.send("x")
            assert await ws.recv() == "x"
            assert not waiting.done()
        await waiting
        with pytest.raises(OSError):
            await connect(f"ws://127.0.0.1:{ws.remote_address[1]}")


@pytest.mark.parametrize("options", [{}, {"close_connections": False}])
async def test_handshakes_in_progress_are_refused(options):
    records = Records()
    async with serve(hold, "127.0.0.1", 0, logger=records.logger) as server:
        async with tcp_to(port_of(server)) as peer:
            await until(lambda: server.all_connections)
            server.close(**options)
            head = await peer.read_head()
            assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
            assert await peer.read_eof() == BODY
    assert "INFO HTTP response sent (503 Service Unavailable)" in records.lines


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


async def test_closing_waits_for_handlers():
    done = []

    async def handler(connection):
        await connection.wait_closed()
        await turns()
        done.append(connection)

    async with serve(handler, "127.0.0.1", 0) as server:
        async with connect(uri_of(server)):
            await until(lambda: server.connections)
            server.close()
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


async def test_a_servers_log():
    records = Records()
    async with serve(hold, "127.0.0.1", 0, logger=records.logger) as server:
        port = port_of(server)
        async with connect(uri_of(server, "/path")):
            pass
    assert sorted(records.lines) == [
        "INFO connection closed",
        "INFO connection open",
        "INFO server closed",
        "INFO server closing",
        f"INFO server listening on 127.0.0.1:{port}",
    ]
    assert records.lines[0].startswith("INFO server listening")
    assert records.lines[-1] == "INFO server closed"
    for record in records.records:
        about_server = record.getMessage().startswith("server")
        assert hasattr(record, "websocket") is not about_server


async def test_an_ipv6_address_in_logs():
    records = Records()
    try:
        async with serve(hold, "::1", 0, logger=records.logger) as server:
            port = port_of(server)
    except OSError:
        pytest.skip("there is no IPv6")
    assert records.lines[0] == f"INFO server listening on [::1]:{port}"


@needs_unix
async def test_a_path_in_logs(tmp_path):
    records = Records()
    path = str(tmp_path / "socket")
    async with unix_serve(hold, path, logger=records.logger):
        pass
    assert records.lines[0] == f"INFO server listening on {path}"


async def test_tls_time_outs_are_those_of_the_handshake(certificates):
    records = Records()
    options = {"ssl": certificates.server_context(), "open_timeout": 0.01}
    async with serve(hold, "127.0.0.1", 0, logger=records.logger, **options) as server:
        async with tcp_to(port_of(server)) as peer:
            assert await peer.read_eof() == b""


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
