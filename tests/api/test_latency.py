"""
The latency of a connection.
"""

from peer import PONG, both_sides


@both_sides
async def test_latency_is_measured_by_pings(connection):
    async with connection() as (ws, peer):
        assert ws.latency == 0
        pong = await ws.ping()
        _, payload = await peer.read()
        peer.send(PONG, payload)
        await pong
        assert 0 < ws.latency < 60
