"""
A server on asyncio and on trio as an object: its connections, how it closes, its log.
"""

import socket

import pytest
from both import (
    close,
    connect,
    follow,
    port_of,
    serving,
    serving_at,
    started,
    tcp_to,
    turns,
    until,
    uri_of,
)
from peer import REQUEST, needs_unix
from todays import Records, echo, hold

from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK

pytestmark = pytest.mark.and_trio

BODY = b"Server is shutting down.\n"


async def test_connections_that_are_not_open_are_not_among_them():
    async with serving(hold) as server, tcp_to(server) as peer:
        await until(lambda: server.all_connections)
        assert server.connections == set()
        await peer.write(REQUEST + b"\r\n")
        await peer.read_head()
        await until(lambda: server.connections)
        assert server.connections == server.all_connections


@pytest.mark.parametrize(
    "options, code, reason",
    [({}, 1001, ""), ({"code": 1012, "reason": "restart"}, 1012, "restart")],
)
async def test_closing_closes_connections(options, code, reason):
    async with serving(hold) as server, connect(uri_of(server)) as ws:
        await close(server, **options)
        await close(server, code=4000)
        with pytest.raises((ConnectionClosedOK, ConnectionClosedError)) as raised:
            await ws.recv()
        assert (raised.value.rcvd.code, raised.value.rcvd.reason) == (code, reason)


async def test_closing_may_leave_connections_open():
    async with serving(echo) as server:
        uri = uri_of(server)
        async with connect(uri) as ws:
            closing = started(close(server, close_connections=False))
            await turns()
            await ws.send("x")
            assert await ws.recv() == "x"
            assert not closing.done()
            with pytest.raises(OSError):
                await follow(connect(uri))
        await closing


@pytest.mark.parametrize("options", [{}, {"close_connections": False}])
@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\n"])
async def test_handshakes_in_progress_are_refused(options, begun):
    records = Records()
    async with serving(hold, logger=records.logger) as server:
        async with tcp_to(server) as peer:
            await peer.write(begun)
            await until(lambda: server.all_connections)
            closing = started(close(server, **options))
            assert (await peer.read_head()).startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
            assert await peer.read_eof() == BODY
        await closing
    assert "INFO connection rejected (503 Service Unavailable)" in records.lines


async def test_closing_waits_for_handlers():
    done = []

    async def handler(connection):
        await connection.wait_closed()
        await turns()
        done.append(connection)

    async with serving(handler) as server, connect(uri_of(server)):
        await until(lambda: server.connections)
        await close(server)
        assert len(done) == 1


async def test_a_servers_log():
    records = Records()
    async with serving(hold, logger=records.logger) as server:
        port = port_of(server)
        async with connect(uri_of(server, "/path")):
            pass
        await until(lambda: not server.all_connections)
        await close(server)
    assert records.lines == [
        f"INFO server listening on 127.0.0.1:{port}",
        "INFO connection open",
        "INFO connection closed",
        "INFO server closing",
        "INFO server closed",
    ]
    for record in records.records:
        about_server = record.getMessage().startswith("server")
        assert hasattr(record, "websocket") is not about_server


async def test_an_ipv6_address_in_logs():
    records = Records()
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6")
    async with serving(hold, host="::1", logger=records.logger):
        pass
    assert records.lines[0].startswith("INFO server listening on [::1]:")


@needs_unix
async def test_a_path_in_logs(tmp_path):
    records = Records()
    path = str(tmp_path / "socket")
    async with serving_at(path, hold, logger=records.logger):
        pass
    assert records.lines[0] == f"INFO server listening on {path}"


async def test_tls_time_outs_are_those_of_the_handshake(certificates):
    options = {"ssl": certificates.server_context(), "open_timeout": 0.01}
    async with serving(hold, **options) as server, tcp_to(server) as peer:
        assert await peer.read_eof() == b""
