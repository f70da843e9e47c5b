"""FastAPI and Starlette on uvicorn, whose own words for what happens are what is asked for here."""

import asyncio
import contextlib
import re
import socket
import sys
import tempfile
from pathlib import Path

import fastapi
from fastapi import WebSocket, WebSocketDisconnect, WebSocketException
from loopback import ROOT, main, raises, scenario
from uvicorn_host import HAS_ASGI, hosted

import websockets
from websockets.asyncio.client import connect


def application_of(route):
    application = fastapi.FastAPI()
    application.websocket("/rooms/{number}")(route)
    return application


@hosted
async def json_both_ways(hosting):
    async def route(websocket: WebSocket, number: int, token: str = "none"):
        await websocket.accept()
        while True:
            told = await websocket.receive_json()
            await websocket.send_json([number, token, told])

    async with hosting(application_of(route)) as address:
        async with connect(f"{address}/rooms/7?token=t") as ws:
            await ws.send('{"a": ["é", 1.5, null]}')
            assert await ws.recv() == '[7,"t",{"a":["é",1.5,null]}]'


@hosted
async def text_and_bytes(hosting):
    ended = asyncio.Queue()

    async def route(websocket: WebSocket, number: int):
        await websocket.accept(subprotocol="b", headers=[(b"x-key", b"1")])
        try:
            async for text in websocket.iter_text():
                if text == "bytes":
                    break
                await websocket.send_text(text)
            while True:
                await websocket.send_bytes(await websocket.receive_bytes())
        except WebSocketDisconnect as exc:
            ended.put_nowait((exc.code, exc.reason))

    async with hosting(application_of(route)) as address:
        async with connect(f"{address}/rooms/1", subprotocols=["a", "b"]) as ws:
            assert (ws.subprotocol, ws.response.headers["X-Key"]) == ("b", "1")
            await ws.send("é" * 100_000)
            assert await ws.recv() == "é" * 100_000
            await ws.send("bytes")
            await ws.send(b"\xff" * 1_000_000)
            assert await ws.recv() == b"\xff" * 1_000_000
            await ws.close(4000, "enough")
        assert await ended.get() == (4000, "enough")


@hosted
async def refusals(hosting):
    async def route(websocket: WebSocket, number: int):
        if number == 1:
            raise WebSocketException(code=1008, reason="not you")
        response = fastapi.responses.JSONResponse({"detail": "pay"}, status_code=402)
        await websocket.send_denial_response(response)

    async with hosting(application_of(route)) as address:
        # The last but one is no number, the last no route.
        for path, status in ("1", 403), ("2", 402), ("x", 403), ("1/2", 403):
            with raises(websockets.InvalidStatus) as caught:
                await connect(f"{address}/rooms/{path}")
            assert caught.exception.response.status_code == status
            if status == 402:
                assert caught.exception.response.body == b'{"detail":"pay"}'


@hosted
async def an_exception_with_a_code(hosting):
    async def route(websocket: WebSocket, number: int):
        await websocket.accept()
        raise WebSocketException(code=4008, reason="later")

    async with hosting(application_of(route)) as address:
        async with connect(f"{address}/rooms/1") as ws:
            with raises(websockets.ConnectionClosedError) as caught:
                await ws.recv()
            assert (caught.exception.rcvd.code, caught.exception.rcvd.reason) == (4008, "later")


@hosted
async def a_room_of_many(hosting):
    rooms = set()

    async def route(websocket: WebSocket, number: int):
        await websocket.accept()
        rooms.add(websocket)
        try:
            async for text in websocket.iter_text():
                for member in list(rooms):
                    await member.send_text(text)
        finally:
            rooms.discard(websocket)

    async with hosting(application_of(route)) as address:
        members = [await connect(f"{address}/rooms/1") for _ in range(10)]
        while len(rooms) < 10:
            await asyncio.sleep(0)
        await members[0].send("to all")
        assert [await member.recv() for member in members] == ["to all"] * 10
        members.pop().transport.abort()
        while len(rooms) > 9:
            await asyncio.sleep(0)
        await members[0].send("to the others")
        assert [await member.recv() for member in members] == ["to the others"] * 9
        for member in members:
            await member.close()


# What docs/howto shows, as it stands there.

PAGE = ROOT / "docs" / "howto" / "fastapi.md"
BLOCK = re.compile(
    r"^```py\n# (\w+\.py)\n(.*?)^```$|^    ((?:uvicorn|gunicorn) [^\n]*)$", re.M | re.S
)


@contextlib.asynccontextmanager
async def program(folder, *command):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=folder,
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def listening(process, port):
    """Wait until a program listens, unless it ends."""
    while process.returncode is None:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)
    raise AssertionError((await process.stderr.read()).decode())


async def the_guide():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    commands = []
    with tempfile.TemporaryDirectory() as folder:
        for match in BLOCK.finditer(PAGE.read_text("utf-8")):
            name, text, command = match.groups()
            if command is None:
                text = text.replace("uvicorn.run(", f"uvicorn.run(port={port}, app=")
                Path(folder, name).write_text(text)
                if "uvicorn.run(" in text:
                    commands.append([name])
            else:
                words = command.split()
                where = ["--port", str(port)] if words[0] == "uvicorn" else ["--bind", f":{port}"]
                commands.append(["-m", *words, *where])
        assert len(commands) == 4
        for command in commands:
            async with program(folder, *command) as process:
                await listening(process, port)
                async with connect(f"ws://127.0.0.1:{port}/rooms/7") as ws:
                    await ws.send("x")
                    assert await ws.recv() == "7: x"
            await process.wait()


if HAS_ASGI:
    scenario(the_guide)


if __name__ == "__main__":
    main()
