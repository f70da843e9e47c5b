"""
Closing in today's API, and what is told of how a connection ended.
"""

import asyncio

from peer import turns
from todays import both_ends, both_sides, end


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
