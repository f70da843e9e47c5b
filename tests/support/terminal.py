"""
The commands for the terminal with a pipe at each end, or in a terminal with somebody who sits at it.
"""

import asyncio
import codecs
import contextlib
import os
import re
import struct
import sys

import pytest
from peer import echo, uri_of

import websockets

with contextlib.suppress(ImportError):  # Windows has none of them
    import fcntl
    import pty
    import termios

DEADLINE = 20  # seconds for what should take a fraction of one

posix = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudoterminals")


@contextlib.asynccontextmanager
async def server(handler=echo, **kwargs):
    async with websockets.serve(handler, "127.0.0.1", 0, **kwargs) as running:
        yield uri_of(running)


def environment(**variables):
    kept = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    return {**kept, "PYTHONIOENCODING": "utf-8", "PYTHONWARNINGS": "error", **variables}


class Piped:
    """The client with a pipe at each end."""

    def __init__(self, process):
        self.process = process
        self.stdin = process.stdin

    @classmethod
    @contextlib.asynccontextmanager
    async def run(cls, *arguments, **variables):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "websockets", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(**variables),
        )
        try:
            yield cls(process)
        finally:
            if process.returncode is None:
                process.terminate()
            process.stdin.close()
            await process.wait()

    async def line(self):
        data = await asyncio.wait_for(self.process.stdout.readline(), DEADLINE)
        return data.decode().rstrip("\r\n")

    async def end(self, data=b""):
        """Close standard input; return the exit status and what came on the outputs."""
        if data:
            self.stdin.write(data)
        self.stdin.close()
        outputs = asyncio.gather(self.process.stdout.read(), self.process.stderr.read())
        out, err = await asyncio.wait_for(outputs, DEADLINE)
        status = await asyncio.wait_for(self.process.wait(), DEADLINE)
        return status, out.decode().splitlines(), err.decode().splitlines()


async def run(*arguments, data=b"", **variables):
    async with Piped.run(*arguments, **variables) as client:
        return await client.end(data)


async def expect_failure(uri, word, **variables):
    status, out, err = await run(uri, **variables)
    assert (status, out) == (1, [])
    assert len(err) == 1 and err[0].startswith("Can't connect") and word in err[0]
    assert err[0].isprintable()


CONTROL = re.compile(r"\x1b\[([?0-9;]*)([@A-Za-z])|\x1b[=>DEM78]|[\x00-\x1f]")

HEIGHT, WIDTH = 10, 80


class Screen:
    """As much of a terminal as the client and readline use; every character takes one cell."""

    def __init__(self):
        self.scrolled = []
        self.cells = [""] * HEIGHT
        self.row = self.column = 0
        self.saved = 0, 0
        self.wrapping = True
        self.pending = ""

    @property
    def rows(self):
        """All rows down to that of the cursor, or to what is left below it."""
        last = max(row for row in range(HEIGHT) if self.cells[row] or row == self.row)
        return self.scrolled + self.cells[: last + 1]

    def write(self, text):
        text, self.pending = self.pending + text, ""
        position = 0
        while position < len(text):
            match = CONTROL.match(text, position)
            if match and match[0] != "\x1b":
                self.control(match[2] or match[0], match[1] or "")
                position = match.end()
            elif text[position] == "\x1b":
                self.pending = text[position:]  # the rest comes with the next read
                return
            else:
                self.put(text[position])
                position += 1

    def put(self, character):
        if self.column == WIDTH:
            if self.wrapping:
                self.index()
                self.column = 0
            else:
                self.column -= 1
        self.edit(lambda left, right: left + character + right[1:])
        self.column += 1

    def edit(self, change):
        row = self.cells[self.row].ljust(self.column)
        self.cells[self.row] = change(row[: self.column], row[self.column :])

    def index(self):
        if self.row == HEIGHT - 1:
            self.scrolled.append(self.cells.pop(0))
            self.cells.append("")
        else:
            self.row += 1

    def control(self, sign, argument):
        count = int(argument) if argument.isdigit() else 1
        if sign in ("\n", "\x1bD"):
            self.index()  # the pseudoterminal puts a "\r" before "\n"
        elif sign == "\r":
            self.column = 0
        elif sign in ("\b", "D"):
            self.column = max(self.column - count, 0)
        elif sign == "C":
            self.column = min(self.column + count, WIDTH - 1)
        elif sign == "A":
            self.row = max(self.row - count, 0)
        elif sign == "B":
            self.row = min(self.row + count, HEIGHT - 1)
        elif sign == "K":
            self.edit(lambda left, right: left)
        elif sign == "P":
            self.edit(lambda left, right: left + right[count:])
        elif sign == "@":
            self.edit(lambda left, right: left + " " * count + right)
        elif sign == "L":
            self.cells.insert(self.row, "")
            assert self.cells.pop() == "", "a row fell off the screen"
            self.column = 0
        elif sign == "\x1b7":
            self.saved = self.row, self.column
        elif sign == "\x1b8":
            self.row, self.column = self.saved
        elif argument == "?7":
            self.wrapping = sign == "h"
        else:
            assert sign in ("\x07", "h", "l", "m", "\x1b=", "\x1b>"), repr((sign, argument))


# A session of its own has to take its terminal before Ctrl-C means anything there.
TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "websockets", *sys.argv[1:]])
"""


async def insist(process, act):
    """Do something until a process ends: a signal that comes just before a wait isn't heard."""
    while process.returncode is None:
        act()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), 0.3)


class Terminal:
    """The client in a terminal, and the person who sits at it."""

    def __init__(self, process, master, attributes):
        self.process = process
        self.master = master
        self.attributes = attributes  # of the terminal before the client began
        self.screen = Screen()
        self.output = ""
        self._changed = asyncio.Event()
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    @classmethod
    @contextlib.asynccontextmanager
    async def run(cls, *arguments, **variables):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        attributes = termios.tcgetattr(master)
        variables = {"TERM": "xterm", "INPUTRC": os.devnull, **variables}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", TAKE_TERMINAL, *arguments),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=environment(**variables),
        )
        os.close(slave)
        os.set_blocking(master, False)
        terminal = cls(process, master, attributes)
        loop = asyncio.get_running_loop()
        loop.add_reader(master, terminal._read)
        try:
            yield terminal
        finally:
            loop.remove_reader(master)
            await insist(process, process.terminate)
            os.close(master)

    def _read(self):
        try:
            data = os.read(self.master, 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # the program has left the terminal
        if not data:
            asyncio.get_running_loop().remove_reader(self.master)
        text = self._decoder.decode(data)
        self.output += text
        self.screen.write(text)
        self._changed.set()

    def type(self, text):
        os.write(self.master, text.encode())

    async def until(self, condition):
        """Wait until a condition holds for the rows of the screen."""

        async def wait():
            while not condition(self.screen.rows):
                self._changed.clear()
                await self._changed.wait()

        try:
            await asyncio.wait_for(wait(), DEADLINE)
        except asyncio.TimeoutError:
            pytest.fail(f"on the screen: {self.screen.rows}\nthe output: {self.output!r}")

    async def see(self, *rows):
        """Wait until these are the last rows of the screen."""
        await self.until(lambda shown: shown[-len(rows) :] == list(rows))

    async def end(self):
        return await asyncio.wait_for(self.process.wait(), DEADLINE)


CONNECTED = "Connected. Ctrl-D closes the connection."

CLOSED = "Connection closed: code = 1000 (OK), no reason."

CTRL_A, CTRL_C, CTRL_D, CTRL_E, CTRL_K = "\x01", "\x03", "\x04", "\x05", "\x0b"

UP = "\x1b[A"
