"""
The commands for the terminal, as they are used: in a terminal, and with pipes.
"""

import asyncio
import codecs
import contextlib
import importlib.metadata
import os
import re
import signal
import struct
import sys

import pytest
from peer import echo, uri_of

import websockets
from websockets._terminal.showing import describe, escape

with contextlib.suppress(ImportError):  # Windows has none of them
    import fcntl
    import pty
    import termios
try:
    import readline
except ImportError:
    readline = None

DEADLINE = 20  # seconds for what should take a fraction of one

posix = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudoterminals")


@contextlib.asynccontextmanager
async def server(handler=echo, **kwargs):
    async with websockets.serve(handler, "127.0.0.1", 0, **kwargs) as running:
        yield uri_of(running)


def environment(**variables):
    kept = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    return {**kept, "PYTHONIOENCODING": "utf-8", "PYTHONWARNINGS": "error", **variables}


# With pipes


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


async def test_each_line_is_a_message_and_the_end_of_the_input_closes():
    closed = asyncio.get_running_loop().create_future()

    async def note_the_end(ws, path):
        await echo(ws, path)
        closed.set_result(ws.close_code)

    async with server(note_the_end) as uri:
        status, out, err = await run(uri, data="one\n\ntwo é\nlast".encode())
        assert out == ["one", "", "two é", "last"]
        assert err == ["Connection closed: code = 1000 (OK), no reason."]
        assert status == 0
        assert await closed == 1000


async def test_the_command_may_be_named():
    async with server() as uri:
        status, out, _ = await run("connect", uri, data=b"Hello!\n")
        assert (status, out) == (0, ["Hello!"])


async def test_messages_are_shown_as_they_arrive():
    async with server() as uri, Piped.run(uri) as client:
        for word in ("one", "two"):
            client.stdin.write(f"{word}\n".encode())
            assert await client.line() == word
        assert (await client.end())[0] == 0


@pytest.mark.parametrize(("code", "status"), [(1000, 0), (1001, 0), (1011, 1), (4000, 1)], ids=str)
async def test_the_server_closes_while_the_input_is_open(code, status):
    async def close(ws):
        await ws.send("bye")
        await ws.close(code, "enough \x1b[31m")

    async with server(close) as uri, Piped.run(uri) as client:
        assert await client.line() == "bye"
        if sys.platform == "win32":
            return
        # It isn't stuck in reading from its standard input.
        assert await asyncio.wait_for(client.process.wait(), DEADLINE) == status
        _, _, err = await client.end()
        assert f"code = {code}" in err[0] and "enough" in err[0]
        assert err[0].isprintable()


async def test_a_connection_that_is_cut_is_a_failure():
    async def cut(ws):
        ws.transport.abort()

    async with server(cut) as uri:
        status, out, err = await run(uri)
        assert (status, out) == (1, [])
        assert err == ["Connection closed: code = 1006 (abnormal closure), no reason."]


async def test_input_that_is_not_text():
    async with server() as uri:
        status, out, err = await run(uri, data=b"fine\n\xff\n", PYTHONIOENCODING="utf-8:strict")
        assert status == 1
        assert out in ([], ["fine"])  # the decoder may read ahead
        assert "isn't valid text" in err[0]


async def test_there_is_no_colour_in_a_pipe():
    async with server() as uri:
        _, out, err = await run(uri, data=b"plain\n", TERM="xterm")
        assert "\x1b" not in "".join(out + err)


@posix
async def test_nobody_reads_the_output():
    async def talk(ws):
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await ws.send("x" * 1000)
                await asyncio.sleep(0)

    async with server(talk) as uri:
        reading, writing = os.pipe()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "websockets", uri),
            stdin=asyncio.subprocess.PIPE,
            stdout=writing,
            stderr=asyncio.subprocess.PIPE,
            env=environment(),
        )
        os.close(writing)
        os.close(reading)
        assert await asyncio.wait_for(process.wait(), DEADLINE) == 1
        assert b"Traceback" not in await process.stderr.read()
        process.stdin.close()


# Failures


async def expect_failure(uri, word, **variables):
    status, out, err = await run(uri, **variables)
    assert (status, out) == (1, [])
    assert len(err) == 1 and err[0].startswith("Can't connect: ") and word in err[0]
    assert err[0].isprintable()


async def test_nobody_listens():
    async with server() as uri:
        pass
    await expect_failure(uri, "Connect call failed")


async def test_the_server_refuses():
    async with server(process_request=lambda path, headers: (418, [], b"")) as uri:
        await expect_failure(uri, "418")


async def test_what_answers_is_not_a_websocket_server():
    async def answer(reader, writer):
        writer.write(b"\x1b[31mHELLO\x07\r\n\r\n")
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listening:
        await expect_failure(uri_of(listening), "HTTP")


@pytest.mark.parametrize("uri", ["http://localhost/", "localhost:80", "ws://"])
async def test_uris_that_are_none(uri):
    await expect_failure(uri, "URI")


# Usage


COMMANDS = ["connect", "serve"]


async def test_help():
    status, out, err = await run("--help")
    assert (status, err) == (0, [])
    assert out[0] == "usage: python -m websockets [-h] [--version] [connect] URI"
    for command in COMMANDS:
        assert any(line.startswith(f"    {command} ") for line in out)


@pytest.mark.parametrize("command", COMMANDS)
async def test_help_for_a_command(command):
    status, out, err = await run(command, "--help")
    assert (status, err) == (0, [])
    assert out[0].startswith(f"usage: python -m websockets {command} [-h]")
    assert out[-1].startswith(f"example: python -m websockets {command} ")


def test_the_command_has_a_name_where_it_is_installed(capsys, monkeypatch):
    [script] = importlib.metadata.distribution("cywebsockets").entry_points
    assert (script.group, script.name) == ("console_scripts", "websockets")
    monkeypatch.setattr(sys, "argv", ["/somewhere/websockets", "--help"])
    with pytest.raises(SystemExit):
        script.load()()
    assert capsys.readouterr().out.startswith("usage: websockets [-h]")


async def test_version():
    status, out, _ = await run("--version")
    assert status == 0
    assert out == [f"cywebsockets {websockets.__version__} ({websockets.backend} backend)"]


async def test_the_uri_is_missing():
    status, out, err = await run()
    assert (status, out) == (2, [])
    assert err[0].startswith("usage: python -m websockets")


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
async def test_ports_that_are_none(port):
    status, out, err = await run("serve", "--port", port)
    assert (status, out) == (2, [])
    assert err[-1].startswith("python -m websockets serve: error: argument --port")


# What is shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, été, 日本, 🎉", "plain text, été, 日本, 🎉"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x00\b\r\n\t\x7f", r"\x00\x08\r\n\t\x7f"),
        ("\x80\x9b31m\x9f", r"\x80\x9b31m\x9f"),
        ("a\u202eb\u2066c\u200fd", r"a\u202eb\u2066c\u200fd"),
        ("a\u200bb\u200dc\ufeffd\u00ade", r"a\u200bb\u200dc\ufeffd\xade"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("\U000e0041", r"\U000e0041"),
        ("\ud800", r"\ud800"),
    ],
)
def test_control_characters_are_escaped(text, shown):
    assert escape(text) == shown
    assert describe(text) == shown


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (b"", "(binary, 0 bytes)"),
        (b"\x1b", "(binary, 1 byte) 1b"),
        (b"\x00\xff", "(binary, 2 bytes) 00 ff"),
        (bytes(64), "(binary, 64 bytes) " + " ".join(["00"] * 64)),
        (bytes(65), "(binary, 65 bytes) " + " ".join(["00"] * 64) + " ..."),
    ],
    ids=lambda value: f"{len(value)}",
)
def test_binary_messages_are_shown_as_such(message, shown):
    assert describe(message) == shown


# In a terminal

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


@posix
@pytest.mark.parametrize("key", [CTRL_D, CTRL_C], ids=["Ctrl-D", "Ctrl-C"])
async def test_a_conversation(key):
    async with server() as uri, Terminal.run(uri) as terminal:
        await terminal.see(CONNECTED, "> ")
        terminal.type("hello\r")
        await terminal.see("> hello", "< hello", "> ")
        terminal.type("é日\r")
        await terminal.see("> é日", "< é日", "> ")
        terminal.type(key)
        await terminal.see(CLOSED, "")
        assert await terminal.end() == 0
        assert "\x1b[32m< hello\x1b[m" in terminal.output


def start_of(text):
    return lambda rows: rows[-1].startswith(text)


@contextlib.asynccontextmanager
async def talker(**variables):
    """A terminal, and the server's end of its connection."""
    opened = asyncio.get_running_loop().create_future()

    async def hold(ws):
        opened.set_result(ws)
        await ws.wait_closed()

    async with server(hold) as uri, Terminal.run(uri, **variables) as terminal:
        yield terminal, await asyncio.wait_for(opened, DEADLINE)


needs_readline = pytest.mark.skipif(
    "libedit" in (getattr(readline, "__doc__", None) or "libedit"), reason="that is GNU readline's"
)


@posix
async def test_messages_arrive_above_the_line_that_is_being_typed():
    async with talker() as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        terminal.type("half a")
        await terminal.see("> half a")
        for number in range(3):
            await ws.send(f"message {number}")
            await terminal.see(f"< message {number}", "> half a")
        terminal.type(" line")
        await terminal.see("> half a line")
        await ws.send(b"\x00\x01")
        await terminal.see("< (binary, 2 bytes) 00 01", "> half a line")
        terminal.type("\r")
        assert await ws.recv() == "half a line"
        await terminal.see("< (binary, 2 bytes) 00 01", "> half a line", "> ")
        assert sum("half" in row for row in terminal.screen.rows) == 1
        # Between two lines the terminal isn't readline's, and Ctrl-D would get lost there.
        terminal.type(CTRL_D)
        assert await terminal.end() == 0


@posix
@needs_readline
async def test_the_cursor_stays_where_it_was():
    async with talker() as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        terminal.type("abcdef" + CTRL_A)
        await terminal.see("> abcdef")
        await ws.send("message")
        await terminal.see("< message", "> abcdef")
        terminal.type("X")
        await terminal.see("> Xabcdef")
        terminal.type(CTRL_K + "\r")
        assert await ws.recv() == "X"


@posix
@needs_readline
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
async def test_messages_arrive_between_keys(unbuffered):
    async with talker(PYTHONUNBUFFERED=unbuffered) as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        terminal.type("abcdef")
        for number in range(100):
            # Each of these keys moves the cursor by a control sequence, and none of them may be cut in two.
            terminal.type((CTRL_A + CTRL_E) * 3)
            await ws.send(f"message {number}")
            await terminal.see(f"< message {number}", "> abcdef")
        terminal.type("\r")
        assert await ws.recv() == "abcdef"
        await terminal.see("> abcdef", "> ")
        terminal.type(CTRL_D)
        assert await terminal.end() == 0


@posix
@needs_readline
async def test_a_line_longer_than_the_screen():
    async with talker() as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        line = " ".join(f"word{number}" for number in range(40))
        terminal.type(line)
        await terminal.until(lambda rows: rows[-1].endswith("word39"))
        height = len(terminal.screen.rows)
        await ws.send("message")
        await terminal.until(lambda rows: rows[-2] == "< message" and rows[-1].endswith("word39"))
        assert len(terminal.screen.rows) == height + 1
        terminal.type("\r")
        assert await ws.recv() == line


@posix
async def test_messages_longer_than_the_screen():
    async with talker() as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        terminal.type("half a")
        await terminal.until(start_of("> half a"))
        message = "".join(chr(ord("a") + number % 26) for number in range(2 * HEIGHT * WIDTH))
        await ws.send(message)
        await ws.send("end")
        await terminal.see("< end", "> half a")
        shown = "".join(terminal.screen.rows)
        assert shown == f"{CONNECTED}< {message}< end> half a"


@posix
async def test_combining_characters():
    async with talker() as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        await ws.send("e\u0301")
        await terminal.until(lambda rows: "e\u0301" in terminal.output)


@posix
@pytest.mark.skipif(readline is None, reason="there is no readline")
async def test_history():
    async with talker() as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        terminal.type("first\r")
        assert await ws.recv() == "first"
        await terminal.see("> ")
        terminal.type(UP)
        await terminal.see("> first")
        terminal.type("!\r")
        assert await ws.recv() == "first!"


@posix
async def test_the_server_closes_while_somebody_types():
    async with talker() as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        terminal.type("half a")
        await terminal.until(start_of("> half a"))
        await ws.close(4000, "enough\x9b31m")
        assert await terminal.end() == 1
        await terminal.until(lambda rows: "code = 4000" in rows[-2] and rows[-1] == "")
        assert "\x9b" not in terminal.output


@posix
async def test_the_server_closes_at_once():
    async def close(ws):
        await ws.close(1001)

    async with server(close) as uri, Terminal.run(uri) as terminal:
        assert await terminal.end() == 0


@posix
@pytest.mark.skipif(readline is None, reason="there is no readline")
async def test_the_terminal_is_left_as_it_was():
    async with talker() as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        assert termios.tcgetattr(terminal.master) != terminal.attributes
        await ws.close()
        assert await terminal.end() == 0
        assert termios.tcgetattr(terminal.master) == terminal.attributes


@posix
async def test_a_server_that_does_not_answer_to_closing():
    connected = asyncio.Event()
    finished = asyncio.Event()

    async def accept(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        key = re.search(rb"(?i)sec-websocket-key: (.*)\r\n", head)[1].decode()
        accept_key = websockets.handshake.accept_key(key).encode()
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept_key + b"\r\n\r\n"
        )
        connected.set()
        await finished.wait()
        writer.close()

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with listening, Terminal.run(uri_of(listening)) as terminal:
        await terminal.see(CONNECTED, "> ")
        # The first closes the connection, which takes seconds here; the second doesn't wait.
        await insist(terminal.process, lambda: terminal.type(CTRL_C))
        assert terminal.process.returncode in (130, -signal.SIGINT)
        finished.set()


@posix
async def test_ctrl_c_while_it_connects():
    accepted = asyncio.Event()
    finished = asyncio.Event()

    async def keep_silent(reader, writer):
        accepted.set()
        await finished.wait()
        writer.close()

    listening = await asyncio.start_server(keep_silent, "127.0.0.1", 0)
    async with listening, Terminal.run(uri_of(listening)) as terminal:
        await accepted.wait()
        terminal.type(CTRL_C)
        assert await terminal.end() == 130
        assert "Traceback" not in terminal.output
        finished.set()


@posix
@pytest.mark.parametrize(
    "variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"]
)
async def test_terminals_without_colour(variables):
    async with talker(**variables) as (terminal, ws):
        await terminal.until(start_of("> "))
        await ws.send("message")
        await terminal.until(lambda rows: "< message" in rows)
        terminal.type(CTRL_D)
        assert await terminal.end() == 0
        assert "\x1b[3" not in terminal.output


@posix
async def test_an_empty_no_color_means_nothing():
    async with talker(NO_COLOR="") as (terminal, ws):
        await ws.send("message")
        await terminal.until(lambda rows: "< message" in rows)
        assert "\x1b[32m< message\x1b[m" in terminal.output


@posix
async def test_failure_in_a_terminal():
    async with server() as uri:
        pass
    async with Terminal.run(uri) as terminal:
        assert await terminal.end() == 1
        await terminal.until(lambda rows: rows[0].startswith("Can't connect: "))


# The server

posix_signals = pytest.mark.skipif(sys.platform == "win32", reason="nobody can press Ctrl-C there")


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
            await terminal.until(lambda rows: "1 < Hello!" in rows)
            coloured = not variables
            assert ("\x1b[32m1 < Hello!\x1b[m" in terminal.output) == coloured
            assert ("\x1b[3" in terminal.output) == coloured
            terminal.type(CTRL_C)
            await ws.wait_closed()
        assert await terminal.end() == 0
