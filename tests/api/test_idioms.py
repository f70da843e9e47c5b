"""
Idioms of programs, as guides and answers on the web show them.
"""

import asyncio
import http

import pytest
from peer import echo, port_of, tcp_to, uri_of

import websockets


async def test_a_chat_room():
    members = set()

    async def handler(ws, path):
        members.add(ws)
        try:
            await asyncio.wait(
                [asyncio.ensure_future(member.send(f"{len(members)} here")) for member in members]
            )
            async for message in ws:
                for member in members:
                    await member.send(message)
        finally:
            members.discard(ws)

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server)) as first:
            assert await first.recv() == "1 here"
            async with websockets.connect(uri_of(server)) as second:
                assert await first.recv() == await second.recv() == "2 here"
                await second.send("hello")
                assert await first.recv() == await second.recv() == "hello"


async def test_a_consumer_and_a_producer():
    queue = asyncio.Queue()

    async def consume(ws):
        async for message in ws:
            await queue.put(message)

    async def produce(ws):
        while True:
            await ws.send(await queue.get())

    async def handler(ws, path):
        tasks = [asyncio.ensure_future(consume(ws)), asyncio.ensure_future(produce(ws))]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server)) as ws:
            for number in range(10):
                await ws.send(str(number))
            assert [await ws.recv() for _ in range(10)] == [str(number) for number in range(10)]


async def test_a_loop_with_a_timeout():
    async def handler(ws, path):
        await ws.recv()
        await ws.send("late")

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server)) as ws:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(ws.recv(), 0.01)
            pong = await ws.ping()
            await asyncio.wait_for(pong, 10)
            await ws.send("go on")
            assert await asyncio.wait_for(ws.recv(), 10) == "late"


async def test_close_codes_that_programs_look_at():
    async def handler(ws, path):
        await ws.close(int(path[1:]), "reason")

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        for code, kind in [
            (1000, websockets.ConnectionClosedOK),
            (1001, websockets.ConnectionClosedOK),
            (1008, websockets.ConnectionClosedError),
            (4004, websockets.exceptions.ConnectionClosed),
        ]:
            ws = await websockets.connect(uri_of(server, f"/{code}"))
            with pytest.raises(kind) as caught:
                await ws.recv()
            assert (caught.value.code, caught.value.reason) == (code, "reason")
            assert (ws.close_code, ws.close_reason) == (code, "reason")
            await ws.close()


async def test_a_process_request_that_serves_pages():
    def health(path, request_headers):
        if path == "/health":
            return http.HTTPStatus.OK, [("Content-Type", "text/plain")], b"OK\n"
        return None

    async with websockets.serve(echo, "127.0.0.1", 0, process_request=health) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await peer.read_head()).startswith(b"HTTP/1.1 200 OK\r\n")
            assert await peer.read_eof() == b"OK\n"
        async with websockets.connect(uri_of(server)) as ws:
            await ws.send("message")
            assert await ws.recv() == "message"
