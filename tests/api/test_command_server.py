"""
The command that serves.
"""

import asyncio
import contextlib
import os
import re
import signal
import sys

import pytest
from terminal import CTRL_C, DEADLINE, Piped, Terminal, environment, posix, run

import websockets

# The command runs on an event loop of its own.
pytestmark = [pytest.mark.one_loop, pytest.mark.one_backend]


class Served:
    """The server with pipes, and what it says."""

    def __init__(self, piped, uri):
        self.piped = piped
        self.uri = uri

    @classmethod
    @contextlib.asynccontextmanager
    async def run(cls, *options):
        async with Piped.run("serve", "--host", "127.0.0.1", "--port", "0", *options) as piped:
            line = await piped.line()
            uri = re.fullmatch(r"Serving at (ws://127\.0\.0\.1:\d+) \(Ctrl-C ends it\)", line)[1]
            yield cls(piped, uri)

    async def lines(self, count):
        return [await self.piped.line() for _ in range(count)]


async def test_the_server_shows_and_echoes():
    async with Served.run("--echo") as served:
        async with websockets.connect(f"{served.uri}/path?\x9b") as ws:
            port = ws.local_address[1]
            await ws.send("Grüße \x1b[31m")
            assert await ws.recv() == "Grüße \x1b[31m"
            await ws.send(b"\x00\x01")
            assert await ws.recv() == b"\x00\x01"
            await ws.close(4000, "enough\x9b")
        assert await served.lines(4) == [
            f"1 connected from 127.0.0.1:{port}, /path?%C2%9B",
            r"1 < Grüße \x1b[31m",
            "1 < (binary, 2 bytes) 00 01",
            r"1 closed: code = 4000 (private use), reason = 'enough\x9b'.",
        ]


async def test_the_server_only_listens_unless_told_to_echo():
    async with Served.run() as served, websockets.connect(served.uri) as ws:
        await ws.send("Hello!")
        assert (await served.lines(2))[1] == "1 < Hello!"
        await ws.close()
        with pytest.raises(websockets.ConnectionClosedOK):
            await ws.recv()


async def test_with_topic_everybody_hears_everybody():
    async with Served.run("--topic") as served:
        async with websockets.connect(served.uri) as ada, websockets.connect(served.uri) as bob:
            await served.lines(2)  # who isn't here yet would hear nothing
            for sender, message in [(ada, "milk first"), (bob, b"\x00\x01"), (ada, "never")]:
                await sender.send(message)
                assert [await ada.recv(), await bob.recv()] == [message, message]
        shown = [line.split(" ", 1)[1] for line in await served.lines(5)]
        assert shown[:3] == ["< milk first", "< (binary, 2 bytes) 00 01", "< never"]
        async with websockets.connect(served.uri) as late:
            await served.lines(1)
            await late.send("hello?")
            assert await late.recv() == "hello?"  # of what was said before, nothing


async def test_a_server_either_echoes_or_tells_everybody():
    status, out, err = await run("serve", "--echo", "--topic")
    assert (status, out) == (2, [])
    assert "not allowed with argument" in err[-1]


async def test_connections_have_numbers():
    async with Served.run() as served:
        async with websockets.connect(served.uri), websockets.connect(served.uri) as second:
            await second.send("Hello!")
            lines = await served.lines(3)
            assert [line.split()[0] for line in lines] == ["1", "2", "2"]


async def test_the_server_shows_the_start_of_a_long_message():
    async with Served.run() as served, websockets.connect(served.uri) as ws:
        for size in (1000, 1001):
            await ws.send("x" * size)
        lines = (await served.lines(3))[1:]
        assert lines == ["1 < " + "x" * 1000, "1 < " + "x" * 1000 + " ... (1001 characters)"]


posix_signals = pytest.mark.skipif(sys.platform == "win32", reason="nobody can press Ctrl-C there")


@posix_signals
async def test_ctrl_c_ends_the_server():
    async with Served.run() as served, websockets.connect(served.uri) as ws:
        await served.lines(1)
        served.piped.process.send_signal(signal.SIGINT)
        await ws.wait_closed()
        assert ws.close_code == 1001
        status, out, err = await served.piped.end()
        assert (status, out, err) == (0, ["1 closed: code = 1001 (going away), no reason."], [])


async def test_somebody_else_has_the_port():
    async with Served.run() as served:
        port = served.uri.rpartition(":")[2]
        status, out, err = await run("serve", "--host", "127.0.0.1", "--port", port)
        assert (status, out) == (1, [])
        assert err[0].startswith("Can't serve: ")


@posix_signals
async def test_nobody_reads_what_the_server_shows():
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "websockets", "serve", "--echo"),
        *("--host", "127.0.0.1", "--port", "0"),
        stdout=writing,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
    )
    os.close(writing)
    with open(reading) as output:
        uri = output.readline().split()[2]
    async with websockets.connect(uri) as ws:
        for _ in range(2):
            await ws.send("Hello!")
            assert await ws.recv() == "Hello!"
    process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(process.wait(), DEADLINE) == 0
    assert await process.stderr.read() == b""


@posix
@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}], ids=["colours", "NO_COLOR"])
async def test_the_server_in_a_terminal(variables):
    command = ["serve", "--host", "127.0.0.1", "--port", "0", "--echo"]
    async with Terminal.run(*command, **variables) as terminal:
        await terminal.until(lambda rows: "Ctrl-C" in rows[0])
        uri = re.search(r"ws://\S*", terminal.screen.rows[0])[0]
        async with websockets.connect(uri) as ws:
            await ws.send("Hello!")
            line = "1 < Hello!" if variables else "\x1b[32m1 < Hello!\x1b[m"
            await terminal.until(lambda rows: line in terminal.output)
            assert ("\x1b[3" in terminal.output) == (not variables)
            terminal.type(CTRL_C)
            await ws.wait_closed()
        assert await terminal.end() == 0
