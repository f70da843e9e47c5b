"""Several servers on one port: sharing it, and the example that does so with processes."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from pathlib import Path

import pytest
from peer import port_of

import websockets

# The processes have event loops of their own.
pytestmark = [pytest.mark.one_loop, pytest.mark.one_backend]

EXAMPLE = Path(__file__).parents[2] / "examples" / "processes.py"
ATTEMPTS = 200  # connections until each process must have had one

reuse_port = pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="ports can't be shared")
linux = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux spreads connections over the sockets of a port"
)
posix = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="the example needs Unix signals")


@reuse_port
@linux
async def test_servers_that_share_a_port_share_the_connections():
    async def name(websocket):
        await websocket.send(str(id(websocket.ws_server)))

    async with websockets.serve(name, "127.0.0.1", 0, reuse_port=True) as server:
        port = port_of(server)
        async with websockets.serve(name, "127.0.0.1", port, reuse_port=True) as other:
            names = {str(id(server)), str(id(other))}
            for _ in range(ATTEMPTS):
                async with websockets.connect(f"ws://127.0.0.1:{port}") as websocket:
                    names.discard(await websocket.recv())
                if not names:
                    break
            assert not names


class Processes:
    """The example at work."""

    def __init__(self, process, port):
        self.process = process
        self.port = port

    @classmethod
    @contextlib.asynccontextmanager
    async def run(cls, *options):
        command = [sys.executable, EXAMPLE, "--host", "127.0.0.1", "--port", "0", *options]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        try:
            line = await process.stdout.readline()
            yield cls(process, int(line.split()[-1]))
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            # Its processes have its standard error, too, so that this waits for all of them.
            assert (await process.communicate())[1] == b""

    def connect(self):
        return websockets.connect(f"ws://127.0.0.1:{self.port}")

    async def answer(self):
        """Connect, and return the id of the process that answers."""
        async with self.connect() as websocket:
            await websocket.send("Hello!")
            assert await websocket.recv() == "Hello!"
            return int(websocket.response_headers["X-Process"])

    async def seen(self, count):
        """Return the ids of so many processes."""
        ids = set()
        for _ in range(ATTEMPTS):
            ids.add(await self.answer())
            if len(ids) == count:
                return ids
        raise AssertionError(f"only {ids} answered")


@posix
async def test_each_process_answers_and_all_end():
    async with Processes.run("--processes", "2") as example:
        assert example.process.pid not in await example.seen(2)
        example.process.terminate()
        assert await example.process.wait() == 0


@posix
async def test_new_processes_take_over_and_nobody_is_turned_away():
    async with Processes.run("--processes", "2") as example:
        old = await example.seen(2)
        ids = []

        def taken_over():
            return len(set(ids[-50:])) == 2 and not old & set(ids[-50:])

        async def keep_connecting():
            while not taken_over():
                ids.append(await example.answer())

        async with example.connect() as held:
            example.process.send_signal(signal.SIGHUP)
            await asyncio.gather(*[keep_connecting() for _ in range(4)])
            # What was connected before goes on for a while.
            await held.send("still here")
            assert await held.recv() == "still here"


@posix
async def test_connections_that_stay_are_closed_with_1001():
    async with Processes.run("--processes", "1", "--patience", "0") as example:
        async with example.connect() as held:
            example.process.send_signal(signal.SIGHUP)
            await held.wait_closed()
            assert held.close_code == 1001


@posix
async def test_a_process_that_died_is_started_again():
    async with Processes.run("--processes", "1") as example:
        killed = await example.answer()
        os.kill(killed, signal.SIGKILL)
        assert await example.answer() != killed
