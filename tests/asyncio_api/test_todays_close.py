"""
Closing in today's API, and what is told of how a connection ended.
"""

import asyncio

import pytest
from peer import CLOSE, close_payload, frame, turns
from todays import both_ends, both_sides, client_and_peer, closed, end, is_client

from websockets.exceptions import (
    ConnectionClosedError,
)
from websockets.frames import Close


@both_sides
async def test_the_server_ends_tcp_first(connection):
    async with connection() as (ws, peer):
        closing = asyncio.ensure_future(ws.close())
        await peer.read_close()
        peer.write(frame(CLOSE, close_payload(1000), masked=peer.masked))
        if is_client(connection):
            await turns(50)
            assert not closing.done() and not peer.reader.at_eof()
            peer.writer.write_eof()
        assert await peer.read_eof() == b""
        if not is_client(connection):
            # It waits for our end, so that nothing is lost on the way.
            await turns(50)
            assert not closing.done()
            peer.writer.write_eof()
        await closing
        assert ws.close_exc.__cause__ is None


@both_sides
async def test_cancelling_who_closes_or_waits_changes_nothing(connection):
    async with connection() as (ws, peer):
        waiting = asyncio.ensure_future(ws.wait_closed())
        await turns()
        waiting.cancel()
        await turns()
        assert ws.state.name == "OPEN"
        closing = asyncio.ensure_future(ws.close())
        await turns()
        closing.cancel()
        await turns()
        assert ws.state.name == "CLOSING"
        await end(peer)
        await ws.wait_closed()
        assert ws.close_code == 1000


@both_sides
@pytest.mark.parametrize("exc", [None, ValueError, KeyError, asyncio.CancelledError, GeneratorExit])
async def test_a_context_closes(connection, exc):
    async with connection() as (ws, peer):
        ending = asyncio.ensure_future(end(peer))
        try:
            async with ws as entered:
                assert entered is ws
                if exc is not None:
                    raise exc
        except BaseException as raised:
            assert type(raised) is exc
        await ending
        assert ws.close_exc.sent == Close(1000 if exc is None else 1011, "")


# What goes wrong


async def test_a_client_that_fails_a_connection_waits_for_the_server_to_end_it():
    async with client_and_peer() as (ws, peer):
        peer.send(3)
        await peer.read_close()
        await turns(50)
        assert not peer.reader.at_eof() and ws.state.name == "CLOSING"
        await peer.close()
        await closed(ws)
    async with client_and_peer(close_timeout=0.05) as (ws, peer):
        peer.send(3)
        await peer.read_close()
        await closed(ws)


@both_sides
async def test_a_transport_that_is_aborted(connection):
    async with connection() as (ws, peer):
        ws.transport.abort()
        await closed(ws)
        assert (ws.close_code, ws.close_reason) == (1006, "")
        with pytest.raises(ConnectionClosedError):
            await ws.send("x")


async def test_a_server_that_does_not_answer_over_tls(certificates):
    secure = {"ssl": certificates.server_context()}
    async with both_ends(secure, ssl=certificates.client_context()) as (server, client):
        server.transport.pause_reading()
        client.close_timeout = 0.05
        await client.close()
        assert client.close_code == 1006
        assert str(client.close_exc.__cause__) == "timed out while closing connection"
        server.transport.abort()
