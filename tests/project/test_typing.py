"""
What type checkers say of programs: right ones pass, with ``mypy --strict`` and in pyright, and
mistakes are found by both.

Where an error is expected the line says so, in mypy's words, and mypy tells of a line that says so
without a reason.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from programs import need

import websockets

TREE = Path(websockets.__file__).parent.parent
PEERS = Path(__file__).resolve().parents[1] / "support" / "peers" / "node"

pytestmark = pytest.mark.one_backend

TODAYS = """
import asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, basic_auth, broadcast, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response

async def handler(ws: ServerConnection) -> None:
    async for message in ws:
        await ws.send(message)
        latency: float = await (await ws.ping())
    try:
        await ws.recv()
    except ConnectionClosed as exc:
        print(exc.rcvd.code if exc.rcvd else None)
    broadcast([ws], "text")

async def process_request(ws: ServerConnection, request: Request) -> "Response | None":
    return ws.respond(404, "no") if request.path == "/" else None

async def wrong(ws: ServerConnection, path: int) -> None: ...

async def main() -> None:
    async with serve(handler, "localhost", 0, process_request=process_request) as server:
        reveal: Server = server
        server.close(code=1012)
    serve(wrong, "localhost", 0)  # type: ignore[arg-type]
    serve(handler, "localhost", 0, ping_intervall=1)  # type: ignore[call-arg]
    serve(handler, "localhost", 0, process_request=basic_auth("realm", ("user", "password")))
    async with connect("ws://localhost", ssl=None, proxy_ssl=True) as ws:
        number: int = ws.latency  # type: ignore[assignment]
        await ws.send(1)  # type: ignore[arg-type]
        text: "str | bytes" = await ws.recv()
        host = ws.remote_address
    connect("ws://localhost", open_timout=1)  # type: ignore[call-arg]
    async for each in connect("ws://localhost", max_size=(1, None)):
        client: ClientConnection = each
        client.no_such_thing  # type: ignore[attr-defined]
"""

THREADS = """
from websockets.sync.client import ClientConnection, connect, reconnect, unix_connect
from websockets.sync.server import Server, ServerConnection, basic_auth, broadcast, serve
from websockets.http11 import Request, Response

def handler(ws: ServerConnection) -> None:
    for message in ws:
        ws.send(message)
        answered: bool = ws.ping(ack_on_close=True).wait(1)
    for fragment in ws.recv_streaming():
        text: "str | bytes" = fragment
    broadcast([ws], "text", max_workers=3)

def process_request(ws: ServerConnection, request: Request) -> "Response | None":
    return ws.respond(404, "no") if request.path == "/" else None

def main() -> None:
    with serve(handler, "localhost", 0, process_request=process_request, backlog=5) as server:
        reveal: Server = server
        server.serve_forever()
        server.shutdown(code=1012)
    serve(handler, "localhost", 0, ping_intervall=1)  # type: ignore[call-arg]
    serve(handler, "localhost", 0, process_request=basic_auth("realm", ("user", "password")))
    with connect("ws://localhost", ssl=None, address=("localhost", 1)) as ws:
        message: "str | bytes" = ws.recv(timeout=1, decode=False)
        number: int = ws.latency  # type: ignore[assignment]
        ws.send(1)  # type: ignore[arg-type]
    connected: ClientConnection = connect("ws://localhost", legacy=True)
    later: reconnect = connect("ws://localhost", legacy=False, additional_headers={"A": "B"})
    connect("ws://localhost", open_timout=1)  # type: ignore[call-overload]
    unix_connect("/socket", max_size=None).close(1001, "bye")
    for each in reconnect("ws://localhost", max_size=(1, None)):
        client: ClientConnection = each
        client.no_such_thing  # type: ignore[attr-defined]
"""

ON_TRIO = """
import functools
import trio
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.trio.client import ClientConnection, connect, unix_connect
from websockets.trio.server import Server, ServerConnection, basic_auth, broadcast, serve

async def handler(ws: ServerConnection) -> None:
    async for message in ws:
        await ws.send(message)
        pong: trio.Event = await ws.ping(ack_on_close=True)
    try:
        text: "str | bytes" = await ws.recv(decode=True)
    except ConnectionClosed as exc:
        print(exc.rcvd.code if exc.rcvd else None)
    await broadcast([ws], "text")
    await ws.send(1)  # type: ignore[arg-type]
    await ws.aclose(1001, "bye")

async def process_request(ws: ServerConnection, request: Request) -> "Response | None":
    return ws.respond(404, "no") if request.path == "/" else None

async def wrong(ws: ServerConnection, path: int) -> None: ...

async def main() -> None:
    async with trio.open_nursery() as nursery:
        listening = functools.partial(serve, handler, 0, process_request=process_request)
        server: Server = await nursery.start(listening)
        await serve(wrong, 0)  # type: ignore[arg-type]
        await serve(handler, 0, process_request=basic_auth("realm", ("user", "password")))
        await serve(handler, 0, write_limit=1)  # type: ignore[call-arg]
        async with connect("ws://localhost", stream=None, local_address="127.0.0.1") as ws:
            number: int = ws.latency  # type: ignore[assignment]
            ws.close()  # type: ignore[attr-defined]
        connect("ws://localhost", open_timout=1)  # type: ignore[call-arg]
        async for each in unix_connect("path", max_size=(1, None)):
            client: ClientConnection = each
        await server.aclose(code=1012)
"""

OLDER = """
import asyncio
import websockets
from websockets import ConnectionClosed, WebSocketClientProtocol, WebSocketServerProtocol

async def handler(ws: WebSocketServerProtocol, path: str) -> None:
    try:
        async for message in ws:
            await ws.send(message)
    except ConnectionClosed as exc:
        print(exc.code, exc.reason, ws.open, ws.request_headers["Host"], ws.path)

async def main() -> None:
    async with websockets.serve(handler, "localhost", 8765, open_timeout=1) as server:
        await server.wait_closed()
    websockets.serve(handler, "localhost", 0, alowed_hosts=[])  # type: ignore[call-arg]
    async with websockets.connect("ws://localhost:8765", additional_headers={"A": "B"}) as ws:
        client: WebSocketClientProtocol = ws
        latency: float = await (await ws.ping())
        await ws.send(["a", b"b"])
    await websockets.connect("ws://localhost", extra_header=[])  # type: ignore[call-arg]
    count: int = websockets.connect  # type: ignore[assignment]
    headers = websockets.Headers()
    headers.get_all(1)  # type: ignore[arg-type]
"""


PROGRAMS = {"todays": TODAYS, "threads": THREADS, "older": OLDER, "on_trio": ON_TRIO}


def write_programs(directory):
    pytest.importorskip("trio")
    for name, program in PROGRAMS.items():
        (directory / f"{name}.py").write_text(program)


def test_programs_of_both_generations(tmp_path, pytestconfig):
    pytest.importorskip("mypy")
    write_programs(tmp_path)
    options = ["--strict", "--python-version=3.11", "--follow-imports=silent"]
    options.append(f"--cache-dir={pytestconfig.cache.mkdir('mypy')}")
    found = subprocess.run(
        [sys.executable, "-m", "mypy", *options, *(f"{name}.py" for name in PROGRAMS)],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(TREE)},
        capture_output=True,
        text=True,
    )
    assert found.stdout.startswith("Success"), found.stdout + found.stderr


def pyright(directory, *arguments):
    """Return what pyright finds, which takes the Python that runs this for the programs' own."""
    if not (PEERS / "node_modules" / "pyright").exists():
        pytest.skip("pyright isn't installed: make node-peer")
    command = [need("node"), PEERS / "node_modules" / "pyright", "--pythonpath", sys.executable]
    found = subprocess.run(
        [*command, "--outputjson", *arguments],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(TREE)},
        capture_output=True,
        text=True,
    )
    return json.loads(found.stdout)


@pytest.mark.programs
def test_pyright_finds_the_same_mistakes(tmp_path):
    write_programs(tmp_path)
    options = {"enableTypeIgnoreComments": False, "extraPaths": [str(TREE)]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(options))
    found = {
        (Path(finding["file"]).stem, finding["range"]["start"]["line"]): finding["message"]
        for finding in pyright(tmp_path)["generalDiagnostics"]
    }
    expected = {
        (name, number)
        for name, program in PROGRAMS.items()
        for number, line in enumerate(program.splitlines())
        if "# type: ignore" in line
    }
    assert expected
    assert set(found) == expected, found


@pytest.mark.programs
def test_every_public_type_is_known(tmp_path):
    verified = pyright(tmp_path, "--verifytypes", "websockets", "--ignoreexternal")
    symbols = verified["typeCompleteness"]["symbols"]
    assert len(symbols) > 1000
    # What is built on packages that somebody may not have is known as far as these are.
    foreign = ("websockets.trio.", "websockets.metrics.")
    assert [
        symbol["name"]
        for symbol in symbols
        if symbol["isExported"]
        and not (symbol["isTypeKnown"] and not symbol["isTypeAmbiguous"])
        and not symbol["name"].startswith(foreign)
    ] == []
