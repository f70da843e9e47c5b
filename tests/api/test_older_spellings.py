"""
Arguments and behaviour of older versions, which are still accepted.
"""

import asyncio

import pytest
from peer import (
    BASES,
    CLOSE,
    TEXT,
    both_sides,
    close_payload,
    hold,
    port_of,
)

import websockets


async def test_the_loop_argument_is_accepted_with_a_warning():
    loop = asyncio.get_running_loop()
    with pytest.warns(DeprecationWarning, match="loop") as warnings:
        serving = websockets.serve(hold, "127.0.0.1", 0, loop=loop)
    async with serving as server:
        with pytest.warns(DeprecationWarning, match="loop"):
            connecting = websockets.connect(f"ws://127.0.0.1:{port_of(server)}", loop=loop)
        async with connecting as ws:
            [protocol] = server.websockets
            assert ws.loop is protocol.loop is loop
    assert warnings[0].filename == __file__


def test_the_older_name_of_close_timeout():
    assert websockets.WebSocketCommonProtocol().close_timeout == 10
    assert websockets.WebSocketCommonProtocol(timeout=3).close_timeout == 3
    assert websockets.WebSocketCommonProtocol(timeout=3, close_timeout=4).close_timeout == 4


async def test_the_timeout_argument_is_an_older_name_of_close_timeout():
    async with websockets.serve(hold, "127.0.0.1", 0, timeout=1) as server:
        uri = f"ws://127.0.0.1:{port_of(server)}"
        async with websockets.connect(uri, timeout=2) as ws:
            [protocol] = server.websockets
            assert (protocol.close_timeout, ws.close_timeout) == (1, 2)
        async with websockets.connect(uri, timeout=2, close_timeout=3) as ws:
            assert ws.close_timeout == 3


@both_sides
@pytest.mark.parametrize("overridden", [False, True])
async def test_iteration_ends_with_legacy_recv_whatever_the_code(connection, overridden):
    class Protocol(BASES[connection]):
        if overridden:

            async def recv(self):
                return await super().recv()

    async with connection(legacy_recv=True, create_protocol=Protocol) as (ws, peer):
        peer.send(TEXT, b"a")
        peer.send(CLOSE, close_payload(4000))
        assert [message async for message in ws] == ["a"]


@both_sides
async def test_legacy_recv_returns_none_at_the_end(connection):
    async with connection(legacy_recv=True) as (ws, peer):
        peer.send(TEXT, b"a")
        peer.send(8, close_payload(1000))
        assert [await ws.recv(), await ws.recv(), await ws.recv()] == ["a", None, None]
