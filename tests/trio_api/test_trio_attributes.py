"""
What connections on trio know, whatever their state; and what there is without trio.
"""

import subprocess
import sys

import pytest
from on_trio import Started, both_ends, both_sides, is_client, on_trio, serving, trio, uri_of
from peer import BINARY, PING, TEXT
from trio.testing import memory_stream_pair

import websockets
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidState
from websockets.protocol import CLIENT, SERVER, Protocol, State
from websockets.trio import client, connection, router, server
from websockets.trio.client import ClientConnection, connect
from websockets.uri import parse_uri


def test_names():
    assert websockets.trio.client is client and websockets.trio.connection is connection
    assert sorted(client.__all__) == ["ClientConnection", "connect", "unix_connect"]
    assert sorted(server.__all__) == [
        "Server",
        "ServerConnection",
        "basic_auth",
        "broadcast",
        "serve",
    ]
    assert connection.__all__ == ["Connection"]
    assert router.__all__ == ["Router", "route"]
    assert client.MAX_REDIRECTS == 10 and callable(client.backoff)
    assert issubclass(connection.Connection, trio.abc.AsyncResource)
    with pytest.raises(AttributeError, match="no attribute 'no_such_thing'"):
        websockets.trio.no_such_thing  # noqa: B018


WITHOUT = """
import inspect, sys
sys.modules["trio"] = None
import websockets
assert not hasattr(websockets, "trio")
inspect.getmembers(websockets)
for statement in ("import websockets.trio.client", "from websockets import trio"):
    try:
        exec(statement)
    except ImportError as exc:
        print(exc)
"""


def test_without_trio_an_error_says_what_to_install():
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WITHOUT], capture_output=True, text=True, check=True
    )
    advice = "websockets.trio requires trio; install it with: pip install 'cywebsockets[trio]'"
    assert said.stdout.splitlines() == [advice] * 2


@on_trio
async def test_what_a_connection_knows():
    async with both_ends() as (theirs, ours):
        assert theirs.local_address == ours.remote_address
        assert theirs.remote_address == ours.local_address
        for ws in (ours, theirs):
            assert ws.state is State.OPEN and ws.id == ws.protocol.id
            assert (ws.ping_interval, ws.ping_timeout, ws.close_timeout) == (20, 20, 10)
            assert ws.request.path == "/" and ws.response.status_code == 101
            assert (ws.close_code, ws.close_reason, ws.subprotocol) == (None, None, None)
            assert ws.latency == 0 and not ws.debug and ws.pending_pings == {}
            assert (ws.recv_messages.high, ws.recv_messages.low) == (16, 4)
            assert not any(hasattr(ws, name) for name in ("open", "closed", "close", "transport"))
            assert hash(ws) == hash(ws) and {ws: 1}[ws] == 1
            with pytest.raises(AssertionError, match="^connection isn't closed yet$"):
                ws.close_exc  # noqa: B018
            ws.own = "attribute"
            assert ws.__aiter__().__aiter__()
        await ours.send("x")
        assert await theirs.recv() == "x"
    assert ours.remote_address == theirs.local_address  # also afterwards


@both_sides
@on_trio
async def test_what_waits(connection):
    async with connection() as (ws, peer):
        await peer.send(TEXT, b"whole")
        await peer.send(BINARY, b"begun", fin=False)
        await trio.testing.wait_all_tasks_blocked()
        assert [str(frame) for frame in ws.recv_messages.frames] == [
            "TEXT 'whole' [5 bytes]",
            "BINARY 'begun' [text, 5 bytes, continued]",
        ]
        assert not ws.recv_messages.paused


# Connections that a program makes itself


def pair(nursery, **options):
    ours, theirs = memory_stream_pair()
    return (
        connection.Connection(nursery, ours, Protocol(CLIENT), **options),
        connection.Connection(nursery, theirs, Protocol(SERVER), **options),
    )


@on_trio
async def test_two_connections_by_hand():
    async with trio.open_nursery() as nursery:
        ours, theirs = pair(nursery)
        await ours.send("x")
        assert await theirs.recv() == "x"
        await theirs.send(["a", "b"])
        assert [fragment async for fragment in ours.recv_streaming()] == ["a", "b", ""]
        async with ours:
            pass
        await theirs.wait_closed()
        assert isinstance(ours.close_exc, ConnectionClosedOK)


@on_trio(autojump=True)
async def test_keepalive_by_hand():
    async with trio.open_nursery() as nursery:
        ours, theirs = pair(nursery, ping_interval=5)
        await trio.sleep(1)
        for _ in range(2):
            ours.start_keepalive()
        await trio.sleep(6)
        assert ours.latency > 0 == theirs.latency
        await ours.aclose()


@on_trio
async def test_a_connection_that_is_closed_before_its_task_runs():
    for hurried in (False, True):
        async with trio.open_nursery() as nursery:
            ours, theirs = pair(nursery)
            with trio.CancelScope() as scope:
                if hurried:
                    scope.cancel()
                await ours.aclose()
            assert scope.cancelled_caught is hurried and ours.state is State.CLOSED
            await theirs.wait_closed()


@on_trio
async def test_a_connection_that_is_not_open_yet():
    ours, theirs = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        ws = ClientConnection(
            nursery, ours, websockets.ClientProtocol(parse_uri("ws://localhost/"))
        )
        assert ws.state is State.CONNECTING and ws.latency == 0 and ws.pending_pings == {}
        assert ws.recv_messages.frames == []
        for function in (ws.recv, ws.ping, ws.pong):
            with pytest.raises(InvalidState):
                await function()
        with pytest.raises(InvalidState):
            await ws.send("x")
        await ws.wait_closed()
        await ws.aclose()
        assert ws.state is State.CLOSED
        assert str(ws.close_exc) == "no close frame received or sent"
        with pytest.raises(ConnectionClosedError):
            await ws.recv()
        await ws.aclose()
    assert await theirs.receive_some() == b""


@both_sides
@on_trio
async def test_frames_in_logs_and_what_is_too_long_for_them(connection):
    from todays import Records

    records = Records("DEBUG")
    async with connection(logger=records.logger) as (ws, peer):
        await peer.send(PING, b"x")
        await peer.read()
        await ws.send("x" * 1000)
        assert ws.debug and f"{'client' if is_client(connection) else 'server'}"
    assert any(line.startswith("DEBUG < PING 'x'") for line in records.lines)
    assert all(len(line) < 200 for line in records.lines if "TEXT" in line)


@on_trio
async def test_a_handler_that_closes_its_server():
    async def handler(ws):
        closing.append(Started(ws.server.aclose()))
        await ws.wait_closed()

    closing = []
    async with serving(handler) as listening:
        async with connect(uri_of(listening)) as ws:
            with pytest.raises(ConnectionClosedOK):
                await ws.recv()
        await closing[0]
