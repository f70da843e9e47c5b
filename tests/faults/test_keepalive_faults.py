"""
Keepalive doesn't take a peer for dead that isn't.
"""

import os
import time

from peer import PONG, both_sides, frame, turns


@both_sides
async def test_a_loop_that_was_blocked_does_not_take_its_peer_for_dead(connection):
    async with connection(ping_interval=0.01, ping_timeout=0.02) as (ws, peer):
        _, payload = await peer.read()
        sock = peer.writer.get_extra_info("socket")
        os.write(sock.fileno(), frame(PONG, payload, masked=peer.masked))
        time.sleep(0.05)
        await turns()
        _, payload = await peer.read()
        assert ws.open and len(payload) == 4
