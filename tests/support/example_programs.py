"""
The programs of the folder examples, copied and started.
"""

import asyncio
import contextlib
import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path

from programs import DEADLINE, free_port, line_with, started

import websockets

EXAMPLES = Path(__file__).parents[2] / "examples"

# Before Python 3.11, Ctrl-C raises KeyboardInterrupt in whatever a program of asyncio is doing: tasks
# that have to do with that are reported, and a destructor swallows it.
CTRL_C_CANCELS = sys.version_info >= (3, 11)


class Examples:
    """A copy of all examples, with a port of their own."""

    def __init__(self, directory):
        self.directory = directory
        self.port = free_port()
        self.url = f"http://localhost:{self.port}/"
        for path in EXAMPLES.glob("*.*"):
            text = path.read_text("utf-8").replace("8765", str(self.port))
            (directory / path.name).write_text(text, "utf-8")

    def start(self, *command):
        """Start a program like ``started()``, as somebody does who is in the examples' folder."""
        options = {"stderr": asyncio.subprocess.PIPE, "cwd": self.directory}
        return started(sys.executable, *command, **options)

    async def output(self, *command):
        """Run a program that ends by itself; return what it prints."""
        async with self.start(*command) as process:
            out, err = await asyncio.wait_for(process.communicate(), DEADLINE)
            assert (process.returncode, err) == (0, b"")
            return out.decode().splitlines()

    @contextlib.asynccontextmanager
    async def serving(self, *command, complaint=""):
        """
        Start a server, wait until it says so, and press Ctrl-C at the end.

        Arguments:
            complaint: what each line has that it says on its standard error.
        """
        async with self.start(*command) as process:
            await line_with(process.stdout, "://")
            yield process
            if sys.platform != "win32":
                status, out, err = await self.end(process)
                if not CTRL_C_CANCELS:
                    err = ""
                if complaint:
                    assert all(complaint in line for line in err.splitlines()), err
                    err = ""
                assert (status, out, err) == (0, "", "")

    async def end(self, process):
        """Press Ctrl-C; return the exit status, and what the program has said."""
        ending = asyncio.ensure_future(process.communicate())
        process.send_signal(signal.SIGINT)
        if not CTRL_C_CANCELS:
            await asyncio.wait([ending], timeout=DEADLINE / 4)
            if not ending.done():
                process.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(ending, DEADLINE)
        return process.returncode, out.decode(), err.decode()

    def connect(self, path="/", **options):
        return websockets.connect(f"ws://localhost:{self.port}{path}", **options)

    async def get(self, path):
        """Return the status, the headers and the body of an answer to plain HTTP."""

        def get():
            try:
                response = urllib.request.urlopen(self.url + path, timeout=5)
            except urllib.error.HTTPError as error:
                response = error
            with response:
                return response.status, response.headers, response.read()

        return await asyncio.get_running_loop().run_in_executor(None, get)
