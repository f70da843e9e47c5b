"""
Keepalive of many connections at once, in a process that was blocked: whoever has given a sign of
life lives on, though nobody has had the time to read it.
"""

import time

import pytest
from links import both_transports
from peer import needs_unix, until
from virtual_dialogue import contexts, uri_with

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.protocol import State

pytestmark = needs_unix

COUNT = 300  # more than are read while the event loop turns once


@both_transports
@pytest.mark.parametrize("over_tls", [False, True], ids=["tcp", "tls"])
async def test_signs_of_life_count_that_nobody_has_read(reactor, over_tls, certificates):
    tls = (certificates.server_context(), certificates.client_context()) if over_tls else None
    server_tls, client_tls = contexts(tls)
    connections, heard = [], []
    options = {"ping_interval": None, "compression": None, "reactor": reactor}

    async def handler(ws):
        connections.append(ws)
        async for _ in ws:
            heard.append(ws)
            ws.ping_interval = ws.ping_timeout = None
            time.sleep(0.0005)  # Each takes its time, and so does a turn of the event loop.

    async with serve(handler, "127.0.0.1", 0, **options, **server_tls) as server:
        where = {"host": "127.0.0.1", "port": server.sockets[0].getsockname()[1]}
        clients = [
            await connect(uri_with(tls), **where, **options, **client_tls) for _ in range(COUNT)
        ]
        await until(lambda: len(connections) == COUNT)
        for ws in connections:
            ws.ping_interval, ws.ping_timeout = 0.001, 0.05
            ws.start_keepalive()
        await until(lambda: all(ws.pending_pings or ws.latency for ws in connections))
        for client in clients:
            await client.send("here")
        time.sleep(0.1)
        await until(
            lambda: len(heard) == COUNT or any(ws.state is not State.OPEN for ws in clients)
        )
        assert len(heard) == COUNT
        assert all(ws.state is State.OPEN for ws in [*connections, *clients])
        for client in clients:
            await client.close()
