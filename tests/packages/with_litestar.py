"""Litestar on uvicorn: handlers, listeners, streams and its own way to close."""

import asyncio

from litestar import Litestar, WebSocket, websocket, websocket_listener, websocket_stream
from litestar.exceptions import WebSocketDisconnect, WebSocketException
from loopback import main, raises
from uvicorn_host import hosted

import websockets
from websockets.asyncio.client import connect


@hosted
async def a_handler(hosting):
    ended = asyncio.Queue()

    @websocket("/rooms/{number:int}")
    async def handler(socket: WebSocket, number: int) -> None:
        await socket.accept(subprotocols="b", headers={"x-key": "1"})
        try:
            await socket.send_json([number, await socket.receive_json()])
            await socket.send_text(await socket.receive_text())
            await socket.send_bytes(await socket.receive_bytes())
            await socket.receive_text()
        except WebSocketDisconnect as exc:
            ended.put_nowait(exc.code)

    async with hosting(Litestar([handler])) as address:
        async with connect(f"{address}/rooms/7", subprotocols=["a", "b"]) as ws:
            assert (ws.subprotocol, ws.response.headers["X-Key"]) == ("b", "1")
            await ws.send('{"a": "é"}')
            assert await ws.recv() == '[7,{"a":"é"}]'
            await ws.send("é" * 100_000)
            assert await ws.recv() == "é" * 100_000
            await ws.send(b"\xff" * 1_000_000)
            assert await ws.recv() == b"\xff" * 1_000_000
            await ws.close(4000)
        assert await ended.get() == 4000


@hosted
async def a_listener(hosting):
    @websocket_listener("/")
    async def handler(data: str) -> str:
        return data + "!"

    async with hosting(Litestar([handler])) as address, connect(address) as ws:
        for number in range(20):
            await ws.send(str(number))
            assert await ws.recv() == f"{number}!"


@hosted
async def a_stream(hosting):
    ended = asyncio.Event()

    @websocket_stream("/")
    async def handler() -> "AsyncGenerator[str, None]":  # noqa: F821
        number = 0
        try:
            while True:
                yield str(number)
                number += 1
                await asyncio.sleep(0)
        finally:
            ended.set()

    from collections.abc import AsyncGenerator

    globals()["AsyncGenerator"] = AsyncGenerator
    async with hosting(Litestar([handler])) as address:
        async with connect(address) as ws:
            for number in range(20):
                assert await ws.recv() == str(number)
        await ended.wait()


@hosted
async def refusals_and_failures(hosting):
    @websocket("/refused")
    async def refused(socket: WebSocket) -> None:
        await socket.close(4001)

    @websocket("/failed")
    async def failed(socket: WebSocket) -> None:
        await socket.accept()
        raise WebSocketException(code=4008, detail="later")

    async with hosting(Litestar([refused, failed])) as address:
        with raises(websockets.InvalidStatus) as caught:
            await connect(f"{address}/refused")
        assert caught.exception.response.status_code == 403
        async with connect(f"{address}/failed") as ws:
            with raises(websockets.ConnectionClosedError):
                await ws.recv()
            assert (ws.close_code, ws.close_reason) == (4008, "later")


if __name__ == "__main__":
    main()
