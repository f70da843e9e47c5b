"""
broadcast(): who gets a message, and what it costs.
"""

import asyncio

import pytest
from peer import TEXT, hold, port_of, server_and_peer

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory


async def test_broadcast_reaches_all_open_connections():
    async with websockets.serve(hold, "127.0.0.1", 0) as server:
        uri = f"ws://127.0.0.1:{port_of(server)}"
        clients = [await websockets.connect(uri, compression=c) for c in (None, "deflate", None)]
        while len(server.connections) < 3:
            await asyncio.sleep(0)
        connections = server.connections
        for message in ("caf\u00e9", b"\x00\xff", "x" * 100_000):
            websockets.broadcast(connections, message)
            assert [await ws.recv() for ws in clients] == [message] * 3
        await clients.pop().close()
        websockets.broadcast(connections, "to who is left")
        assert [await ws.recv() for ws in clients] == ["to who is left"] * 2
        assert len(server.connections) == 2
        for ws in clients:
            await ws.close()


async def test_broadcast_skips_who_is_sending_a_fragmented_message(caplog):
    async def fragments():
        yield "a"
        await asyncio.get_running_loop().create_future()

    async with server_and_peer() as (ws, peer):
        sending = asyncio.ensure_future(ws.send(fragments()))
        assert await peer.read() == (TEXT, b"a")
        websockets.broadcast([ws], "skipped")
        assert "fragmented" in caplog.text
        sending.cancel()
        assert await peer.read_close() == (1011, "")


async def test_broadcast_compresses_once_for_all_who_compress_alike():
    arrived = asyncio.Queue()

    async def handler(websocket):
        arrived.put_nowait(websocket)
        await websocket.wait_closed()

    def offering(**parameters):
        return {"extensions": [ClientPerMessageDeflateFactory(**parameters)], "compression": None}

    alone = offering(server_no_context_takeover=True)
    narrow = offering(server_no_context_takeover=True, server_max_window_bits=10)
    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        uri = f"ws://127.0.0.1:{port_of(server)}"
        clients, ends = [], []
        for options in [alone, alone, alone, narrow, {}, {}, {"compression": None}]:
            clients.append(await websockets.connect(uri, **options))
            ends.append(await arrived.get())
        for message in ["-" * 1000, b"-" * 300_000, "€uro" * 100, ""]:
            websockets.broadcast(ends, message)
            assert [await client.recv() for client in clients] == [message] * 7
        # Contexts that are taken over differ, so that each of them has to see the message.
        counts = [end.extensions[0].sent.messages for end in ends[:6]]
        assert counts == [4, 0, 0, 4, 4, 4]
        for client in clients:
            await client.close()


def test_broadcast_refuses_other_types():
    for message in (None, ["a"], 1):
        with pytest.raises(TypeError):
            websockets.broadcast([], message)
