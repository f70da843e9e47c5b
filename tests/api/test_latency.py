"""
The latency of a connection.
"""

from peer import PONG, both_sides, server_and_peer


@both_sides
async def test_latency_is_measured_by_pings(connection):
    async with connection() as (ws, peer):
        assert ws.latency == 0
        pong = await ws.ping()
        _, payload = await peer.read()
        peer.send(PONG, payload)
        await pong
        assert 0 < ws.latency < 60


async def test_latency_is_measured_by_keepalive():
    async with server_and_peer(ping_interval=0.001) as (ws, peer):
        while not ws.latency:
            _, payload = await peer.read()
            peer.send(PONG, payload)
