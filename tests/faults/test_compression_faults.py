"""
Compression between tasks, fragments and limits.
"""

import asyncio
import random

import pytest
from peer import REQUEST, echo, port_of, tcp_to, uri_of

import websockets


async def test_messages_of_many_tasks_are_compressed_one_after_the_other():
    texts = [f"{n} " * random.Random(n).randrange(1, 5000) for n in range(60)]

    async def handler(ws, path):
        tasks = [asyncio.ensure_future(ws.send(text)) for text in texts]
        await asyncio.wait(tasks[:10], timeout=0.01)
        # Where there is no room to write, a message is in the stream when its task is cancelled.
        for task in tasks[::3]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await ws.send("end")

    async with websockets.serve(handler, "127.0.0.1", 0, write_limit=100) as server:
        async with websockets.connect(uri_of(server), max_queue=1, read_limit=1) as ws:
            received = [message async for message in ws]
    assert received[-1] == "end"
    assert set(received[:-1]) <= set(texts)
    assert set(received) >= {text for n, text in enumerate(texts) if n % 3}


async def test_a_control_frame_may_stand_between_compressed_fragments():
    go_on = asyncio.Event()

    async def slow():
        yield "a" * 1000
        await go_on.wait()
        yield "b" * 1000

    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server)) as ws:
            for _ in range(2):
                sending = asyncio.ensure_future(ws.send(slow()))
                await (await ws.ping())
                go_on.set()
                await sending
                assert await ws.recv() == "a" * 1000 + "b" * 1000


async def test_only_the_first_fragment_of_a_compressed_message_has_rsv1():
    async def handler(ws, path):
        await ws.send(["a", "b"])
        await ws.send("c")

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
            await peer.read_head()
            frames = [(await peer.read())[0] for _ in range(4)]
            assert frames == [0x41, 0x00, 0x80, 0xC1]


async def test_a_message_of_max_size_passes_compressed_and_one_byte_more_does_not():
    async with websockets.serve(echo, "127.0.0.1", 0, max_size=1000) as server:
        async with websockets.connect(uri_of(server)) as ws:
            for message in ("x" * 1000, ["x" * 999, "x"], ["x" * 1000, ""]):
                await ws.send(message)
                assert await ws.recv() == "x" * 1000
            await ws.send(["x" * 1000, "x"])
            with pytest.raises(websockets.ConnectionClosedError) as error:
                await ws.recv()
            assert error.value.code == 1009
