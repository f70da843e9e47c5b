"""
Floods of tiny pieces: many of them cost no more memory than their bytes.
"""

import pytest
from endpoints import measured
from peer import BINARY, TEXT, both_sides, client_and_peer, frame, turns

import websockets


async def test_a_million_tiny_fragments_cost_no_more_than_their_bytes():
    async with client_and_peer(max_size=None) as (ws, peer):
        start = frame(BINARY, b"x", fin=False)
        piece = frame(0, b"x", fin=False) * 1000
        count = 1000 if websockets.backend == "compiled" else 50
        with measured() as memory:
            ws.data_received(start)
            for _ in range(count):
                ws.data_received(piece)
        assert memory.peak < 3 * 1000 * count + 100_000
        ws.data_received(frame(0))
        assert await ws.recv() == b"x" * (1000 * count + 1)


@both_sides
@pytest.mark.parametrize("payload", [b"", b"x"])
async def test_a_flood_of_tiny_messages_does_not_fill_the_memory(connection, payload):
    async with connection() as (ws, peer):
        messages = frame(TEXT, payload, masked=peer.masked) * 10_000
        with measured() as memory:
            for _ in range(50):
                if ws.transport.is_reading():
                    ws.data_received(messages)
                peer.write(messages)
                await turns(2)
            assert not ws.transport.is_reading()
            peer.writer.transport.abort()
        # The peer's own buffer holds all that it wrote; objects for all messages would be 20 MB.
        assert memory.peak < 50 * len(messages) + 1_000_000
