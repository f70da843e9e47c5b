"""
Closing in today's API, and what is told of how a connection ended.
"""

import asyncio
import socket

from peer import CLOSE, TEXT, close_payload, frame, turns
from proxy import LINGER
from todays import both_ends, both_sides, end

from websockets.frames import Close


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


async def test_a_server_that_does_not_answer_over_tls(certificates):
    secure = {"ssl": certificates.server_context()}
    async with both_ends(secure, ssl=certificates.client_context()) as (server, client):
        server.transport.pause_reading()
        client.close_timeout = 0.05
        await client.close()
        assert client.close_code == 1006
        assert str(client.close_exc.__cause__) == "timed out while closing connection"
        server.transport.abort()


@both_sides
async def test_who_vanishes_behind_its_close_frame_is_not_waited_for(connection):
    async with connection(close_timeout=None) as (ws, peer):
        peer.write(frame(TEXT, b"unread", masked=peer.masked))
        peer.write(frame(CLOSE, close_payload(1000), masked=peer.masked))
        await turns()
        peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
        peer.writer.transport.abort()
        await ws.wait_closed()
        assert ws.close_exc.rcvd == Close(1000, "")
        assert ws.close_exc.sent is None
        assert await ws.recv() == "unread"
